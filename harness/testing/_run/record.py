"""How one check is going: what was said while it ran, turned into exactly one outcome."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol

from harness.errors import GraderError
from harness.model import Json, Measure, Status
from harness.testing.text import FEEDBACK_CHARS, block, lines

TROUBLE = "The check itself had trouble. That is not your doing; the check can be run again."
"""What a candidate reads of a check that is inconclusive and says nothing more about it."""
_SEVERITY = {Status.PASSED: 0, Status.UNPROVEN: 1, Status.FAILED: 2, Status.INCONCLUSIVE: 3}

MAX_MEASURES = 20
MAX_DECLARED = 50
UNBITTEN = "What this check does did not come about. That is not your doing; the check can be run again."


class Declared(Protocol):
    """A statement that must have been put to the test when the check ends; see harness/testing/properties.py."""

    def verdict(self) -> tuple[Status, str]:
        """Return what it comes to, and why."""


class Record:
    """The running account of one check. Starts as passed; what is said can only make it worse."""

    def __init__(self, check_id: str) -> None:
        """Begin the account of ``check_id``."""
        self.check_id = check_id
        self._said = Status.PASSED
        self._doubted = False
        self.seconds = 0.0
        self.ran = False
        """Whether a phase of it was judged; without that it can't have passed."""
        self._credit = 1.0
        self._feedback = ""
        self._trouble = TROUBLE
        self._details: list[str] = []
        self._evidence: tuple[str, ...] = ()
        self._declared: list[Declared] = []
        self._measures: dict[str, Measure] = {}

    @property
    def status(self) -> Status:
        """What it comes to so far."""
        return Status.INCONCLUSIVE if self._doubted and self._said is not Status.FAILED else self._said

    @property
    def judged(self) -> bool:
        """Whether something was said against the service, partial credit included."""
        return self._said is not Status.PASSED or self._credit < 1

    def set_credit(self, value: float, feedback: str, detail: str, evidence: tuple[str, ...]) -> None:
        """Keep a partial credit; the last one counts."""
        self._credit = value
        self._feedback = feedback
        self._evidence = evidence
        if detail:
            self._details.append(detail)

    def declare(self, one: Declared) -> None:
        """Keep a statement until the check ends. Raises GraderError for one too many."""
        if len(self._declared) >= MAX_DECLARED:
            text = f"expected at most {MAX_DECLARED} statements in a check, found more: declare them before the loop"
            raise GraderError(text)
        self._declared.append(one)

    def settle(self) -> None:
        """Judge what was declared, at the end of a check that complained of nothing: silence never beats failure."""
        verdicts = [one.verdict() for one in self._declared]
        failed = any(status is Status.FAILED for status, _ in verdicts)
        for status, why in verdicts:
            if status is Status.INCONCLUSIVE:
                # What was promised and did not come is no matter of what our own fault did.
                self.note(why) if failed else self.say(status, feedback=UNBITTEN, detail=why)
            elif status is not Status.PASSED:
                self.say(status, feedback=why)

    def measure(self, one: Measure) -> None:
        """Keep a measured value; of several with one name the worst. Raises GraderError for one name too many."""
        before = self._measures.get(one.name)
        if before is None and len(self._measures) >= MAX_MEASURES:
            text = f"expected at most {MAX_MEASURES} names of measured values in a check, found more with {one.name!r}"
            raise GraderError(text)
        if before is None or one.inside < before.inside:
            self._measures[one.name] = one

    def note(self, detail: str) -> None:
        """Add a line for the assessor that changes nothing."""
        self._details.append(detail)

    def explain(self, sentence: str, shown: tuple[str, ...]) -> None:
        """Add what became of the candidate's process: to the feedback, and in front of the evidence."""
        if self.status is Status.INCONCLUSIVE:
            self._details.append("\n".join((sentence, *shown)))
            return
        if sentence not in self._feedback:
            self._feedback = f"{block(self._feedback, FEEDBACK_CHARS - len(sentence) - 1)}\n{sentence}".strip()
        self._evidence = (*shown, *self._evidence)

    def doubt(self, detail: str, *, late: bool) -> None:
        """Add trouble in a background thread: inconclusive, unless a failure is said, before or after.

        ``late`` is trouble that came up after the judgement: then it changes only a pass. A service must not be able
        to trade a failure for a retake by what it does to a thread of ours.
        """
        self._details.append(detail)
        if not (late and self.judged):
            self._doubted = True

    def say(self, status: Status, *, feedback: str = "", detail: str = "", evidence: tuple[str, ...] = ()) -> None:
        """Add one thing that was seen. The worst status so far stands; details add up.

        ``feedback`` is what a candidate reads: of an inconclusive check one sentence that holds nothing of ours.
        """
        if detail:
            self._details.append(detail)
        if status is Status.INCONCLUSIVE and feedback:
            self._trouble = feedback
        if _SEVERITY[status] <= _SEVERITY[self._said]:
            return
        self._said = status
        self._credit = 0.0
        self._feedback = feedback
        self._evidence = evidence

    def event(self) -> dict[str, Json]:
        """Return the fields of the one ``outcome`` event of this check."""
        status = self.status
        if status is Status.PASSED and self._credit < 1:
            status = Status.FAILED
        told = status is not Status.INCONCLUSIVE
        return {
            "check": self.check_id,
            "status": status.value,
            "credit": self._credit if status in {Status.PASSED, Status.FAILED} else 0.0,
            "seconds": round(self.seconds, 3),
            "feedback": block(self._feedback if told else self._trouble, 2000),
            "detail": block("\n\n".join(self._details), 8000),
            "evidence": list(lines(self._evidence)) if told else [],
            "measures": [asdict(one) for one in self._measures.values()],
        }
