"""What becomes of a grading that ended: a name of its own, a folder, and a line or report."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness import console, crashes, names, store
from harness.errors import ExitCode, HarnessError
from harness.grading.pool import Done
from harness.grading.runner import Graded
from harness.intake import submission
from harness.intake.senders import Claims
from harness.model import Grading, Verdict
from harness.reports import again, files, summary, terminal, view
from harness.reports.text import WIDTH, columns, one_line, padded, visible, wrapped

_NAME = 20
_LONGEST_NAME = 44
"""So that a row fits; names of this length are cut in the row alone."""
_LONGEST_REASON = 400
_SHOWN_ALIASES = 5


class Desk:
    """Takes what ends, keeps it below ``out``, and says it. Knows who is called the same before anything ends."""

    def __init__(self, out: Path, paths: Sequence[str], *, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._alone = len(paths) == 1
        self._rows = 0
        said = {Path(path).absolute(): (path, submission.claims(Path(path))) for path in paths}
        self._alike: dict[str, list[tuple[str, Claims]]] = {}
        for path, claims in said.values():
            self._alike.setdefault(names.alike(claims.alias), []).append((path, claims))
        for people in self._alike.values():
            if len(people) > 1:
                console.notice(_shared(people))

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
                    folder = str(keep(graded, self._out))
        except (HarnessError, OSError, MemoryError) as error:
            why = str(crashes.explained(error))
            console.notice(f"{visible(done.task.path)}: {why}")
            reason = "; ".join(text for text in (grading.reason, why) if text)
            grading = replace(grading, exit_code=int(ExitCode.HARNESS), reason=reason)
        if self._as_json:
            console.line(summary.line(summary.summary(grading, folder)))
        elif self._alone:
            console.report(report(grading).rstrip())
            console.line(f"RESULT    {folder or 'not kept'}")
        else:
            self._rows += 1
            for line in row(grading, kept=bool(folder)):
                console.line(line)
        return ExitCode(grading.exit_code)

    def close(self) -> None:
        """Say where the rows lead."""
        if self._rows:
            console.line(f"results  {self._out}/NAME  ({again.on('report', f'{self._out}/NAME')})")

    def _named(self, graded: Graded) -> Graded:
        grading = graded.grading
        shared = len(self._alike.get(names.alike(grading.submission_alias), ())) > 1
        name = store.name_for(grading, self._out, shared=shared)
        if name != grading.submission_alias and not shared:
            console.notice(
                f"{visible(grading.submission_path)}: {self._out / grading.submission_alias} holds what is not of this submission, "
                f"which is called {name}"
            )
        return replace(graded, grading=replace(grading, submission_name=name))

    def _without_result(self, done: Done) -> ExitCode:
        """Say why there is no grading."""
        error = done.error or HarnessError("expected the end of a grading, found a worker that ended without one")
        if self._as_json:
            made = summary.error(done.task.path, str(error), error.exit_code, exercise_id=done.task.exercise_id or "")
            console.line(summary.line(made))
        console.notice(f"{visible(done.task.path)}: {error}")
        return error.exit_code


def keep(graded: Graded, out: Path) -> Path:
    """Write a grading's result, its reports and logs below ``out``; return the folder."""
    logs = {f"logs/{name}.log": log for name, log in graded.logs.items()}
    return store.save(graded.grading, out, {**files(graded.grading), **logs})


def report(grading: Grading) -> str:
    """Return the assessor's report, in colour where somebody sees it."""
    style = terminal.ansi if console.is_terminal() else terminal.plain
    return terminal.render(view.build(grading), style)


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


def _shared(people: Sequence[tuple[str, Claims]]) -> str:
    """Return in a sentence that several submissions have one alias, and which counts where they are of one sender."""
    different = sorted({claims.alias for _, claims in people})
    shown = ", ".join(different[:_SHOWN_ALIASES])
    who = f"have the alias {shown}" if len(different) == 1 else f"have aliases that read alike ({shown})"
    text = f"{len(people)} of these submissions {who}: results of each are called by the start of its sha256 as well"
    times = [claims.packed_at for _, claims in people]
    if len({claims.origin for _, claims in people}) == 1 and len(set(times)) == len(times):
        last = max(people, key=lambda one: one[1].packed_at)[0]
        text += f"; all were packed in one workspace, {visible(last)} last"
    return text
