"""From what a run left behind to a grading that says it: judged, or refused before anything ran."""

from __future__ import annotations

from dataclasses import replace

from harness import scoring
from harness.errors import ExitCode
from harness.events import Evidence
from harness.grading import attempts
from harness.grading.job import Job, selected
from harness.model import Grading, Verdict


def judged(base: Grading, job: Job, settled: attempts.Settled, seconds: float) -> Grading:
    """Return ``base`` with what the run that counts says of the submission, decided by :mod:`harness.scoring`."""
    # What a run says that somebody else interfered with is not read: each of its checks is still owed.
    evidence = Evidence() if settled.interfered else settled.run.evidence
    judgement = scoring.judge(
        job.exercise,
        selected(job.checks, job.only),
        evidence.outcomes,
        base.bar,
        collected=_collected(evidence, job),
    )
    verdict, exit_code, reason = judgement.verdict, judgement.exit_code, "; ".join(judgement.problems)
    if settled.interfered:
        verdict, exit_code, reason = Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE, settled.interfered
    if settled.hold:
        verdict, exit_code, reason = Verdict.HELD, ExitCode.INTEGRITY, settled.hold
    return replace(
        base,
        seconds=round(seconds, 2),
        verdict=verdict,
        exit_code=int(exit_code),
        score=judgement.score,
        outcomes=judgement.outcomes,
        phases=(*settled.run.phases, *evidence.phases),
        timeline=tuple(evidence.marks),
        reason=reason,
    )


def _collected(evidence: Evidence, job: Job) -> list[str]:
    """Return the ids of the tests that were found, without those of declared checks that nobody asked for."""
    unasked = {check.id for check in job.checks} - {check.id for check in selected(job.checks, job.only)}
    return [name for name in evidence.collected if name not in unasked]


def refused(base: Grading, reason: str, seconds: float) -> Grading:
    """Return ``base`` as the result of a submission that is not run, or does not build, for ``reason``."""
    return replace(
        base,
        seconds=round(seconds, 2),
        verdict=Verdict.REFUSED,
        exit_code=int(ExitCode.REFUSED),
        reason=reason,
    )
