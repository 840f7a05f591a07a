"""When an exercise may be shown to candidates: rules over the rows of its validation record. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.catalogue import known
from harness.grading import margins
from harness.grading.margins import Line
from harness.grading.subjects import Subject
from harness.grading.trust import Row
from harness.model import Check

STARTER_CEILING = 15.0
REFERENCE_FLOOR = 95.0
MARGIN = 10.0
"""Points a mutant stays under the worst reference."""
LEAST_REFERENCES = 2


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
            *_attribution(one, mine, worst),
            *_untouched(one, mine, checks),
            *_agreement(one, mine),
        ]
    return (*lines, *margins.lines(subjects, rows))


def whole(subjects: Sequence[Subject], checks: Sequence[Check]) -> tuple[Line, ...]:
    """Return the lines about the matrix as a whole, whatever was run."""
    failed_by = {id_ for one in subjects if one.kind == "mutant" for id_ in one.expected.required}
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
    lines = []
    if one.kind == "starter":
        lines = [_line(one, f"at most {STARTER_CEILING:g} points", best <= STARTER_CEILING, f"{best:g}")]
    if one.kind == "reference":
        lines = [_line(one, f"at least {REFERENCE_FLOOR:g} points", least >= REFERENCE_FLOOR, f"{least:g}")]
    if one.kind == "mutant" and one.expected.kills == one.expected.seeds:
        ceiling = _ceiling(one, worst)
        lines = [_line(one, f"at most {ceiling:g} points", best <= ceiling, f"{best:g}")]
    if one.expected.lowest > 0:
        floor = one.expected.lowest
        lines.append(_line(one, f"at least {floor:g} points, as declared", least >= floor, f"{least:g}"))
    if one.kind != "mutant" and one.expected.highest is not None:
        ceiling = one.expected.highest
        lines.append(_line(one, f"at most {ceiling:g} points, as declared", best <= ceiling, f"{best:g}"))
    return [*lines, *(_gain(one, best, by_name) if one.like else ())]


def _gain(one: Subject, best: float, by_name: Mapping[str, Sequence[Row]]) -> list[Line]:
    base = [row.earned for row in by_name.get(one.like, ())]
    if not base:
        return [
            Line(subject=one.name, rule=f"gains nothing over {one.like}", holds=None, found=f"no row of {one.like}")
        ]
    return [_line(one, f"gains nothing over {one.like}", best <= max(base), f"{best:g} beside {max(base):g}")]


def killed(one: Subject, row: Row, worst: float) -> bool:
    """Whether a grading caught a mutant: it was seen to fail what it must, and lost enough points."""
    lost = all(_has(glob, row.seen) for glob in one.expected.required)
    return lost and row.earned <= _ceiling(one, worst)


def _ceiling(one: Subject, worst: float) -> float:
    return min(100.0 if one.expected.highest is None else one.expected.highest, worst - MARGIN)


def _attribution(one: Subject, rows: Sequence[Row], worst: float) -> list[Line]:
    """What must fail fails (of a racy mutant: at as many seeds as declared), and nothing else but what may."""
    expected, lines = one.expected, []
    if one.kind == "mutant" and expected.seeds > 1:
        caught = sum(killed(one, row, worst) for row in rows)
        rule = f"is caught at {expected.kills} of {expected.seeds} seeds at least"
        enough = caught >= expected.kills if len(rows) >= expected.seeds else None
        lines.append(Line(subject=one.name, rule=rule, holds=enough, found=f"{caught} of {len(rows)}"))
    if expected.kills == expected.seeds:
        for glob in expected.required:
            spared = [row for row in rows if not _has(glob, row.seen)]
            open_ = [row for row in spared if _has(glob, row.inconclusive)]
            found = "it did" if not spared else "it was inconclusive" if open_ else "it passed"
            if any(_has(glob, row.withheld) for row in spared):
                found = "it was not judged: what it requires did not pass"
            holds = None if open_ and len(open_) == len(spared) else not spared
            lines.append(Line(subject=one.name, rule=f"fails {glob}", holds=holds, found=found))
    if expected.smoke or expected.permitted is not None:
        broken = sorted({id_ for row in rows for id_ in expected.unexpected(row.failed)})
        lines.append(_line(one, _rule_of_rest(one), not broken, ", ".join(broken) or "nothing else failed"))
    return lines


def _has(glob: str, ids: Sequence[str]) -> bool:
    return any(known.matches(id_, (glob,)) for id_ in ids)


def _rule_of_rest(one: Subject) -> str:
    expected = one.expected
    if expected.permitted is None:
        return f"passes {', '.join(expected.smoke)}"
    rule = "fails nothing but what it must" if expected.required else "fails nothing"
    may = ", ".join(glob for glob in expected.permitted if glob not in expected.required)
    return f"{rule}, or {may}" if may and expected.required else f"{rule} but {may}" if may else rule


def _untouched(one: Subject, rows: Sequence[Row], checks: Sequence[Check]) -> list[Line]:
    """No points for nothing: what passes before anybody did anything is declared as something that must not break."""
    if one.kind != "starter":
        return []
    open_ = {id_ for row in rows for id_ in (*row.failed, *row.inconclusive)}
    passing = {check.id for check in checks} - open_ if all(row.verdict != "refused" for row in rows) else set()
    given = sorted(check.id for check in checks if check.id in passing and not check.kept)
    lines = [_line(one, "passes no check that is not kept", not given, ", ".join(given) or "none")]
    idle = sorted(
        check.id for check in checks if check.kept and not [id_ for id_ in check.requires if id_ not in passing]
    )
    if any(check.kept for check in checks):
        found = ", ".join(idle) or "each does"
        lines.append(_line(one, "kept checks require one that it does not pass", not idle, found))
    return lines


def _agreement(one: Subject, rows: Sequence[Row]) -> list[Line]:
    if one.kind != "reference" or len(rows) < 2:  # noqa: PLR2004 - one run agrees with itself
        return []
    differ = [(row, lost) for row in rows if (lost := one.expected.unexpected(row.failed))]
    found = f"{len(rows) - len(differ)} of {len(rows)}"
    if differ:
        found += "; " + "; ".join(f"{', '.join(lost)} (seed {row.seed})" for row, lost in differ[:3])
    return [_line(one, "repeated runs agree", not differ, found)]


def _line(one: Subject, rule: str, holds: bool, found: str) -> Line:  # noqa: FBT001 - it is the rule's value
    return Line(subject=one.name, rule=rule, holds=holds, found=found)
