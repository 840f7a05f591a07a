"""What a grader may say: how much of it, how it ends, and what an outcome is worth that does not say so."""

from __future__ import annotations

import pytest

from harness import events
from harness.errors import GraderError
from harness.events import Evidence
from harness.model import Json


def said(*messages: dict[str, Json]) -> Evidence:
    """Return the evidence of a grader that said ``messages``."""
    evidence = Evidence()
    for message in messages:
        evidence.take({"type": "event", **message})
    return evidence


@pytest.mark.parametrize(
    ("end", "complete"),
    [
        ({"exit": 0}, True),
        ({"exit": 1}, True),
        ({"exit": 2}, False),
        ({"exit": 3}, False),
        ({"exit": 0, "crashed": True}, False),
        (None, False),
    ],
)
def test_grader_is_complete_when_it_came_to_its_end(*, end: dict[str, Json] | None, complete: bool) -> None:
    """All said, or refused because it does not fit what was declared; neither hung, broken, dead nor silent."""
    evidence = said({"event": "note", "text": "x"}, *([{"event": "finished", **end}] if end else []))
    assert evidence.complete is complete


def test_nothing_counts_after_the_end() -> None:
    """What comes after ``finished`` is an error of the grader, and is not added."""
    evidence = said({"event": "finished", "exit": 0})
    with pytest.raises(GraderError, match="expected nothing after the event 'finished'"):
        evidence.take({"type": "event", "event": "note", "text": "late"})
    assert evidence.notes == []


def test_grader_that_loops_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last event that is allowed is taken, and the one after it is an error."""
    monkeypatch.setattr(events, "MAX_EVENTS", 3)
    evidence = Evidence()
    for n in range(3):
        evidence.take({"type": "event", "event": "note", "text": str(n)})
    with pytest.raises(GraderError, match="expected at most 3 events from a grader, found more"):
        evidence.take({"type": "event", "event": "note", "text": "3"})
    assert evidence.notes == ["0", "1", "2"]


def test_outcome_that_says_no_credit_has_none() -> None:
    """No path from silence to points."""
    (outcome,) = said({"event": "outcome", "check": "a/b", "status": "failed"}).outcomes
    assert (outcome.credit, outcome.seconds, outcome.measures) == (0.0, 0.0, [])


@pytest.mark.parametrize(
    "change",
    [
        {"credit": 1.01},
        {"credit": -0.01},
        {"credit": float("nan")},
        {"seconds": float("inf")},
        {"check": "x" * 201},
        {"evidence": ["x"] * 41},
        {"evidence": ["x" * 301]},
        {"status": "great"},
        {"points": 100},
        {"measures": [{"name": "m", "value": 1.0, "limit": 0.0, "better": "less"}]},
        {"measures": [{"name": "m", "value": -1.0, "limit": 1.0, "better": "less"}]},
        {"measures": [{"name": "", "value": 1.0, "limit": 1.0, "better": "less"}]},
    ],
)
def test_outcome_over_a_cap_is_no_event(change: dict[str, Json]) -> None:
    """A value that no grader of ours says is an error that names it, and nothing of it is kept."""
    evidence = Evidence()
    with pytest.raises(GraderError, match="expected an event of the grader protocol"):
        evidence.take({"type": "event", "event": "outcome", "check": "a/b", "status": "failed", **change})
    assert evidence.outcomes == []
