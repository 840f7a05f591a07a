"""``harness mark``: asks a person what the rubric asks, and keeps each mark as it is given.

Nobody is shown the automatic result, or what others gave: both would be followed. A mark is on disk before the next is asked
for, so whatever ends this (Ctrl-C, a closed terminal, a full disk) costs at most the mark that was being given.
"""

from __future__ import annotations

import datetime as dt
import getpass
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import console, marking, names, store
from harness.commands import overview
from harness.errors import ExitCode, UsageError
from harness.marking import Item, Mark, Rubric, Standing, State, book
from harness.marking.book import FOLDER, MAX_EVIDENCE
from harness.marking.rubric import HIGHEST, LOWEST
from harness.marking.standing import MARKERS
from harness.model import Grading
from harness.reports import again
from harness.reports.text import count, number
from harness.wording import quoted, suggestion, visible

_SKIP, _STOP, _HELP = "s", "q", "?"
_SHORTEST = 8
"""Characters of a sentence: less says nothing to whoever reads it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sitting:
    """Who marks what, and where it is kept."""

    path: Path
    """As it was named."""
    home: Path
    """The folder of the person's results."""
    grading: Grading
    asked: Rubric
    who: str

    def standing(self) -> Standing:
        """Return how it stands now."""
        return marking.stand(self.asked.items, marking.read(self.home, self.grading, self.asked).given)


class _Stopped(Exception):  # noqa: N818 - no error
    """Somebody stops marking."""


def mark(path: Path, *, marker: str | None, item: str | None) -> ExitCode:
    """Ask ``marker`` for their marks of the submission whose result is at ``path``; with ``item``, for that one alone.

    Raises UsageError where there is nothing to ask, or input ends in the middle, HarnessError where a mark can't be kept.
    """
    file = store.find(path)
    grading = store.decode_file(file)
    asked = _rubric(file, grading)
    sitting = _Sitting(path=path, home=file.parent.parent, grading=grading, asked=asked, who=_name(marker))
    _refuse_another_spelling(sitting)
    _say_what_does_not_count(sitting)
    standing = sitting.standing()
    items = _wanted(standing, sitting.who, asked, item)
    if not items:
        return _nothing(standing, sitting.who)
    try:
        _ask_all(items, sitting)
    finally:
        overview.renew_if_there(sitting.home.parent)
    return _end(sitting)


def _say_what_does_not_count(sitting: _Sitting) -> None:
    found = marking.read(sitting.home, sitting.grading, sitting.asked)
    if found.unreadable:
        where = visible(str(sitting.home / FOLDER))
        console.notice(f"{count(found.unreadable, 'line')} in {where} can't be read, and count for nothing")
    if found.by_another_rubric:
        console.notice(f"{count(found.by_another_rubric, 'mark')} by another wording of the rubric count for nothing")
    if found.of_another_submission:
        console.notice(
            f"{count(found.of_another_submission, 'mark')} of another submission of theirs count for nothing"
        )


def _refuse_another_spelling(sitting: _Sitting) -> None:
    """Raise UsageError where somebody has marked whose name reads alike: one person would be taken for two."""
    other = book.alike(sitting.home, sitting.who)
    if other:
        text = (
            f"--as {quoted(sitting.who)}: expected a name that reads like nobody else's, found marks of {quoted(other)}: "
            f"take that name if it is yours, or one that tells you two apart"
        )
        raise UsageError(text)


def _rubric(file: Path, grading: Grading) -> Rubric:
    shown = visible(str(file.parent))
    if file.parent.name != store.folder_name(grading.id):
        text = f"expected a result where grade put it, OUT/NAME/{grading.id}, found {shown}: mark it there"
        raise UsageError(text)
    asked = marking.rubric_of(file.parent, grading)
    if asked is None:
        text = (
            f"expected {marking.RUBRIC} in {shown}, found none: the exercise asks people nothing, or the grading is older "
            "than its rubric: grade it again"
        )
        raise UsageError(text)
    return asked


def _name(marker: str | None) -> str:
    """Return who marks. Raises UsageError for what can't be the name of a file of theirs."""
    if marker is None:
        try:
            marker = names.alias_from(getpass.getuser())
        except (KeyError, OSError) as error:
            text = "expected a login name, found none: say who you are with --as NAME"
            raise UsageError(text) from error
    if not names.is_alias(marker):
        text = f"--as {quoted(marker)}: expected letters, digits and hyphens: try {names.alias_from(marker)}"
        raise UsageError(text)
    return marker


def _wanted(standing: Standing, who: str, asked: Rubric, item: str | None) -> Sequence[Item]:
    """Return what is asked now."""
    if item is None:
        return standing.wanted(who)
    known = {one.id: one for one in asked.items}
    if item not in known:
        text = f"--item {quoted(item)}: no such item, {suggestion(item, known)}"
        raise UsageError(text)
    mine = who in standing.markers[:MARKERS]
    if mine and standing.shown:
        text = f"--item {item}: expected marks that nobody has seen, found that both have marked everything: they stand"
        raise UsageError(text)
    if not mine and known[item] not in standing.wanted(who):
        text = f"--item {item}: expected an item that {who} is asked, found {_why_not(standing, who)}"
        raise UsageError(text)
    return (known[item],)


