"""Who of a cohort handed in nearly the same: what each wrote anew, compared by fingerprints. Pure.

What it finds is a share of text, and no more: not who wrote first, not that anybody copied, not that it was forbidden.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SHARE = 0.8
"""From which share of the smaller of two on they are nearly the same. Solutions of unlike design by one author, who kept the
starter's helpers and their own tests, have up to 0.68 in common where one took the other's text over and 0.31 where not; a
solution and the same with one mistake put in, 0.88 and more (docs/reference/cohort.md)."""
FEWEST = 40
"""Fingerprints below which nothing is compared, about 20 lines: what is so short can be done in few ways."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Two that have nearly the same, by whatever names them."""

    one: str
    other: str
    of_one: float
    """The share of what ``one`` wrote that ``other`` wrote as well."""
    of_other: float

    @property
    def share(self) -> float:
        """The share of the one who wrote less: text that was added does not lower it."""
        return max(self.of_one, self.of_other)


def pairs(written: Mapping[str, frozenset[int]]) -> tuple[Pair, ...]:
    """Return who has nearly the same as whom, the nearest first. ``written``: who -> fingerprints of what they wrote."""
    enough = [(who, found) for who, found in written.items() if len(found) >= FEWEST]
    made = []
    for (one, mine), (other, theirs) in itertools.combinations(enough, 2):
        common = len(mine & theirs)
        if common >= SHARE * min(len(mine), len(theirs)):
            made.append(Pair(one=one, other=other, of_one=common / len(mine), of_other=common / len(theirs)))
    return tuple(sorted(made, key=lambda pair: (-pair.share, -min(pair.of_one, pair.of_other), pair.one, pair.other)))


def groups(found: Iterable[Pair]) -> tuple[tuple[str, ...], ...]:
    """Return those who hang together by pairs, the largest group first."""
    homes: dict[str, list[str]] = {}
    for pair in found:
        one, other = (homes.setdefault(who, [who]) for who in (pair.one, pair.other))
        if one is not other:
            one += other
            homes.update(dict.fromkeys(other, one))
    different = {id(home): tuple(sorted(home)) for home in homes.values()}
    return tuple(sorted(different.values(), key=lambda group: (-len(group), group)))
