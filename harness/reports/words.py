"""The sentences of a report, made from what a grading holds: plain words, the consequence before the mechanism."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from harness import scoring
from harness.marking import Standing
from harness.model import GateHit, GateState, Grading, Outcome, Score, Status, Verdict
from harness.reports import marked
from harness.reports.others import Others
from harness.reports.text import SENTENCE, WHOLE, clipped, count, listed, number, one_line
from harness.store import Company

_MINUTE = len("2026-11-26T14:15")
LANGUAGES = {"python": "Python", "go": "Go", "java": "Java"}
_LOST = frozenset({Status.FAILED, Status.UNPROVEN})
_STATUS_WORDS = {
    Status.PASSED: "ok",
    Status.FAILED: "failed",
    Status.UNPROVEN: "without evidence",
    Status.INCONCLUSIVE: "inconclusive",
}


APPEAL = (
    "If something here is inconclusive, or you think that a check is wrong, ask whoever invited you: a grading can be "
    "repeated with other fault timings."
)
"""For candidates."""


def header(grading: Grading) -> str:
    """Return what was graded, when, how long it took and on what."""
    seconds = number(round(grading.seconds, 0 if grading.seconds >= 10 else 1))  # noqa: PLR2004 - digits that matter
    parts = (
        f"{grading.exercise.id} {grading.exercise.version}" if grading.exercise.id else "no exercise",
        grading.name,
        LANGUAGES.get(grading.language, grading.language),
        f"{'looked at' if grading.verdict is Verdict.REFUSED else 'graded'} {when(grading.started_at)} in {seconds} s",
        grading.engine,
        "standard class" if grading.engine and not grading.posture else "weaker class" if grading.posture else "",
    )
    return " | ".join(one_line(part, 80) for part in parts if part)


def sender(grading: Grading, company: Company | None = None, *, others: bool = True) -> str:
    """Return who a submission says it is from, and what is known; with ``others``, where else it may be looked for."""
    said = f"alias from {grading.submission_alias_from}" if grading.submission_alias_from else ""
    facts = (
        one_line(grading.submission_path, 300),
        f"sha256 {grading.submission_sha256[:12]}" if grading.submission_sha256 else "",
        _packed(grading),
        said,
    )
    return "\n".join(text for text in (", ".join(filter(None, facts)), _company(company, others=others)) if text)


def claim(grading: Grading) -> str:
    """Return what passed in the candidate's own last check and did not here; empty when nothing did. It changes no points."""
    worse = [o for o in grading.outcomes if grading.claim.get(o.check.id) == Status.PASSED and o.status in _LOST]
    if not worse:
        return ""
    ids = listed((one_line(o.check.id, 120) for o in worse), 5)
    return (
        f"passed there, failed here: {ids}. Their own last check says so, which is their word and changes no points: "
        "ask what is different there, or look whether it fails each time."
    )


def verdict(grading: Grading, between: tuple[float, float], standing: Standing | None = None) -> str:
    """Return the verdict in one sentence, with the numbers that made it, and how far people are, who change none of them.

    ``between`` are the lowest and highest total.
    """
    score = grading.score
    if grading.verdict is Verdict.REFUSED:
        return "refused: nothing was graded, there is no score."
    if grading.verdict is Verdict.HELD:
        return "held: a person must look at this result before anybody relies on it."
    if not grading.outcomes:
        return f"{grading.verdict}: the grading did not come to its end, there is no score."
    points = f"{number(score.earned)} of {number(score.possible)} automatic points (bar {number(grading.bar)})"
    if grading.verdict is Verdict.INCONCLUSIVE:
        lowest, highest = between
        points = (
            f"between {number(lowest)} and {number(highest)} of {number(score.possible)} automatic points"
            f" (bar {number(grading.bar)})"
        )
    return f"{grading.verdict}: {points}. {marked.in_short(grading.exercise.human, standing)}".rstrip()


