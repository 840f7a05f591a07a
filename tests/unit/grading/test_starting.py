"""The grader is started beside the builds: whichever of the two fails, nothing is left, and the candidate's doing is told first."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.engines.base import Attachment, ExecResult
from harness.engines.fake.engine import FakeScenario
from harness.errors import EngineError
from harness.model import Grading, Verdict
from tests.unit.grading import harbour

BUILT = harbour.SERVICE + 'build = ["true"]\n'
BROKEN = harbour.SERVICE + 'build = ["sh", "-c", "echo no compiler here; exit 4"]\n'


class Beside:
    """Scenarios that build only once somebody has asked for the grader, which may be refused."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, refuse: bool = False) -> None:
        """Know whether a grader can be started."""
        asked, attach, run = threading.Event(), FakeScenario.attach, FakeScenario.run
        self.closed = 0

        def attaching(scenario: FakeScenario, name: str) -> Attachment:
            asked.set()
            if refuse:
                text = "expected room for the grader, found none"
                raise EngineError(text)
            attached = attach(scenario, name)
            close = attached.close

            def closing() -> None:
                self.closed += 1
                close()

            monkeypatch.setattr(attached, "close", closing)
            return attached

        def running(
            scenario: FakeScenario,
            name: str,
            argv: tuple[str, ...],
            *,
            timeout_seconds: float,
            env: Mapping[str, str] | None = None,
            stdin: bytes = b"",
        ) -> ExecResult:
            assert asked.wait(20), "the grader is asked for after the builds only"
            return run(scenario, name, argv, timeout_seconds=timeout_seconds, env=env, stdin=stdin)

        monkeypatch.setattr(FakeScenario, "attach", attaching)
        monkeypatch.setattr(FakeScenario, "run", running)


def graded(tmp_path: Path, service: str) -> Grading:
    """Return the grading of a right submission that builds as ``service`` says."""
    folder = harbour.submission(tmp_path, service=service)
    return harbour.grade(harbour.catalogue(tmp_path), folder).grading


def test_the_grader_is_started_while_the_submission_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes a second or two that nobody has to wait for."""
    beside = Beside(monkeypatch)
    assert graded(tmp_path, BUILT).verdict is Verdict.PASSED
    assert beside.closed


@pytest.mark.parametrize("refuse", [False, True])
def test_what_does_not_build_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refuse: bool) -> None:
    """The grader that waits is ended; where none could be started either, grading again would help nobody."""
    beside = Beside(monkeypatch, refuse=refuse)
    found = graded(tmp_path, BROKEN)
    assert found.verdict is Verdict.REFUSED
    assert "no compiler here" in found.reason
    assert beside.closed == (0 if refuse else 1)


def test_a_grader_that_cannot_be_started_is_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ours, whatever was built."""
    Beside(monkeypatch, refuse=True)
    with pytest.raises(EngineError, match="found none"):
        graded(tmp_path, BUILT)
