"""How far thresholds are from what right and wrong submissions reach: the slowest right and the fastest wrong value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """Of right solutions: the middle value of the one whose middle is nearest to its limit. None when no row has one.

    The middle and not the worst: of many runs on a shared machine the worst says what else it was doing, and the more
    often a reference is run the worse it gets.
    """
    right_by: str
    worst: Measure | None
    """Of all runs of right solutions, the one nearest to its limit: shown beside it."""
    wrong: Measure | None
    """Of mutants that must fail the check, and did with this value beyond its limit: the one nearest to it."""
    wrong_by: str


def of(subjects: Sequence[Subject], rows: Sequence[Row]) -> tuple[Margin, ...]:
    """Return the margin of every threshold that a row of ``subjects`` recorded, by check and name."""
    by_name = {one.name: one for one in subjects}
    right: dict[tuple[str, str], dict[str, list[Measure]]] = {}
    wrong: dict[tuple[str, str], tuple[Measure, str]] = {}
    for row in rows:
        one = by_name.get(row.submission)
        if one is None:
            continue
        for check, measure in row.measures:
            key = (check, measure.name)
            if one.right:
                right.setdefault(key, {}).setdefault(row.submission, []).append(measure)
            beyond = one.kind == "mutant" and one.expected.requires(check) and check in row.failed and not measure.holds
            if beyond and (key not in wrong or measure.inside > wrong[key][0].inside):
                wrong[key] = (measure, row.submission)
    return tuple(_margin(key, right.get(key, {}), wrong.get(key, (None, ""))) for key in sorted({*right, *wrong}))


def _margin(key: tuple[str, str], right: Mapping[str, Sequence[Measure]], wrong: tuple[Measure | None, str]) -> Margin:
    middles = {name: _ranked(measures)[(len(measures) - 1) // 2] for name, measures in right.items()}
    slowest = min(middles, key=lambda name: middles[name].inside, default="")
    return Margin(
        check=key[0],
        name=key[1],
        right=middles.get(slowest),
        right_by=slowest,
        worst=next(iter(_ranked([one for measures in right.values() for one in measures])), None),
        wrong=wrong[0],
        wrong_by=wrong[1],
    )


def _ranked(measures: Sequence[Measure]) -> list[Measure]:
    """Return measures, the one nearest to its limit first."""
    return sorted(measures, key=lambda measure: measure.inside)


def lines(subjects: Sequence[Subject], rows: Sequence[Row]) -> tuple[Line, ...]:
    """Return a line for each side of each threshold that was seen."""
    found = []
    for margin in of(subjects, rows):
        subject, name = margin.check, margin.name
        if margin.right is not None:
            rule = f'right values of "{name}" are {INSIDE:g} times inside the limit'
            holds = margin.right.inside >= INSIDE
            words = _words(margin.right, margin.right_by)
            if margin.worst is not None and margin.worst.inside < margin.right.inside:
                words += f" (worst run {margin.worst.inside:.2g})"
            found.append(Line(subject=subject, rule=rule, holds=holds, found=words))
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
