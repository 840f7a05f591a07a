"""Where the parts of a picture stand: numbers for a template, which only prints them.

Two pictures: the sequence of a counterexample, and the timeline of a grading. Lengths are those of an SVG's own units,
about a pixel each where there is room.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.model import Mark
from harness.reports.sequence import Kind, Step, Story
from harness.reports.text import WHOLE, number, one_line, wrapped

_GUTTER, _LANE = 72, 212
_LINE_HEIGHT = 15
_CHARS = 29
"""Characters of a label between two neighbours, in the widest of usual typefaces."""
_MOST_LINES = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One step of a sequence, drawn."""

    step: Step
    y: float
    """Of its arrow, or of the middle of its box."""
    x1: float
    x2: float
    """Ends of its arrow; equal where it has none."""
    label: tuple[tuple[float, str], ...]
    """Lines, each with the height it stands at."""
    label_x: float
    top: float
    height: float
    """Of its box."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """A stretch of a lane."""

    x: float
    y1: float
    y2: float
    down: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A sequence, drawn."""

    width: float
    height: float
    lanes: tuple[tuple[float, str], ...]
    rows: tuple[Row, ...]
    lives: tuple[Life, ...]
    lane_width: float = _LANE


def sequence(story: Story) -> Picture:
    """Return where everything of a story stands."""
    middle = {lane: _GUTTER + _LANE * (n + 0.5) for n, lane in enumerate(story.lanes)}
    rows: list[Row] = []
    y = 52.0
    for step in story.steps:
        row = _row(step, y, middle)
        rows.append(row)
        y = row.top + row.height + 10
    return Picture(
        width=_GUTTER + _LANE * max(1, len(story.lanes)),
        height=y + 6,
        lanes=tuple((middle[lane], lane) for lane in story.lanes),
        rows=tuple(rows),
        lives=tuple(life for lane in story.lanes for life in _lives(lane, middle[lane], rows, y)),
    )


def _row(step: Step, top: float, middle: dict[str, float]) -> Row:
    x1, x2 = middle.get(step.source, 0.0), middle.get(step.target, 0.0)
    arrow = x1 != x2
    everybody = not x1 and not x2
    spans = max(1, round(abs(x2 - x1) / _LANE)) if arrow else len(middle) if everybody else 1
    lines = _lines(step.label, _CHARS * spans - (3 if step.named else 0))
    height = _LINE_HEIGHT * len(lines) + (8 if arrow else 12)
    if everybody:
        x1 = x2 = (min(middle.values(), default=_GUTTER) + max(middle.values(), default=_GUTTER)) / 2
    first = top + 11 + (0 if arrow else 5)
    return Row(
        step=step,
        y=top + height - 1 if arrow else top + height / 2,
        x1=x1,
        x2=x2,
        label=tuple((first + n * _LINE_HEIGHT, line) for n, line in enumerate(lines)),
        label_x=(x1 + x2) / 2,
        top=top,
        height=height,
    )


def _lines(label: str, width: int) -> list[str]:
    lines = wrapped(one_line(label, WHOLE), width=max(8, width))
    if len(lines) <= _MOST_LINES:
        return lines
    return [*lines[: _MOST_LINES - 1], one_line(" ".join(lines[_MOST_LINES - 1 :]), width)]


def _lives(lane: str, x: float, rows: Iterable[Row], end: float) -> Iterable[Life]:
    """Yield the stretches of a lane between what stopped it and what brought it back."""
    since, down = 36.0, False
    for row in rows:
        if row.step.source != lane or row.step.kind not in {Kind.DOWN, Kind.UP} or down is (row.step.kind is Kind.DOWN):
            continue
        yield Life(x=x, y1=since, y2=row.y, down=down)
        since, down = row.y, not down
    yield Life(x=x, y1=since, y2=end, down=down)


