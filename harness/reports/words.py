"""The sentences of a report, made from what a grading holds: plain words, the consequence before the mechanism."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness import scoring
from harness.model import Grading, HumanItem, Outcome, Status, Verdict
from harness.reports.text import count, listed, number, one_line

LANGUAGES = {"python": "Python", "go": "Go", "java": "Java"}
_STATUS_WORDS = {
    Status.PASSED: "ok",
    Status.FAILED: "failed",
    Status.UNPROVEN: "without evidence",
    Status.INCONCLUSIVE: "inconclusive",
}


def header(grading: Grading) -> str:
    """Return what was graded, when, how long it took and on what."""
    seconds = number(round(grading.seconds, 0 if grading.seconds >= 10 else 1))  # noqa: PLR2004 - digits that matter
    parts = (
        f"{grading.exercise.id} {grading.exercise.version}",
        grading.submission_alias,
        LANGUAGES.get(grading.language, grading.language),
        f"{'looked at' if grading.verdict is Verdict.REFUSED else 'graded'} {_when(grading.started_at)} in {seconds} s",
        grading.engine,
        "standard class" if grading.engine and not grading.posture else "weaker class" if grading.posture else "",
    )
    return " | ".join(one_line(part, 80) for part in parts if part)


def verdict(grading: Grading) -> str:
    """Return the verdict in one sentence, with the numbers that made it."""
    score = grading.score
    if grading.verdict is Verdict.REFUSED:
        return "refused: nothing was graded, there is no score."
    if grading.verdict is Verdict.HELD:
        return "held: a person must look at this result before anybody relies on it."
    points = f"{number(score.earned)} of {number(score.possible)} automatic points (bar {number(grading.bar)})"
    if grading.verdict is Verdict.INCONCLUSIVE:
        lowest, highest = scoring.bounds(grading.exercise.gates, grading.outcomes)
        points = (
            f"between {number(lowest)} and {number(highest)} of {number(score.possible)} automatic points"
            f" (bar {number(grading.bar)})"
        )
    items = count(len(grading.exercise.human), "human item")
    return f"{grading.verdict}: {points}." + (f" {items}, not marked." if grading.exercise.human else "")


def why(grading: Grading, losses: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the reasons of the verdict, the one that decided it first. ``losses`` are in order of weight."""
    if grading.verdict in {Verdict.REFUSED, Verdict.HELD} or not grading.outcomes:
        return (one_line(grading.reason, 600) or "No reason was recorded.",)
    lines = [*_gate_lines(grading)]
    ungated = [o for o in losses if not any(o.check.id in hit.checks for hit in grading.score.gates)]
    if grading.verdict is Verdict.INCONCLUSIVE:
        lines = [_owed_line(grading), *lines]
    if ungated and not (lines and grading.verdict is Verdict.FAILED):
        lines.append(_lost_line(ungated))
    elif not losses and grading.verdict is Verdict.PASSED:
        lines.append("Every scored rule held, under every fault that was injected.")
    if grading.reason:
        lines.append(one_line(grading.reason, 600))
    return tuple(lines)


def skill(outcomes: Sequence[Outcome]) -> str:
    """Return what held and what did not, in a few words."""
    if len(outcomes) == 1 and outcomes[0].feedback and outcomes[0].status is not Status.INCONCLUSIVE:
        return one_line(outcomes[0].feedback, 90)
    good = [_short(o) for o in outcomes if o.status is Status.PASSED]
    bad = [_short(o) for o in outcomes if o.status in {Status.FAILED, Status.UNPROVEN}]
    owed = [_short(o) for o in outcomes if o.status is Status.INCONCLUSIVE]
    if not bad and not owed:
        return "all of it held"
    parts = (
        f"not: {listed(bad, 5)}" if bad else "",
        f"open: {listed(owed, 3)}" if owed else "",
        f"held: {listed(good, 3)}" if good else "",
    )
    return "; ".join(part for part in parts if part)


def check_counts(outcomes: Sequence[Outcome]) -> str:
    """Return ``5 ok, 2 failed``."""
    kinds = Counter(_kind(o) for o in outcomes)
    order = ["ok", "failed", "in part", "without evidence", "inconclusive"]
    return ", ".join(f"{kinds[kind]} {kind}" for kind in order if kinds[kind])


def inconclusive(grading: Grading) -> str:
    """Return what is undecided, and what it could change."""
    owed = [o for o in grading.outcomes if o.status is Status.INCONCLUSIVE]
    if not grading.outcomes:
        return "everything: nothing was graded"
    if not owed:
        return "none: every scored check ended with evidence"
    points = sum(o.check.points for o in owed)
    lowest, highest = scoring.bounds(grading.exercise.gates, grading.outcomes)
    return (
        f"{count(len(owed), 'check')}, {number(points)} points, not the submission's doing: "
        f"whatever they turn out to be, the total is between {number(lowest)} and {number(highest)}"
    )


def human(items: Sequence[HumanItem]) -> str:
    """Return what only a person can mark; never part of the automatic points."""
    return "; ".join(f"{one_line(item.title, 100)} ({number(item.points)})" for item in items)


def _when(started_at: str) -> str:
    return f"{started_at[:10]} {started_at[11:16]} UTC" if len(started_at) > 16 else started_at  # noqa: PLR2004 - to the minute


def _kind(outcome: Outcome) -> str:
    part = outcome.status is Status.FAILED and outcome.credit > 0
    return "in part" if part else _STATUS_WORDS[outcome.status]


def _short(outcome: Outcome) -> str:
    """Return an id as words: ``safety/killed-mid-charge`` is ``killed mid charge``."""
    family, _, name = outcome.check.id.partition("/")
    return "held-out checks" if family == "held-out" else one_line((name or family).replace("-", " "), 40)


def _gate_lines(grading: Grading) -> list[str]:
    lines = []
    for n, hit in enumerate(grading.score.gates):
        # The first sentence answers "would it be enough without?"; later caps are higher and change nothing more.
        effect = (
            f"This caps the total at {number(hit.gate.cap)}; without the cap it would be {number(hit.without)}."
            if n == 0 and hit.without > hit.gate.cap
            else f"(Cap {number(hit.gate.cap)}.)"
        )
        lines.append(f"{one_line(hit.gate.title, 200).rstrip('.')}: {listed(hit.checks, 3)}. {effect}")
    return lines


def _owed_line(grading: Grading) -> str:
    owed = [o for o in grading.outcomes if o.status is Status.INCONCLUSIVE]
    gated = {name for gate in grading.exercise.gates for name in gate.checks}
    could = " and one of them could close a gate" if any(o.check.id in gated for o in owed) else ""
    return (
        f"Our evidence is missing for {count(len(owed), 'check')}{could}, so neither passed nor failed can be said. "
        "Grade it again."
    )


def _lost_line(losses: Sequence[Outcome]) -> str:
    points = sum(o.check.points - scoring.earned_points(o) for o in losses)
    told = "; ".join(
        f"{one_line(o.check.title, 110).rstrip('.')} (-{number(o.check.points - scoring.earned_points(o))})"
        for o in losses[:3]
    )
    more = f"; and {len(losses) - 3} more" if len(losses) > 3 else ""  # noqa: PLR2004 - as many as are told
    return f"{number(points)} points lost where these did not hold: {told}{more}."
