"""Answers and outcomes in a few words, and whether there were enough of them to judge."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from harness.testing.check import Unproven
from harness.testing.clients import Answer

MOST_CHARS = 90
MOST_EXAMPLES = 3


class Meaning(enum.StrEnum):
    """What an answer comes to for whoever asked for something that may take its time."""

    FINAL = "final"
    """What was asked for has its outcome, and it was told."""
    PENDING = "pending"
    """Taken; the outcome comes later."""
    REFUSED = "refused"
    """Any 4xx."""
    BROKEN = "broken"
    """5xx, no answer, or an answer that is not what the brief says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One answer about one thing that was asked for."""

    meaning: Meaning
    answer: Answer
    id: str = ""
    """What the service calls the thing, empty when it said nothing."""
    status: str = ""
    """As the service calls it, empty when it said none."""

    def __str__(self) -> str:
        """Say it as evidence does: ``201 captured``, ``503``, ``no answer (out of time)``."""
        if self.answer.status is None:
            return short(self.answer)
        return f"{self.answer.status} {self.status}".strip()


def short(answer: Answer, most: int = MOST_CHARS) -> str:
    """Say an answer in a few words: ``409 {"error":"used"}``, ``no answer (out of time)``; ``most`` is of the body."""
    if answer.status is None:
        return f"no answer ({answer.error})"
    body = answer.body[: 4 * most + 1].decode("utf-8", "replace").strip()
    return f"{answer.status} {body if len(body) <= most else body[:most] + '...'}".strip()


def examples(found: Iterable[object], most: int = MOST_EXAMPLES) -> str:
    """Return the first few different things in words, ``none`` when there is none: ``503; no answer (out of time)``."""
    return "; ".join(sorted({str(one) for one in found})[:most]) or "none"


def enough(told: Iterable[Said], *, least: int, what: str, wanted: str = "a final outcome (201)") -> None:
    """Raise Unproven unless at least ``least`` answers were final: a verdict needs evidence.

    ``what`` names them in the sentence (``charges after the kill``). Call it after the invariants: a broken one is a
    failure even when little succeeded.
    """
    said = list(told)
    final = sum(1 for one in said if one.meaning is Meaning.FINAL)
    if final < least:
        others = examples(one for one in said if one.meaning is not Meaning.FINAL)
        text = (
            f"Too little succeeded to judge: of {len(said)} {what}, {final} got {wanted}, "
            f"expected at least {least}. Other answers: {others}."
        )
        raise Unproven(text)
