"""What a cohort says about its checks and its people, by classical test theory: pure arithmetic, nothing is fitted.

A check is an *item*; its *credit* is what it gave, from 0 to 1. Few gradings say little, so each figure has a number of
gradings below which it is not given at all: silence is better than a figure that the next candidate turns round.

Sources, by the name that a docstring below gives them:

* Crocker and Algina: L. Crocker, J. Algina, *Introduction to Classical and Modern Test Theory*, Holt, 1986.
* Henrysson: S. Henrysson, "Correction of item-total correlations in item analysis", *Psychometrika* 28 (1963), 211-218.
* Fisher: R. A. Fisher, "On the 'probable error' of a coefficient of correlation deduced from a small sample", *Metron* 1
  (1921), 3-32.
* Ebel: R. L. Ebel, *Measuring Educational Achievement*, Prentice-Hall, 1965.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FEWEST_FOR_DIFFICULTY = 5
"""Below it the counts themselves ("3 of 4 passed") say as much."""
FEWEST_FOR_DISCRIMINATION = 10
"""Below it the interval of a correlation spans almost everything: with 9 gradings that of 0.5 is -0.25 to 0.87."""
FEWEST_FOR_PERCENTILES = 30
"""Below it one candidate is more than three percent of all."""
GOOD_DISCRIMINATION = 0.4
"""From it on Ebel calls an item very good. Where even the upper end of the interval is below, a check is to be looked at."""
_NORMAL_95 = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, kw_only=True, slots=True)
class Discrimination:
    """How a check goes with the rest of the grading."""

    value: float
    """From -1 to 1."""
    lowest: float
    """The ends of the 95 % interval."""
    highest: float


def difficulty(earned: Sequence[float]) -> float | None:
    """Return the mean credit of a check: 1 where everybody earned all of it, so a low one is a hard check.

    The item difficulty *p* of Crocker and Algina (chapter 14), for partial credit the mean item score as a share of its
    maximum. None below ``FEWEST_FOR_DIFFICULTY`` gradings.
    """
    if len(earned) < FEWEST_FOR_DIFFICULTY:
        return None
    return _within(math.fsum(earned) / len(earned), 0.0, 1.0)


def discrimination(earned: Sequence[float], rests: Sequence[float]) -> Discrimination | None:
    """Return how credit for a check goes with ``rests``, the points for all other checks in the same gradings.

    The product-moment correlation of an item with the total *without* it, which Henrysson gives as the correction of
    the item-total correlation: with the item in its own total, each item would seem to discriminate. The interval is
    Fisher's, by his transformation. About zero, a check tells nobody apart; below, who does well elsewhere does badly
    here, and then the check or its brief is to be looked at. None below ``FEWEST_FOR_DISCRIMINATION`` gradings, and where
    the check, or the rest, went the same for everybody: then it is not defined.
    """
    if len(earned) != len(rests):
        text = f"expected as many rests as earned, found {len(rests)} and {len(earned)}"
        raise ValueError(text)
    if len(earned) < FEWEST_FOR_DISCRIMINATION:
        return None
    value = _correlation(earned, rests)
    if value is None:
        return None
    lowest, highest = _interval(value, len(earned))
    return Discrimination(value=value, lowest=lowest, highest=highest)


def percentile(total: float, totals: Sequence[float]) -> float | None:
    """Return the percentile rank of ``total`` among ``totals``, which it is one of: how many are below, and half of its equals.

    Crocker and Algina (chapter 19) with the convention of midpoints, so that the mean of all ranks is 50 whatever is
    tied. None below ``FEWEST_FOR_PERCENTILES`` gradings.
    """
    if len(totals) < FEWEST_FOR_PERCENTILES:
        return None
    below = sum(other < total for other in totals)
    equal = sum(other == total for other in totals)
    return 100 * (below + equal / 2) / len(totals)


def median(values: Sequence[float]) -> float | None:
    """Return the middle of ``values``; None where there are none."""
    return statistics.median(values) if values else None


def _correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    # Told from the values: what rounding leaves of a variance that is none would be divided by.
    if len(set(left)) == 1 or len(set(right)) == 1:
        return None
    try:
        value = statistics.correlation(left, right)
    except statistics.StatisticsError:  # so close together that no float is between them
        return None
    return _within(value, -1.0, 1.0)


def _interval(value: float, count: int) -> tuple[float, float]:
    if abs(value) == 1:
        return value, value
    centre, half = math.atanh(value), _NORMAL_95 / math.sqrt(count - 3)
    return math.tanh(centre - half), math.tanh(centre + half)


def _within(value: float, lowest: float, highest: float) -> float:
    """Return ``value`` without what rounding put beyond a bound that it cannot pass."""
    return max(lowest, min(highest, value))
