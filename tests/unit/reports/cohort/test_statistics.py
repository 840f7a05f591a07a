"""Item statistics: what always holds of them, and values worked out elsewhere."""

from __future__ import annotations

import itertools
import math
import statistics as stdlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.reports.cohort import statistics

SHARE = st.floats(min_value=0, max_value=1)
CREDIT = st.sampled_from([0.0, 0.25, 0.5, 0.7, 1.0])
POINTS = st.integers(min_value=0, max_value=100).map(float)
PAIRS = st.lists(st.tuples(CREDIT, POINTS), min_size=statistics.FEWEST_FOR_DISCRIMINATION, max_size=60)
TOTALS = st.lists(POINTS, min_size=statistics.FEWEST_FOR_PERCENTILES, max_size=80)


def found(pairs: list[tuple[float, float]]) -> statistics.Discrimination:
    """Return the discrimination of pairs, where it is defined."""
    made = statistics.discrimination([credit for credit, _ in pairs], [rest for _, rest in pairs])
    assume(made is not None)
    assert made is not None
    return made


@given(st.lists(SHARE, max_size=60))
def test_difficulty_is_a_share_of_what_could_be_earned(earned: list[float]) -> None:
    """It lies between the least and the most that anybody earned, and is not given for few."""
    value = statistics.difficulty(earned)

    if len(earned) < statistics.FEWEST_FOR_DIFFICULTY:
        assert value is None
    else:
        assert value is not None
        assert min(earned) - 1e-12 <= value <= max(earned) + 1e-12


@given(PAIRS)
def test_discrimination_lies_in_its_interval(pairs: list[tuple[float, float]]) -> None:
    """A correlation, between -1 and 1, with its interval around it."""
    made = found(pairs)

    assert -1 <= made.lowest <= made.value <= made.highest <= 1


@given(PAIRS, st.integers(min_value=1, max_value=9), st.integers(min_value=-50, max_value=50))
def test_discrimination_knows_no_scale(pairs: list[tuple[float, float]], factor: int, shift: int) -> None:
    """Points that are worth more, or begin elsewhere, tell people apart just as well."""
    other = found([(credit, rest * factor + shift) for credit, rest in pairs])

    assert other.value == pytest.approx(found(pairs).value, abs=1e-6)


@given(PAIRS)
def test_discrimination_turns_with_the_check(pairs: list[tuple[float, float]]) -> None:
    """A check that is passed exactly where it was not has the opposite value."""
    other = found([(1 - credit, rest) for credit, rest in pairs])

    assert other.value == pytest.approx(-found(pairs).value, abs=1e-9)


@given(PAIRS)
def test_discrimination_knows_no_order(pairs: list[tuple[float, float]]) -> None:
    """Who was graded first is no matter."""
    turned = list(reversed(pairs))

    assert found(turned).value == pytest.approx(found(pairs).value, abs=1e-9)


@given(CREDIT, st.lists(POINTS, min_size=10, max_size=40))
def test_discrimination_is_not_defined_where_all_went_alike(credit: float, rests: list[float]) -> None:
    """What nobody, or everybody, earned tells nobody apart: that is said by no number."""
    same = [credit] * len(rests)

    assert statistics.discrimination(same, rests) is None
    assert statistics.discrimination(rests, same) is None


def test_discrimination_is_a_point_biserial_with_fishers_interval() -> None:
    """Worked out by hand: ten gradings, a check passed by the five with the higher rest."""
    earned, rests = [0.0] * 5 + [1.0] * 5, [float(n) for n in range(1, 11)]
    # r = (M1 - M0) / s * sqrt(pq) with M1 = 8, M0 = 3, s^2 = 8.25, p = q = 1/2
    by_hand = (8 - 3) / math.sqrt(8.25) * 0.5

    made = statistics.discrimination(earned, rests)

    assert made is not None
    assert made.value == pytest.approx(by_hand)
    half = 1.959964 / math.sqrt(7)
    assert made.lowest == pytest.approx(math.tanh(math.atanh(by_hand) - half), abs=1e-6)
    assert made.highest == pytest.approx(math.tanh(math.atanh(by_hand) + half), abs=1e-6)


def test_discrimination_is_silent_for_few() -> None:
    """Nine gradings are one too few, however clear they look."""
    earned, rests = [0.0] * 4 + [1.0] * 5, [float(n) for n in range(9)]

    assert statistics.discrimination(earned, rests) is None


def test_discrimination_refuses_lists_of_two_people() -> None:
    """A rest belongs to a credit: lists of unlike length are a bug of the caller."""
    with pytest.raises(ValueError, match="expected as many rests"):
        statistics.discrimination([1.0] * 10, [1.0] * 11)


@given(TOTALS)
def test_percentiles_of_all_have_the_mean_50(totals: list[float]) -> None:
    """Whatever is tied: the convention of midpoints."""
    ranks = [statistics.percentile(total, totals) for total in totals]

    assert stdlib.fmean(rank for rank in ranks if rank is not None) == pytest.approx(50)
    assert all(rank is not None and 0 < rank < 100 for rank in ranks)


@given(TOTALS)
def test_percentiles_keep_the_order(totals: list[float]) -> None:
    """More points, a higher rank; the same points, the same rank."""
    ranked = sorted((total, statistics.percentile(total, totals) or 0.0) for total in totals)

    for (total, rank), (more, higher) in itertools.pairwise(ranked):
        assert (total < more) == (rank < higher)


@pytest.mark.parametrize("amount", [1, 14, 29])
def test_percentiles_are_silent_for_few(amount: int) -> None:
    """A rank among 29 is none."""
    assert statistics.percentile(50, [50.0] * amount) is None


def test_percentile_of_thirty() -> None:
    """30 different totals: the best has half a person above."""
    assert statistics.percentile(30, [float(n) for n in range(1, 31)]) == pytest.approx(100 * 29.5 / 30)
