"""What a grader runs that judges nothing: the scenario of a grading, and one test of ours in place of the exercise's. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from harness import owners
from harness.errors import UsageError
from harness.grading.job import Job
from harness.model import Check, Json, SubmissionFile

LONGEST_SECONDS = 12 * 3600
"""How long it may be up: its sandboxes end by themselves then, also when whoever started it was killed."""
CHECK = Check(id="up/held", title="The scenario is there to work with", skill="", points=0.0, public=True)
_TEST = SubmissionFile(
    path="test_harness_up.py",
    content=b'''"""Holds the scenario for whoever works with it."""

from pathlib import Path

from harness.testing import check
from harness.testing.live import hold


@check("up/held")
def test_hold(request):
    """Obey until it is over."""
    hold(request, main=Path(__file__).with_name("main-sandbox").read_text())
''',
)


def job_of(job: Job, script: tuple[SubmissionFile, ...]) -> Job:
    """Return ``job`` with nothing to judge, and ``script``, the exercise's own for this.

    Raises UsageError where an exercise has nothing that could be held.
    """
    if not job.exercise.network:
        text = (
            f'expected an exercise with services to hold, found {job.exercise.id}, which runs a program once for each case: "harness '
            'check" tries it'
        )
        raise UsageError(text)
    helpers = tuple(file for file in job.grader_files if not _is_judge(file.path))
    main = SubmissionFile(path="main-sandbox", content=job.exercise.main.name.encode())
    # Without own tests, what is there for them alone is not built.
    service = replace(job.services["submission"], test=())
    return replace(
        job,
        services={**job.services, "submission": service},
        checks=(CHECK,),
        only=(),
        mode="up",
        grader_files=(*helpers, *script, _TEST, main),
        owner=owners.make_owner(job.owner.run, seconds=LONGEST_SECONDS),
    )


def frame(job: Job, addresses: dict[str, str]) -> dict[str, Json]:
    """Return the job as its grader gets it: no deadline of a grading applies."""
    return {
        **job.frame(addresses),
        "limits": {"check_seconds": LONGEST_SECONDS, "deadline_seconds": LONGEST_SECONDS},
    }


def _is_judge(path: str) -> bool:
    """Whether a file of the grader judges something, or is hidden from candidates."""
    name = PurePosixPath(path)
    return name.parts[0] == "hidden" or (name.name.startswith("test_") and name.suffix == ".py")
