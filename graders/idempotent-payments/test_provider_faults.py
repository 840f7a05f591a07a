"""What the provider leaves unclear: ambiguous outcomes, early webhooks, refs nobody knows, names that look alike.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import replace

from news import tell
from plans import ambiguous_scripts, early_webhook_scripts, undecided_seconds
from schedule import Charge, Purse
from world import LEAST_OK, World

from harness.testing import bit, check, expect
from harness.testing.answers import Meaning, short
from harness.testing.deals import deal, generator
from harness.testing.decisions import Decision
from harness.testing.names import every_character, splits, twins
from harness.testing.stories import Story

LONGEST = 64
STRAYS = 100
"""Webhooks for unknown refs: more than a pool has connections."""


@check("safety/ambiguous-outcomes")
def test_ambiguous_outcomes(world: World) -> None:
    """Late, missing, cut and failed answers of the provider lead to one capture and the true outcome."""
    world.service.begin()
    purse = world.purse("amb", merchants=4)
    told = dict(world.baseline(purse))
    rng = generator(world.job, "ambiguous")
    scripts = ambiguous_scripts(rng, world.provider_timeout, world.reconcile)
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
        # The provider is well once it has decided.
        until = time.monotonic() + undecided_seconds(world.provider_timeout, world.reconcile) + world.pending_limit
        said = world.crowd.settle(said, until=until, repeat=repeating)
    told |= said | world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after")
    world.settled(told, of=" with ambiguous outcomes")
    world.audit(told, of=" with ambiguous outcomes")
    for kind in scripts:
        of_kind = [charge for charge in charges if kinds[charge] == kind]
        bit(sum(1 for charge in of_kind if world.books.calls(charge)), len(of_kind), what=f"calls to meet: {kind}")


@check("safety/webhook-before-answer")
def test_webhook_before_answer(world: World) -> None:
    """A webhook before the answer, for an unknown ref or with other facts leaves the ledger right."""
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
        _unknown_refs(world, charges)
        other = tell(world, _with_other_facts(purse))
        other = world.crowd.settle(other, until=time.monotonic() + world.pending_limit, repeat=other)
    told |= said | other
    world.audit(told)
    world.settled(told, of=" with webhooks")


def _with_other_facts(purse: Purse) -> dict[Charge, Story]:
    """Refs of the service's own, in webhooks with another merchant, amount or currency: about no charge of its."""
    stories: dict[Charge, Story] = {}
    for kind in ("captured", "declined"):
        for fact in ("merchant", "amount", "currency"):
            charge, other = purse.charge(currency="EUR"), purse.charge(currency="USD")
            stories[charge] = Story(events=(kind,), facts={fact: other.body[fact]})
    return stories


def _unknown_refs(world: World, charges: tuple[Charge, ...]) -> None:
    """Send news of refs that the service never made, in the name of merchants that it knows."""
    for number, charge in enumerate(itertools.islice(itertools.cycle(charges), STRAYS)):
        kind = "declined" if number % 2 else "captured"
        outcome = Decision(
            id=None if kind == "declined" else f"psp-stray-{number}",
            ref=f"stray-{charge.key}-{number}",
            value=charge.value,
            body=charge.body,
            at=time.monotonic(),
        )
        status = world.provider.webhooks.deliver(world.provider.message(outcome, kind), charge.value, attempts=1)
        expect(
            status is None or status < 500,
            "A webhook for a ref that the service never made was answered with a server error.",
            expected="any status under 500",
            found=status,
            evidence=world.judge.evidence(charge),
        )
        if status is None:
            break  # a service that is stuck now is seen to be in what follows


@check("safety/keys-per-merchant")
def test_keys_per_merchant(world: World) -> None:
    """A merchant and a key name one charge, however much they look like others."""
    world.service.begin()
    purse = world.purse("scope", merchants=3)
    told = dict(world.baseline(purse))
    kinds = _shared(purse) | _alike(purse, generator(world.job, "names"))
    answers = world.crowd.ask_until_final(list(kinds))
    for charge, said in answers.items():
        expect(
            said.meaning is Meaning.FINAL,
            f"Merchant {charge.merchant} was refused with key {charge.key} because of {kinds[charge]}.",
            expected="201: merchants and keys are exact, and a key belongs to its merchant",
            found=short(said.answer),
            evidence=world.judge.evidence(charge),
        )
    first: dict[str, Charge] = {}
    for charge, said in answers.items():
        other = first.setdefault(said.id, charge)
        expect(
            other == charge,
            f"Two charges got one id, because of {kinds[charge]}.",
            expected="an id for each merchant and key",
            found=f"{said.id} for {other.merchant} {other.key} and for {charge.merchant} {charge.key}",
        )
    world.audit(told | answers)


def _shared(purse: Purse) -> dict[Charge, str]:
    """One key at three merchants, for the same amount and for another."""
    charges: dict[Charge, str] = {}
    for _ in range(LEAST_OK):
        first = purse.charge(merchant=purse.merchants[0])
        second = replace(purse.charge(merchant=purse.merchants[1]), key=first.key)
        third = replace(first, merchant=purse.merchants[2])
        charges |= dict.fromkeys((first, second, third), "another merchant's use of the key")
    return charges


def _alike(purse: Purse, rng: random.Random) -> dict[Charge, str]:
    """Keys of one merchant, merchants with one key, and pairs of both, that loose code takes for one."""
    charges: dict[Charge, str] = {}
    for kind, keys in twins(rng, longest=LONGEST).items():
        owner = purse.merchants[0]
        charges |= {replace(purse.charge(merchant=owner), key=key): f"a key that differs in {kind}" for key in keys}
    for kind, merchants in twins(rng, longest=LONGEST).items():
        one = purse.charge()
        charges |= {replace(one, merchant=name): f"a merchant that differs in {kind}" for name in merchants}
    for separator, pairs in splits(rng).items():
        one = purse.charge()
        how = f"a pair that is equal when merchant and key are joined with {separator!r}"
        charges |= {replace(one, merchant=merchant, key=key): how for merchant, key in pairs}
    for merchant, key in zip(every_character(rng, longest=LONGEST), every_character(rng, longest=LONGEST), strict=True):
        charges[replace(purse.charge(), merchant=merchant, key=key)] = "a character that is allowed"
    return charges
