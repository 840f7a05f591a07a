"""How the marks of one submission stand: pure, and blind until both have marked.

Two people mark each item without seeing the other's mark. Where the two differ by more than one step, a third marks that
item too. Whoever reads a :class:`Standing` sees no mark before the two have marked everything, so no page can show one too
early.
"""

from __future__ import annotations

import enum
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.marking.rubric import HIGHEST, LOWEST, Item, Talk

MARKERS = 2
"""Who mark everything; one more comes in where they differ."""
STEP = 1
"""What two markers may differ by."""
ANYBODY = ""
"""Who has not marked yet, in :attr:`Standing.asked`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """What one person says of one item."""

    marker: str
    item: str
    mark: int
    """1 to 5."""
    evidence: str
    """One sentence: what was seen, and where."""
    at: str
    """ISO 8601, UTC."""


class State(enum.StrEnum):
    """How far an item is."""

    UNMARKED = "not marked"
    ONE = "marked by one of two"
    WAITING = "marked by two, shown when they have marked everything"
    SETTLED = "settled"
    DISPUTED = "the two differ by more than a step: a third is wanted"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stands:
    """How one item stands."""

    item: Item
    state: State
    marks: tuple[Mark, ...] = ()
    """By name of the marker, the two before the third; empty until they are shown."""
    mark: float | None = None
    """The mean of two, the median of three; None unless settled."""

    @property
    def points(self) -> float | None:
        """Human points of the item: none for a 1, all for a 5, linear between; None unless settled."""
        if self.mark is None:
            return None
        return self.item.points * (self.mark - LOWEST) / (HIGHEST - LOWEST)

    @property
    def pair(self) -> tuple[int, int] | None:
        """The marks of the two, to compare; None until they are shown."""
        return (self.marks[0].mark, self.marks[1].mark) if len(self.marks) >= MARKERS else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a submission stands with the people who mark it."""

    items: tuple[Stands, ...]
    markers: tuple[str, ...]
    """Who have begun, in that order: the first two mark everything, others what is disputed."""
    shown: bool
    """Whether the two have marked everything, so that marks may be seen."""

    @property
    def possible(self) -> float:
        """Human points that there are. Never part of the automatic hundred."""
        return sum(one.item.points for one in self.items)

    @property
    def points(self) -> float | None:
        """Human points; None while an item is open."""
        points = [one.points for one in self.items]
        known = [one for one in points if one is not None]
        return sum(known) if len(known) == len(points) else None

    @property
    def open(self) -> tuple[Stands, ...]:
        """Items that are not settled."""
        return tuple(one for one in self.items if one.state is not State.SETTLED)

    asked: Mapping[str, tuple[Item, ...]]
    """Marker -> what they should still mark; under "" for everybody else."""
    talk: tuple[Talk, ...] = ()
    """What those who wrote the exercise would ask in an interview."""

    def wanted(self, marker: str) -> tuple[Item, ...]:
        """Return what is to be asked of ``marker`` now: all items of the two, of anybody else those in dispute."""
        return self.asked.get(marker, self.asked[ANYBODY])


def stand(items: Sequence[Item], marks: Iterable[Mark], talk: Sequence[Talk] = ()) -> Standing:
    """Return how the marks of one submission stand. Of several by one person on one item the last counts."""
    last = {(one.marker, one.item): one for one in sorted(marks, key=lambda one: one.at)}
    begun: dict[str, str] = {}
    for one in last.values():
        begun[one.marker] = min(begun.get(one.marker, one.at), one.at)
    markers = sorted(begun, key=lambda marker: (begun[marker], marker))
    two, others = markers[:MARKERS], markers[MARKERS:]
    missing = {marker: tuple(item for item in items if (marker, item.id) not in last) for marker in two}
    shown = len(two) == MARKERS and not any(missing.values())
    stands = tuple(_stands(item, last, sorted(two), others, shown=shown) for item in items)
    disputed = tuple(one.item for one in stands if one.state is State.DISPUTED)
    anybody = tuple(items) if len(two) < MARKERS else disputed
    asked = {**missing, ANYBODY: anybody}
    return Standing(items=stands, markers=tuple(markers), shown=shown, asked=asked, talk=tuple(talk))


def _stands(
    item: Item, last: Mapping[tuple[str, str], Mark], two: Sequence[str], others: Sequence[str], *, shown: bool
) -> Stands:
    found = [last[marker, item.id] for marker in two if (marker, item.id) in last]
    if not shown:
        return Stands(item=item, state=(State.UNMARKED, State.ONE, State.WAITING)[len(found)])
    one, other = found
    if abs(one.mark - other.mark) <= STEP:
        return Stands(item=item, state=State.SETTLED, marks=(one, other), mark=(one.mark + other.mark) / 2)
    third = next((last[marker, item.id] for marker in others if (marker, item.id) in last), None)
    if third is None:
        return Stands(item=item, state=State.DISPUTED, marks=(one, other))
    middle = statistics.median((one.mark, other.mark, third.mark))
    return Stands(item=item, state=State.SETTLED, marks=(one, other, third), mark=float(middle))
