"""What a grading has against a submission, one entry each, for formats that list findings and not checks.

A finding is a check that cost points or closed a gate. What is ours (inconclusive, held) is no finding: it is told apart, so
that no platform shows our trouble as a candidate's fault.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import GateState, Status, Verdict
from harness.patches import Change
from harness.reports.facts import why
from harness.reports.fold import said
from harness.reports.places import Place, Stretch, place, stretches
from harness.reports.text import clipped, number, one_line
from harness.reports.view import Loss, View

WHOLE = "grading/whole"
"""Id of what no single check stands for: a refused or held result, one without outcomes."""
_MAX_WORDS = 4000
_TITLE = 200


class Weight(enum.StrEnum):
    """How much a finding matters."""

    GATE = "gate"
    """It was seen to break what a gate is for."""
    POINTS = "points"
    """It cost points, or keeps a gate from being shown."""
    PART = "part"
    """It cost a part of its points and nothing else."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that did not hold."""

    id: str
    title: str
    """What should hold."""
    cost: str
    """``12 of 12 points lost, caps the total at 45``."""
    words: str
    """What the check says to everybody."""
    weight: Weight
    place: Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Owed:
    """Something that could not be said for a reason of ours."""

    id: str
    title: str
    words: str


def findings(view: View, changes: Sequence[Change] = ()) -> tuple[Finding, ...]:
    """Return what did not hold, what weighs most first. ``changes`` are what differs from the starter."""
    changed = stretches(changes)
    if view.grading.verdict is Verdict.REFUSED:
        words = clipped(" ".join(why(view)), _MAX_WORDS, "the report")
        where = place([words], changed)
        title = "the submission can be graded"
        return (Finding(id=WHOLE, title=title, cost="refused", words=words, weight=Weight.GATE, place=where),)
    return tuple(_finding(loss, view, changed) for loss in view.losses)


def owed(view: View) -> tuple[Owed, ...]:
    """Return what the grading owes an answer to, the whole of it first where nobody may rely on any."""
    made = []
    grading = view.grading
    if grading.verdict is Verdict.HELD or (grading.verdict is not Verdict.REFUSED and not grading.outcomes):
        words = clipped(" ".join(why(view)), _MAX_WORDS, "the report")
        made.append(Owed(id=WHOLE, title="the result can be relied on", words=words))
    for outcome in view.owed:
        words = clipped(outcome.feedback or "No result, which is not the submission's doing.", _MAX_WORDS, "the report")
        made.append(
            Owed(id=one_line(outcome.check.id, _TITLE), title=one_line(outcome.check.title, _TITLE), words=words)
        )
    return tuple(made)


def _finding(loss: Loss, view: View, changed: Sequence[Stretch]) -> Finding:
    outcome = loss.outcome
    words = (outcome.feedback, *outcome.evidence, outcome.detail)
    return Finding(
        id=one_line(outcome.check.id, _TITLE),
        title=one_line(outcome.check.title, _TITLE),
        cost=_cost(loss),
        words=clipped(said(outcome), _MAX_WORDS, "the report"),
        weight=_weight(loss, view),
        place=place(words, changed),
    )


def _cost(loss: Loss) -> str:
    points = loss.outcome.check.points
    notes = [note for note in loss.notes if not note.startswith("own last check")]
    return ", ".join([f"{number(loss.lost)} of {number(points)} points lost", *notes])


def _weight(loss: Loss, view: View) -> Weight:
    id_ = loss.outcome.check.id
    if any(id_ in hit.checks and hit.state is GateState.BROKEN for hit in view.grading.score.gates):
        return Weight.GATE
    in_part = loss.outcome.status is Status.FAILED and loss.outcome.credit > 0
    return Weight.PART if in_part else Weight.POINTS
