"""What of a grading its candidate may see: a grading again, so that every format shows the same.

Public checks keep their feedback. Held-out ones become one entry per skill, without ids, titles or counterexamples.
Details, evidence, paths, the fault timeline (it tells what held-out checks do), the seed, digests of the grader, and what it
ran on and how the exercise was proven (an assessor's to weigh) are dropped; what the candidate's own tests printed is theirs and kept.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from harness import scoring
from harness.model import OWN_TESTS_PRINTED, Check, Gate, GateHit, Grading, Outcome, Score, Status, Verdict
from harness.reports.text import count

HELD_OUT = "held-out"
_HELD = (
    "What was recorded does not fit what the exercise declares. A person looks at it; it says nothing about the work."
)
_HELD_BY_PACK = (
    "What the file says of itself (for whom, of which version) is not what was given out. A person looks at it; it says "
    "nothing about the work."
)
_OURS = "Something of ours failed while it was graded. It says nothing about the work, and it can be graded again."
_PATH = re.compile(r"(?<![\w.-])(?:~|\.{1,2})?/(?:[^\s/:'\"]+/)*[^\s/:'\"]+")


def for_candidate(grading: Grading) -> Grading:
    """Return ``grading`` with everything removed that its candidate may not see. Of a held one nothing is left to read."""
    if grading.verdict is Verdict.HELD:
        nothing = Score(earned=0.0, decided=0.0, possible=grading.score.possible, by_skill={}, gates=())
        grading = dataclasses.replace(grading, outcomes=(), score=nothing)
    names = {o.check.id: o.check.id if o.check.public else _held_out_id(o.check.skill) for o in grading.outcomes}
    public = {o.check.id for o in grading.outcomes if o.check.public}
    gates = {gate.id: _gate(gate, names) for gate in grading.exercise.gates}
    score = dataclasses.replace(grading.score, gates=tuple(_hit(hit, gates, names) for hit in grading.score.gates))
    return dataclasses.replace(
        grading,
        exercise=dataclasses.replace(grading.exercise, gates=tuple(gates.values())),
        seed=0,
        catalogue=(),
        notes=(),
        engine="",
        posture=(),
        phases=(),
        trust="",
        harness_version="",
        submission_path=_file_name(grading.submission_path),
        submission_origin="",
        digests={key: value for key, value in grading.digests.items() if key == "exercise"},
        outcomes=(*_public(grading.outcomes), *_held_out(grading.outcomes)),
        score=score,
        timeline=(),
        reason=_reason(grading, names),
        claim={name: said for name, said in grading.claim.items() if name in public},
    )


def _public(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [
        dataclasses.replace(o, detail="", evidence=_own(o.evidence), measures=()) for o in outcomes if o.check.public
    ]


def _own(evidence: Sequence[str]) -> tuple[str, ...]:
    """Return what the candidate's own tests printed: ``evidence`` ends with it, if it has it."""
    starts = (place for place, line in enumerate(evidence) if line.startswith(OWN_TESTS_PRINTED))
    return tuple(evidence[next(starts, len(evidence)) :])


def _held_out(outcomes: Sequence[Outcome]) -> list[Outcome]:
    by_skill: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if not outcome.check.public:
            by_skill.setdefault(outcome.check.skill, []).append(outcome)
    return [_together(skill, hidden) for skill, hidden in by_skill.items()]


def _together(skill: str, hidden: Sequence[Outcome]) -> Outcome:
    """Return one outcome for all held-out checks of a skill: the worst status, and the share of their points."""
    points = sum(o.check.points for o in hidden)
    status = next(
        (s for s in (Status.FAILED, Status.UNPROVEN, Status.INCONCLUSIVE) if any(o.status is s for o in hidden)),
        Status.PASSED,
    )
    return Outcome(
        check=Check(
            id=_held_out_id(skill),
            title=f"{count(len(hidden), 'check')} of {skill} that only grading runs",
            skill=skill,
            points=points,
            public=False,
        ),
        status=status,
        credit=sum(scoring.earned_points(o) for o in hidden) / points if points else 0.0,
        seconds=sum(o.seconds for o in hidden),
        feedback=_held_out_words(hidden),
    )


def _held_out_words(hidden: Sequence[Outcome]) -> str:
    kinds = Counter(o.status for o in hidden)
    words = {Status.FAILED: "did not hold", Status.UNPROVEN: "not shown", Status.INCONCLUSIVE: "without a result"}
    others = "".join(f", {kinds[status]} {said}" for status, said in words.items() if kinds[status])
    return f"{kinds[Status.PASSED]} of {count(len(hidden), 'held-out check')} held{others}."


def _held_out_id(skill: str) -> str:
    return f"{HELD_OUT}/{re.sub(r'[^a-z0-9]+', '-', skill.lower()).strip('-') or 'other'}"


def _gate(gate: Gate, names: Mapping[str, str]) -> Gate:
    return dataclasses.replace(gate, checks=_renamed(gate.checks, names))


def _hit(hit: GateHit, gates: Mapping[str, Gate], names: Mapping[str, str]) -> GateHit:
    gate = gates.get(hit.gate.id) or _gate(hit.gate, names)
    return dataclasses.replace(hit, gate=gate, checks=_renamed(hit.checks, names), unshown=_renamed(hit.unshown, names))


def _renamed(ids: Sequence[str], names: Mapping[str, str]) -> tuple[str, ...]:
    """Return ids with hidden ones replaced; one of which nothing is known is hidden too."""
    return tuple(dict.fromkeys(names.get(name, f"{HELD_OUT}/other") for name in ids))


def _reason(grading: Grading, names: Mapping[str, str]) -> str:
    if grading.verdict is Verdict.HELD:
        from harness.packs import fit  # reads tables, which a report of anything else does without

        return _HELD_BY_PACK if grading.reason.startswith(fit.HELD) else _HELD
    if grading.verdict is not Verdict.REFUSED:
        # What went wrong on our side may name sandboxes, faults and checks; how many checks are open is said anyway.
        return "" if grading.outcomes or not grading.reason else _OURS
    text = grading.reason
    if grading.submission_path:
        text = text.replace(grading.submission_path, _file_name(grading.submission_path))
    text = _PATH.sub(lambda found: _file_name(found[0]), text)
    for name, shown in names.items():
        text = text.replace(name, shown)
    return text


def _file_name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1]