def _why_not(standing: Standing, who: str) -> str:
    two = " and ".join(standing.markers[:MARKERS])
    if who in standing.markers[:MARKERS]:
        return "that you have marked everything; --item ID asks one again until the other has finished as well"
    if not standing.shown:
        return f"that {two} are marking and have not finished: a third comes in where they differ"
    if who in standing.markers:
        return "that you have settled what they differed on"
    return f"that {two} differ by more than a step on nothing that is open"


def _nothing(standing: Standing, who: str) -> ExitCode:
    console.line(f"nothing to mark: found {_why_not(standing, who)}")
    if standing.points is not None:
        console.line(f"human points {number(standing.points)} of {number(standing.possible)}")
    return ExitCode.PASSED


def _ask_all(items: Sequence[Item], sitting: _Sitting) -> None:
    grading, who = sitting.grading, sitting.who
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")  # bytes that are no text are somebody's sentence all the same
    kept = 0
    console.line(
        f"{grading.name} | {grading.exercise.id} {grading.exercise.version} | {who} marks {count(len(items), 'item')}"
    )
    console.paragraph(
        f"Each mark is kept as you give it. {_STOP} stops, {_SKIP} leaves an item for later, {_HELP} shows it again. "
        "Look at the submission, not at its result."
    )
    try:
        for n, item in enumerate(items, 1):
            found = _ask(item, f"{n} of {len(items)}")
            if found is not None:
                value, evidence = found
                made = Mark(marker=who, item=item.id, mark=value, evidence=evidence, at=_now())
                marking.add(sitting.home, grading, sitting.asked, made)
                kept += 1
    except _Stopped:
        console.line()
    except EOFError as error:
        text = f"expected a mark, found the end of the input; kept before it: {count(kept, 'mark')}"
        raise UsageError(text) from error
    except KeyboardInterrupt:
        console.notice(f"kept: {count(kept, 'mark')}; go on with {again.on('mark', str(sitting.path))} --as {who}")
        raise


def _ask(item: Item, place: str) -> tuple[int, str] | None:
    """Return the mark and the sentence, None for an item that is left for later. Raises _Stopped, EOFError."""
    _show(item, place)
    while True:
        said = _read(f"mark {LOWEST}-{HIGHEST}: ").lower()
        if said == _HELP:
            _show(item, place)
            continue
        value = _value(said)
        if value is None and said != _SKIP:
            console.line(
                f"expected a number from {LOWEST} to {HIGHEST}, or {_SKIP}, {_STOP}, {_HELP}; found {quoted(said)}"
            )
            continue
        return None if value is None else _evidence(value)


def _evidence(value: int) -> tuple[int, str] | None:
    while True:
        said = " ".join(_read("seen where, in one sentence: ").split())
        if said.lower() == _SKIP:
            return None
        kept = len(book.as_kept(said))
        if len(said) >= _SHORTEST and kept <= MAX_EVIDENCE:
            return value, said
        found = f"{len(said)} characters" + (f", {kept} as kept: some are no UTF-8" if kept != len(said) else "")
        console.line(
            f"expected a sentence of {_SHORTEST} to {MAX_EVIDENCE} characters that says what you saw, found {found}"
        )


def _value(said: str) -> int | None:
    return int(said) if said in {str(n) for n in range(LOWEST, HIGHEST + 1)} else None


def _read(prompt: str) -> str:
    try:
        said = input(prompt)
    except RuntimeError as error:  # there is no standard input at all
        raise EOFError from error
    if said.strip().lower() == _STOP:
        raise _Stopped
    return said.strip()


def _show(item: Item, place: str) -> None:
    console.line()
    console.paragraph(f"{item.title} ({number(item.points)} points)", first=f"{place}  ", rest="   ")
    console.paragraph(item.question, first="   ", rest="   ")
    if item.look:
        console.paragraph(", ".join(item.look), first="   look at  ", rest="            ")
    anchors = item.anchors
    for n, words in ((1, anchors.low), (2, ""), (3, anchors.middle), (4, ""), (5, anchors.high)):
        console.paragraph(words or "between", first=f"   {n}  ", rest="      ")


def _end(sitting: _Sitting) -> ExitCode:
    standing, who = sitting.standing(), sitting.who
    console.line(f"kept in {marking.place(sitting.home, who)}")
    missing = standing.wanted(who)
    if missing:
        console.line(f"left for later: {', '.join(one.id for one in missing)}")
    elif not standing.shown:
        console.line("marked by one of two: somebody else marks it next, and sees nothing of yours")
    elif standing.points is not None:
        console.line(
            f"human points {number(standing.points)} of {number(standing.possible)}: {again.on('report', str(sitting.path))}"
        )
    else:
        disputed = ", ".join(one.item.id for one in standing.items if one.state is State.DISPUTED)
        console.line(f"the two differ by more than a step on {disputed}: a third person marks that, --as their name")
    return ExitCode.PASSED


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
