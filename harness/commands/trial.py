"""Public checks run on what is at a path: a workspace for ``check``, a packed file for ``submit``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from harness import console, progress, scoring
from harness.commands.opening import Opener
from harness.errors import HarnessError
from harness.events import OutcomeSaid
from harness.grading.runner import Graded, Task
from harness.intake import clock, workspace
from harness.model import Grading, Status, Verdict
from harness.reports import local

FAILED = frozenset({Status.FAILED, Status.UNPROVEN})


def run(
    opener: Opener,
    task: Task,
    label: str,
    *,
    ready: Callable[[], None] = lambda: None,
    told: local.Told | None = None,
) -> Graded:
    """Run the public checks and return the grading with a verdict on those alone. Raises as ``Runner.grade`` does.

    How each ended, and what it found, is said as it ends, and remembered in ``told``. ``ready`` is called once all is there
    that they need, images included, before anything of it runs.
    """
    telling = told or local.Told()

    def ended(one: OutcomeSaid, count: int) -> None:
        console.notice("\n".join(telling.ended(one, count)))

    with progress.step(label) as say, ExitStack() as stack:
        graded = opener(stack, say).grade(task, ready=ready, ended=ended)
    if graded.again:
        console.notice(graded.again)
    return replace(graded, grading=of_checks_alone(graded.grading))


def of_checks_alone(grading: Grading) -> Grading:
    """Return the grading with a verdict on what was run: hidden checks, and so the bar, are not in it."""
    if grading.verdict in {Verdict.REFUSED, Verdict.HELD}:
        return grading
    statuses = {outcome.status for outcome in grading.outcomes}
    verdict = Verdict.PASSED
    if statuses & FAILED:
        verdict = Verdict.FAILED
    elif Status.INCONCLUSIVE in statuses or not statuses:
        verdict = Verdict.INCONCLUSIVE
    return replace(grading, verdict=verdict, exit_code=int(scoring.exit_code(verdict)))


def at_home(grading: Grading, space: workspace.Workspace) -> Grading:
    """Return the grading of a workspace that brought its exercise along: no command needs to name a catalogue."""
    return replace(grading, catalogue=()) if space.pack else grading


def claimed(grading: Grading) -> dict[str, str]:
    """Return how each check ended: what travels as a claim, and is never scored."""
    return {outcome.check.id: str(outcome.status) for outcome in grading.outcomes}


def keep(space: workspace.Workspace, grading: Grading) -> HarnessError | None:
    """Remember how the checks ended; return why that could not be. A part of them renews that part."""
    try:
        workspace.add_to_claim(space.root, claimed(grading))
    except HarnessError as error:
        return error
    return None


def clock_of(space: workspace.Workspace, *, begin: bool) -> clock.Clock | None:
    """Return what the candidate's clock says, started where it was not; a clock that can't be kept is said, no more."""
    try:
        return clock.begin(space.root) if begin else clock.look(space.root)
    except HarnessError as error:
        console.notice(f"your clock could not be kept, which decides nothing: {error}")
        return None
