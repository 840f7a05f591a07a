"""``harness grade``: submissions in, results in folders, one line or report each."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console, crashes, places, progress, settings
from harness.catalogue.finder import Catalogue
from harness.commands import batches, inbox
from harness.commands.batches import Batch
from harness.commands.opening import Opener
from harness.commands.people import People
from harness.errors import ExitCode, UsageError
from harness.grading import pool, runner
from harness.grading.pool import Done
from harness.grading.runner import Task
from harness.wording import visible

if TYPE_CHECKING:
    from harness.commands.desk import Desk
    from harness.commands.telling import Telling

PRECEDENCE = (
    ExitCode.INTEGRITY,
    ExitCode.HARNESS,
    ExitCode.USAGE,
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
    variant: int | None,
    jobs: int,
    bar: float | None,
    advisory: bool,
    out: str,
    as_json: bool,
    engine: str | None,
    catalogue: Catalogue,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
    packs: Path | None = None,
    keys: Path | None = None,
    fmt: str = "",
    audience: str = "assessor",
    summary_file: Path | None = None,
    again: bool = False,
    sort: str = "score",
) -> ExitCode:
    """Grade every submission that no stored grading answers for, write its result, and say how it went.

    ``again``: grade all of them. What is said is for ``audience``, in the format ``fmt``, and as Markdown at the end of
    ``summary_file`` as well. Results are signed by the key in the folder ``keys``. ``advisory`` turns only "below the bar"
    into 0. Raises UsageError before anything is opened.
    """
    found = inbox.opened([_named(path) for path in paths])
    tasks = [Task(path=path, exercise_id=exercise, seed=seed, variant=variant, bar=bar) for path in found.paths]
    opener = Opener(
        catalogue=catalogue,
        engine=engine,
        network_range=network_range,
        keep_warm=len(tasks) > 1,
        packs=packs,
        meanwhile=_prepare_desk if min(jobs, len(tasks)) == 1 else _nothing,
    )
    telling = functools.cache(
        lambda: _telling(found.paths, audience, as_json=as_json, fmt=fmt, summary_file=summary_file, out=out)
    )
    candidates = audience != "assessor"
    with _one_object_each(tasks, wanted=as_json, withheld=out if candidates else "") as waiting:
        if fmt or summary_file is not None:
            telling()  # what does not go together is said before anything is opened
        places.probe(Path(out), "results (--out)")
        _refuse_usage(tasks, catalogue)
        people = People(found.paths)
        batch = batches.sorted_out(tasks, catalogue, packs, opener.tags, Path(out), again=again, keys=keys)
        _expect_one_to_grade(batch, tasks)
        desk = functools.cache(lambda: _desk(out, people, telling(), keys=keys))
        codes: list[ExitCode] = []
        try:
            for code, task in _said(batch, desk, people, opener, jobs, quiet=candidates):
                waiting.remove(task)
                codes.append(code)
        finally:
            if codes:
                desk().close(sort, strays=found.strays)
    return _gravest(codes, advisory=advisory)


def _expect_one_to_grade(batch: Batch, tasks: Sequence[Task]) -> None:
    """Raise UsageError when nothing that was named can be graded as it was asked for."""
    if len(batch.wrong) == len(tasks):
        raise UsageError("\n".join(dict.fromkeys(str(one.error) for one in batch.wrong)))


def _gravest(codes: Sequence[ExitCode], *, advisory: bool) -> ExitCode:
    code = next((one for one in PRECEDENCE if one in codes), ExitCode.HARNESS)
    return ExitCode.PASSED if advisory and code is ExitCode.FAILED else code


def _said(
    batch: Batch, desk: Callable[[], Desk], people: People, opener: Opener, jobs: int, *, quiet: bool
) -> Iterator[tuple[ExitCode, Task]]:
    """Yield how each task ended, when that is stored and said. ``quiet``: which checks there are is not the reader's to know."""
    for one in batch.kept:
        yield desk().kept(one.task, one.grading, one.folder), one.task
    for wrong in batch.wrong:
        yield desk().finish(Done(task=wrong.task, graded=None, error=wrong.error)), wrong.task
    if not batch.todo:
        return
    total = len(batch.kept) + len(batch.wrong) + len(batch.todo)
    board = progress.Board(total, jobs, before=total - len(batch.todo), usual=batch.usual)
    with ExitStack() as stack:
        say = stack.enter_context(progress.step(f"grading {batch.todo[0].path}")) if people.alone else None
        heard = _heard(board, people, say, quiet=quiet)
        # Workers start before the board is shown, which is a thread.
        opens = _Quiet(opener=opener) if quiet else opener
        graders = stack.enter_context(pool.opened(len(batch.todo), jobs, opens, heard))
        if not people.alone:
            stack.enter_context(progress.shown(board))
        for done in graders.grade_all(batch.todo):
            board.ends(done.task)
            yield desk().finish(done), done.task
            for other in batch.same.get(done.task, ()):
                yield desk().same(done, other), other


