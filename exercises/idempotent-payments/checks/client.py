"""The candidate's service as a client sees it: charges, which have one outcome, and ledgers."""

from __future__ import annotations

from collections import Counter
from urllib.parse import quote

from books import Line, parse_amount
from schedule import Charge

from harness.checkers import ledgers
from harness.model import Json
from harness.testing.answers import short
from harness.testing.clients import Answer, HttpClient
from harness.testing.diary import Diary
from harness.testing.history import History
from harness.testing.idempotent import IdempotentClient
from harness.testing.reconciliation import Statement
from harness.testing.timeline import Timeline

LEDGER_BYTES = 1 << 20
Ledger = Statement[Line]


class Client(IdempotentClient[Charge]):
    """Requests to the service. Thread-safe; tells the diary, the history and the timeline."""

    def __init__(
        self, url: str, diary: Diary, history: History, timeline: Timeline, *, captured: str, limit: float, read: float
    ) -> None:
        """``captured`` is what this variant calls a captured charge.

        ``limit`` is how long an answer to POST /charges may take, ``read`` that of a GET, which waits for nobody.
        """
        super().__init__(
            url,
            diary,
            history,
            timeline,
            path="/charges",
            outcomes={captured, "declined"},
            create_seconds=limit,
            read_seconds=read,
        )
        self.captured = captured
        self._ledgers = HttpClient(url, timeout_seconds=read, max_body_bytes=LEDGER_BYTES)

    def close(self) -> None:
        """Close every connection."""
        super().close()
        self._ledgers.close()

    def ledger(self, merchant: str) -> Ledger:
        """Ask for a merchant's ledger."""
        answer = self._ledgers.request("GET", f"/ledger?merchant={quote(merchant, safe='')}")
        ledger = read_ledger(answer, merchant)
        self._timeline.answered(not ledger.problem)
        return ledger


def read_ledger(answer: Answer, merchant: str) -> Ledger:
    """Return what an answer says of a merchant's ledger, and what is wrong with it."""
    entries = answer.get("entries")
    if answer.status != 200:
        return Statement(entries=Counter(), problem=f"expected 200, found {short(answer)}", unread=True)
    if answer.get("merchant") != merchant or not isinstance(entries, list):
        return Statement(entries=Counter(), problem=f"expected 200 with merchant and entries, found {short(answer)}")
    charges = tuple(str(entry.get("charge")) for entry in entries if isinstance(entry, dict))
    lines = [_line(entry) for entry in entries]
    if None in lines:
        problem = f"expected charge, amount, currency in an entry, found {entries[lines.index(None)]!r}"
        return Statement(entries=Counter(), ids=charges, problem=problem)
    found = Counter(line for line in lines if line)
    sums = {currency: str(total) for currency, total in ledgers.counted_totals(found).items()}
    said = answer.get("totals")
    # A total of nothing may be said or left out.
    said = {key: value for key, value in said.items() if not _is_zero(value)} if isinstance(said, dict) else said
    problem = f"expected totals that are the exact sum of the entries, {sums}, found {said!r}" if said != sums else ""
    named = tuple((charge, line) for charge, line in zip(charges, lines, strict=True) if line)
    return Statement(entries=found, ids=charges, named=named, problem=problem)


def _is_zero(value: Json) -> bool:
    return isinstance(value, str) and bool(value) and not value.strip("0.")


def _line(entry: Json) -> Line | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("charge"), str):
        return None
    currency = entry.get("currency")
    amount = parse_amount(entry.get("amount"), currency) if isinstance(currency, str) else None
    return None if amount is None else (str(currency), amount)
