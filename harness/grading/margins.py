"""How far thresholds are from what right and wrong submissions reach: the slowest right and the fastest wrong value. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.grading.subjects import Subject
from harness.grading.trust import Row
from harness.model import Measure

INSIDE = 2.0
"""Times inside its limit that every right value must be."""
OUTSIDE = 1.5
"""Times outside it that every wrong value must be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of acceptance."""

    subject: str
    rule: str
    holds: bool | None
    """None: cannot be said, because rows are missing or inconclusive."""
    found: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Margin:
    """One threshold of one check, over all rows of a record."""

    check: str
    name: str
    right: Measure | None
    """Of references: the one nearest to its limit. None when no row has one."""
    right_by: str
    wrong: Measure | None
    """Of mutants that must fail the check, and did with this value beyond its limit: the one nearest to it."""
    wrong_by: str


def of(subjects: Sequence[Subject], rows: Sequence[Row]) -> tuple[Margin, ...]:
    """Return the margin of every threshold that a row of ``subjects`` recorded, by check and name."""
    by_name = {one.name: one for one in subjects}
    right: dict[tuple[str, str], tuple[Measure, str]] = {}
    wrong: dict[tuple[str, str], tuple[Measure, str]] = {}
    for row in rows:
        one = by_name.get(row.submission)
        if one is None:
            continue
        for check, measure in row.measures:
            key = (check, measure.name)
            if one.kind == "reference" and (key not in right or measure.inside < right[key][0].inside):
                right[key] = (measure, row.submission)
            beyond = one.kind == "mutant" and one.expected.requires(check) and check in row.failed and not measure.holds
            if beyond and (key not in wrong or measure.inside > wrong[key][0].inside):
                wrong[key] = (measure, row.submission)
    nothing = (None, "")
    return tuple(
        Margin(
            check=key[0],
            name=key[1],
            right=right.get(key, nothing)[0],
            right_by=right.get(key, nothing)[1],
            wrong=wrong.get(key, nothing)[0],
            wrong_by=wrong.get(key, nothing)[1],
        )
        for key in sorted({*right, *wrong})
    )


def lines(subjects: Sequence[Subject], rows: Sequence[Row]) -> tuple[Line, ...]:
    """Return a line for each side of each threshold that was seen."""
    found = []
    for margin in of(subjects, rows):
        subject, name = margin.check, margin.name
        if margin.right is not None:
            rule = f'right values of "{name}" are {INSIDE:g} times inside the limit'
            holds = margin.right.inside >= INSIDE
            found.append(Line(subject=subject, rule=rule, holds=holds, found=_words(margin.right, margin.right_by)))
        if margin.wrong is not None:
            rule = f'wrong values of "{name}" are {OUTSIDE:g} times outside the limit'
            holds = margin.wrong.inside <= 1 / OUTSIDE
            found.append(Line(subject=subject, rule=rule, holds=holds, found=_words(margin.wrong, margin.wrong_by)))
    return tuple(found)


def _words(measure: Measure, by: str) -> str:
    unit = f" {measure.unit}" if measure.unit else ""
    inside = measure.inside
    times = (
        f"{inside:.2g} times inside" if inside >= 1 else f"{1 / inside:.2g} times outside" if inside else "far outside"
    )
    most = "at most" if measure.better == "less" else "at least"
    return f"{measure.value:.3g}{unit} ({by}), {most} {measure.limit:.3g}{unit}: {times}"
