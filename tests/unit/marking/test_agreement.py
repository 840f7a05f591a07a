"""Agreement of two markers: against worked examples, a computation of its own, and what must hold of any pairs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.marking import agreement, agreements, stand
from tests.unit.marking.test_standing import ITEMS, everything, mark

Pairs = list[tuple[int, int]]
PAIRS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 5)), max_size=30)


def table(counts: Sequence[Sequence[int]]) -> Pairs:
    """Return the pairs of a table: row, the first's mark; column, the second's."""
    return [(i, j) for i, row in enumerate(counts, 1) for j, n in enumerate(row, 1) for _ in range(n)]


@pytest.mark.parametrize(
    ("counts", "kappa", "weighted"),
    [
        # p_o = 35/50, p_e = (25 * 30 + 25 * 20) / 2500 = 1/2
        ([[20, 5], [10, 15]], 0.4, 0.4),
        # p_o = 60/100, p_e = 54/100; and the same p_o with other habits, p_e = 46/100
        ([[45, 15], [25, 15]], 6 / 46, 6 / 46),
        ([[25, 35], [5, 35]], 14 / 54, 14 / 54),
        # each gives each mark once, and never the same: p_e = 1/3; distances 1 + 1 + 2 of an expected 8/3
        ([[0, 1, 0], [0, 0, 1], [1, 0, 0]], -0.5, -0.5),
        # one step beside counts less than two: p_o = 8/10, p_e = 34/100; distance 2 of an expected 8.4
        ([[3, 1, 0], [0, 3, 1], [0, 0, 2]], (0.8 - 0.34) / (1 - 0.34), 1 - 2 / 8.4),
    ],
)
def test_worked_examples(counts: Sequence[Sequence[int]], kappa: float, weighted: float) -> None:
    """By hand, from the definitions in the two papers."""
    found = agreement(table(counts))
    assert found.kappa == pytest.approx(kappa)
    assert found.weighted == pytest.approx(weighted)


def by_definition(pairs: Pairs, *, weighted: bool) -> float | None:
    """Return kappa from tables of shares, as its papers write it: another way than the one that is used."""
    n, marks = len(pairs), range(1, 6)
    if not n:
        return None
    share = {(i, j): Fraction(sum(pair == (i, j) for pair in pairs), n) for i in marks for j in marks}
    row = {i: sum(share[i, j] for j in marks) for i in marks}
    column = {j: sum(share[i, j] for i in marks) for j in marks}
    if weighted:
        chance = sum(abs(i - j) * row[i] * column[j] for i in marks for j in marks)
        return float(1 - sum(abs(i - j) * share[i, j] for i in marks for j in marks) / chance) if chance else None
    observed, by_chance = sum(share[i, i] for i in marks), sum(row[i] * column[i] for i in marks)
    return float((observed - by_chance) / (1 - by_chance)) if by_chance != 1 else None


@given(PAIRS)
def test_kappa_is_what_its_definition_says(pairs: Pairs) -> None:
    """Both kinds, of any pairs; undefined exactly where chance alone would agree."""
    found = agreement(pairs)
    assert found.kappa == pytest.approx(by_definition(pairs, weighted=False))
    assert found.weighted == pytest.approx(by_definition(pairs, weighted=True))


@given(PAIRS)
def test_agreement_does_not_hang_on_who_is_called_first(pairs: Pairs) -> None:
    """Nor on the order of submissions."""
    turned = [(other, one) for one, other in reversed(pairs)]
    one, other = agreement(pairs), agreement(turned)
    assert (one.same, one.near, one.pairs) == (other.same, other.near, other.pairs)
    assert one.kappa == pytest.approx(other.kappa)
    assert one.weighted == pytest.approx(other.weighted)


@given(PAIRS, st.permutations(range(1, 6)))
def test_plain_kappa_knows_no_order_of_marks(pairs: Pairs, renamed: list[int]) -> None:
    """Marks are names to it: that is why the weighted one stands beside it."""
    other = [(renamed[i - 1], renamed[j - 1]) for i, j in pairs]
    assert agreement(other).kappa == pytest.approx(agreement(pairs).kappa)


@given(PAIRS)
def test_bounds(pairs: Pairs) -> None:
    """1 is the most, and is reached by equal marks alone; shares are shares, and near takes in same."""
    assume(pairs)
    found = agreement(pairs)
    assert found.same is not None
    assert found.near is not None
    assert 0 <= found.same <= found.near <= 1
    for kappa in (found.kappa, found.weighted):
        assert kappa is None or kappa <= 1
        assert kappa is None or (kappa == 1) is (found.same == 1)


@given(st.lists(st.tuples(st.sampled_from((2, 4)), st.sampled_from((2, 4))), max_size=20))
def test_of_two_marks_both_kappas_are_one(pairs: Pairs) -> None:
    """Where all that are unlike are equally far apart, weights change nothing."""
    assert agreement(pairs).kappa == pytest.approx(agreement(pairs).weighted)


def test_one_mark_for_everything_is_no_agreement_beyond_chance() -> None:
    """All alike, and nothing can be said: None, and not 1 and not a division by zero."""
    found = agreement([(3, 3)] * 12)
    assert (found.same, found.kappa, found.weighted) == (1.0, None, None)
    assert agreement([]).same is None


def test_a_cohort_is_compared_item_by_item() -> None:
    """Submissions that only one has marked say nothing; the last line is over all items."""
    cohort = [
        stand(ITEMS, [*everything("mia", 4, 2), *everything("tom", 4, 3, 1)]),
        stand(ITEMS, [*everything("tom", 1, 5), *everything("mia", 5, 5, 1), mark("ann", "table", 5, 2)]),
        stand(ITEMS, everything("mia", 1, 1)),
    ]
    found = agreements(cohort)
    assert [(one.item, one.pairs, one.same, one.near) for one in found] == [
        ("table", 2, 0.5, 0.5),
        ("code", 2, 0.5, 1.0),
        ("all items", 4, 0.5, 0.75),
    ]


def test_people_keep_their_columns() -> None:
    """Whoever began: of two people the same one is always first, or kappa would mix their habits."""
    cohort = [
        stand(ITEMS, [*everything(first, *given[first]), *everything(second, *given[second], 1)])
        for first, second in (("mia", "tom"), ("tom", "mia"))
        for given in ({"mia": (1, 1), "tom": (3, 3)},)
    ]
    assert [one.items[0].pair for one in cohort] == [(1, 3), (1, 3)]


def test_nobody_has_marked_twice() -> None:
    """Then there is nothing to show."""
    assert agreements([stand(ITEMS, everything("mia", 1, 1)), stand(ITEMS, [])]) == ()
