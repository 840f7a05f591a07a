"""What differs between two gradings of one exercise: two candidates, or one submission graded twice. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness import scoring
from harness.errors import UsageError
from harness.model import Gate, GateState, Grading, Outcome, Status, Verdict
from harness.reports import words
from harness.reports.text import (
    SENTENCE,
    WHOLE,
    columns,
    count,
    number,
    one_line,
    padded,
    visible,
    wrapped,
)

SCHEMA = 1
"""Version of what ``harness diff --json`` prints; see docs/reference/cohort.md."""
_CLOSE = 12
"""Digits of a digest by which people tell two."""
_LABEL = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two."""

    name: str
    grading: str
    path: str
    sha256: str
    started_at: str
    verdict: str
    earned: float
    possible: float
    lowest: float
    """The total however inconclusive checks turn out is between this and ``highest``."""
    highest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Something that the two were not graded alike under."""

    what: str
    one: str
    other: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillDifference:
    """A skill, or the total, in which they have unlike points."""

    name: str
    one: float
    other: float
    one_open: float
    """Points that are not decided: there may be as many more. Two of which one has such are not subtracted."""
    other_open: float
    possible: float


@dataclass(frozen=True, kw_only=True, slots=True)
class GateDifference:
    """A gate that is not closed alike; None where it is open."""

    title: str
    one: GateState | None
    other: GateState | None
    one_decided: bool
    """False where it is open, and a check of it that is inconclusive could still close it."""
    other_decided: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How a check ended for one of them."""

    status: Status
    earned: float
    feedback: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckDifference:
    """A check that did not end alike; None where one of them was not graded on it."""

    id: str
    title: str
    points: float
    one: Ended | None
    other: Ended | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Differences:
    """All of it; what is not listed is alike."""

    one: Side
    other: Side
    same_submission: bool
    conditions: tuple[Condition, ...]
    skills: tuple[SkillDifference, ...]
    """The total last, if it differs."""
    gates: tuple[GateDifference, ...]
    checks: tuple[CheckDifference, ...]
    """Most points first."""
    alike: int
    """Checks that ended alike."""


def differences(one: Grading, other: Grading) -> Differences:
    """Return what differs. Raises UsageError for results of two exercises: their points say nothing of each other."""
    if one.exercise.id != other.exercise.id:
        found = " and ".join(one_line(each.exercise.id or "one that nobody can tell", 80) for each in (one, other))
        text = f"expected two results of one exercise, found {found}: their checks and points can't be compared"
        raise UsageError(text)
    checks = _checks(one, other)
    return Differences(
        one=_side(one),
        other=_side(other),
        same_submission=one.submission_sha256 == other.submission_sha256 != "",
        conditions=_conditions(one, other),
        skills=_skills(one, other),
        gates=_gates(one, other),
        checks=tuple(sorted((each for each in checks if _ended(each)), key=lambda each: -_weight(each))),
        alike=sum(not _ended(each) for each in checks),
    )


def lines(found: Differences) -> list[str]:
    """Return it for a terminal, at most ``WIDTH`` columns wide."""
    return [*_head(found), *_points(found), *_gate_lines(found), *_check_lines(found)]


def _side(grading: Grading) -> Side:
    lowest, highest = _bounds(grading)
    return Side(
        name=grading.name,
        grading=grading.id,
        path=grading.submission_path,
        sha256=grading.submission_sha256,
        started_at=grading.started_at,
        verdict=str(grading.verdict),
        earned=grading.score.earned,
        possible=grading.score.possible,
        lowest=lowest,
        highest=highest,
    )


def _bounds(grading: Grading) -> tuple[float, float]:
    if not any(outcome.status is Status.INCONCLUSIVE for outcome in grading.outcomes):
        return grading.score.earned, grading.score.earned
    return scoring.bounds(grading.exercise, grading.outcomes)


def _conditions(one: Grading, other: Grading) -> tuple[Condition, ...]:
    pairs = zip(_graded_under(one).items(), _graded_under(other).values(), strict=True)
    return tuple(Condition(what=what, one=mine, other=theirs) for (what, mine), theirs in pairs if mine != theirs)


