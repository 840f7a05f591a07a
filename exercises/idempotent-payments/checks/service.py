"""The candidate's service as a client sees it: what it was asked, what it said, and what that means."""

from __future__ import annotations

import enum
import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from books import parse_amount, totals
from diary import Diary
from schedule import Charge, Value

from harness.model import Json
from harness.testing.clients import Answer, HttpClient
from harness.testing.history import History, Kind, Op
from harness.testing.timeline import Timeline

READ_SECONDS = 2.0
SHORT = 90
MOST_ID = 64
MOST_STATUS = 40
"""Characters of an id and of a status that are kept: what a service says is not ours to store without end."""
CHARGE_BYTES = 16 << 10
LEDGER_BYTES = 1 << 20


class Meaning(enum.StrEnum):
    """What an answer about a charge comes to."""

    FINAL = "final"
    """201 (200 for a read) with a final status and the charge unchanged."""
    PENDING = "pending"
    """202 (200 for a read), status ``pending``."""
    REFUSED = "refused"
    """Any 4xx."""
    BROKEN = "broken"
    """5xx, no answer, or an answer that is not what the brief says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """One answer about a charge."""

    meaning: Meaning
    answer: Answer
    id: str = ""
    status: str = ""
    """As the service calls it, empty when it said none."""

    def __str__(self) -> str:
        """Say it as evidence does: ``201 captured``, ``503``, ``no answer (out of time)``."""
        if self.answer.status is None:
            return f"no answer ({self.answer.error})"
        return f"{self.answer.status} {self.status}".strip()


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What ``GET /ledger`` said."""

    entries: Counter[tuple[str, Decimal]]
    charges: tuple[str, ...] = ()
    problem: str = ""
    """What was wrong with the answer, empty when nothing was."""
    unread: bool = False
    """There was no answer of 200: nothing was said that could be wrong."""


def short(answer: Answer) -> str:
    """Say an answer in a few words: ``409 {"error":"used"}``, ``no answer (out of time)``."""
    if answer.status is None:
        return f"no answer ({answer.error})"
    body = answer.body[: SHORT + 1].decode("utf-8", "replace").strip()
    return f"{answer.status} {body if len(body) <= SHORT else body[:SHORT] + '...'}".strip()


class Client:
    """Requests to the service. Thread-safe; tells the diary, the history and the timeline."""

    def __init__(
        self, url: str, diary: Diary, history: History, timeline: Timeline, *, captured: str, limit: float
    ) -> None:
        """``captured`` is what this variant calls a captured charge; ``limit`` how long an answer may take."""
        self.http = HttpClient(url, timeout_seconds=limit, max_body_bytes=CHARGE_BYTES)
        self._ledgers = HttpClient(url, timeout_seconds=READ_SECONDS, max_body_bytes=LEDGER_BYTES)
        self.asked: dict[Value, Charge] = {}
        """Every charge that was asked for, by what its captures are recognised by."""
        self.captured = captured
        self._diary = diary
        self._history = history
        self._timeline = timeline
        self._limit = limit

    def close(self) -> None:
        """Close every connection."""
        self.http.close()
        self._ledgers.close()

    def post(self, charge: Charge, *, f: str = "charge", limit: float | None = None) -> Said:
        """Ask for a charge."""
        self.asked[charge.value] = charge
        start = time.monotonic()
        answer = self.http.request(
            "POST",
            "/charges",
            charge.body,
            headers={"Idempotency-Key": charge.key},
            timeout_seconds=limit or self._limit,
        )
        said = self._understand(charge, answer, final=201, pending=202)
        self._diary.write(charge.value, f"client sends POST {charge.key}", at=start)
        self._diary.write(charge.value, f"the service answers POST {charge.key}: {said}", at=answer.end)
        self._note(f, charge, said)
        return said

    def read(self, charge: Charge, charge_id: str) -> Said:
        """Ask how a charge is."""
        answer = self.http.request("GET", f"/charges/{charge_id}", timeout_seconds=READ_SECONDS)
        said = self._understand(charge, answer, final=200, pending=200)
        self._note("read", charge, said)
        return said

    def ledger(self, merchant: str) -> Ledger:
        """Ask for a merchant's ledger."""
        answer = self._ledgers.request("GET", f"/ledger?merchant={merchant}")
        ledger = _ledger(answer, merchant)
        self._timeline.answered(not ledger.problem)
        return ledger

    def _note(self, f: str, charge: Charge, said: Said) -> None:
        self._timeline.answered(said.meaning in {Meaning.FINAL, Meaning.PENDING})
        kind = {Meaning.FINAL: Kind.OK, Meaning.PENDING: Kind.OK, Meaning.REFUSED: Kind.FAIL}.get(
            said.meaning, Kind.INFO
        )
        self._history.append(
            Op(
                process=0,
                f=f,
                args=charge.key,
                start=said.answer.start,
                end=said.answer.end,
                type=kind,
                value=str(said),
                phase=self._history.phase,
            )
        )

    def _understand(self, charge: Charge, answer: Answer, *, final: int, pending: int) -> Said:
        if answer.status is None or answer.status >= 500:
            return Said(meaning=Meaning.BROKEN, answer=answer)
        if answer.status >= 400:
            return Said(meaning=Meaning.REFUSED, answer=answer)
        status, charge_id = (answer.text_at("status") or "")[:MOST_STATUS], answer.text_at("id") or ""
        if len(charge_id) > MOST_ID:
            return Said(meaning=Meaning.BROKEN, answer=answer, status=status)
        echoed = all(answer.get(name) == value for name, value in charge.body.items())
        meaning = Meaning.BROKEN
        if charge_id and echoed and answer.status == final and status in {self.captured, "declined"}:
            meaning = Meaning.FINAL
        elif charge_id and echoed and answer.status == pending and status == "pending":
            meaning = Meaning.PENDING
        return Said(meaning=meaning, answer=answer, id=charge_id, status=status)


def _ledger(answer: Answer, merchant: str) -> Ledger:
    entries = answer.get("entries")
    if answer.status != 200:
        return Ledger(entries=Counter(), problem=f"expected 200, found {short(answer)}", unread=True)
    if answer.get("merchant") != merchant or not isinstance(entries, list):
        return Ledger(entries=Counter(), problem=f"expected 200 with merchant and entries, found {short(answer)}")
    found: Counter[tuple[str, Decimal]] = Counter()
    charges = []
    for entry in entries:
        line = _entry(entry)
        if line is None:
            return Ledger(entries=Counter(), problem=f"expected charge, amount, currency in an entry, found {entry!r}")
        charge, currency, amount = line
        charges.append(charge)
        found[currency, amount] += 1
    sums = {currency: str(total) for currency, total in totals(found.elements()).items()}
    said = answer.get("totals")
    said = {key: value for key, value in said.items() if not _is_zero(value)} if isinstance(said, dict) else said
    if said != sums:
        problem = f"expected totals that are the exact sum of the entries, {sums}, found {said!r}"
        return Ledger(entries=found, charges=tuple(charges), problem=problem)
    return Ledger(entries=found, charges=tuple(charges))


def _is_zero(value: Json) -> bool:
    """A total of nothing may be said or left out."""
    return isinstance(value, str) and bool(value) and not value.strip("0.")


def _entry(entry: Json) -> tuple[str, str, Decimal] | None:
    if not isinstance(entry, dict):
        return None
    charge, currency = entry.get("charge"), entry.get("currency")
    if not isinstance(charge, str) or not isinstance(currency, str):
        return None
    amount = parse_amount(entry.get("amount"), currency)
    return None if amount is None else (charge, currency, amount)
