"""Ledgers and ratios: properties that hold for all inputs, and the sentences people read."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.checkers import ledgers, ratios
from harness.checkers.ledgers import Entry
from harness.checkers.ratios import Sample

amounts = st.decimals(min_value=0, max_value=Decimal("999999999999.999"), places=3)
entries = st.lists(
    st.builds(
        Entry,
        owner=st.sampled_from(["a", "b", "c"]),
        id=st.uuids().map(str),
        amount=amounts,
        currency=st.sampled_from(["EUR", "JPY"]),
        at=st.none() | st.floats(0, 100),
    ),
    max_size=12,
)


def entry(owner: str, ident: str, amount: str, at: float | None = None, currency: str = "EUR") -> Entry:
    """Return one entry."""
    return Entry(owner=owner, id=ident, amount=Decimal(amount), currency=currency, at=at)


@given(st.floats(), st.floats(-100, 100), st.floats(-100, 100))
def test_credit_is_between_zero_and_one(value: float, floor: float, full: float) -> None:
    """Whatever was measured, credit is a number in [0, 1]; equal bounds are refused."""
    if floor == full:
        with pytest.raises(ValueError, match="two different"):
            ratios.credit(value, floor=floor, full=full)
        return
    assert 0 <= ratios.credit(value, floor=floor, full=full) <= 1


@given(st.floats(-1, 2), st.floats(-1, 2))
def test_credit_never_falls_with_the_value(one: float, other: float) -> None:
    """More is never worth less."""
    low, high = sorted([one, other])
    assert ratios.credit(low, floor=0.1, full=0.4) <= ratios.credit(high, floor=0.1, full=0.4)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(0.05, 0), (0.1, 0), (0.25, 0.5), (0.4, 1), (3, 1), (math.nan, 0), (math.inf, 1), (-math.inf, 0)],
)
def test_credit_is_linear_between_its_bounds(value: float, wanted: float) -> None:
    """The documented points of the line."""
    assert ratios.credit(value, floor=0.1, full=0.4) == pytest.approx(wanted)


def test_credit_can_fall_with_time() -> None:
    """With `full` under `floor`, less is better, an endless time earns nothing."""
    assert ratios.credit(2, floor=10, full=5) == 1
    assert ratios.credit(7.5, floor=10, full=5) == 0.5
    assert ratios.credit(math.inf, floor=10, full=5) == 0


def test_abab_alternates_and_takes_the_median() -> None:
    """One disturbed pair does not decide."""
    calls: list[str] = []
    ours, theirs = iter([30.0, 3.0, 33.0]), iter([100.0, 100.0, 110.0])

    def one() -> float:
        calls.append("a")
        return next(ours)

    def other() -> float:
        calls.append("b")
        return next(theirs)

    ratio = ratios.abab(one, other)
    assert "".join(calls) == "ababab"
    assert ratio.value == pytest.approx(0.3)
    assert ratio.drift == pytest.approx(1.1)


@pytest.mark.parametrize(("ours", "yardstick"), [([], []), ([1.0], [0.0]), ([1.0], [1.0, 2.0]), ([math.nan], [1.0])])
def test_compare_refuses_what_says_nothing(ours: list[float], yardstick: list[float]) -> None:
    """A yardstick that did nothing is our trouble, not a ratio."""
    with pytest.raises(ValueError, match="expected"):
        ratios.compare(ours, yardstick)


def test_recovery_is_counted_to_the_first_stable_success() -> None:
    """A green moment between failures does not count; the success rate has to hold for the whole window."""
    oks = [False, True, False, False, True, True, True, True, True, True]
    samples = [Sample(at=10 + i, ok=ok) for i, ok in enumerate(oks)]
    assert ratios.recovery(samples, healed_at=10, timeout_seconds=2, window_seconds=4) == 2.0
    assert ratios.recovery(samples, healed_at=10, timeout_seconds=2, window_seconds=6) is None


def test_recovery_begins_with_a_success() -> None:
    """A failed probe is never the first stable success, however good the rest of its window is."""
    samples = [Sample(at=float(i), ok=i > 0) for i in range(60)]
    assert ratios.stable_since(samples, window_seconds=40) == 1.0


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans())))
def test_stable_since_is_a_success(points: list[tuple[float, bool]]) -> None:
    """When it returns a time, a probe succeeded then."""
    since = ratios.stable_since([Sample(at=at, ok=ok) for at, ok in points], window_seconds=3)
    assert since is None or (since, True) in points


def test_growth_of_a_linear_cost_is_one() -> None:
    """Four times the cost at four times the size is linear."""
    assert ratios.growth(2, 8) == pytest.approx(1)


@given(entries)
def test_totals_are_exact(found: list[Entry]) -> None:
    """Sums equal those of exact fractions."""
    for currency, total in ledgers.totals(found).items():
        assert Fraction(total) == sum(Fraction(e.amount) for e in found if e.currency == currency)


@given(entries)
def test_duplicates_are_found_for_exactly_the_owners_that_have_them(found: list[Entry]) -> None:
    """Every owner with two entries has a finding, no other has."""
    owners = [e.owner for e in found]
    wanted = {owner for owner in owners if owners.count(owner) > 1}
    assert {finding.owner for finding in ledgers.captured_more_than_once(found)} == wanted


@given(entries)
def test_a_book_agrees_with_itself_in_any_order(found: list[Entry]) -> None:
    """Books are compared by sums, not by order; and one entry more is a difference."""
    assert ledgers.books_differ(found, found[::-1]) == ()
    extra = entry("z", "x", "0.001")
    assert [finding.owner for finding in ledgers.books_differ([*found, extra], found)] == ["z"]


@given(st.text() | st.integers() | st.none() | st.floats())
def test_money_never_raises(text: object) -> None:
    """Whatever a service says is an amount or is not."""
    assert ledgers.money(text) is None or isinstance(text, str)


@pytest.mark.parametrize(
    ("text", "decimals", "wanted"),
    [
        ("12.50", 2, Decimal("12.50")),
        ("0", 0, Decimal(0)),
        ("12.5", 2, None),
        ("12", 2, None),
        ("012.50", 2, None),
        ("-1.00", 2, None),
        ("1e2", None, None),
        ("1.00\n", 2, None),
        ("\u0661.00", 2, None),
        ("999999999999.999", 3, Decimal("999999999999.999")),
    ],
)
def test_money_is_a_plain_decimal(text: str, decimals: int, wanted: Decimal | None) -> None:
    """Exactly the currency's decimals, ASCII digits, no sign, exponent, padding."""
    assert ledgers.money(text, decimals) == wanted


