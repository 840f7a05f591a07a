"""What becomes of a grading that ended: a name of its own, a folder, and a line or report.

Whatever stores and shows is needed here and not before: who imports this while a grader starts waits for none of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness import console, crashes, patches, signing, store
from harness.commands import overview
from harness.commands.people import People
from harness.commands.telling import Telling
from harness.errors import ExitCode, HarnessError
from harness.grading.pool import Done
from harness.grading.runner import Graded, Task
from harness.model import Grading
from harness.reports import again, beside, others, summary, table
from harness.reports.others import Others
from harness.reports.text import number, visible
from harness.store import Seal

KEPT = "kept"
"""What is said of a grading that was there before."""
SAME = "the same"
"""What is said of a submission that was named or sent twice: one grading is that of both."""


class Desk:
    """Takes what ends of what ``people`` sent, keeps it below ``out``, and says it."""

    def __init__(self, out: Path, people: People, telling: Telling, *, keys: Path | None = None) -> None:
        """Keep results below ``out``, signed by the key in the folder ``keys``; None: not signed."""
        self._out = out
        self._keys = keys
        self._unsigned = ""
        self._people = people
        self._telling = telling
        self._rows: list[table.Row] = []
        self._last: tuple[Grading, Path] | None = None
        """The last that was finished, and where it lies; None where it was not kept."""

    def finish(self, done: Done) -> ExitCode:
        """Write the result of one submission and say it; an error of ours is said and becomes its code.

        What can't be kept is said all the same, with the code of our error: the verdict then stands nowhere else.
        """
        self._last = None
        if done.graded is None:
            return self._without_result(done)
        try:
            return self._with_result(done, done.graded)
        except Exception as error:  # noqa: BLE001 - a bug of ours in what one grading came to is not the others'
            return self._without_result(replace(done, graded=None, error=crashes.explained(error)))

    def kept(self, task: Task, grading: Grading, folder: Path) -> ExitCode:
        """Say what was graded before of ``task``, and lies in ``folder``."""
        return self._there(task, grading, folder, KEPT)

    def same(self, done: Done, other: Task) -> ExitCode:
        """Say how ``other`` ended, which is the same submission as that of ``done``, the last that was finished."""
        if self._last is None:
            return self._without_result(replace(done, task=other, graded=None))
        return self._there(other, *self._last, SAME)

    def _there(self, task: Task, grading: Grading, folder: Path, note: str) -> ExitCode:
        grading = replace(grading, submission_path=task.path)
        patch = patches.render(store.changes(folder / store.RESULT)) if self._telling.format else b""
        self._say(task, Graded(grading=grading, logs={}, patch=patch), str(folder), note=note)
        return self._summarized(ExitCode(grading.exit_code), lambda: self._telling.summarize(grading))

    def _with_result(self, done: Done, graded: Graded) -> ExitCode:
        grading = graded.grading
        folder = ""
        try:
            while not folder:
                graded = self._named(graded)
                grading = graded.grading
                # Another process may give somebody the name that was free a moment ago: it is not chosen again.
                with contextlib.suppress(store.TakenError):
                    place = keep(graded, self._out, self._telling, self._seal(grading))
                    folder, self._last = str(place), (grading, place)
        except (HarnessError, OSError, MemoryError) as error:
            why = str(crashes.explained(error))
            console.notice(f"{visible(done.task.path)}: {why}")
            reason = "; ".join(text for text in (grading.reason, why) if text)
            grading = replace(grading, exit_code=int(ExitCode.HARNESS), reason=reason)
        self._say(done.task, replace(graded, grading=grading), folder, note="" if folder else "not kept")
        return self._summarized(ExitCode(grading.exit_code), lambda: self._telling.summarize(grading))

    def close(self, sort: str, *, strays: Sequence[str] = ()) -> None:
        """Show all side by side, and what of a folder was no submission; renew what lies over all results."""
        overview.renew(self._out)
        for line in table.lines(self._rows, table.Sort(sort)):
            console.line(line)
        for path in strays:
            (console.line if self._rows else console.notice)(f"left out {path}: no submission")
        if self._rows:
            console.line(f"results  {self._out}/NAME  ({again.on('report', f'{self._out}/NAME')})")

    def _say(self, task: Task, graded: Graded, folder: str, *, note: str) -> None:
        grading, telling = graded.grading, self._telling
        if telling.as_json:
            console.line(telling.line(grading, folder, kept=note == KEPT))
        elif telling.format is not None:
            telling.write(graded)
        elif self._people.alone:
            console.report(telling.report(grading).rstrip())
            console.line(f"RESULT    {folder or 'not kept'}")
        else:
            made = table.row(telling.shown(grading), note, self._people.place(task.path))
            self._rows.append(made)
            if note not in {KEPT, SAME}:
                points = "" if made.score is None else f", {number(made.score)} of {number(grading.score.possible)}"
                console.notice(f"{grading.name}: {grading.verdict}{points}, {grading.seconds:.1f} s")

    def _summarized(self, code: ExitCode, summarize: Callable[[], None]) -> ExitCode:
        """Add to the summary; who counts on what could not be written gets the code of our error, unless a person must look."""
        try:
            summarize()
        except HarnessError as error:
            console.notice(str(error))
            return code if code is ExitCode.INTEGRITY else ExitCode.HARNESS
        return code

    def _named(self, graded: Graded) -> Graded:
        grading = graded.grading
        shared = self._people.share(grading.submission_alias)
        name = store.name_for(grading, self._out, shared=shared)
        if name != grading.submission_alias and not shared:
            console.notice(
                f"{visible(grading.submission_path)}: {self._out / grading.submission_alias} holds what is not of this submission, "
                f"which is called {name}"
            )
        return replace(graded, grading=replace(grading, submission_name=name))

    def _seal(self, grading: Grading) -> Seal | None:
        """Return what signs a result. What can't be signed is kept all the same, and that is said once."""
        folder = self._keys
        if folder is None:
            return None

        def sealed(content: Mapping[str, bytes]) -> Mapping[str, bytes]:
            try:
                return signing.seal(grading, content, folder)
            except (HarnessError, OSError) as error:
                if str(error) != self._unsigned:
                    console.notice(f"the result is kept without a signature: {error}")
                self._unsigned = str(error)
                return {}

        return sealed

    def _without_result(self, done: Done) -> ExitCode:
        """Say why there is no grading."""
        error = done.error or HarnessError("expected the end of a grading, found a worker that ended without one")
        error = self._telling.error(error)
        if self._telling.as_json:
            made = summary.error(done.task.path, str(error), error.exit_code, exercise_id=done.task.exercise_id or "")
            console.line(summary.line(made))
        elif not self._people.alone:
            path, people = done.task.path, self._people
            self._rows.append(table.without(path, people.called(path), str(error), people.place(path)))
        console.notice(f"{visible(done.task.path)}: {error}")
        said = error
        return self._summarized(said.exit_code, lambda: self._telling.summarize_error(done.task.path, said))


def prepare() -> None:
    """Make what is made once, so that nobody waits for it when a grading has ended."""
    store.prepare()
    signing.prepare()
    beside.prepare()


def keep(graded: Graded, out: Path, telling: Telling, seal: Seal | None = None) -> Path:
    """Write a grading's result, all that lies beside it, and what ``seal`` makes of that below ``out``; return the folder."""
    known = Others(decided=others.decided(out, graded.grading))
    files, failed = beside.files(
        graded.grading, patch=graded.patch, logs=graded.logs, papers=graded.papers, others=known
    )
    for name, error in failed.items():
        path = visible(graded.grading.submission_path)
        why = telling.error(crashes.explained(error))
        console.notice(f"{path}: {name} could not be made, the result is kept without it: {why}")
    return store.save(graded.grading, out, files, seal)
