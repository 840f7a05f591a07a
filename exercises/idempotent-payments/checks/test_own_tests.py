"""The candidate's own black-box tests: do they know a good service from a bad one?"""

from __future__ import annotations

import dataclasses

from world import APP, PORT, STARTER, World

from harness.testing import Inconclusive, check
from harness.testing.clients import HttpClient, ready
from harness.testing.deals import generator
from harness.testing.mistakes import fresh_values, values_by_body
from harness.testing.own_tests import OwnTests, Target

TEST_SECONDS = 20.0
"""How long a run may take, as the brief says."""
STARTER_SECONDS = 30.0
"""How long our starter may need to be ready: it is not the candidate's time."""
TESTS = "tests"
KEY, LONGEST_KEY = "Idempotency-Key", 64
FIELDS = ("merchant", "amount", "currency")
RUNS = 4
"""Each target at least once: tests that count their runs can't know which one they see."""
MISTAKES = {
    "a fresh Idempotency-Key on every request": lambda: fresh_values(KEY, longest=LONGEST_KEY),
    "another key where a used one comes with another body": lambda: values_by_body(
        KEY, longest=LONGEST_KEY, fields=FIELDS
    ),
}
"""Made by us on the way to a service that is right: each of them breaks what the brief says that tests have to cover."""


@check("own-tests/tell-good-from-starter")
def test_tell_good_from_starter(world: World) -> None:
    """Your own tests pass on your service, and fail on the starter and on your service with one mistake of ours."""
    world.service.begin()
    tests = OwnTests(world.broker, world.job, sandbox=TESTS, port=PORT, limit_seconds=TEST_SECONDS)
    tests.require(STARTER)
    rng = generator(world.job, "own-tests")
    mistake = rng.choice(sorted(MISTAKES))
    # One name and one address for all: tests can only tell them apart by what they do.
    mine, ours = (world.job.address(APP), PORT), (world.job.address(STARTER), PORT)
    good = Target(words="your service", wanted="pass", address=mine, start=lambda: _start_service(world))
    starter = Target(words="the starter", wanted="fail", address=ours, start=lambda: _start_starter(world))
    words = f"your service with {mistake}"
    broken = dataclasses.replace(good, words=words, wanted="fail", mistake=MISTAKES[mistake]())
    world.service.kill()
    try:
        # What was charged before is needed again: it is all judged in the end.
        with world.database.aside():
            try:
                runs = tests.run([good, starter, broken], rng, runs=RUNS)
            finally:
                _stop(world)
    finally:
        world.service.suspect()
    tests.judge(runs)


def _stop(world: World) -> None:
    world.service.kill()
    world.broker.kill(STARTER)


def _empty(world: World) -> None:
    """Stop both services and make their database new."""
    _stop(world)
    world.database.empty()


def _start_service(world: World) -> None:
    _empty(world)
    text = "Your service was not ready over an empty database, so your tests could not run."
    world.service.start_again(otherwise=text)


def _start_starter(world: World) -> None:
    _empty(world)
    world.broker.start(STARTER)
    with HttpClient(f"http://{world.job.address(STARTER)}:{PORT}") as http:
        if not ready(http, timeout_seconds=STARTER_SECONDS, alive=lambda: world.broker.state(STARTER).running):
            text = "expected our starter to be ready, found it is not"
            raise Inconclusive(text)
