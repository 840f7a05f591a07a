"""Exact money: currencies with other decimals, and values that floating point gets wrong.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import time

from plans import EXACT
from schedule import Charge
from world import World

from harness.testing import check, expect
from harness.testing.answers import Meaning, Said, short
from harness.testing.clients import Answer


def _charged(world: World, charges: list[Charge]) -> dict[Charge, Said]:
    """Return final answers; each must echo its amount to the digit."""
    told = world.crowd.ordinary(charges)
    for charge, said in told.items():
        expect(
            said.meaning is Meaning.FINAL,
            f"{charge.amount} {charge.currency} did not become a final charge with the same amount.",
            expected=f"201 with amount {charge.amount!r}",
            found=short(said.answer),
            evidence=world.judge.evidence(charge),
        )
    return told


@check("contract/currency-decimals")
def test_currency_decimals(world: World) -> None:
    """Currencies with no and with three decimals are exact, and amounts with other decimals are refused."""
    world.service.begin(liveness=True)
    purse = world.purse("decimals")
    right = [("JPY", "1250"), ("JPY", "1"), ("KWD", "1.250"), ("KWD", "0.005"), ("USD", "12.50")]
    charges = [purse.charge(amount=amount, currency=currency) for currency, amount in right]
    told = _charged(world, charges)
    # However they are rounded, none comes to one of the right ones: a capture of it would be taken for a second one.
    wrong = [("JPY", "1350.00"), ("JPY", "13.5"), ("KWD", "1.35"), ("KWD", "3"), ("KWD", "1.4500"), ("USD", "1.350")]
    since = time.monotonic()
    for currency, amount in wrong:
        answer = _post(world, purse.charge(amount=amount, currency=currency))
        expect(answer.status == 400, f"{amount} {currency} was not refused.", expected=400, found=short(answer))
    expect(not world.books.all_done(since=since), "An amount with wrong decimals was captured.")
    world.audit(told)


def _post(world: World, charge: Charge) -> Answer:
    return world.client.http.request("POST", "/charges", charge.body, headers={"Idempotency-Key": charge.key})


@check("safety/exact-money")
def test_exact_money(world: World) -> None:
    """Amounts and totals are exact to the last digit."""
    world.service.begin()
    purse = world.purse("exact", merchants=2)
    told = dict(world.baseline(world.purse("exact-base")))
    for merchant in purse.merchants:
        for currency, amounts in EXACT.items():
            charges = [purse.charge(merchant=merchant, currency=currency, amount=amount) for amount in amounts]
            told |= _charged(world, charges)
    world.audit(told)
