"""Whose fault it is when a grader dies."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from harness.engines.base import Interference
from harness.errors import EngineError, ExerciseError, GraderError, SubmissionError
from harness.events import Evidence
from harness.grading.attempts import settle
from harness.grading.job import Job
from harness.grading.session import Run

SUBMISSION, STARTER = cast("Job", "submission"), cast("Job", "starter")


def run(*, complete: bool) -> Run:
    """Return what a grader left that did or did not come to its end."""
    evidence = Evidence()
    if complete:
        evidence.take({"type": "event", "event": "finished", "exit": 0})
    return Run(evidence=evidence)


def scripted(*ends: bool | Exception) -> tuple[list[Job], Callable[[Job], Run]]:
    """Return a runner whose gradings end as told, and the jobs it was given."""
    jobs: list[Job] = []
    script = list(ends)

    def run_job(job: Job) -> Run:
        jobs.append(job)
        end = script.pop(0)
        if isinstance(end, Exception):
            raise end
        return run(complete=end)

    return jobs, run_job


def settled(run_job: Callable[[Job], Run]) -> str:
    """Return why the result is held."""
    return settle(run_job, SUBMISSION, lambda: STARTER, lambda _: None).hold


def test_settle_takes_the_first_complete_run() -> None:
    """One run is enough when it comes to its end."""
    jobs, run_job = scripted(True)
    assert settled(run_job) == ""
    assert jobs == [SUBMISSION]


def test_settle_tries_the_same_job_once_more() -> None:
    """A grader that died once gets the same seed again, and its second end counts."""
    jobs, run_job = scripted(GraderError("broken frame"), True)
    assert settled(run_job) == ""
    assert jobs == [SUBMISSION, SUBMISSION]


def test_settle_holds_what_only_this_submission_breaks() -> None:
    """A control that completes puts the cause on the submission's side: held, never inconclusive."""
    jobs, run_job = scripted(False, GraderError("broken frame"), True)
    assert "completes on the starter" in settled(run_job)
    assert jobs == [SUBMISSION, SUBMISSION, STARTER]


def test_settle_keeps_what_the_submission_said_when_it_holds() -> None:
    """A held result is about the submission: of the control, only logs are kept, under names that say so."""
    own, known = run(complete=False), run(complete=True)
    own.logs["app"], known.logs["app"] = b"mine", b"the starter's"
    ends = [run(complete=False), own, known]
    found = settle(lambda _: ends.pop(0), SUBMISSION, lambda: STARTER, lambda _: None)
    assert found.run is own
    assert found.run.logs == {"app": b"mine", "control-app": b"the starter's"}


def test_settle_takes_a_starter_that_does_not_build_for_ours() -> None:
    """A control that is refused must not refuse the candidate."""
    _, run_job = scripted(False, False, SubmissionError("does not build"))
    with pytest.raises(GraderError, match="does not build"):
        settled(run_job)


def test_settle_raises_when_the_control_dies_as_well() -> None:
    """A grader that completes on nothing is ours to mend."""
    _, run_job = scripted(False, False, False)
    with pytest.raises(GraderError, match="and on the starter"):
        settled(run_job)


def test_settle_does_not_retry_without_an_engine() -> None:
    """An engine that is gone is no reason to blame a grader."""
    jobs, run_job = scripted(EngineError("gone"))
    with pytest.raises(EngineError):
        settled(run_job)
    assert jobs == [SUBMISSION]


@pytest.mark.parametrize(("mode", "told"), [("grade", "mend it, then harness validate"), ("check", "not your doing")])
def test_settle_tells_an_authors_mistake_at_once(mode: str, told: str) -> None:
    """Checks that can't be run are no candidate's doing and never better the next time: nothing is tried again."""
    broken = run(complete=True)
    broken.evidence.broken.append("exercises/demo/checks/test_it.py, line 7: SyntaxError: invalid syntax")
    job = cast("Job", SimpleNamespace(mode=mode, exercise=SimpleNamespace(id="demo")))
    ends = [broken]
    with pytest.raises(ExerciseError, match="line 7: SyntaxError") as raised:
        settle(lambda _: ends.pop(0), job, lambda: STARTER, lambda _: None)
    assert told in str(raised.value)
    assert "again" not in str(raised.value)


def disturbed(*ends: bool | None) -> tuple[list[Job], Callable[[Job], Run]]:
    """Return a runner whose gradings complete, do not, or are interfered with (None)."""
    jobs: list[Job] = []
    script = list(ends)

    def run_job(job: Job) -> Run:
        jobs.append(job)
        end = script.pop(0)
        found = run(complete=bool(end))
        if end is None:
            found.interferences = (Interference(sandbox="db", what="was removed", at="10:00:00 UTC"),)
        return found

    return jobs, run_job


def test_an_interference_is_no_attempt() -> None:
    """What somebody else did to the sandboxes neither counts as a grader that died, nor asks for a control."""
    jobs, run_job = disturbed(None, True)
    found = settle(run_job, SUBMISSION, lambda: STARTER, lambda _: None)
    assert (found.hold, found.interfered, jobs) == ("", "", [SUBMISSION, SUBMISSION])
    assert "disturbed from outside (sandbox db was removed at 10:00:00 UTC)" in found.again
    jobs, run_job = disturbed(False, None, True)
    assert settled(run_job) == ""
    assert jobs == [SUBMISSION] * 3


def test_a_second_interference_is_the_end() -> None:
    """Also when the control is what was interfered with: never held, never a grader's fault."""
    for ends in ((None, None), (None, False, None), (False, False, None, None)):
        _, run_job = disturbed(*ends)
        found = settle(run_job, SUBMISSION, lambda: STARTER, lambda _: None)
        assert found.interfered.count("sandbox db was removed at 10:00:00 UTC") == 2, ends
        assert found.hold == "", ends
