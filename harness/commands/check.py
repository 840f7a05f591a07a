"""``harness check``: the public checks on the candidate's own machine, as grading runs them."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness import console, places, progress, scoring, settings, wording
from harness.catalogue.finder import Catalogue
from harness.commands.opening import Opener
from harness.errors import ExitCode, HarnessError, UsageError
from harness.grading.runner import Graded, Task
from harness.intake import workspace
from harness.model import Grading, Status, Verdict
from harness.packs import home
from harness.reports import local, summary


def check(
    path: str,
    *,
    only: Sequence[str],
    keep: bool,
    as_json: bool,
    engine: str | None,
    catalogue: Catalogue,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
) -> ExitCode:
    """Run public checks on a workspace. 0 all hold, 1 some fail, 2 something could not be measured.

    ``keep`` leaves the logs of every sandbox in the workspace's ``.harness/logs``.
    """
    here = workspace.find(Path(path))
    catalogue = home.catalogue_of(here, catalogue)
    _refuse_unknown(only, [one.id for one in catalogue.exercise(here.exercise_id).checks])
    places.probe(here.root / workspace.FOLDER, "what the checks find")
    with progress.step(f"checking {here.root.name}") as say, ExitStack() as stack:
        graded = Opener(catalogue=catalogue, engine=engine, network_range=network_range)(stack, say).grade(
            _task(here, only)
        )
    grading = _of_checks_alone(graded.grading)
    if here.pack:
        grading = replace(grading, catalogue=())  # the workspace knows it: no command needs to name it
    unkept = _kept(here.root, graded, logs=keep)
    if as_json:
        console.line(summary.line(summary.summary(grading)))
    else:
        for text in local.render(grading, path, kept=keep and unkept is None):
            console.line(text)
    if unkept is not None:
        console.notice(f"what was found could not be kept: {unkept}")
        return ExitCode.HARNESS
    return ExitCode(grading.exit_code)


def _task(here: workspace.Workspace, only: Sequence[str]) -> Task:
    return Task(
        path=str(here.root),
        exercise_id=here.exercise_id,
        alias=here.alias,
        variant=here.variant,
        mode="check",
        only=tuple(only),
    )


def _kept(root: Path, graded: Graded, *, logs: bool) -> HarnessError | None:
    """Keep what was found in the workspace; return why that could not be."""
    # A part of the checks renews that part of the claim, which travels with the submission and is never scored.
    seen = {outcome.check.id: str(outcome.status) for outcome in graded.grading.outcomes}
    try:
        workspace.save_claim(root, {**workspace.read_claim(root), **seen})
        if logs:
            _keep_logs(root / workspace.FOLDER / "logs", graded.logs)
    except HarnessError as error:
        return error
    return None


def _refuse_unknown(only: Sequence[str], known: Sequence[str]) -> None:
    """Raise UsageError for a pattern that no public check matches: a typo must not look like a run."""
    for pattern in only:
        if not any(fnmatch.fnmatchcase(one, pattern) for one in known):
            near = wording.suggestion(pattern, known)
            there = f" There are {', '.join(known)}" if near.startswith("did you mean") else ""
            text = f"expected ids of public checks after --only, found {wording.quoted(pattern)}: {near}{there}"
            raise UsageError(text)


def _of_checks_alone(grading: Grading) -> Grading:
    """Return the grading with a verdict on what was run: hidden checks, and so the bar, are not in it."""
    if grading.verdict in {Verdict.REFUSED, Verdict.HELD}:
        return grading
    statuses = {outcome.status for outcome in grading.outcomes}
    verdict = Verdict.PASSED
    if statuses & {Status.FAILED, Status.UNPROVEN}:
        verdict = Verdict.FAILED
    elif Status.INCONCLUSIVE in statuses or not statuses:
        verdict = Verdict.INCONCLUSIVE
    return replace(grading, verdict=verdict, exit_code=int(scoring.exit_code(verdict)))


def _keep_logs(folder: Path, logs: Mapping[str, bytes]) -> None:
    with places.writing("logs", folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, log in logs.items():
            (folder / f"{name}.log").write_bytes(log)
