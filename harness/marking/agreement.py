"""How far two people agree who marked the same work without seeing each other's marks. Pure.

Cohen's kappa is the share of agreement beyond what two people with these habits would reach by chance::

    kappa = (p_o - p_e) / (1 - p_e)

with ``p_o`` the share of equal marks and ``p_e`` the sum over all marks of the product of how often each of the two gives it
(J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20, 1960). It takes 1
and 2 for as unlike as 1 and 5. The weighted kappa counts by how far two marks lie apart::

    kappa_w = 1 - sum(|i - j| o_ij) / sum(|i - j| e_ij)

with ``o_ij`` the observed and ``e_ij`` the expected shares (J. Cohen, "Weighted kappa", Psychological Bulletin 70, 1968;
linear weights). Both are undefined, here None, where both people gave one and the same mark to everything: chance alone
would have agreed. Neither says much for a few pairs: ``pairs`` belongs beside them.

In a pair the marks are in the order of the markers' names, so that two people keep their columns over a cohort; where the
people change, a column is several people, and kappa says how far the marking agrees, not two persons.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from harness.marking.standing import STEP, Standing

ALL = "all items"
ENOUGH = 0.6
"""Kappa under which an item is to be reworded or retired, once there are pairs enough to say so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Agreement:
    """How far two markers agree on an item, over a cohort."""

    item: str
    """Its id, or :data:`ALL`."""
    title: str
    pairs: int
    """Submissions that two people marked."""
    same: float | None
    """Share of pairs with equal marks, 0 to 1; None without pairs."""
    near: float | None
    """Share of pairs that are at most one step apart."""
    kappa: float | None
    weighted: float | None


def agreements(standings: Iterable[Standing]) -> tuple[Agreement, ...]:
    """Return how far the markers of a cohort agree, item by item in the rubric's order, and last over all items.

    Nothing for a cohort that two people have not begun to mark.
    """
    titles: dict[str, str] = {}
    pairs: dict[str, list[tuple[int, int]]] = {}
    for standing in standings:
        for one in standing.items:
            titles.setdefault(one.item.id, one.item.title)
            if one.pair is not None:
                pairs.setdefault(one.item.id, []).append(one.pair)
    if not pairs:
        return ()
    each = [agreement(pairs.get(name, ()), item=name, title=title) for name, title in titles.items()]
    return (*each, agreement([pair for found in pairs.values() for pair in found], item=ALL, title=ALL))


def agreement(pairs: Sequence[tuple[int, int]], *, item: str = ALL, title: str = ALL) -> Agreement:
    """Return how far pairs of marks agree."""
    count = len(pairs)
    return Agreement(
        item=item,
        title=title,
        pairs=count,
        same=sum(one == other for one, other in pairs) / count if count else None,
        near=sum(abs(one - other) <= STEP for one, other in pairs) / count if count else None,
        kappa=_beyond_chance(pairs, lambda one, other: int(one != other)),
        weighted=_beyond_chance(pairs, lambda one, other: abs(one - other)),
    )


def _beyond_chance(pairs: Sequence[tuple[int, int]], apart: Callable[[int, int], int]) -> float | None:
    """Return 1 less the observed distance over that expected by chance: kappa, when all unlike marks are equally far apart."""
    observed = sum(apart(one, other) for one, other in pairs) * len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    expected = sum(apart(one, other) * n * m for one, n in first.items() for other, m in second.items())
    return float(1 - Fraction(observed, expected)) if expected else None
