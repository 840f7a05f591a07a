"""The candidate's own black-box tests: do they know a right service from a wrong one?

Their command runs again and again in a sandbox of its own, against one name and one address behind which targets of
ours change. What they print is theirs: it is shown to them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.model import OWN_TESTS_PRINTED
from harness.testing.broker import Broker
from harness.testing.check import CheckFailed, Inconclusive, Unproven, credit, fail
from harness.testing.ends import exit_words, last_lines
from harness.testing.forwards import Forwarder
from harness.testing.job import Job
from harness.testing.mistakes import Mistake, unchanged

MOST_LINES = 9
_BUILD_CHARS = 2000
_OUTPUT_CHARS = 1500
VERDICTS = {0: "pass", 1: "fail"}
"""Exit code of a test run -> what it says of the service. Anything else says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A service that tests are run against."""

    words: str
    """For the candidate: ``your service``, ``the starter``, ``your service with one mistake of ours``."""
    wanted: str
    """``pass`` or ``fail``."""
    address: tuple[str, int]
    """Where it answers."""
    start: Callable[[], None]
    """Makes it fresh and ready before a run, unless the run before was at the same address.

    Raises Unproven or Inconclusive when it does not become ready.
    """
    mistake: Mistake = unchanged
    """One that is made with every request on its way there: tests that only recognise a service don't see it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One run of the candidate's tests."""

    target: Target
    exit_code: int
    timed_out: bool
    seconds: float
    output: bytes

    @property
    def verdict(self) -> str:
        """``pass``, ``fail``, or ``error``: anything but a clean 0 or 1 says nothing about a service.

        Tests that wait too long for what a wrong service never does have not taken it for right: ``fail``. A right
        service is never recognised so, since the wrong one with a mistake of ours is the same in all but behaviour.
        """
        if self.timed_out:
            return "fail" if self.target.wanted == "fail" else "error"
        return VERDICTS.get(self.exit_code, "error")

    def __str__(self) -> str:
        """Say it in a few words: ``fail on your service in 0.4 s``."""
        return f"{self.verdict} on {self.target.words} in {self.seconds:.1f} s"


def orders(targets: Sequence[Target], runs: int) -> list[tuple[Target, ...]]:
    """Return every order of so many runs in which each target comes at least once."""
    return [one for one in itertools.product(targets, repeat=runs) if all(target in one for target in targets)]


class OwnTests:
    """Runs the ``test`` command of the submission in ``sandbox``, which reaches its targets at the grader."""

    def __init__(self, broker: Broker, job: Job, *, port: int, limit_seconds: float, sandbox: str) -> None:
        """Targets appear at ``port`` of the grader; a run may take ``limit_seconds``, as the brief says."""
        self._broker = broker
        self._job = job
        self._port = port
        self._limit = limit_seconds
        self._sandbox = sandbox

    def require(self, *ours: str) -> None:
        """Raise Unproven when there are no tests, or they could not be built; Inconclusive when one of ``ours`` could not.

        ``ours`` are sandboxes whose content is not the candidate's (a starter).
        """
        if not self._job.has_tests:
            text = "service.toml declares no test command, so there are no tests of yours to run."
            raise Unproven(text)
        built = self._broker.built(self._sandbox)
        if not built.ok:
            text = "Your tests could not be built."
            lines = last_lines(built.log.encode(), MOST_LINES)
            raise Unproven(text, detail=built.log[-_BUILD_CHARS:], evidence=lines)
        for name in ours:
            other = self._broker.built(name)
            if not other.ok:
                text = f"expected our {name} to build, found: {other.log[-_BUILD_CHARS:]}"
                raise Inconclusive(text)

    def run(self, targets: Sequence[Target], rng: random.Random, *, runs: int) -> list[Run]:
        """Run the tests ``runs`` times, each target at least once, in an order drawn from ``rng``.

        Ends early at a run that says nothing. Tests can't count which target they see; say in the brief that they may run
        again on the same service.
        """
        found: list[Run] = []
        order = rng.choice(orders(targets, runs))
        with Forwarder(listen_port=self._port, target=order[0].address) as forwarder:
            for target in order:
                if not found or found[-1].target.address != target.address:
                    target.start()
                forwarder.switch(target.address, mistake=target.mistake)
                found.append(self._run(target))
                if found[-1].verdict == "error":
                    break
        return found

    def _run(self, target: Target) -> Run:
        argv = self._broker.command(self._sandbox, "test")
        result = self._broker.run(self._sandbox, argv, timeout_seconds=self._limit)
        return Run(
            target=target,
            exit_code=result.exit_code,
            timed_out=result.timed_out,
            seconds=result.seconds,
            output=result.stdout + b"\n" + result.stderr,
        )

    def judge(self, runs: Sequence[Run]) -> None:
        """Say what the runs come to: Unproven for one that says nothing, else a failure for a wrong one, else a pass.

        One that took longer than the brief says on a right service has failed: that limit was theirs to keep.
        The end of what the first wrong run printed is evidence, unless the target was wrong and they found nothing.
        """
        detail = "\n\n".join(_told(run) for run in runs)
        for run in runs:
            if run.verdict == "error":
                how = f"ran longer than {self._limit:.0f} s and were ended"
                how = how if run.timed_out else f"ended with {exit_words(run.exit_code)}"
                text = f"Against {run.target.words} your tests {how}: 0 is passed, 1 is failed, all else says nothing."
                verdict = CheckFailed if run.timed_out else Unproven
                raise verdict(text, detail=detail, evidence=_shown(run))
        wrong = [run for run in runs if run.verdict != run.target.wanted]
        if wrong:
            worst = min(wrong, key=lambda run: run.verdict)  # "fail" on a right service tells why
            fail(
                f"Your own tests do not tell {_names(runs, 'pass')} from {_names(runs, 'fail')}.",
                expected="; ".join(dict.fromkeys(f"{run.target.wanted} on {run.target.words}" for run in runs)),
                found="; ".join(map(str, runs)),
                detail=detail,
                evidence=_shown(worst),
            )
        slowest = max((run.seconds for run in runs if not run.timed_out), default=0.0)
        text = f"The slowest of {len(runs)} runs took {slowest:.1f} s of at most {self._limit:.0f}."
        credit(1.0, text, detail=detail)


def _names(runs: Sequence[Run], wanted: str) -> str:
    """Return in words the targets that should end so."""
    return " and ".join(dict.fromkeys(run.target.words for run in runs if run.target.wanted == wanted))


def _told(run: Run) -> str:
    text = run.output[-_OUTPUT_CHARS:].decode("utf-8", "replace")
    return f"{run.target.words}: exit {run.exit_code}, {run.verdict}, {run.seconds:.1f} s\n{text}"


def _shown(run: Run) -> tuple[str, ...]:
    lines = last_lines(run.output, MOST_LINES)
    return (f"{OWN_TESTS_PRINTED} against {run.target.words}, its end:", *lines) if lines else ()
