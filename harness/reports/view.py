"""What a report says, for whom, before it has a format: every format renders this and computes nothing of its own."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness import scoring
from harness.catalogue.learning import Pointer, Pointers
from harness.marking import Standing
from harness.model import Grading, Outcome, Status
from harness.reports import again, marked, words
from harness.reports.fold import fold, said
from harness.reports.others import NOTHING, Others
from harness.reports.redact import HELD_OUT, for_candidate
from harness.reports.text import one_line
from harness.store import Company

NO_POINTERS = Pointers()


class Audience(enum.StrEnum):
    """Who reads it."""

    ASSESSOR = "assessor"
    """Everything."""
    CANDIDATE = "candidate"
    """What ``redact.for_candidate`` leaves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Skill:
    """One row of the skill table."""

    name: str
    earned: float
    possible: float
    checks: str
    """``5 ok, 2 failed``."""
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """A check that cost points, or closed a gate."""

    outcome: Outcome
    lost: float
    notes: tuple[str, ...]
    """What to know about it, in a few words each: ``caps the total at 45``, ``held out``."""
    cap: float | None = None
    """The lowest cap of the gates that it closed; None where it closed none."""
    said: str = ""
    """What it says that no loss before it said."""
    like: int | None = None
    """The number of the loss that said the rest of it."""
    others: tuple[int, ...] = ()
    """The numbers of losses that say no more than this one."""
    pointer: Pointer | None = None
    """Where to learn from; for candidates alone."""
    evidence: tuple[str, ...] = ()
    """What proves it, of another loss that says the same where it has none itself; empty when shown before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One report."""

    audience: Audience
    grading: Grading
    """Already redacted for the audience."""
    header: str
    sender: str
    """Who it is from as it says itself, and what is certain: where it came from, and its sha256."""
    claim: str
    """What the candidate's own last check saw hold and this grading did not; empty when there is nothing, and for candidates."""
    verdict: str
    why: tuple[str, ...]
    skills: tuple[Skill, ...]
    total: str
    """What to know about the total, in words."""
    inconclusive: str
    owed: tuple[Outcome, ...]
    """The inconclusive outcomes themselves."""
    losses: tuple[Loss, ...]
    """What decides first: closed gates, then points."""
    human: str
    """Items only a person can mark, and what people gave for them, a line each; empty when there are none."""
    trust: str
    """How the exercise was proven; empty for candidates."""
    catalogue: str
    """Where the exercise came from; empty for the catalogue that comes with the harness, and for candidates."""
    posture: str
    """What this machine enforced in a weaker form; empty in the standard class, and for candidates."""
    again: tuple[str, ...]
    """The words of the command that repeats the grading; none for candidates."""
    standing: Standing | None = None
    """How it stands with the people who mark it, for the audience; None where nobody is asked, or it is not known."""
    beside: tuple[str, ...] = ()
    """What is known of the submission beside this grading, a sentence each; none for candidates."""


def build(
    grading: Grading,
    audience: Audience = Audience.ASSESSOR,
    company: Company | None = None,
    standing: Standing | None = None,
    pointers: Pointers = NO_POINTERS,
    *,
    others: Others = NOTHING,
) -> View:
    """Return what a report of ``grading`` says to ``audience``.

    ``company`` is what else is stored of its sender, ``standing`` how it stands with the people who mark it, ``pointers``
    where a candidate may learn from, ``others`` what other gradings in its folder say of it.
    """
    if audience is Audience.CANDIDATE:
        standing, company = marked.for_candidate(standing), None
    shown = for_candidate(grading) if audience is Audience.CANDIDATE else grading
    losses = _losses(shown)
    if audience is Audience.CANDIDATE:
        losses = tuple(replace(one, pointer=pointers.of(one.outcome)) for one in losses)
    # Of all that is known, also for a candidate: what several held-out checks come to together says less.
    between = scoring.bounds(grading.exercise, grading.outcomes)
    return View(
        audience=audience,
        grading=shown,
        header=words.header(shown),
        sender=words.sender(shown, company, others=audience is Audience.ASSESSOR),
        claim=words.claim(shown) if audience is Audience.ASSESSOR else "",
        verdict=words.verdict(shown, between, standing),
        why=words.why(shown, [loss.outcome for loss in losses]),
        skills=_skills(shown),
        total=words.total(shown),
        inconclusive=words.inconclusive(shown, between),
        owed=tuple(o for o in shown.outcomes if o.status is Status.INCONCLUSIVE),
        losses=losses,
        human=marked.in_full(shown.exercise.human, standing),
        trust=_trust(shown) if audience is Audience.ASSESSOR else "",
        catalogue=_catalogue(shown) if audience is Audience.ASSESSOR else "",
        posture="; ".join(shown.posture) if audience is Audience.ASSESSOR else "",
        again=again.grade(shown) if audience is Audience.ASSESSOR else (),
        standing=standing,
        beside=words.beside(others) if audience is Audience.ASSESSOR else (),
    )


