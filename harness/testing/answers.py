"""Answers and outcomes in a few words, and whether there were enough of them to judge."""

from __future__ import annotations

import enum
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.model import Json
from harness.testing.check import Unproven
from harness.testing.clients import Answer
from harness.testing.history import History, Kind, Op
from harness.testing.timeline import Timeline

MOST_CHARS = 90
MOST_EXAMPLES = 3
MOST_ID = 64
MOST_STATUS = 40
PENDING = "pending"
"""The status of a thing that has no outcome so far."""


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


_KINDS = {Meaning.FINAL: Kind.OK, Meaning.PENDING: Kind.OK, Meaning.REFUSED: Kind.FAIL, Meaning.BROKEN: Kind.INFO}


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


def understand(
    answer: Answer, *, final: int, pending: int, outcomes: Collection[str], echo: Mapping[str, Json]
) -> Said:
    """Return what an answer about a thing with ``id`` and ``status`` comes to.

    ``final`` and ``pending`` are the statuses of HTTP that say so; ``outcomes`` what a final thing may be called, while
    a pending one is called ``pending``; ``echo`` what every answer must repeat unchanged. A longer id than 64
    characters is no id: what a service says is not ours to store without end.
    """
    if answer.status is None or answer.status >= 500:  # noqa: PLR2004 - HTTP's own numbers
        return Said(meaning=Meaning.BROKEN, answer=answer)
    if answer.status >= 400:  # noqa: PLR2004
        return Said(meaning=Meaning.REFUSED, answer=answer)
    status, name = (answer.text_at("status") or "")[:MOST_STATUS], answer.text_at("id") or ""
    if len(name) > MOST_ID:
        return Said(meaning=Meaning.BROKEN, answer=answer, status=status)
    right = bool(name) and all(answer.get(key) == value for key, value in echo.items())
    meaning = Meaning.BROKEN
    if right and answer.status == final and status in outcomes:
        meaning = Meaning.FINAL
    elif right and answer.status == pending and status == PENDING:
        meaning = Meaning.PENDING
    return Said(meaning=meaning, answer=answer, id=name, status=status)


def note(said: Said, f: str, args: Json, *, history: History, timeline: Timeline) -> None:
    """Tell the timeline whether it was a right answer, and the history what it was: ``f`` asked with ``args``."""
    kind = _KINDS[said.meaning]
    timeline.answered(kind is Kind.OK)
    start, end = said.answer.start, said.answer.end
    op = Op(process=0, f=f, args=args, start=start, end=end, type=kind, value=str(said), phase=history.phase)
    history.append(op)


def times(count: int) -> str:
    """Return how often in words: ``never``, ``once``, ``twice``, ``3 times``."""
    return {0: "never", 1: "once", 2: "twice"}.get(count, f"{count} times")


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
