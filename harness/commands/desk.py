"""What becomes of a grading that ended: a name of its own, a folder, and a line or report.

Whatever stores and shows is needed here and not before: who imports this while a grader starts waits for none of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from harness import console, crashes, signing, store
from harness.commands.people import People
from harness.commands.telling import Telling
from harness.errors import ExitCode, HarnessError
from harness.grading.pool import Done
from harness.grading.runner import Graded
from harness.model import Grading, Verdict
from harness.reports import again, beside, summary
from harness.reports.text import WIDTH, columns, one_line, padded, visible, wrapped
from harness.store import Seal

_NAME = 20
_LONGEST_NAME = 44
"""So that a row fits; names of this length are cut in the row alone."""
_LONGEST_REASON = 400


class Desk:
    """Takes what ends of what ``people`` sent, keeps it below ``out``, and says it."""

    def __init__(self, out: Path, people: People, telling: Telling, *, keys: Path | None = None) -> None:
        """Keep results below ``out``, signed by the key in the folder ``keys``; None: not signed."""
        self._out = out
        self._keys = keys
        self._unsigned = ""
        self._people = people
        self._telling = telling
        self._rows = 0

    def finish(self, done: Done) -> ExitCode:
        """Write the result of one submission and say it; an error of ours is said and becomes its code.

        What can't be kept is said all the same, with the code of our error: the verdict then stands nowhere else.
        """
        if done.graded is None:
            return self._without_result(done)
        try:
            return self._with_result(done, done.graded)
        except Exception as error:  # noqa: BLE001 - a bug of ours in what one grading came to is not the others'
            return self._without_result(replace(done, graded=None, error=crashes.explained(error)))

    def _with_result(self, done: Done, graded: Graded) -> ExitCode:
        grading = graded.grading
        folder = ""
        try:
            while not folder:
                graded = self._named(graded)
                grading = graded.grading
                # Another process may give somebody the name that was free a moment ago: it is not chosen again.
                with contextlib.suppress(store.TakenError):
                    folder = str(keep(graded, self._out, self._telling, self._seal(grading)))
        except (HarnessError, OSError, MemoryError) as error:
            why = str(crashes.explained(error))
            console.notice(f"{visible(done.task.path)}: {why}")
            reason = "; ".join(text for text in (grading.reason, why) if text)
            grading = replace(grading, exit_code=int(ExitCode.HARNESS), reason=reason)
        self._say(replace(graded, grading=grading), folder)
        return self._summarized(ExitCode(grading.exit_code), lambda: self._telling.summarize(grading))

    def _say(self, graded: Graded, folder: str) -> None:
        grading, telling = graded.grading, self._telling
        if telling.as_json:
            console.line(telling.line(grading, folder))
        elif telling.format is not None:
            telling.write(graded)
        elif self._people.alone:
            console.report(telling.report(grading).rstrip())
            console.line(f"RESULT    {folder or 'not kept'}")
        else:
            self._rows += 1
            for line in row(telling.shown(grading), kept=bool(folder)):
                console.line(line)

    def _summarized(self, code: ExitCode, summarize: Callable[[], None]) -> ExitCode:
        """Add to the summary; who counts on what could not be written gets the code of our error, unless a person must look."""
        try:
            summarize()
        except HarnessError as error:
            console.notice(str(error))
            return code if code is ExitCode.INTEGRITY else ExitCode.HARNESS
        return code

    def close(self) -> None:
        """Say where the rows lead."""
        if self._rows:
            console.line(f"results  {self._out}/NAME  ({again.on('report', f'{self._out}/NAME')})")

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
    files, failed = beside.files(graded.grading, patch=graded.patch, logs=graded.logs, papers=graded.papers)
    for name, error in failed.items():
        path = visible(graded.grading.submission_path)
        why = telling.error(crashes.explained(error))
        console.notice(f"{path}: {name} could not be made, the result is kept without it: {why}")
    return store.save(graded.grading, out, files, seal)


def row(grading: Grading, *, kept: bool) -> list[str]:
    """Return a grading as a row of a table: name, verdict, points, seconds, path; a long path has its own lines."""
    graded = grading.verdict is not Verdict.REFUSED
    score = f"{grading.score.earned:5.1f} / {grading.score.possible:.0f}" if graded else "-"
    name = one_line(grading.name, _LONGEST_NAME)
    facts = f"{padded(name, _NAME)} {grading.verdict:<12} {score:>11} {grading.seconds:5.1f} s"
    path = visible(grading.submission_path).replace("\n", "\\n") + ("" if kept else " (not kept)")
    whole = f"{facts}  {path}"
    reason = wrapped(one_line(grading.reason, _LONGEST_REASON), first="  ", rest="  ") if grading.reason else []
    lines = [whole] if columns(whole) <= WIDTH else [facts, *wrapped(path, first="  ", rest="  ")]
    return [*lines, *reason]
