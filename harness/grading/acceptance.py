"""When an exercise may be shown to candidates: rules over the rows of its validation record. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness import scoring
from harness.catalogue import globs
from harness.grading import margins
from harness.grading.margins import Line
from harness.grading.subjects import Subject
from harness.grading.trust import Ended, Row
from harness.model import Check, Exercise, Status

STARTER_CEILING = 15.0
REFERENCE_FLOOR = 95.0
MARGIN = 10.0
"""Points a mutant stays under the worst reference: these, or what the checks that it must fail are worth if that is less."""
LEAST_REFERENCES = 2


def judge(
    subjects: Sequence[Subject], exercise: Exercise, checks: Sequence[Check], rows: Sequence[Row]
) -> tuple[Line, ...]:
    """Return every line of acceptance for ``subjects`` (all of an exercise, or some).

    ``exercise`` has the gates that its score is computed with.
    """
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
            *_points(one, mine, _ceiling(one, worst, checks), by_name),
            *_attribution(one, mine, _ceiling(one, worst, checks)),
            *_untouched(one, mine, checks),
            *_silence(one, mine, exercise, checks),
            *_agreement(one, mine),
        ]
    return (*lines, *margins.lines(subjects, rows))


def whole(subjects: Sequence[Subject], exercise: Exercise, checks: Sequence[Check]) -> tuple[Line, ...]:
    """Return the lines about the matrix as a whole, whatever was run."""
    failed_by = {id_ for one in subjects if one.kind == "mutant" for id_ in one.expected.required}
    closing = {id_ for gate in exercise.gates for id_ in gate.checks}
    counting = [check.id for check in checks if check.points > 0 or check.id in closing]
    idle = [id_ for id_ in counting if id_ not in failed_by]
    unearned = [gate.id for gate in exercise.gates if not gate.checks]
    count = sum(1 for one in subjects if one.kind == "reference")
    return (
        Line(
            subject="matrix",
            rule="every check with points or a gate is failed by at least one mutant",
            holds=not idle,
            found=f"no mutant is named after {', '.join(idle)}" if idle else "each has one",
        ),
        Line(
            subject="matrix",
            rule="every gate has at least one check",
            holds=not unearned,
            found=f"none closes {', '.join(unearned)}" if unearned else "each has one",
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


def _points(one: Subject, rows: Sequence[Row], ceiling: float, by_name: Mapping[str, Sequence[Row]]) -> list[Line]:
    best, least = max(row.earned for row in rows), min(row.earned for row in rows)
    lines = []
    if one.kind == "starter":
        lines = [_line(one, f"at most {STARTER_CEILING:g} points", best <= STARTER_CEILING, f"{best:g}")]
    if one.kind == "reference":
        lines = [_line(one, f"at least {REFERENCE_FLOOR:g} points", least >= REFERENCE_FLOOR, f"{least:g}")]
    if one.kind == "mutant" and one.expected.kills == one.expected.seeds:
        lines = [_line(one, f"at most {ceiling:g} points", best <= ceiling, f"{best:g}")]
    if one.expected.lowest > 0:
        floor = one.expected.lowest
        lines.append(_line(one, f"at least {floor:g} points, as declared", least >= floor, f"{least:g}"))
    if one.kind != "mutant" and one.expected.highest is not None:
        most = one.expected.highest
        lines.append(_line(one, f"at most {most:g} points, as declared", best <= most, f"{best:g}"))
    return [*lines, *(_gain(one, best, by_name) if one.control else ())]


def _gain(one: Subject, best: float, by_name: Mapping[str, Sequence[Row]]) -> list[Line]:
    base, rule = [row.earned for row in by_name.get(one.control, ())], f"gains nothing over {one.control}"
    if not base:
        return [Line(subject=one.name, rule=rule, holds=None, found=f"no row of {one.control}")]
    return [_line(one, rule, best <= max(base), f"{best:g} beside {max(base):g}")]


def killed(one: Subject, row: Row, worst: float, checks: Sequence[Check]) -> bool:
    """Whether a grading caught a mutant: it was seen to fail what it must, and lost enough points."""
    return _caught(one, row, _ceiling(one, worst, checks))


def _caught(one: Subject, row: Row, ceiling: float) -> bool:
    lost = all(_has(glob, row.seen) for glob in one.expected.required)
    return lost and row.earned <= ceiling


def _ceiling(one: Subject, worst: float, checks: Sequence[Check]) -> float:
    """Return what a mutant has at most: a mistake that only a small check can see costs what the check is worth."""
    owed = sum(check.points for check in checks if one.expected.requires(check.id))
    highest = 100.0 if one.expected.highest is None else one.expected.highest
    return min(highest, worst - (min(MARGIN, owed) or MARGIN))


def _attribution(one: Subject, rows: Sequence[Row], ceiling: float) -> list[Line]:
    """What must fail fails (of a racy mutant: at as many seeds as declared), and nothing else but what may."""
    expected, lines = one.expected, []
    if one.kind == "mutant" and expected.seeds > 1:
        caught = sum(_caught(one, row, ceiling) for row in rows)
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
    return any(globs.matches(id_, (glob,)) for id_ in ids)


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


def _silence(one: Subject, rows: Sequence[Row], exercise: Exercise, checks: Sequence[Check]) -> list[Line]:
    """No check is worth more without its evidence than with it: each recorded grading is scored again without each."""
    gains = []
    scored = [row for row in rows if row.outcomes]
    if not scored:  # refused ones
        return []
    for row in scored:
        with_all = _scored(row.outcomes, exercise, checks)
        if with_all != row.earned:
            gains.append(f"its outcomes come to {with_all:g}, and {row.earned:g} is recorded (seed {row.seed})")
        for hidden in row.outcomes:
            silent = replace(hidden, status=str(Status.UNPROVEN), credit=0.0)
            without = _scored([silent if said is hidden else said for said in row.outcomes], exercise, checks)
            if hidden.status != Status.INCONCLUSIVE and without > row.earned:
                gains.append(f"{hidden.check} hidden: {without:g} instead of {row.earned:g} (seed {row.seed})")
    rule = "hiding the evidence of a check gains nothing"
    return [_line(one, rule, not gains, "; ".join(gains[:3]) or f"of none of {len(checks)}")]


def _scored(outcomes: Sequence[Ended], exercise: Exercise, checks: Sequence[Check]) -> float:
    said = [scoring.Report(check=one.check, status=one.status, credit=one.credit) for one in outcomes]
    return scoring.judge(exercise, checks, said).score.earned


def _agreement(one: Subject, rows: Sequence[Row]) -> list[Line]:
    if not one.right or len(rows) < 2:  # noqa: PLR2004 - one run agrees with itself
        return []
    differ = [(row, lost) for row in rows if (lost := one.expected.unexpected(row.failed))]
    found = f"{len(rows) - len(differ)} of {len(rows)}"
    if differ:
        found += "; " + "; ".join(f"{', '.join(lost)} (seed {row.seed})" for row, lost in differ[:3])
    return [_line(one, "repeated runs agree", not differ, found)]


def _line(one: Subject, rule: str, holds: bool, found: str) -> Line:  # noqa: FBT001 - it is the rule's value
    return Line(subject=one.name, rule=rule, holds=holds, found=found)