def _skills(grading: Grading) -> tuple[Skill, ...]:
    rows = []
    for name, (earned, possible) in grading.score.by_skill.items():
        mine = [o for o in grading.outcomes if o.check.skill == name]
        rows.append(
            Skill(
                name=name,
                earned=earned,
                possible=possible,
                checks=words.check_counts(mine),
                words=words.skill(mine),
            )
        )
    return tuple(row for row in rows if row.possible or row.checks)


def _losses(grading: Grading) -> tuple[Loss, ...]:
    """Return what was lost, closed gates first (lowest cap, most points), then the rest by points."""
    found = []
    for outcome in grading.outcomes:
        caps = [
            hit.gate.cap if outcome.check.id in hit.checks else hit.cap
            for hit in grading.score.gates
            if outcome.check.id in {*hit.checks, *hit.unshown}
        ]
        lost = round(outcome.check.points - scoring.earned_points(outcome), 2)
        settled = outcome.status in {Status.FAILED, Status.UNPROVEN}
        if settled and (lost > 0 or caps):
            order = (min(caps, default=float("inf")), -lost)
            notes = _notes(outcome, grading)
            found.append((order, Loss(outcome=outcome, lost=lost, notes=notes, cap=min(caps, default=None))))
    return _said_once([loss for _, loss in sorted(found, key=lambda pair: pair[0])])


def _said_once(losses: Sequence[Loss]) -> tuple[Loss, ...]:
    """Return losses without what others before them say, each with what proves it."""
    held_out = f"{HELD_OUT}/"
    folded = fold([None if loss.outcome.check.id.startswith(held_out) else said(loss.outcome) for loss in losses])
    proven: list[tuple[str, ...]] = []
    made = []
    for loss, one in zip(losses, folded, strict=True):
        alike = [loss.outcome.evidence, *(losses[other].outcome.evidence for other in one.others)]
        evidence = next((lines for lines in alike if lines and lines not in proven), ())
        proven.append(evidence)
        made.append(
            replace(
                loss,
                said=one.text or ("" if one.like is not None else said(loss.outcome)),
                like=None if one.like is None else one.like + 1,
                others=tuple(other + 1 for other in one.others),
                evidence=evidence,
            )
        )
    return tuple(made)


def _notes(outcome: Outcome, grading: Grading) -> tuple[str, ...]:
    claim = grading.claim.get(outcome.check.id)
    notes = (
        words.cap_note(outcome.check.id, grading.score),
        "held out" if not outcome.check.public else "",
        "in part" if outcome.status is Status.FAILED and outcome.credit > 0 else "",
        "no evidence" if outcome.status is Status.UNPROVEN else "",
        f"own last check said {one_line(claim, 20)}" if claim else "",
    )
    return tuple(note for note in notes if note)


def _catalogue(grading: Grading) -> str:
    return "  ".join(grading.catalogue) if again.named(grading.catalogue) else ""


def _trust(grading: Grading) -> str:
    if not grading.outcomes:
        return ""
    return grading.trust or f"no validation of {grading.exercise.id} {grading.exercise.version} is on record"
