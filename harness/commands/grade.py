"""``harness grade``: submissions in, results in folders, one line or report each."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import console, places, progress, store
from harness.catalogue.finder import Catalogue
from harness.commands.opening import Opener
from harness.errors import ExitCode, HarnessError, SubmissionError, UsageError
from harness.grading import pool
from harness.grading.pool import Done
from harness.grading.runner import Graded, Task, take_in
from harness.model import Grading
from harness.reports import files, summary, terminal, view
from harness.wording import visible

PRECEDENCE = (
    ExitCode.INTEGRITY,
    ExitCode.HARNESS,
    ExitCode.INCONCLUSIVE,
    ExitCode.REFUSED,
    ExitCode.FAILED,
    ExitCode.PASSED,
)
"""Several submissions: all are graded, and the code is the first of these that one of them has."""


def grade(
    paths: Sequence[str],
    *,
    exercise: str | None,
    seed: int | None,
    variant: int,
    jobs: int,
    bar: float | None,
    advisory: bool,
    out: str,
    as_json: bool,
    engine: str | None,
    catalogue: Catalogue,
) -> ExitCode:
    """Grade every submission, write its result, and say how it went as it ends.

    ``advisory`` turns only "below the bar" into 0. Raises UsageError before anything is opened.
    """
    tasks = [Task(path=path, exercise_id=exercise, seed=seed, variant=variant, bar=bar) for path in paths]
    _refuse_usage(tasks, catalogue)
    places.probe(Path(out), "results (--out)")
    codes: list[ExitCode] = []
    label = f"grading {paths[0]}" if len(paths) == 1 else f"grading {len(paths)} submissions"
    opener = Opener(catalogue=catalogue, engine=engine, keep_warm=len(paths) > 1)
    # Workers start before the progress line does, which is a thread.
    with pool.opened(len(tasks), jobs, opener) as graders, progress.step(label) as say:
        codes += [
            _finish(done, Path(out), as_json=as_json, alone=len(paths) == 1) for done in graders.grade_all(tasks, say)
        ]
    code = next((one for one in PRECEDENCE if one in codes), ExitCode.HARNESS)
    return ExitCode.PASSED if advisory and code is ExitCode.FAILED else code


def _refuse_usage(tasks: Sequence[Task], catalogue: Catalogue) -> None:
    """Raise UsageError for what the caller must correct, so that a batch does not stop half-way for it."""
    missing = [task.path for task in tasks if not Path(task.path).exists()]
    if missing:
        text = f"expected submissions, found nothing at {', '.join(map(visible, missing))}: correct the path"
        raise UsageError(text)
    for task in tasks:
        if task.exercise_id is not None:
            catalogue.exercise(task.exercise_id)
        elif Path(task.path).is_dir():
            # What a folder is for is known only by reading it; what is wrong inside it is said when it is graded.
            with contextlib.suppress(SubmissionError):
                take_in(task, catalogue)


def keep(graded: Graded, out: Path) -> Path:
    """Write a grading's result, its reports and logs below ``out``; return the folder."""
    logs = {f"logs/{name}.log": log for name, log in graded.logs.items()}
    return store.save(graded.grading, out, {**files(graded.grading), **logs})


def report(grading: Grading) -> str:
    """Return the assessor's report, in colour where somebody sees it."""
    style = terminal.ansi if console.is_terminal() else terminal.plain
    return terminal.render(view.build(grading), style)


def _finish(done: Done, out: Path, *, as_json: bool, alone: bool) -> ExitCode:
    """Write the result of one submission and say it; an error of ours is said and becomes its code.

    What can't be kept is said all the same, with the code of our error: the verdict then stands nowhere else.
    """
    if done.graded is None:
        return _without_result(done, out, as_json=as_json)
    grading = done.graded.grading
    try:
        folder = str(keep(done.graded, out))
    except HarnessError as error:
        console.notice(f"{visible(done.task.path)}: {error}")
        folder = "not kept"
        grading = replace(grading, exit_code=int(ExitCode.HARNESS), reason=_reasons(grading.reason, str(error)))
    if as_json:
        console.line(summary.line(summary.summary(grading)))
    elif alone:
        console.report(report(grading).rstrip())
        console.line(f"RESULT    {folder}")
    else:
        console.line(_row(grading, folder))
    return ExitCode(grading.exit_code)


def _without_result(done: Done, out: Path, *, as_json: bool) -> ExitCode:
    """Say why there is no grading: a file that names no exercise (kept as a refusal), or an error of ours."""
    error = done.error or HarnessError("expected the end of a grading, found a worker that ended without one")
    made = summary.refused(done.task.path, str(error), exercise_id=done.task.exercise_id or "")
    made["exit_code"] = int(error.exit_code)
    if not isinstance(error, SubmissionError):
        made["verdict"] = "error"
    else:
        try:
            store.save_refusal(made, out)
        except HarnessError as unkept:
            made["reason"] = _reasons(str(error), str(unkept))
            made["exit_code"] = int(ExitCode.HARNESS)
            error = HarnessError(str(made["reason"]))
    if as_json:
        console.line(summary.line(made))
    console.notice(f"{visible(done.task.path)}: {error}")
    return error.exit_code


def _reasons(*texts: str) -> str:
    return "; ".join(text for text in texts if text)


def _row(grading: Grading, folder: str) -> str:
    score = f"{grading.score.earned:5.1f} / {grading.score.possible:.0f}"
    return f"{grading.submission_alias:<24} {grading.verdict:<13} {score}  {grading.seconds:5.1f} s  {folder}"
