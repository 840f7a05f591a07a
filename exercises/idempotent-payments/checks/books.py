"""The provider's books: what was really captured, call by call. The truth that a ledger is compared with."""

from __future__ import annotations

import itertools
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from schedule import DECIMALS, Charge, Value

from harness.model import Json

_MAX_TEXT = 200
_MAX_REF = 64
_MAX_AMOUNT = 40
_AMOUNT = re.compile(r"[0-9]+(?:\.([0-9]+))?", re.ASCII)
MOST_REFS = 50_000
MOST_CALLS = 200_000
"""What the provider remembers in one grading. A service that asks for more is answered 429: nothing happens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A well-formed ``POST /captures``."""

    ref: str
    merchant: str
    amount: str
    currency: str
    at: float
    """``time.monotonic()``."""

    @property
    def value(self) -> Value:
        """What it wants captured, and what its capture is recognised by."""
        return (self.merchant, self.currency, Decimal(self.amount))


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome(Call):
    """What the provider decided about one ref, once and for all, ``at`` that moment."""

    capture: str | None
    """None: declined."""

    @property
    def status(self) -> str:
        """As the provider's answers call it."""
        return "declined" if self.capture is None else "captured"

    @property
    def body(self) -> dict[str, Json]:
        """As ``GET /captures`` shows it."""
        charge: dict[str, Json] = {"merchant": self.merchant, "amount": self.amount, "currency": self.currency}
        return {"capture": self.capture, "ref": self.ref, "status": self.status, **charge}


def parse_call(body: Json, at: float) -> Call | str:
    """Return the call in a request body, or what is wrong with it."""
    if not isinstance(body, dict):
        return "expected a JSON object"
    texts = {name: body.get(name) for name in ("ref", "merchant", "amount", "currency")}
    for name, text in texts.items():
        if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT:
            return f"expected a string as {name}"
    ref, merchant, amount, currency = (str(text) for text in texts.values())
    if len(ref) > _MAX_REF:
        return f"expected a ref of at most {_MAX_REF} characters"
    if parse_amount(amount, currency) is None:
        return f"expected an amount as PSP.md says, found {amount!r} {currency!r}"
    return Call(ref=ref, merchant=merchant, amount=amount, currency=currency, at=at)


def parse_amount(amount: Json, currency: str) -> Decimal | None:
    """Return the exact value of an amount in major units with exactly its currency's decimals, None for anything else."""
    match = _AMOUNT.fullmatch(amount) if isinstance(amount, str) and len(amount) <= _MAX_AMOUNT else None
    return None if match is None or len(match[1] or "") != DECIMALS.get(currency) else Decimal(match[0])


class Books:
    """Captures, declines and calls. Thread-safe; a ref is decided once."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._noted = 0
        self._of_ref: Counter[str] = Counter()
        self._values: dict[str, Value] = {}
        self._by_ref: dict[str, Outcome] = {}
        self._by_value: defaultdict[Value, list[Outcome]] = defaultdict(list)
        self._calls: defaultdict[Value, list[Call]] = defaultdict(list)

    @property
    def full(self) -> bool:
        """Whether a service has asked for more than any right one could."""
        return len(self._by_ref) >= MOST_REFS or self._noted >= MOST_CALLS

    def note_call(self, call: Call) -> tuple[int, int]:
        """Count a call that arrived; return how many there were before, for its value whatever the ref, and for its ref."""
        with self._lock:
            self._noted += 1
            self._of_ref[call.ref] += 1
            self._values.setdefault(call.ref, call.value)
            self._calls[call.value].append(call)
            return len(self._calls[call.value]) - 1, self._of_ref[call.ref] - 1

    def decide(self, call: Call, *, captured: bool) -> tuple[Outcome, bool]:
        """Capture or decline, unless the ref was used before; return the outcome and whether it is new."""
        with self._lock:
            known = self._by_ref.get(call.ref)
            if known is not None:
                return known, False
            outcome = Outcome(
                capture=f"psp-{next(self._numbers) * 2654435761 % 16**6:06x}" if captured else None,
                ref=call.ref,
                merchant=call.merchant,
                amount=call.amount,
                currency=call.currency,
                at=time.monotonic(),
            )
            self._by_ref[call.ref] = outcome
            self._by_value[outcome.value].append(outcome)
            return outcome, True

    def of_ref(self, ref: str) -> Outcome | None:
        """Return what was decided about a ref so far."""
        with self._lock:
            return self._by_ref.get(ref)

    def calls_of(self, ref: str) -> int:
        """Return how many calls there were with a ref."""
        with self._lock:
            return self._of_ref[ref]

    def value_of(self, ref: str) -> Value | None:
        """Return what a ref was first used for."""
        with self._lock:
            return self._values.get(ref)

    def captures(self, charge: Charge, *, status: str = "captured") -> tuple[Outcome, ...]:
        """Return every capture of a charge, whatever its refs; every decline with status ``declined``."""
        with self._lock:
            return tuple(one for one in self._by_value.get(charge.value, ()) if one.status == status)

    def calls(self, charge: Charge) -> tuple[Call, ...]:
        """Return every well-formed POST /captures for a charge."""
        with self._lock:
            return tuple(self._calls.get(charge.value, ()))

    def captured(self, merchant: str) -> Counter[tuple[str, Decimal]]:
        """Return currency and amount of every capture of a merchant, with how often."""
        with self._lock:
            found = [one for (owner, _, _), outcomes in self._by_value.items() if owner == merchant for one in outcomes]
        return Counter((one.currency, Decimal(one.amount)) for one in found if one.capture is not None)

    def captured_since(self, stamp: float) -> tuple[Outcome, ...]:
        """Return captures made at or after a stamp."""
        with self._lock:
            every = tuple(self._by_ref.values())
        return tuple(one for one in every if one.capture is not None and one.at >= stamp)


def totals(entries: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Return the exact sum of each currency."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for currency, amount in entries:
        sums[currency] += amount
    return dict(sums)
