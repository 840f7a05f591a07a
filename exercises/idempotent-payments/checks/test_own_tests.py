"""The candidate's own black-box tests: do they know a good service from a bad one?"""

from __future__ import annotations

from world import APP, PORT, STARTER, World

from harness.testing import Inconclusive, check
from harness.testing.clients import HttpClient, ready
from harness.testing.deals import generator
from harness.testing.own_tests import OwnTests, Target

TEST_SECONDS = 20.0
"""How long a run may take, as the brief says."""
STARTER_SECONDS = 30.0
"""How long our starter may need to be ready: it is not the candidate's time."""
TESTS = "tests"
RUNS = 3
"""Each service at least once: tests that count their runs can't know which one they see."""


@check("own-tests/tell-good-from-starter")
def test_tell_good_from_starter(world: World) -> None:
    """Your own tests pass on your service and fail on the starter."""
    world.service.begin()
    tests = OwnTests(world.broker, world.job, sandbox=TESTS, port=PORT, limit_seconds=TEST_SECONDS)
    tests.require(STARTER)
    # One name and one address for both: tests can only tell them apart by what they do.
    good = Target(
        words="your service",
        wanted="pass",
        address=(world.job.address(APP), PORT),
        start=lambda: _start_service(world),
    )
    starter = Target(
        words="the starter",
        wanted="fail",
        address=(world.job.address(STARTER), PORT),
        start=lambda: _start_starter(world),
    )
    try:
        runs = tests.run([good, starter], generator(world.job, "own-tests"), runs=RUNS)
    finally:
        world.broker.kill(STARTER)
        world.service.suspect()
    tests.judge(runs)


def _empty(world: World) -> None:
    """Stop both services and make their database new."""
    world.service.kill()
    world.broker.kill(STARTER)
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
