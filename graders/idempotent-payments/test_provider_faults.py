"""What the provider leaves unclear: ambiguous outcomes, early webhooks, refs nobody knows, keys of two merchants.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import time

from books import Outcome
from plans import ambiguous_scripts, early_webhook_scripts
from psp import message_of
from schedule import Charge
from world import LEAST_OK, World

from harness.testing import bit, check, expect
from harness.testing.answers import Meaning, enough, short
from harness.testing.deals import deal, generator


@check("safety/ambiguous-outcomes")
def test_ambiguous_outcomes(world: World) -> None:
    """Late, missing, cut and failed answers of the provider lead to one capture and the true outcome."""
    world.service.begin()
    purse = world.purse("amb", merchants=4)
    told = dict(world.baseline(purse))
    rng = generator(world.job, "ambiguous")
    scripts = ambiguous_scripts(rng, world.provider_timeout)
    charges = purse.charges(LEAST_OK * len(scripts))
    kinds = deal(rng, charges, list(scripts))
    for charge, kind in kinds.items():
        world.provider.script(charge, scripts[kind])
        world.diary.write(charge.value, f"the provider will do to {charge.key}: {kind}")
    repeating = set(rng.sample(charges, len(charges) // 2))
    with world.timeline.fault("cut"):
        said = world.crowd.ask_all(charges)
        # A client without an id can do nothing but ask again.
        repeating |= {charge for charge, one in said.items() if not one.id}
        said = world.crowd.settle(said, until=time.monotonic() + world.pending_limit, repeat=repeating)
    told |= said | world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after")
    world.settled(told, of=" with ambiguous outcomes")
    world.audit(told, of=" with ambiguous outcomes")
    for kind in scripts:
        of_kind = [charge for charge in charges if kinds[charge] == kind]
        bit(sum(1 for charge in of_kind if world.books.calls(charge)), len(of_kind), what=f"calls to meet: {kind}")


@check("safety/webhook-before-answer")
def test_webhook_before_answer(world: World) -> None:
    """A webhook before the provider's answer, or for an unknown ref, leaves the ledger right."""
    world.service.begin()
    purse = world.purse("early", merchants=2)
    told = dict(world.baseline(purse))
    scripts = early_webhook_scripts(world.provider_timeout)
    charges = purse.charges(LEAST_OK * len(scripts))
    kinds = deal(generator(world.job, "early"), charges, list(scripts))
    for charge, kind in kinds.items():
        world.provider.script(charge, scripts[kind])
        world.diary.write(charge.value, f"the provider's webhooks for {charge.key}: {kind}")
    with world.timeline.fault("webhooks"):
        said = world.crowd.ask_all(charges)
        said = world.crowd.settle(said, until=time.monotonic() + world.pending_limit, repeat=charges)
        _unknown_refs(world, charges[:LEAST_OK])
    told |= said
    world.audit(told)
    enough(said.values(), least=len(said) - 2, what="charges with an early webhook")


def _unknown_refs(world: World, charges: tuple[Charge, ...]) -> None:
    """Send news of refs that the service never made, in the name of merchants that it knows."""
    for number, charge in enumerate(charges):
        kind = "declined" if number % 2 else "captured"
        outcome = Outcome(
            capture=None if kind == "declined" else f"psp-stray-{number}",
            ref=f"stray-{charge.key}",
            merchant=charge.merchant,
            amount=charge.amount,
            currency=charge.currency,
            at=time.monotonic(),
        )
        status = world.provider.webhooks.deliver(message_of(outcome, kind), charge.value, attempts=1)
        expect(
            status is None or status < 500,
            "A webhook for a ref that the service never made was answered with a server error.",
            expected="any status under 500",
            found=status,
            evidence=world.judge.evidence(charge),
        )


@check("safety/keys-per-merchant")
def test_keys_per_merchant(world: World) -> None:
    """Two merchants may use the same key."""
    world.service.begin()
    purse = world.purse("scope", merchants=3)
    told = dict(world.baseline(purse))
    charges: list[Charge] = []
    for _ in range(LEAST_OK):
        first = purse.charge(merchant=purse.merchants[0])
        second = purse.charge(merchant=purse.merchants[1])
        charges += [
            first,
            Charge(merchant=second.merchant, key=first.key, amount=second.amount, currency=second.currency),
            Charge(merchant=purse.merchants[2], key=first.key, amount=first.amount, currency=first.currency),
        ]
    shared = world.crowd.ask_until_final(charges)
    for charge, said in shared.items():
        expect(
            said.meaning is Meaning.FINAL,
            f"Merchant {charge.merchant} was refused because another merchant has used the key {charge.key}.",
            expected="201: keys belong to their merchant",
            found=short(said.answer),
            evidence=world.judge.evidence(charge),
        )
    ids = [said.id for said in shared.values()]
    expect(len(set(ids)) == len(ids), "Charges of different merchants with the same key got the same id.")
    world.audit(told | shared)
