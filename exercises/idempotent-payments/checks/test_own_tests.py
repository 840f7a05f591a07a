"""The candidate's own black-box tests: do they know a good service from a bad one?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from schedule import generator
from world import APP, PORT, STARTER, World

from harness.testing import Inconclusive, Unproven, check, credit, expect
from harness.testing.clients import HttpClient, ready
from harness.testing.proxies import Forwarder

TESTS = "tests"
TEST_SECONDS = 20.0
STARTER_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of the candidate's tests."""

    service: str
    exit_code: int
    timed_out: bool
    seconds: float
    output: str

    @property
    def words(self) -> str:
        """Which service it was, for the candidate."""
        return "your service" if self.service == APP else "the starter"

    @property
    def wanted(self) -> str:
        """What it should have come to."""
        return "pass" if self.service == APP else "fail"

    @property
    def verdict(self) -> str:
        """``pass``, ``fail``, or ``error``: anything but a clean 0 or 1 says nothing about a service."""
        if self.timed_out:
            return "error"
        return {0: "pass", 1: "fail"}.get(self.exit_code, "error")


ORDERS = tuple(itertools.product((APP, STARTER), repeat=3))[1:-1]
"""Three runs, each service at least once: tests that count their runs can't know which one they see."""


@check("own-tests/tell-good-from-starter")
def test_tell_good_from_starter(world: World) -> None:
    """Your own tests pass on your service and fail on the starter."""
    world.begin()
    _require_tests(world)
    order = generator(world.job, "own-tests").choice(ORDERS)
    runs: list[Run] = []
    # One name and one address for both: tests can only tell them apart by what they do.
    with Forwarder(listen_port=PORT, target=(world.job.address(order[0]), PORT)) as forwarder:
        for name in order:
            _start_fresh(world, name)
            forwarder.switch((world.job.address(name), PORT))
            runs.append(_run(world, name))
            if runs[-1].verdict == "error":
                break
    world.broker.kill(STARTER)
    world.suspect()
    _judge(runs)


def _require_tests(world: World) -> None:
    if not world.job.has_tests:
        text = "service.toml declares no test command, so there are no tests of yours to run."
        raise Unproven(text)
    for name in (TESTS, STARTER):
        built = world.broker.request("built", sandbox=name)
        if isinstance(built, dict) and built.get("ok") is not True:
            log = str(built.get("log", ""))[-2000:]
            if name == TESTS:
                text = "Your tests could not be built."
                raise Unproven(text, detail=log)
            text = f"expected our starter to build, found: {log}"
            raise Inconclusive(text)


def _start_fresh(world: World, name: str) -> None:
    """Start one of the two services over an empty database, and nothing beside it."""
    for other in (APP, STARTER):
        world.broker.kill(other)
    world.database.empty()
    world.broker.start(name)
    http = HttpClient(f"http://{world.job.address(name)}:{PORT}")
    seconds = world.startup if name == APP else STARTER_SECONDS
    if ready(http, timeout_seconds=seconds, alive=lambda: world.broker.state(name).running):
        http.close()
        return
    if name == APP:
        world.suspect()
        text = "Your service was not ready over an empty database, so your tests could not run."
        raise Unproven(text)
    text = "expected our starter to be ready, found it is not"
    raise Inconclusive(text)


def _run(world: World, name: str) -> Run:
    argv = world.broker.command(TESTS, "test")
    result = world.broker.run(TESTS, argv, timeout_seconds=TEST_SECONDS)
    output = (result.stdout + result.stderr)[-1500:].decode("utf-8", "replace")
    return Run(
        service=name, exit_code=result.exit_code, timed_out=result.timed_out, seconds=result.seconds, output=output
    )


def _judge(runs: Sequence[Run]) -> None:
    detail = "\n\n".join(
        f"{run.service}: exit {run.exit_code}, {run.verdict}, {run.seconds:.1f} s\n{run.output}" for run in runs
    )
    for run in runs:
        if run.verdict == "error":
            how = (
                f"ran longer than {TEST_SECONDS:.0f} s and were ended"
                if run.timed_out
                else f"ended with exit code {run.exit_code}"
            )
            text = f"Against {run.words} your tests {how}: 0 is passed, 1 is failed, all else says nothing."
            raise Unproven(text, detail=detail)
    slowest = max(run.seconds for run in runs)
    credit(1.0, f"The slowest of {len(runs)} runs took {slowest:.1f} s of at most {TEST_SECONDS:.0f}.", detail=detail)
    wrong = [run for run in runs if run.verdict != run.wanted]
    expect(
        not wrong,
        "Your own tests do not tell your service from the starter.",
        expected="pass on your service, fail on the starter, every time",
        found=", ".join(f"{run.verdict} on {run.words} in {run.seconds:.1f} s" for run in runs),
        detail=detail,
    )
