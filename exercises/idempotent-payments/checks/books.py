"""The provider's books: what was really captured, call by call. The truth that a ledger is compared with."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from schedule import DECIMALS, Charge

from harness.checkers import ledgers
from harness.model import Json
from harness.testing.decisions import Call, Decision, Decisions, Words

_MAX_TEXT = 200
_MAX_REF = 64
WORDS = Words(
    upstream="the provider",
    does="captures",
    doing="capturing",
    done="captured",
    refuses="declines",
    refused="declined",
)

Line = tuple[str, Decimal]
"""Currency and amount."""


class Books(Decisions):
    """Captures, declines and calls. Thread-safe; a ref is decided once."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__(lambda number: f"psp-{number * 2654435761 % 16**6:06x}")

    def captures(self, charge: Charge) -> tuple[Decision, ...]:
        """Return every capture of a charge, whatever its refs."""
        return self.done(charge)

    def captured(self, merchant: str) -> Counter[Line]:
        """Return currency and amount of every capture of a merchant, with how often."""
        mine = [one.body for one in self.all_done() if one.body["merchant"] == merchant]
        return Counter((str(body["currency"]), Decimal(str(body["amount"]))) for body in mine)


def parse_call(body: Json, at: float) -> Call | str:
    """Return the call in the body of a ``POST /captures``, or what is wrong with it."""
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
    charge = Charge(merchant=merchant, key="", amount=amount, currency=currency)
    return Call(ref=ref, value=charge.value, body=charge.body, at=at)


def parse_amount(amount: Json, currency: str) -> Decimal | None:
    """Return the exact value of an amount in major units with exactly its currency's decimals, None for anything else."""
    return ledgers.money(amount, DECIMALS[currency]) if currency in DECIMALS else None