def _graded_under(grading: Grading) -> Mapping[str, str]:
    digests = {f"digest of {name}": grading.digests.get(name, "")[:_CLOSE] for name in ("exercise", "grader", "images")}
    return {
        "version": grading.exercise.version,
        **digests,
        "seed": str(grading.seed),
        "variant": str(grading.variant),
        "bar": number(grading.bar),
        "engine": grading.engine,
        "weaker than the standard class": "; ".join(grading.posture) or "nothing",
        "harness": grading.harness_version,
    }


def _skills(one: Grading, other: Grading) -> tuple[SkillDifference, ...]:
    mine, theirs = one.score.by_skill, other.score.by_skill
    open_mine, open_theirs = _open(one), _open(other)
    rows = [
        SkillDifference(
            name=name,
            one=mine.get(name, (0.0, 0.0))[0],
            other=theirs.get(name, (0.0, 0.0))[0],
            one_open=open_mine[name],
            other_open=open_theirs[name],
            possible=max(mine.get(name, (0.0, 0.0))[1], theirs.get(name, (0.0, 0.0))[1]),
        )
        for name in dict.fromkeys([*mine, *theirs])
    ]
    (lowest, highest), (their_lowest, their_highest) = _bounds(one), _bounds(other)
    total = SkillDifference(
        name="total",
        one=lowest,
        other=their_lowest,
        one_open=highest - lowest,
        other_open=their_highest - their_lowest,
        possible=max(one.score.possible, other.score.possible),
    )
    return tuple(row for row in (*rows, total) if (row.one, row.one_open) != (row.other, row.other_open))


def _open(grading: Grading) -> Mapping[str, float]:
    """Return skill -> points of its inconclusive checks."""
    found: dict[str, float] = defaultdict(float)
    for outcome in grading.outcomes:
        found[outcome.check.skill] += outcome.check.points if outcome.status is Status.INCONCLUSIVE else 0
    return found


def _gates(one: Grading, other: Grading) -> tuple[GateDifference, ...]:
    mine, theirs = ({hit.gate.id: hit.state for hit in grading.score.gates} for grading in (one, other))
    gates = {hit.gate.id: hit.gate for grading in (one, other) for hit in grading.score.gates}
    return tuple(
        GateDifference(
            title=gate.title,
            one=mine.get(name),
            other=theirs.get(name),
            one_decided=name in mine or _is_decided(gate, one),
            other_decided=name in theirs or _is_decided(gate, other),
        )
        for name, gate in gates.items()
        if mine.get(name) != theirs.get(name)
    )


def _is_decided(gate: Gate, grading: Grading) -> bool:
    return not any(one.check.id in gate.checks and one.status is Status.INCONCLUSIVE for one in grading.outcomes)


def _checks(one: Grading, other: Grading) -> list[CheckDifference]:
    mine, theirs = ({outcome.check.id: outcome for outcome in grading.outcomes} for grading in (one, other))
    declared = {name: outcome.check for found in (theirs, mine) for name, outcome in found.items()}
    return [
        CheckDifference(
            id=name, title=check.title, points=check.points, one=_how(mine.get(name)), other=_how(theirs.get(name))
        )
        for name, check in declared.items()
    ]


def _how(outcome: Outcome | None) -> Ended | None:
    if outcome is None:
        return None
    return Ended(status=outcome.status, earned=scoring.earned_points(outcome), feedback=outcome.feedback)


def _ended(check: CheckDifference) -> bool:
    """Whether it ended unlike: in status or points; words differ each time."""
    one, other = check.one, check.other
    if one is None or other is None:
        return one is not other
    return (one.status, one.earned) != (other.status, other.earned)


def _weight(check: CheckDifference) -> float:
    one, other = (ended.earned if ended else 0.0 for ended in (check.one, check.other))
    return abs(one - other)


def _head(found: Differences) -> list[str]:
    made = []
    for letter, side in (("A", found.one), ("B", found.other)):
        text = (
            f"{one_line(side.name, 60)}: {side.verdict}, {_total(side)}, "
            f"graded {words.when(side.started_at)} ({one_line(side.path, 200)}, {one_line(side.grading, 60)})"
        )
        made += _entry(letter, text)
    if found.same_submission:
        made += _entry("SAME", f"one submission, graded twice (sha256 {one_line(found.one.sha256[:_CLOSE], _CLOSE)})")
    for n, one in enumerate(found.conditions):
        text = f"{one.what}: A {one_line(one.one or 'not known', 100)}, B {one_line(one.other or 'not known', 100)}"
        made += _entry("" if n else "UNLIKE", text)
    return made


