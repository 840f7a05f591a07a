"""When a grader dies or overruns: the same seed once more, then a starter as control.

A candidate must not be able to buy a retake by breaking the grader, and must not pay for our bug either. So what ended the
grader is found out before anything is said: if it completes on the starter, the submission is what it dies of, and a human
looks (exit 6, never 2); if it does not, the fault is ours (exit 5).

Before all that: a run whose sandboxes somebody else killed, stopped, froze or removed, or during which the whole machine
stood still, is no attempt at all. It is done once more, and then inconclusive (exit 2). Nothing inside a sandbox can bring
that about.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.errors import ExerciseError, GraderError, SubmissionError
from harness.grading.job import Job
from harness.grading.session import Progress, Run
from harness.model import Phase

_log = logging.getLogger(__name__)
RunJob = Callable[[Job], Run]
_MOST_TOLD = 3
_INTERFERED = (
    "Not by our order and not from inside, sandboxes of this grading were interfered with, twice ({first}; then {second}). "
    "This says nothing about the submission: grade it again where nobody else touches containers of the harness, "
    "memory does not run out, and the machine does not sleep."
)
_AGAIN = "It was done once more, because the first time was disturbed from outside ({first}) and counts for nothing."


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The run that counts, and why it is held when it is."""

    run: Run
    """Of the submission, always: what a control left is not about it, but for its logs, named ``control-*``."""
    hold: str = ""
    interfered: str = ""
    """What disturbed it from outside, twice, in words: then nothing is known of the submission."""
    again: str = ""
    """That it was done once more, and why; empty where it was not."""


class _InterferedError(Exception):
    """A run was disturbed from outside, and had been before."""

    def __init__(self, run: Run, why: str) -> None:
        super().__init__(why)
        self.run = run


class _Undisturbed:
    """Runs jobs; the first that is disturbed from outside is run once more, by itself."""

    def __init__(self, run_job: RunJob, progress: Progress) -> None:
        self._run_job = run_job
        self._progress = progress
        self._first = ""

    @property
    def again(self) -> str:
        """That a run was done once more, in a sentence; empty where none was."""
        return _AGAIN.format(first=self._first) if self._first else ""

    def __call__(self, job: Job) -> Run:
        run = self._run_job(job)
        if not run.interferences:
            return run
        what = "; ".join(str(one) for one in run.interferences[:_MOST_TOLD])
        if self._first:
            raise _InterferedError(run, _INTERFERED.format(first=self._first, second=what))
        self._first = what
        self._progress(f"disturbed from outside ({what}): once more")
        began = Phase(name=f"interfered with: {what}", seconds=sum(phase.seconds for phase in run.phases))
        again = self(job)
        again.phases.insert(0, began)
        return again


def settle(run_job: RunJob, job: Job, control: Callable[[], Job], progress: Progress) -> Settled:
    """Run ``job`` until its grader completes, at most twice; else tell whose fault it is with ``control``.

    ``control`` makes the job of the starter. Raises GraderError when the control does not complete either, and
    ExerciseError when the checks can't be run at all: then there is nothing to try again. A run that somebody else interfered
    with is no attempt: it is done once more, and one a grading is all it gets.
    """
    undisturbed = _Undisturbed(run_job, progress)
    try:
        return replace(_settle(undisturbed, job, control, progress), again=undisturbed.again)
    except _InterferedError as error:
        return Settled(run=error.run, interfered=str(error))


def _settle(run_job: RunJob, job: Job, control: Callable[[], Job], progress: Progress) -> Settled:
    reasons: list[str] = []
    run = Run.empty()
    for attempt in (1, 2):
        run, reason = _attempt(run_job, job)
        if not reason:
            return Settled(run=run)
        reasons.append(reason)
        progress(
            f"the grader did not complete ({reason}), {'once more' if attempt == 1 else 'now a starter as control'}"
        )
    try:
        known, reason = _attempt(run_job, control())
    except SubmissionError as error:
        # The starter is ours: that it does not build says nothing about the submission.
        known, reason = Run.empty(), str(error)
    if reason:
        text = (
            f"expected the grader to complete, found that it did not, twice on the submission ({'; '.join(reasons)}) "
            f"and on the starter ({reason}): the grader or this machine is at fault; see its log, then harness doctor"
        )
        raise GraderError(text)
    why = f"the grader completes on the starter, and twice did not on this submission ({'; '.join(reasons)})"
    run.logs.update({f"control-{name}": log for name, log in known.logs.items()})
    return Settled(run=run, hold=why)


def _attempt(run_job: RunJob, job: Job) -> tuple[Run, str]:
    """Return the run and why it does not count, empty when it does."""
    try:
        run = run_job(job)
    except GraderError as error:
        _log.warning("%s", error)
        return Run.empty(), str(error)
    if run.evidence.broken:
        raise _broken(job, run.evidence.broken)
    if run.evidence.complete:
        return run, ""
    ended = run.evidence.finished
    if ended is None:
        return run, "it overran or its stream ended"
    notes = "; ".join(run.evidence.notes[-2:])
    return run, f"it {'died' if ended.crashed else 'ended'} with {ended.exit}" + (f": {notes[:300]}" if notes else "")


def _broken(job: Job, problems: Sequence[str]) -> ExerciseError:
    """Return the mistake of an author, said to whoever can do something about it."""
    text = "\n".join(f"  {one}" for one in problems)
    if job.mode == "check":
        return ExerciseError(
            f"expected checks of {job.exercise.id} that can be run, found a mistake in the exercise itself, which is not "
            f"your doing: tell whoever gave it to you\n{text}"
        )
    return ExerciseError(
        f"expected checks of {job.exercise.id} that can be run, found this, so nothing was graded: mend it, then "
        f"harness validate {job.exercise.id}\n{text}"
    )