def _heard(board: progress.Board, people: People, say: Callable[[str], None] | None, *, quiet: bool) -> pool.Heard:
    """Return what hears of steps: of the only one, ``say``."""

    def heard(task: Task, text: str) -> None:
        shown = "" if quiet else text
        if say is None:
            board.says(task, people.called(task.path), shown)
        elif shown:
            say(shown)

    return heard


@dataclass(frozen=True, kw_only=True, slots=True)
class _Quiet:
    """Opens a runner in a process whose log candidates read: what is logged of a grader may name a held-out check."""

    opener: pool.OpenRunner

    def __call__(self, stack: ExitStack, say: runner.Progress | None) -> pool.Grader:
        logging.getLogger("harness").addHandler(logging.NullHandler())
        return self.opener(stack, say)


def _desk(out: str, people: People, telling: Telling, *, keys: Path | None) -> Desk:
    """Return the desk. It is there when the first grading has ended: what is graded first does not wait for it."""
    from harness.commands.desk import Desk

    return Desk(Path(out), people, telling, keys=keys)


def _telling(
    paths: Sequence[str], audience: str, *, as_json: bool, fmt: str, summary_file: Path | None, out: str
) -> Telling:
    from harness.commands import telling

    return telling.told(paths=paths, audience=audience, as_json=as_json, fmt=fmt, summary_file=summary_file, out=out)


def _prepare_desk() -> None:
    """Import it, and make what it needs, while a grader starts."""
    from harness.commands import desk

    desk.prepare()


def _nothing() -> None:
    pass


def _named(path: str) -> str:
    """Return ``path``, in full where it has no name (``.``, ``..``): elsewhere it would be another folder."""
    return str(Path(path).resolve()) if Path(path).name in {"", ".."} else path


@contextlib.contextmanager
def _one_object_each(tasks: Sequence[Task], *, wanted: bool, withheld: str) -> Iterator[list[Task]]:
    """Yield the tasks to take out as they end; where an error ends all, the others get their object first.

    The words of an error of ours are kept in the folder ``withheld``, if it is named, where candidates read what is said.
    """
    waiting = list(tasks)
    try:
        yield waiting
    except Exception as error:
        from harness.reports import summary

        said = crashes.explained(error)
        said = crashes.withheld(said, withheld) if withheld else said
        for task in waiting if wanted else ():
            made = summary.error(task.path, str(said), said.exit_code, exercise_id=task.exercise_id or "")
            console.line(summary.line(made))
        raise said from error


def _refuse_usage(tasks: Sequence[Task], catalogue: Catalogue) -> None:
    """Raise UsageError for what the caller must correct, so that a batch does not stop half-way for it.

    What a folder is for is known only by reading it: then that of one submission is its own trouble.
    """
    missing = [task.path for task in tasks if not os.path.exists(task.path)]  # noqa: PTH110 - pathlib raises for a path too long
    if missing:
        text = f"expected submissions, found nothing at {', '.join(map(visible, missing))}: correct the path"
        raise UsageError(text)
    for name in {task.exercise_id for task in tasks if task.exercise_id is not None}:
        catalogue.exercise(name)
