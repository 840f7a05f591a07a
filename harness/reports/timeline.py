"""The fault timeline as rows of characters: one letter a fault, one digit for how many requests were answered."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.model import Mark

_RULER = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)
_SHARE = re.compile(r"(\d{1,9})/(\d{1,9})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One kind of fault, and when it was on."""

    letter: str
    name: str
    times: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lanes:
    """Rows of equal length; a column is ``seconds_per_column``."""

    ruler: str
    """Seconds, each number starting at its own column."""
    faults: str
    """A letter while a fault was on, ``*`` for two or more kinds, ``-`` for none."""
    answered: str
    """Tenths of the requests answered rightly, 9 for 90 % and more; ``.`` where none was asked."""
    legend: tuple[Fault, ...]
    seconds_per_column: float


def lanes(marks: Sequence[Mark], columns: int) -> Lanes | None:
    """Return the timeline in at most ``columns`` columns, or None when there is nothing to draw."""
    sane = [mark for mark in marks if 0 <= mark.start_seconds <= mark.end_seconds]
    end = max((mark.end_seconds for mark in sane), default=0.0)
    if end <= 0:
        return None
    step = next((each for each in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if end / each <= columns), end / columns)
    width = max(1, min(columns, math.ceil(end / step)))
    legend = _legend(mark for mark in sane if mark.kind == "fault")
    return Lanes(
        ruler=_ruler(width, step),
        faults="".join(_letter(legend, n * step, (n + 1) * step) for n in range(width)),
        answered=_answered(sane, width, step),
        legend=legend,
        seconds_per_column=step,
    )


def _legend(faults: Iterable[Mark]) -> tuple[Fault, ...]:
    times: dict[str, list[tuple[float, float]]] = {}
    for mark in sorted(faults, key=lambda mark: mark.start_seconds):
        times.setdefault(mark.label, []).append((mark.start_seconds, mark.end_seconds))
    taken: dict[str, str] = {}
    for name in times:
        wanted = [char for char in name.upper() if "A" <= char <= "Z"] + [chr(code) for code in range(65, 91)]
        taken[name] = next((char for char in wanted if char not in taken.values()), "?")
    return tuple(Fault(letter=taken[name], name=name, times=tuple(spans)) for name, spans in times.items())


def _letter(legend: Sequence[Fault], start: float, end: float) -> str:
    # A fault that begins in a column is seen there however short it was; one that ends at its edge is not.
    on = [
        fault.letter
        for fault in legend
        if any(start <= first < end or (first < start and last > start) for first, last in fault.times)
    ]
    return ("-", on[0] if on else "-", "*")[min(len(on), 2)]


def _answered(marks: Sequence[Mark], width: int, step: float) -> str:
    right, asked = [0.0] * width, [0.0] * width
    for mark in marks:
        share = _SHARE.fullmatch(mark.label) if mark.kind == "answered" else None
        if share is None:
            continue
        first = min(int(mark.start_seconds / step), width - 1)
        last = min(max(first, int((mark.end_seconds - 1e-9) / step)), width - 1)
        for column in range(first, last + 1):
            right[column] += int(share[1]) / (last - first + 1)
            asked[column] += int(share[2]) / (last - first + 1)
    return "".join(
        str(min(9, int(10 * good / total + 1e-9))) if total > 0 else "."
        for good, total in zip(right, asked, strict=True)
    )


def _ruler(width: int, step: float) -> str:
    every = next((each for each in _RULER if each / step >= 10), _RULER[-1])  # noqa: PLR2004 - columns a number needs
    row = [" "] * (width + 6)
    for n in range(int(width * step // every) + 1):
        label = str(n * every)
        column = round(n * every / step)
        row[column : column + len(label)] = label
    return "".join(row).rstrip() + " s"