def test_duplicate_sentence_is_the_smallest_counterexample() -> None:
    """The finding with the fewest captures comes first and reads as a sentence."""
    found = [
        *(entry("k-02", f"c{i}", "1.00", i) for i in range(3)),
        entry("k-17", "psp-a02", "4.00", 3.9),
        entry("k-17", "psp-8f1", "4.00", 3.2),
    ]
    first, second = ledgers.captured_more_than_once(found)
    assert first.sentence == "k-17 was captured twice: psp-8f1 (4.00 EUR) at 3.2 s and psp-a02 (4.00 EUR) at 3.9 s."
    assert second.sentence.startswith("k-02 was captured three times: c0 (1.00 EUR) at 0.0 s, c1")


def test_difference_sentence_names_both_books() -> None:
    """Ledger and provider are both quoted, in their own figures."""
    ledger = [entry("k-31", "l1", "40.00"), entry("k-31", "l2", "40.00")]
    (finding,) = ledgers.books_differ(ledger, [entry("k-31", "p1", "40.00")])
    assert finding.sentence == "k-31: ledger 80.00 EUR, provider 40.00 EUR."
    (missing,) = ledgers.books_differ([], [entry("k-1", "p1", "1.00")])
    assert missing.sentence == "k-1: ledger nothing, provider 1.00 EUR."


def test_totals_of_a_service_are_compared_exactly() -> None:
    """A total off by float drift is told; a missing zero is not."""
    found = [entry("k", "1", "0.10"), entry("k", "2", "0.20")]
    assert ledgers.totals_differ(found, {"EUR": "0.30", "JPY": "0"}, owner="m-1") == ()
    (drift,) = ledgers.totals_differ(found, {"EUR": "0.30000000000000004"}, owner="m-1")
    assert drift.sentence == "m-1: the total says '0.30000000000000004' EUR, its entries add up to 0.30."
    (missing,) = ledgers.totals_differ(found, {}, owner="m-1")
    assert "'0' EUR" in missing.sentence


def test_lost_charges_are_named() -> None:
    """Who was told "captured" and has no capture is named, in order."""
    findings = ledgers.never_captured(["k-2", "k-1", "k-3"], [entry("k-3", "c", "1.00")])
    assert [finding.owner for finding in findings] == ["k-1", "k-2"]