_LEFT, _RIGHT, _CHART = 132.0, 12.0, 1060.0
_FAULT_HEIGHT, _FAULT_GAP, _SHARE_HEIGHT = 15.0, 7.0, 96.0
_SHORTEST = 0.001
"""Seconds that fill the picture when less was recorded: a scale of no length is no number."""
_MOST_FAULTS = 12
_MOST_COLUMNS = 240
_MOST_TICKS = 12
_TICKS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_SHARE = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Something with a beginning and an end."""

    start: float
    end: float
    x: float
    width: float
    said: str
    """What a reader who points at it is told; a row of the table says the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """Spans of one kind."""

    name: str
    y: float
    spans: tuple[Span, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """How requests were answered in a stretch of time."""

    span: Span
    right: int
    asked: int
    good: float
    """Height of the part that was answered rightly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """When something went wrong that a number of the report tells of."""

    n: int
    about: str
    span: Span
    level: int
    """Findings that overlap stand one below the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """A grading, drawn."""

    width: float
    height: float
    left: float
    right: float
    lanes: tuple[Lane, ...]
    columns: tuple[Column, ...]
    share_top: float
    share_height: float
    findings: tuple[Finding, ...]
    findings_top: float
    ticks: tuple[tuple[float, str], ...]
    column_seconds: float

    @property
    def faults(self) -> tuple[tuple[str, Span], ...]:
        """Every fault with its kind, in the order of time."""
        return tuple(
            sorted(((lane.name, span) for lane in self.lanes for span in lane.spans), key=lambda one: one[1].start)
        )


def timeline(marks: Sequence[Mark], findings: Sequence[tuple[int, str, float, float]] = ()) -> Timeline | None:
    """Return where marks stand, or None when there is nothing to draw.

    ``findings`` are number, name, beginning and end of what the report tells elsewhere.
    """
    sane = [mark for mark in marks if 0 <= mark.start_seconds <= mark.end_seconds]
    end = max((mark.end_seconds for mark in sane), default=0.0)
    if end <= 0:
        return None
    scale = (_CHART - _LEFT - _RIGHT) / max(end, _SHORTEST)
    lanes = _fault_lanes([mark for mark in sane if mark.kind == "fault"], scale)
    share_top = 8 + len(lanes) * (_FAULT_HEIGHT + _FAULT_GAP) + (12 if lanes else 0)
    seconds, columns = _columns(sane, end, scale)
    placed = _findings([one for one in findings if 0 <= one[2] <= one[3] <= end], scale)
    findings_top = share_top + (_SHARE_HEIGHT + 12 if columns else 0)
    bottom = findings_top + (1 + max((one.level for one in placed), default=-1)) * (_FAULT_HEIGHT + 4)
    return Timeline(
        width=_CHART,
        height=bottom + 24,
        left=_LEFT,
        right=_CHART - _RIGHT,
        lanes=lanes,
        columns=columns,
        share_top=share_top,
        share_height=_SHARE_HEIGHT,
        findings=placed,
        findings_top=findings_top,
        ticks=_ticks(end, scale),
        column_seconds=seconds,
    )


def _fault_lanes(faults: Sequence[Mark], scale: float) -> tuple[Lane, ...]:
    kinds = list(dict.fromkeys(mark.label for mark in sorted(faults, key=lambda mark: mark.start_seconds)))
    own = kinds if len(kinds) <= _MOST_FAULTS else kinds[: _MOST_FAULTS - 1]
    rows = [(kind, [mark for mark in faults if mark.label == kind]) for kind in own]
    if len(own) < len(kinds):
        rows.append((f"{len(kinds) - len(own)} more kinds", [mark for mark in faults if mark.label not in own]))
    return tuple(
        Lane(
            name=name,
            y=8 + n * (_FAULT_HEIGHT + _FAULT_GAP),
            spans=tuple(_span(mark.start_seconds, mark.end_seconds, scale, mark.label, least=3.0) for mark in of),
        )
        for n, (name, of) in enumerate(rows)
    )


def _span(start: float, end: float, scale: float, what: str, *, least: float) -> Span:
    said = f"{what}: {number(round(start, 2))} to {number(round(end, 2))} s"
    return Span(start=start, end=end, x=_LEFT + start * scale, width=max(least, (end - start) * scale), said=said)


def _columns(marks: Sequence[Mark], end: float, scale: float) -> tuple[float, tuple[Column, ...]]:
    """Return sums over stretches of whole seconds, no more of them than can be told apart."""
    seconds = max(1, math.ceil(end / _MOST_COLUMNS))
    sums: dict[int, list[int]] = {}
    for mark in marks:
        share = _SHARE.fullmatch(mark.label) if mark.kind == "answered" else None
        if share is not None:
            both = sums.setdefault(int(mark.start_seconds / seconds), [0, 0])
            both[0] += int(share[1])
            both[1] += int(share[2])
    return float(seconds), tuple(
        _column(n * seconds, min((n + 1) * seconds, max(end, n * seconds + 0.001)), min(right, asked), asked, scale)
        for n, (right, asked) in sorted(sums.items())
        if asked > 0
    )


def _column(start: float, end: float, right: int, asked: int, scale: float) -> Column:
    what = f"{right} of {asked} answered rightly ({math.floor(100 * right / asked)} %)"
    span = _span(start, end, scale, what, least=1.0)
    return Column(span=span, right=right, asked=asked, good=_SHARE_HEIGHT * right / asked)


def _findings(found: Sequence[tuple[int, str, float, float]], scale: float) -> tuple[Finding, ...]:
    ends: list[float] = []
    placed = []
    for n, name, start, end in sorted(found, key=lambda one: one[2]):
        span = _span(start, end, scale, f"{n} {name}", least=22.0)
        level = next((level for level, taken in enumerate(ends) if taken <= span.x), len(ends))
        ends[level:] = [span.x + span.width + 3, *ends[level + 1 :]]
        placed.append(Finding(n=n, about=name, span=span, level=level))
    return tuple(placed)


def _ticks(end: float, scale: float) -> tuple[tuple[float, str], ...]:
    every = next((each for each in _TICKS if end / each <= _MOST_TICKS), math.ceil(end / _MOST_TICKS))
    return tuple((_LEFT + n * every * scale, str(n * every)) for n in range(int(end // every) + 1))
