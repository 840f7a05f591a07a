"""Gradings side by side as plain text: a row each, below it in words what a number does not say."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.model import Grading, Status, Verdict
from harness.reports.text import WHOLE, WIDTH, columns, number, one_line, padded, wrapped

_LONGEST_NAME = 24
"""So that the numbers fit beside it; names that are longer are cut in the row alone."""
_LONGEST_REASON = 400
_ROOM = 16
"""Columns in which a path can stand beside a row; a longer one, or with less room, has its own line."""
_INDENT = "  "
_ERROR = "not graded"
_ORDER = (*map(str, Verdict), _ERROR)


class Sort(enum.StrEnum):
    """What rows are ordered by."""

    SCORE = "score"
    """Best first; without a score last."""
    NAME = "name"
    VERDICT = "verdict"
    SECONDS = "seconds"
    """Longest first."""
    GIVEN = "given"
    """As they were named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One submission."""

    name: str
    verdict: str
    score: float | None
    """None where nobody gave one."""
    unshown: int | None
    """Checks of which the submission gave no evidence."""
    inconclusive: int | None
    seconds: float | None
    path: str
    note: str = ""
    """What to know of the row itself, in a word or two: ``kept``."""
    why: tuple[str, ...] = ()
    """Gates that closed and why, or why there is no score: a sentence each."""
    place: int = 0
    """Which of those that were named it was."""


def row(grading: Grading, note: str = "", place: int = 0) -> Row:
    """Return the row of a grading."""
    graded = bool(grading.outcomes)
    statuses = [outcome.status for outcome in grading.outcomes]
    gates = [
        f"{hit.state}: {one_line(hit.gate.title, WHOLE)} (at most {number(hit.cap)})" for hit in grading.score.gates
    ]
    reason = [one_line(grading.reason, _LONGEST_REASON)] if grading.reason else []
    return Row(
        name=grading.name,
        verdict=str(grading.verdict),
        score=grading.score.earned if graded and grading.verdict is not Verdict.REFUSED else None,
        unshown=statuses.count(Status.UNPROVEN) if graded else None,
        inconclusive=statuses.count(Status.INCONCLUSIVE) if graded else None,
        seconds=grading.seconds,
        path=grading.submission_path,
        note=note,
        why=(*gates, *reason),
        place=place,
    )


def without(path: str, name: str, reason: str, place: int = 0) -> Row:
    """Return the row of a submission that nobody could grade, for a reason that is not its own."""
    return Row(
        name=name,
        verdict=_ERROR,
        score=None,
        unshown=None,
        inconclusive=None,
        seconds=None,
        path=path,
        why=(one_line(reason, _LONGEST_REASON),),
        place=place,
    )


def lines(rows: Iterable[Row], sort: Sort = Sort.SCORE) -> list[str]:
    """Return the whole table, headings first, at most ``WIDTH`` columns wide; nothing for no rows."""
    ordered = sorted(rows, key=_KEYS[sort])
    if not ordered:
        return []
    names = [one_line(one.name, _LONGEST_NAME) for one in ordered]
    width = max(map(columns, ("name", *names)))
    head = [f"{'':<{width}} {'':<12} {'':>6} {'not':>5} {'incon-':>7} {'':>7}", _facts(width, "name", _HEADINGS)]
    made = [line.rstrip() for line in head]
    for name, one in zip(names, ordered, strict=True):
        made += _row(_facts(width, name, _cells(one)), one)
    return made


_HEADINGS = ("verdict", "score", "shown", "clusive", "seconds")


def _cells(one: Row) -> Sequence[str]:
    counts = ["-" if value is None else str(value) for value in (one.unshown, one.inconclusive)]
    points = ["-" if value is None else f"{value:.1f}" for value in (one.score, one.seconds)]
    return (one.verdict, points[0], *counts, points[1])


def _facts(width: int, name: str, cells: Sequence[str]) -> str:
    verdict, score, unshown, inconclusive, seconds = cells
    return f"{padded(name, width)} {verdict:<12} {score:>6} {unshown:>5} {inconclusive:>7} {seconds:>7}"


def _row(facts: str, one: Row) -> list[str]:
    path = one_line(one.path, WHOLE) + (f" ({one.note})" if one.note else "")
    room = WIDTH - columns(facts) - len(_INDENT)
    beside = columns(path) <= room and room >= _ROOM
    first = [f"{facts}{_INDENT}{path}"] if beside else [facts, *wrapped(path, first=_INDENT, rest=_INDENT)]
    return [*first, *(line for text in one.why for line in wrapped(text, first=_INDENT, rest=_INDENT * 2))]


_KEYS: Mapping[Sort, Callable[[Row], tuple[float, str]]] = {
    Sort.SCORE: lambda one: (float("inf") if one.score is None else -one.score, one.name),
    Sort.NAME: lambda one: (0, one.name),
    Sort.VERDICT: lambda one: (_ORDER.index(one.verdict), one.name),
    Sort.SECONDS: lambda one: (-(one.seconds or 0), one.name),
    Sort.GIVEN: lambda one: (one.place, one.name),
}
