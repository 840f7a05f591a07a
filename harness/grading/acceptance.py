"""When an exercise may be shown to candidates: rules over the rows of its validation record. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.grading.subjects import Subject
from harness.grading.trust import Row
from harness.model import Check

STARTER_CEILING = 15.0
REFERENCE_FLOOR = 95.0
MARGIN = 10.0
"""Points a mutant stays under the worst reference."""
LEAST_REFERENCES = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of acceptance."""

    subject: str
    rule: str
    holds: bool | None
    """None: cannot be said, because rows are missing or inconclusive."""
    found: str


def judge(subjects: Sequence[Subject], checks: Sequence[Check], rows: Sequence[Row]) -> tuple[Line, ...]:
    """Return every line of acceptance for ``subjects`` (all of an exercise, or some)."""
    by_name: dict[str, list[Row]] = {one.name: [] for one in subjects}
    for row in rows:
        by_name.setdefault(row.submission, []).append(row)
    references = [row.earned for row in rows if row.submission.startswith("reference/")]
    worst = min(references, default=100.0)
    lines: list[Line] = []
    for one in subjects:
        mine = by_name[one.name]
        lines += _missing(one, mine) or [
            *_decided(one, mine),
            *_points(one, mine, worst, by_name),
            *_attribution(one, mine, checks),
            *_agreement(one, mine),
        ]
    return tuple(lines)


def whole(subjects: Sequence[Subject], checks: Sequence[Check]) -> tuple[Line, ...]:
    """Return the lines about the matrix as a whole, whatever was run."""
    failed_by = {check.id for one in subjects if one.kind == "mutant" for check in checks if check.id in one.fails}
    idle = [check.id for check in checks if check.points > 0 and check.id not in failed_by]
    count = sum(1 for one in subjects if one.kind == "reference")
    return (
        Line(
            subject="matrix",
            rule="every scored check is failed by at least one mutant",
            holds=not idle,
            found=f"no mutant is named after {', '.join(idle)}" if idle else "each has one",
        ),
        Line(
            subject="matrix",
            rule=f"at least {LEAST_REFERENCES} references",
            holds=count >= LEAST_REFERENCES,
            found=str(count),
        ),
    )


def _missing(one: Subject, rows: Sequence[Row]) -> list[Line]:
    if rows:
        return []
    return [Line(subject=one.name, rule="has been graded as it is now", holds=None, found="no current row")]


def _decided(one: Subject, rows: Sequence[Row]) -> list[Line]:
    """Inconclusive and held rows prove nothing; a refused one is a decision only for a cheat."""
    odd = [row for row in rows if row.verdict in {"inconclusive", "held"} or row.inconclusive]
    refused = [row for row in rows if row.verdict == "refused" and one.kind != "cheat"]
    return [
        Line(
            subject=one.name,
            rule="every run is decided",
            holds=None if odd and not refused else not refused,
            found="; ".join(
                f"{row.verdict} {row.reason[:100]} {' '.join(row.inconclusive)}" for row in (odd + refused)[:3]
            )
            or f"{len(rows)} of {len(rows)}",
        )
    ]


def _points(one: Subject, rows: Sequence[Row], worst: float, by_name: Mapping[str, Sequence[Row]]) -> list[Line]:
    best, least = max(row.earned for row in rows), min(row.earned for row in rows)
    if one.kind == "starter":
        return [_line(one, f"at most {STARTER_CEILING:g} points", best <= STARTER_CEILING, f"{best:g}")]
    if one.kind == "reference":
        return [_line(one, f"at least {REFERENCE_FLOOR:g} points", least >= REFERENCE_FLOOR, f"{least:g}")]
    if one.kind == "mutant":
        ceiling = min(100.0 if one.ceiling is None else one.ceiling, worst - MARGIN)
        return [_line(one, f"at most {ceiling:g} points", best <= ceiling, f"{best:g}")]
    base = [row.earned for row in by_name.get(one.like, ())]
    if not base:
        return [
            Line(subject=one.name, rule=f"gains nothing over {one.like}", holds=None, found=f"no row of {one.like}")
        ]
    return [_line(one, f"gains nothing over {one.like}", best <= max(base), f"{best:g} beside {max(base):g}")]


def _attribution(one: Subject, rows: Sequence[Row], checks: Sequence[Check]) -> list[Line]:
    if one.kind != "mutant":
        return []
    lines = []
    for check in one.fails:
        spared = [row for row in rows if check not in row.failed]
        lines.append(_line(one, f"fails {check}", not spared, "it did" if not spared else "it passed"))
    if one.smoke:
        smoke = [check.id for check in checks if any(fnmatch.fnmatchcase(check.id, glob) for glob in one.smoke)]
        broken = sorted({id_ for row in rows for id_ in row.failed if id_ in smoke and id_ not in one.fails})
        lines.append(_line(one, f"passes {', '.join(one.smoke)}", not broken, ", ".join(broken) or "all"))
    return lines


def _agreement(one: Subject, rows: Sequence[Row]) -> list[Line]:
    if one.kind != "reference" or len(rows) < 2:  # noqa: PLR2004 - one run agrees with itself
        return []
    differ = [row for row in rows if row.failed]
    found = f"{len(rows) - len(differ)} of {len(rows)}"
    if differ:
        found += "; " + "; ".join(f"{', '.join(row.failed)} (seed {row.seed})" for row in differ[:3])
    return [_line(one, "repeated runs agree", not differ, found)]


def _line(one: Subject, rule: str, holds: bool, found: str) -> Line:  # noqa: FBT001 - it is the rule's value
    return Line(subject=one.name, rule=rule, holds=holds, found=found)
