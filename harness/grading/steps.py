"""What a run says of itself while it lasts: which check it has come to."""

from __future__ import annotations

from collections.abc import Callable

from harness.events import OutcomeSaid
from harness.grading.job import Job, selected


def of_checks(
    job: Job, progress: Callable[[str], None], then: Callable[[OutcomeSaid], None]
) -> Callable[[OutcomeSaid], None]:
    """Tell ``progress`` that the first check of ``job`` is waited for; return what tells it of the others as each ends.

    What is returned passes each on to ``then``. A grader says when a check ends, not when one begins; in which order they run
    is its own.
    """
    wanted = len(selected(job.checks, job.only))
    seen = set[str]()

    def ended(one: OutcomeSaid) -> None:
        seen.add(one.check)
        then(one)
        count = len(seen)
        progress(f"check {count + 1} of {wanted}, after {one.check}" if count < wanted else "all checks have ended")

    progress(f"check 1 of {wanted}")
    return ended
