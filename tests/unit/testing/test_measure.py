"""Values beside their thresholds, and faults that bit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.errors import GraderError
from harness.model import Json, Measure
from harness.testing import Inconclusive, bit, measured
from harness.testing._run.record import MAX_MEASURES, Record
from harness.testing.check import set_current


@pytest.fixture
def record() -> Iterator[Record]:
    """The running check."""
    made = Record("recovery/kill")
    set_current(made)
    yield made
    set_current(None)


def recorded(record: Record) -> list[dict[str, Json]]:
    """Return what the outcome says was measured."""
    found = record.event()["measures"]
    assert isinstance(found, list)
    return [one for one in found if isinstance(one, dict)]


def test_measured_says_whether_the_value_is_within_its_limit(record: Record) -> None:
    """On the limit counts; which side is right is said."""
    assert measured("seconds", 10.0, limit=10.0)
    assert not measured("seconds", 10.1, limit=10.0, unit="s")
    assert measured("share", 0.4, limit=0.4, better="more")
    assert not measured("share", 0.0, limit=0.4, better="more")
    assert [one["name"] for one in recorded(record)] == ["seconds", "share"]


@pytest.mark.parametrize(("better", "worst"), [("less", 12.0), ("more", 3.0)])
def test_worst_value_of_a_name_is_kept(record: Record, better: str, worst: float) -> None:
    """A check that measures often records where it came nearest to failing."""
    for value in (5.0, 12.0, 3.0):
        measured("seconds", value, limit=10.0, better="less" if better == "less" else "more", unit="s")
    (kept,) = recorded(record)
    assert kept == {"name": "seconds", "value": worst, "limit": 10.0, "better": better, "unit": "s"}


@pytest.mark.parametrize(("value", "limit"), [(float("nan"), 1.0), (1.0, float("inf")), (-1.0, 1.0), (1.0, 0.0)])
def test_what_is_no_measurement_is_the_author_s_error(record: Record, value: float, limit: float) -> None:
    """Neither may be what cannot be compared; nothing is recorded."""
    with pytest.raises(GraderError, match="expected a finite value"):
        measured("x", value, limit=limit)
    assert recorded(record) == []


def test_measured_has_room_for_a_few_names(record: Record) -> None:
    """A loop that makes names of its own is an error of its author, not a frame too large for the host."""
    for number in range(MAX_MEASURES):
        measured(f"name {number}", 1, limit=2)
    with pytest.raises(GraderError, match="expected at most 20 names"):
        measured("one more", 1, limit=2)
    measured("name 0", 3, limit=2)


def test_measured_outside_a_check_is_an_error() -> None:
    """There is nothing that it could be recorded for."""
    with pytest.raises(GraderError, match=r"found measured\(\) called outside one"):
        measured("x", 1, limit=2)


def test_inside_is_how_many_times_within_the_limit() -> None:
    """The same figure whichever side is right."""

    def inside(value: float, better: str) -> float:
        return Measure(name="n", value=value, limit=10.0, better=better).inside

    assert (inside(5.0, "less"), inside(20.0, "less")) == (2.0, 0.5)
    assert (inside(20.0, "more"), inside(5.0, "more")) == (2.0, 0.5)
    assert inside(0.0, "less") == float("inf")
    assert inside(0.0, "more") == 0.0


def test_fault_that_bit_is_silent_and_one_that_did_not_is_ours() -> None:
    """Four of five is enough; less, or nothing to hit, proves nothing."""
    bit(8, 10, what="answers cut")
    for hit, of in ((7, 10), (0, 0), (0, 3)):
        with pytest.raises(Inconclusive, match=f"80% of answers cut, found {hit} of {of}"):
            bit(hit, of, what="answers cut")
