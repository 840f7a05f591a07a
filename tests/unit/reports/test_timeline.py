"""The fault timeline: rows that line up, letters that differ, digits that tell the share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.model import Mark
from harness.reports.timeline import Lanes, lanes


def fault(start: float, end: float, label: str = "kill") -> Mark:
    """Return a mark of a fault."""
    return Mark(start_seconds=start, end_seconds=end, kind="fault", label=label)


def answered(start: float, end: float, label: str) -> Mark:
    """Return a mark of requests."""
    return Mark(start_seconds=start, end_seconds=end, kind="answered", label=label)


def drawn(*marks: Mark, columns: int = 20) -> Lanes:
    """Return the lanes of marks that do draw something."""
    found = lanes(marks, columns)
    assert found is not None
    return found


def test_lanes_of_nothing_is_nothing() -> None:
    """Without marks, or with marks that make no sense, there is no timeline."""
    assert lanes([], 80) is None
    assert lanes([fault(0, 0), fault(-3, -1), fault(5, 2)], 80) is None


def test_lanes_show_a_fault_while_it_is_on() -> None:
    """A letter stands in every column the fault touches, a hyphen elsewhere."""
    found = drawn(fault(2, 4), answered(0, 10, "1/1"), columns=10)

    assert found.faults == "--KK------"


def test_lanes_show_a_fault_shorter_than_a_column() -> None:
    """A kill of no duration is seen all the same."""
    assert drawn(fault(3.2, 3.2), answered(0, 10, "1/1"), columns=10).faults == "---K------"


def test_lanes_mark_two_kinds_at_once() -> None:
    """Where two kinds of fault were on there is a star, not one of them."""
    assert drawn(fault(0, 3), fault(1, 2, "cut"), columns=3).faults == "K*K"


def test_lanes_give_every_kind_a_letter_of_its_own() -> None:
    """Kinds that begin alike get letters that differ, from their names first."""
    found = drawn(fault(0, 1, "cut"), fault(1, 2, "crash"), fault(2, 3, "c"), fault(3, 4, "42"))

    letters = [each.letter for each in found.legend]
    assert letters[:2] == ["C", "R"]
    assert len(set(letters)) == 4


@pytest.mark.parametrize(
    ("label", "digit"),
    [("10/10", "9"), ("9/10", "9"), ("89/100", "8"), ("0/7", "0"), ("0/0", "."), ("many", "."), ("3/10", "3")],
)
def test_lanes_show_the_share_of_right_answers(label: str, digit: str) -> None:
    """A digit is the tenths answered rightly, rounded down; nothing asked or unreadable is a dot."""
    assert drawn(answered(0, 1, label), columns=1).answered == digit


def test_lanes_have_a_ruler_in_seconds() -> None:
    """Each number of the ruler stands at the column of its second."""
    found = drawn(answered(0, 54, "1/1"), columns=60)

    assert found.ruler == "0         10        20        30        40        50 s"


TIMES = st.floats(0, 5000, allow_nan=False)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.tuples(TIMES, TIMES, st.text(max_size=9)), max_size=30), st.integers(1, 120))
def test_lanes_line_up_whatever_the_marks(times: list[tuple[float, float, str]], columns: int) -> None:
    """All rows have the same length, within the columns asked for."""
    marks = [fault(*each) for each in times] + [answered(a, b, "1/2") for a, b, _ in times]

    found = lanes(marks, columns)

    if found is not None:
        assert len(found.faults) == len(found.answered) <= columns
