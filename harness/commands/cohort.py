"""``harness report`` of a folder of many: all results side by side. Needs no engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from harness import console, store
from harness.errors import ExitCode, UsageError
from harness.reports.cohort import gather, listing, machine, markdown
from harness.reports.cohort.model import Cohort
from harness.reports.table import Sort
from harness.wording import suggestion


def show(results: Path, *, fmt: str, sort: str) -> ExitCode:
    """Print all results below ``results`` in a format of :data:`FORMATS` and return 0.

    Raises UsageError for a format in which only one result can be written.
    """
    if fmt not in FORMATS:
        hint = suggestion(fmt, FORMATS)
        text = (
            f"expected a format that many results can be written in, found {fmt!r}: {hint}, or name one of the results"
        )
        raise UsageError(text)
    found = gather.read(results)
    if fmt == "terminal":
        console.whole("\n".join([*listing.lines(found, Sort(sort)), *_next(results, found)]) + "\n")
    else:
        console.whole(FORMATS[fmt](found, results))
    for one in found.unreadable if fmt in ONLY_THE_READ else ():
        console.notice(f"left out: {one.file}: {one.why}")
    return ExitCode.PASSED


def _next(results: Path, cohort: Cohort) -> list[str]:
    """Return the commands that lead on."""
    from harness.reports import again

    people = [one for exercise in cohort.exercises for one in exercise.candidates]
    if not people:
        return []
    first, *others = (str(results / Path(one.folder).parent) for one in people)
    pairs = [
        ("one", again.on("report", first)),
        ("page", again.one_line(("harness", "report", str(results), "--open"))),
    ]
    if others:
        pairs.insert(1, ("two", again.one_line(("harness", "diff", first, others[0]))))
    return ["", *(line for label, words in pairs for line in [f"{label:<10}{words}"])]


def _terminal(cohort: Cohort, _: Path) -> str:
    return "\n".join(listing.lines(cohort)) + "\n"


def _html(cohort: Cohort, _: Path) -> str:
    from harness.reports.html import cohort as page

    return page.render(cohort)


def _junit(cohort: Cohort, results: Path) -> str:
    from harness.reports import junit
    from harness.reports.view import build

    people = [*(one for exercise in cohort.exercises for one in exercise.candidates), *cohort.unknown]
    files = (results / one.folder / store.RESULT for one in people)
    return junit.together(build(store.decode_file(file), company=store.company(file)) for file in files)


FORMATS: Mapping[str, Callable[[Cohort, Path], str]] = {
    "terminal": _terminal,
    "html": _html,
    "markdown": lambda cohort, _: markdown.render(cohort),
    "json": lambda cohort, _: machine.as_json(cohort),
    "csv": lambda cohort, _: machine.as_csv(cohort),
    "junit": _junit,
}
"""Name of a format that many results can be written in -> what writes them."""
ONLY_THE_READ = frozenset({"csv", "junit"})
"""Formats that have no place for a file that can't be read."""
