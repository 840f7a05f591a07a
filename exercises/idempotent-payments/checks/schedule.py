"""What is charged, and what the provider will do to it: pure functions of a random generator.

Equal seeds give equal schedules. Nothing here knows a clock, a socket or a service.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from decimal import Decimal

from harness.model import Json
from harness.testing.deals import distinct, tag
from harness.testing.scripted import Step
from harness.testing.webhooks import Webhook

DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
"""Currencies of the exercise and their decimals."""

Value = tuple[str, str, Decimal]
"""Merchant, currency, amount: what a capture can be recognised by, whatever its ref."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """One thing a merchant wants: exactly one charge, however often it is asked for."""

    merchant: str
    key: str
    amount: str
    currency: str

    @property
    def body(self) -> dict[str, Json]:
        """The request's body."""
        return {"merchant": self.merchant, "amount": self.amount, "currency": self.currency}

    @property
    def value(self) -> Value:
        """What its captures are recognised by: no other charge of the merchant has the same."""
        return (self.merchant, self.currency, Decimal(self.amount))


class Purse:
    """Hands out charges: fresh keys, and an amount that no other charge of the merchant has.

    Names say nothing of the check they belong to: a service can't tell one check from another.
    """

    def __init__(self, rng: random.Random, *, merchants: int = 1) -> None:
        """Charges have keys like ``k-07-3fa2`` and go round ``merchants`` merchants of their own."""
        self._rng = rng
        self._tag = tag(rng)
        self.merchants = tuple(f"m-{tag(rng, 8)}" for _ in range(merchants))
        self._count = itertools.count(1)
        self._cents = distinct(rng, 1_00, 399_99)

    def charge(self, *, merchant: str | None = None, currency: str | None = None, amount: str | None = None) -> Charge:
        """Return the next charge. An ``amount`` that is given must be the merchant's only one."""
        number = next(self._count)
        cents = next(self._cents)
        return Charge(
            merchant=merchant or self.merchants[number % len(self.merchants)],
            key=f"k-{number:02d}-{self._tag}",
            amount=amount or f"{cents // 100}.{cents % 100:02d}",
            currency=currency or self._rng.choice(("EUR", "USD")),
        )

    def charges(self, count: int) -> tuple[Charge, ...]:
        """Return the next ``count`` charges."""
        return tuple(self.charge() for _ in range(count))


Script = tuple[Step, ...]
"""Steps of the first calls for a charge: 201 captures, 402 declines, any other status does nothing."""

AUTHORISED = Webhook(type="authorised")
CAPTURED = Webhook(type="captured")


def webhook_scripts(provider_timeout: float) -> dict[str, Script]:
    """Return what happens to webhooks in the public check, by kind, in words of the evidence."""
    twice = Webhook(type="captured", copies=2)
    silent = Step(silent=True, answer_after_seconds=1.5 * provider_timeout, webhooks=(AUTHORISED, CAPTURED))
    return {
        "in order": (Step(webhooks=(AUTHORISED, CAPTURED)),),
        "captured twice": (Step(webhooks=(AUTHORISED, twice)),),
        "captured before authorised": (Step(webhooks=(CAPTURED, AUTHORISED)),),
        "captured, authorised, captured again": (Step(webhooks=(twice, AUTHORISED, CAPTURED)),),
        "no answer, only webhooks": (silent,),
    }
