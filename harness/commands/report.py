"""``harness report``: show a stored result. Needs no engine."""

from __future__ import annotations

import os
from pathlib import Path

from harness import console, marking, places, store
from harness.catalogue import learning
from harness.catalogue.learning import Pointers
from harness.errors import ExitCode, HarnessError, UsageError
from harness.marking import Standing
from harness.model import Grading
from harness.patches import Change
from harness.reports import named, others, terminal
from harness.reports.view import Audience, build


def report(
    path: Path, *, fmt: str = "", audience: str = "assessor", sort: str = "", in_browser: bool = False
) -> ExitCode:
    """Print the result at ``path`` (see ``store.find``), or all below it side by side, and return 0; or show its page.

    Colour is used when ``fmt`` is ``terminal`` and standard output is one. Raises UsageError when there is nothing
    at ``path``, a name is unknown or two options do not go together, HarnessError when the result can't be read.
    """
    many = store.is_of_many(path)
    _refuse_odd(fmt, audience, sort, many=many, in_browser=in_browser)
    if in_browser:
        from harness.commands import browser

        return browser.open_(path, audience=audience)
    if many:
        from harness.commands import cohort

        return cohort.show(path, fmt=fmt or "terminal", sort=sort or "score")
    return _one(path, fmt or "terminal", audience)


def _refuse_odd(fmt: str, audience: str, sort: str, *, many: bool, in_browser: bool) -> None:
    """Raise UsageError for what can't be meant."""
    if audience not in {str(each) for each in Audience}:
        text = f"expected an audience of {', '.join(Audience)}, found {audience!r}"
        raise UsageError(text)
    if many and audience != Audience.ASSESSOR:
        text = "expected one result for a candidate, found a folder of many: what others did is not theirs to see"
        raise UsageError(text)
    if sort and not many:
        text = "expected --sort with a folder of many results, found one: leave it out"
        raise UsageError(text)
    if in_browser and fmt not in {"", "html"}:
        text = f"expected --open without --format, or with html, found {fmt!r}: a browser is shown the page"
        raise UsageError(text)


def _one(path: Path, fmt: str, audience: str) -> ExitCode:
    found = named(fmt)
    file = store.find(path)
    grading = store.decode_file(file)
    view = build(
        grading,
        Audience(audience),
        store.company(file),
        standing=_standing(file, grading),
        pointers=_pointers(file, grading),
        others=others.of(file, grading),
    )
    if fmt == "terminal" and console.is_terminal():
        console.whole(terminal.render(view, terminal.ansi))
    else:
        changes = _changes(file) if found.lines else ()
        console.whole(found.render(view, changes), commands=found.commands)
    return ExitCode.PASSED


def _changes(file: Path) -> tuple[Change, ...]:
    """Return what was changed of the starter; nothing where that can't be read, which is said."""
    try:
        return store.changes(file)
    except HarnessError as error:
        console.notice(f"what was changed of the starter is left out: {error}")
        return ()


def _standing(file: Path, grading: Grading) -> Standing | None:
    """Return how it stands with the people who mark it. What can't be read of that keeps nobody from the rest."""
    try:
        return marking.standing_of(file.parent, grading)
    except HarnessError as error:
        console.notice(f"what people marked is left out: {error}")
        return None


def _pointers(file: Path, grading: Grading) -> Pointers:
    """Return where a candidate may be pointed to; nowhere in particular where that can't be read."""
    kept = file.with_name(learning.LEARN)
    if not os.path.lexists(kept):
        return Pointers()
    try:
        return learning.parse(places.read(kept), grading.exercise, str(kept), refuse=HarnessError)
    except HarnessError as error:
        console.notice(f"where to learn from is left out: {error}")
        return Pointers()
