"""Thresholds stand well between what right and wrong submissions reach, or the record says that they do not."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.catalogue.known import Expected
from harness.grading import margins
from harness.grading.subjects import Subject
from harness.grading.trust import Row
from harness.model import Measure
from tests.unit.grading.test_acceptance import row

CHECK, NAME = "recovery/kill", "seconds to recover"
REFERENCE = Subject(name="reference/a", title="t", source=Path())
MUTANT = Subject(name="mutant/m", title="t", source=Path(), expected=Expected(required=(CHECK,)))


def measured(submission: str, value: float, *failed: str, better: str = "less") -> Row:
    """Return a row with one measured value beside a limit of 10."""
    measure = Measure(name=NAME, value=value, limit=10.0, better=better, unit="s")
    return dataclasses.replace(row(submission, 50, *failed), measures=((CHECK, measure),))


def held(*rows: Row) -> list[bool | None]:
    return [line.holds for line in margins.lines((REFERENCE, MUTANT), rows)]


@pytest.mark.parametrize(
    ("right", "wrong", "better", "holds"),
    [
        (5.0, 15.0, "less", [True, True]),
        (5.1, 15.0, "less", [False, True]),
        (5.0, 14.9, "less", [True, False]),
        (20.0, 6.6, "more", [True, True]),
        (19.0, 6.8, "more", [False, False]),
    ],
)
def test_threshold_is_twice_from_right_and_one_and_a_half_times_from_wrong(
    right: float, wrong: float, better: str, holds: list[bool | None]
) -> None:
    """The worse of two right values and the best wrong one count, whichever side is right."""
    kinder, worse = (1.0, 99.0) if better == "less" else (99.0, 1.0)
    assert (
        held(
            measured("reference/a", kinder, better=better),
            measured("reference/a", right, better=better),
            measured("mutant/m", worse, CHECK, better=better),
            measured("mutant/m", wrong, CHECK, better=better),
        )
        == holds
    )


def test_of_many_runs_the_middle_counts_and_the_worst_is_said() -> None:
    """One run beside a busy neighbour is no reference, and hides none whose every run is slow."""
    rows = [measured("reference/a", value) for value in (4.0, 4.5, 9.0)]
    (line,) = margins.lines((REFERENCE,), rows)
    assert (line.holds, line.found.endswith("2.2 times inside (worst run 1.1)")) == (True, True)
    other = dataclasses.replace(REFERENCE, name="reference/b")
    slow = [measured("reference/b", value) for value in (8.0, 8.0, 1.0)]
    (line,) = margins.lines((REFERENCE, other), [*rows, *slow])
    assert (line.holds, "8 s (reference/b)" in line.found) == (False, True)


def test_wrong_values_are_those_of_mutants_that_must_fail_the_check_by_it() -> None:
    """One that fails it otherwise, within the limit, says nothing of the threshold; nor does one that is not named after it."""
    within, unnamed = measured("mutant/m", 2.0, CHECK), measured("mutant/other", 11.0, CHECK)
    (margin,) = margins.of((REFERENCE, MUTANT), (measured("reference/a", 5.0), within, unnamed))
    assert (margin.right_by, margin.wrong) == ("reference/a", None)
    (line,) = margins.lines((REFERENCE, MUTANT), (measured("reference/a", 5.0), within))
    assert line.found == "5 s (reference/a), at most 10 s: 2 times inside"
