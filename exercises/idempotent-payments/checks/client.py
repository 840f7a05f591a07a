"""The candidate's service as a client sees it: what it was asked, what it said, and what that means."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import quote

from books import parse_amount, totals
from schedule import Charge, Value

from harness.model import Json
from harness.testing.answers import Meaning, Said, note, short, understand
from harness.testing.clients import Answer, HttpClient
from harness.testing.diary import Diary
from harness.testing.history import History
from harness.testing.timeline import Timeline

CHARGE_BYTES = 16 << 10
LEDGER_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """What ``GET /ledger`` said."""

    entries: Counter[tuple[str, Decimal]]
    charges: tuple[str, ...] = ()
    problem: str = ""
    """What was wrong with the answer, empty when nothing was."""
    unread: bool = False
    """There was no answer of 200: nothing was said that could be wrong."""


class Client:
    """Requests to the service. Thread-safe; tells the diary, the history and the timeline."""

    def __init__(
        self, url: str, diary: Diary, history: History, timeline: Timeline, *, captured: str, limit: float, read: float
    ) -> None:
        """``captured`` is what this variant calls a captured charge.

        ``limit`` is how long an answer to POST /charges may take, ``read`` that of a GET, which waits for nobody.
        """
        self.http = HttpClient(url, timeout_seconds=limit, max_body_bytes=CHARGE_BYTES)
        self._ledgers = HttpClient(url, timeout_seconds=read, max_body_bytes=LEDGER_BYTES)
        self.asked: dict[Value, Charge] = {}
        """Every charge that was asked for, by what its captures are recognised by."""
        self.ids: dict[Charge, str] = {}
        """What the service calls each of them, once it has said so."""
        self.final: dict[Charge, Said] = {}
        """What clients were told of each of them when they were first told how it ended."""
        self.captured = captured
        self._diary = diary
        self._history = history
        self._timeline = timeline
        self._read = read

    def close(self) -> None:
        """Close every connection."""
        self.http.close()
        self._ledgers.close()

    def send(self, charge: Charge) -> Answer:
        """Send POST /charges, and return the answer as it is."""
        return self.http.request("POST", "/charges", charge.body, headers={"Idempotency-Key": charge.key})

    def post(self, charge: Charge, f: str = "charge") -> Said:
        """Ask for a charge."""
        self.asked[charge.value] = charge
        start = time.monotonic()
        said = self._told(f, charge, self.send(charge), final=201, pending=202)
        if said.id:
            self.ids[charge] = said.id
        self._diary.write(charge.value, f"client sends POST {charge.key}", at=start)
        self._diary.write(charge.value, f"the service answers POST {charge.key}: {said}", at=said.answer.end)
        return said

    def read(self, charge: Charge, charge_id: str) -> Said:
        """Ask how a charge is."""
        answer = self.http.request("GET", f"/charges/{charge_id}", timeout_seconds=self._read)
        return self._told("read", charge, answer, final=200, pending=200)

    def ledger(self, merchant: str) -> Ledger:
        """Ask for a merchant's ledger."""
        answer = self._ledgers.request("GET", f"/ledger?merchant={quote(merchant, safe='')}")
        ledger = read_ledger(answer, merchant)
        self._timeline.answered(not ledger.problem)
        return ledger

    def _told(self, f: str, charge: Charge, answer: Answer, *, final: int, pending: int) -> Said:
        outcomes = {self.captured, "declined"}
        said = understand(answer, final=final, pending=pending, outcomes=outcomes, echo=charge.body)
        note(said, f, charge.key, history=self._history, timeline=self._timeline)
        if said.meaning is Meaning.FINAL:
            self.final.setdefault(charge, said)
        return said


def read_ledger(answer: Answer, merchant: str) -> Ledger:
    """Return what an answer says of a merchant's ledger, and what is wrong with it."""
    entries = answer.get("entries")
    if answer.status != 200:
        return Ledger(entries=Counter(), problem=f"expected 200, found {short(answer)}", unread=True)
    if answer.get("merchant") != merchant or not isinstance(entries, list):
        return Ledger(entries=Counter(), problem=f"expected 200 with merchant and entries, found {short(answer)}")
    charges = tuple(str(entry.get("charge")) for entry in entries if isinstance(entry, dict))
    lines = [_line(entry) for entry in entries]
    if None in lines:
        problem = f"expected charge, amount, currency in an entry, found {entries[lines.index(None)]!r}"
        return Ledger(entries=Counter(), charges=charges, problem=problem)
    found = Counter(line for line in lines if line)
    sums = {currency: str(total) for currency, total in totals(found.elements()).items()}
    said = answer.get("totals")
    # A total of nothing may be said or left out.
    said = {key: value for key, value in said.items() if not _is_zero(value)} if isinstance(said, dict) else said
    problem = f"expected totals that are the exact sum of the entries, {sums}, found {said!r}" if said != sums else ""
    return Ledger(entries=found, charges=charges, problem=problem)


def _is_zero(value: Json) -> bool:
    return isinstance(value, str) and bool(value) and not value.strip("0.")


def _line(entry: Json) -> tuple[str, Decimal] | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("charge"), str):
        return None
    currency = entry.get("currency")
    amount = parse_amount(entry.get("amount"), currency) if isinstance(currency, str) else None
    return None if amount is None else (str(currency), amount)