def why(grading: Grading, losses: Sequence[Outcome], names: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the reasons of the verdict, the one that decided it first. ``losses`` are in order of weight.

    ``names`` says how checks are called where to read more of them; by default, losses are numbered below the reasons.
    """
    if grading.verdict in {Verdict.REFUSED, Verdict.HELD} or not grading.outcomes:
        return (clipped(grading.reason.strip(), 1500, "result.json") or "No reason was recorded.",)
    numbers = {one.check.id: str(n) for n, one in enumerate(losses, start=1)}
    lines = _gate_lines(grading, numbers if names is None else names)
    gated = {name for hit in grading.score.gates for name in (*hit.checks, *hit.unshown)}
    ungated = [o for o in losses if o.check.id not in gated]
    if grading.verdict is Verdict.INCONCLUSIVE:
        lines = [_owed_line(grading), *lines]
    if ungated and not (lines and grading.verdict is Verdict.FAILED):
        lines.append(_lost_line(grading, ungated))
    elif not losses and grading.verdict is Verdict.PASSED:
        lines.append("Every scored rule held, under every fault that was injected.")
    if grading.reason:
        lines.append(one_line(grading.reason, SENTENCE))
    return tuple(lines)


def beside(others: Others) -> tuple[str, ...]:
    """Return what is known of a submission beside its own grading: how it was decided before, whose code is nearly the same."""
    was = others.decided
    texts = (
        f"Decided before: the same submission was {was.verdict} with {number(was.earned)} of {number(was.possible)} points, "
        f"graded {when(was.started_at)} ({one_line(was.grading, 60)})."
        if was
        else "",
        f"Nearly the same code as {one_line(others.alike, WHOLE)}, by the last page over all results, which says what that means."
        if others.alike
        else "",
    )
    return tuple(filter(None, texts))


def skill(outcomes: Sequence[Outcome]) -> str:
    """Return what held and what did not, in a few words."""
    if len(outcomes) == 1 and (outcomes[0].status is Status.PASSED or outcomes[0].credit > 0):
        # What was measured; why something is lost stands once, below.
        return one_line(outcomes[0].feedback.partition("\n")[0] or outcomes[0].check.title, SENTENCE)
    good = [_short(o) for o in outcomes if o.status is Status.PASSED]
    bad = [_short(o) for o in outcomes if o.status in {Status.FAILED, Status.UNPROVEN}]
    owed = [_short(o) for o in outcomes if o.status is Status.INCONCLUSIVE]
    if not bad and not owed:
        return "every rule held"
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


def inconclusive(grading: Grading, between: tuple[float, float]) -> str:
    """Return what is undecided, and between which totals it could still move the score."""
    owed = [o for o in grading.outcomes if o.status is Status.INCONCLUSIVE]
    if not grading.outcomes:
        return ""
    silent = [o for o in grading.outcomes if o.status is Status.UNPROVEN]
    if not owed and silent:
        return f"0 checks; in {count(len(silent), 'check')} the submission gave no evidence, which costs the points"
    if not owed:
        return "none: every check ended with evidence"
    points = sum(o.check.points for o in owed)
    lowest, highest = between
    return (
        f"{count(len(owed), 'check')} of {number(points)} points; however {'it turns' if len(owed) == 1 else 'they turn'} out, "
        f"the total is between {number(lowest)} and {number(highest)}"
    )


def total(grading: Grading) -> str:
    """Return what the total says beyond its number."""
    before = max((hit.without for hit in grading.score.gates), default=0.0)
    if before > grading.score.earned:
        return f"capped; {number(before)} before the cap"
    if grading.verdict is Verdict.INCONCLUSIVE:
        return f"undecided: {number(grading.score.decided)} points are decided"
    return f"bar {number(grading.bar)}"


def gate(hit: GateHit, names: Mapping[str, str]) -> str:
    """Return why a gate is closed, and where to read more.

    ``names`` says how a report calls the checks that it shows, in its order.
    """
    title = one_line(hit.gate.title, WHOLE).rstrip(".")
    failed = listed((shown for name, shown in names.items() if name in hit.checks), 5)
    silent = listed((shown for name, shown in names.items() if name in hit.unshown), 5)
    where = [f"see {failed}" if failed else "", f"no evidence in {silent}" if silent else ""]
    more = f" ({'; '.join(filter(None, where))})" if any(where) else ""
    if hit.state is GateState.BROKEN:
        return f"Seen broken: {title}{more}."
    return f"Not shown, so not ruled out: {title}{more}."


def cap_from(hit: GateHit) -> str:
    """Return where the cap of a closed gate comes from: what is seen broken has its own, silence earns no pass."""
    if hit.cap < hit.gate.cap:
        return "one point under the pass mark, because not all of this gate was shown to hold"
    return "which the exercise sets for this gate"


def cap_note(check_id: str, score: Score) -> str:
    """Return what a check did to the total by closing gates, with the cap that applies; empty where it closed none."""
    mine = [
        hit.gate.cap if check_id in hit.checks else hit.cap
        for hit in score.gates
        if check_id in {*hit.checks, *hit.unshown}
    ]
    if not mine:
        return ""
    own, applies = min(mine), min(hit.cap for hit in score.gates)
    if own > applies:
        return f"closes a gate of cap {number(own)}, but {number(applies)} applies"
    if score.gates[0].without <= applies:
        return f"closes a gate of cap {number(own)}, not reached"
    return f"caps the total at {number(own)}"


def when(started_at: str) -> str:
    """Return a time of a result to the minute; what is no time is shown as it is."""
    return f"{started_at[:10]} {started_at[11:16]} UTC" if len(started_at) > 16 else started_at  # noqa: PLR2004 - to the minute


def _packed(grading: Grading) -> str:
    packed = grading.submission_packed_at
    if not packed:
        return ""
    late = packed[:_MINUTE] > grading.started_at[:_MINUTE]
    return f"packed {when(packed)}{' by its own clock, which is wrong' if late else ''}"


def _company(company: Company | None, *, others: bool) -> str:
    """Return which of how many this one is; empty when there is no other."""
    if company is None:
        return ""
    texts = []
    total = len(company.submissions)
    if total > 1:
        last = (
            "the last packed" if company.submission == total else f"number {company.submission}, not the last packed,"
        )
        texts.append(f"{last} of {total} submissions of this sender")
        also = [
            f"{one_line(one.path, 200)} (sha256 {one_line(one.sha256[:12], 12)})"
            for n, one in enumerate(company.submissions, start=1)
            if n != company.submission
        ]
        texts += [f"also {listed(also, 3)}"] if others else []
    if company.gradings > 1:
        texts.append(f"grading {company.grading} of {company.gradings} of this one")
    return "; ".join(texts)


def _kind(outcome: Outcome) -> str:
    part = outcome.status is Status.FAILED and outcome.credit > 0
    return "in part" if part else _STATUS_WORDS[outcome.status]


def _short(outcome: Outcome) -> str:
    """Return an id as words: ``safety/killed-mid-charge`` is ``killed mid charge``."""
    family, _, name = outcome.check.id.partition("/")
    return "held-out checks" if family == "held-out" else one_line((name or family).replace("-", " "), WHOLE)


def _gate_lines(grading: Grading, names: Mapping[str, str]) -> list[str]:
    lines = []
    for n, hit in enumerate(grading.score.gates):
        seen = gate(hit, names)
        # Gates come lowest cap first: only the first one can have changed the total.
        if n > 0 or hit.without <= hit.cap:
            source = f", {cap_from(hit)}" if hit.cap < hit.gate.cap else ""
            lines.append(f"{seen} Its cap is {number(hit.cap)}{source}.")
            continue
        under = ", under the bar as well" if hit.cap < grading.bar and hit.without < grading.bar else ""
        lines.append(
            f"{seen} This caps the total at {number(hit.cap)}, {cap_from(hit)}; "
            f"without the cap it would be {number(hit.without)}{under}."
        )
    return lines


def _owed_line(grading: Grading) -> str:
    owed = [o for o in grading.outcomes if o.status is Status.INCONCLUSIVE]
    ids = {o.check.id for o in owed}
    gates = [gate for gate in grading.exercise.gates if ids & set(gate.checks)]
    lowest = min(gates, key=grading.exercise.cap_not_shown, default=None)
    cap = number(grading.exercise.cap_not_shown(lowest)) if lowest else ""
    could = f", which could still show: {one_line(lowest.title, WHOLE)} (cap {cap})" if lowest else ""
    points = number(sum(o.check.points for o in owed))
    return (
        f"Undecided: our evidence is missing for {count(len(owed), 'check')} of {points} points{could}. "
        "So neither passed nor failed can be said. That is not the submission's doing: grade it again."
    )


def _lost_line(grading: Grading, losses: Sequence[Outcome]) -> str:
    lost = {o.check.id: o.check.points - scoring.earned_points(o) for o in losses}
    short = grading.bar - grading.score.earned
    under = f", {number(short)} short of the bar" if grading.verdict is Verdict.FAILED else ""
    told = [f"{number(sum(lost.values()))} points lost{under}."]
    for label, status in (("Did not hold", Status.FAILED), ("Could not be shown", Status.UNPROVEN)):
        rules = [
            f"{one_line(o.check.title, WHOLE).rstrip('.')} (-{number(lost[o.check.id])})"
            for o in losses
            if o.status is status
        ]
        if rules:
            told.append(f"{label}: {listed(rules, 3, '; ')}.")
    return " ".join(told)