def _total(side: Side) -> str:
    if side.verdict in {Verdict.PASSED, Verdict.FAILED}:
        return f"{number(side.earned)} of {number(side.possible)}"
    if side.verdict == Verdict.INCONCLUSIVE and side.possible:
        return f"undecided, between {number(side.lowest)} and {number(side.highest)} of {number(side.possible)}"
    return "without a total"


def _points(found: Differences) -> list[str]:
    if not found.skills:
        return _entry("POINTS", "alike in every skill")
    names = [f"{one_line(row.name, 40)} (of {number(row.possible)})" for row in found.skills]
    width = max(map(columns, ("POINTS", *names)))
    rows = [("A", "B", "B - A"), *map(_cells, found.skills)]
    widths = [max(7, *(len(row[n]) for row in rows)) for n in range(3)]
    return [
        " ".join([padded(name, width), *(f"{cell:>{wide}}" for cell, wide in zip(row, widths, strict=True))])
        for name, row in zip(("POINTS", *names), rows, strict=True)
    ]


def _cells(row: SkillDifference) -> tuple[str, str, str]:
    """Return both values and their difference, where there is one: what is not decided can't be subtracted."""
    one, other = (
        number(value) if not more else f"{number(value)} to {number(value + more)}"
        for value, more in ((row.one, row.one_open), (row.other, row.other_open))
    )
    return one, other, "undecided" if row.one_open or row.other_open else _signed(row.other - row.one)


def _gate_lines(found: Differences) -> list[str]:
    texts = (
        f"{one_line(gate.title, WHOLE).rstrip('.')}: A {_gate(gate.one, decided=gate.one_decided)}, "
        f"B {_gate(gate.other, decided=gate.other_decided)}."
        for gate in found.gates
    )
    return [line for n, text in enumerate(texts) for line in _entry("" if n else "GATES", text)]


def _check_lines(found: Differences) -> list[str]:
    differ = count(len(found.checks), "check")
    made = _entry("CHECKS", f"{differ} ended unlike, {found.alike} alike" if found.checks else f"{found.alike} alike")
    for group in _together(found.checks):
        first, *more = group
        if more:
            ids = ", ".join(f"{one_line(check.id, 120)} ({number(check.points)})" for check in group)
            made += wrapped(f"{len(group)} checks alike: {ids}", rest="  ")
        else:
            made += wrapped(
                f"{one_line(first.id, 120)} ({number(first.points)}): {one_line(first.title, WHOLE)}", rest="  "
            )
        for letter, ended in (("A", first.one), ("B", first.other)):
            made += wrapped(_said(ended, points=not more), first=f"  {letter}  ", rest=" " * 5)
    return made


def _together(checks: Sequence[CheckDifference]) -> list[list[CheckDifference]]:
    """Return checks, those together of which one side is inconclusive and both sides say the same."""
    groups: dict[tuple[object, ...], list[CheckDifference]] = {}
    for check in checks:
        ended = [one and _said(one, points=False) for one in (check.one, check.other)]
        undecided = any(one and one.status is Status.INCONCLUSIVE for one in (check.one, check.other))
        groups.setdefault(tuple(ended) if undecided else (check.id,), []).append(check)
    return list(groups.values())


def _gate(state: GateState | None, *, decided: bool) -> str:
    return str(state or ("open" if decided else "not decided"))


def _said(ended: Ended | None, *, points: bool) -> str:
    if ended is None:
        return "was not graded on it"
    said = one_line(ended.feedback, SENTENCE) if ended.status is not Status.PASSED else ""
    earned = f", {number(ended.earned)}" if points and ended.status is not Status.INCONCLUSIVE else ""
    return f"{ended.status}{earned}" + (f": {said}" if said else "")


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{number(value)}"


def _entry(label: str, text: str) -> list[str]:
    return wrapped(visible(text), first=label.ljust(_LABEL), rest=" " * _LABEL)
