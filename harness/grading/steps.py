"""What a run says of itself while it lasts: which check it has come to."""

from __future__ import annotations

from collections.abc import Callable

from harness.catalogue import globs
from harness.events import Evidence
from harness.grading.job import Job


def of_checks(job: Job, progress: Callable[[str], None]) -> Callable[[Evidence], None]:
    """Return what tells ``progress`` of each check of ``job`` that ended, when it is shown the evidence so far.

    A grader says when a check ends, not when one begins; in which order they run is its own.
    """
    wanted = [check.id for check in job.checks if not job.only or globs.matches(check.id, job.only)]
    said = -1

    def told(evidence: Evidence) -> None:
        nonlocal said
        ended = len(evidence.outcomes)
        if ended == said or not evidence.collected:
            return
        said = ended
        after = f", after {evidence.outcomes[-1].check}" if ended else ""
        progress(f"check {ended + 1} of {len(wanted)}{after}" if ended < len(wanted) else "all checks have ended")

    return told
