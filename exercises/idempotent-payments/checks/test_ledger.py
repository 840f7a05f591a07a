"""The books: a ledger longer than any page, and everything that was done in a grading, taken together."""

from __future__ import annotations

import time
from collections.abc import Sequence

from client import Ledger
from schedule import Charge
from world import LEAST_OK, World

from harness.testing import Unproven, check, fail, measured
from harness.testing.answers import Meaning, Said

ENTRIES = 1200
FILL_SECONDS = 60.0
"""For those that throughput has not made, as the brief says: 20 a second, from a provider that answers at once."""
BATCH = 200
OLD = 150
"""How many charges are asked for again in the end, over the whole grading, and one of each merchant more."""


@check("ledger/busy-merchant")
def test_busy_merchant(world: World) -> None:
    """A ledger of 1 200 entries names every capture once, with exact totals."""
    world.service.begin()
    told = dict(world.baseline(world.purse("books")))
    merchant, began = world.busy.merchants[0], time.monotonic()
    while (missing := ENTRIES - world.books.captured(merchant).total()) > 0 and time.monotonic() < began + FILL_SECONDS:
        charges = [world.busy.charge(merchant=merchant) for _ in range(min(missing, BATCH))]
        said = world.crowd.ask_until_final(charges, f="busy")
        told |= said
        if not any(one.meaning is Meaning.FINAL for one in said.values()):
            break
    measured("seconds until a merchant had 1 200 charges", time.monotonic() - began, limit=FILL_SECONDS, unit="s")
    world.settled(told, of=" of a busy merchant")
    asked = [charge for charge in world.client.asked.values() if charge.merchant in world.busy.merchants]
    world.judge.ledgers([*told, *asked], until=time.monotonic() + world.pending_limit)
    _long_enough(world.books.captured(merchant).total(), told)


def _long_enough(found: int, told: dict[Charge, Said]) -> None:
    if found < ENTRIES:
        final = sum(said.meaning is Meaning.FINAL for said in told.values())
        text = f"Of {ENTRIES} charges for one merchant, {found} were captured in time; of {len(told)} asked for, {final} are final."
        raise Unproven(text)


@check("ledger/nothing-doubled-or-lost")
def test_nothing_doubled_or_lost(world: World) -> None:
    """Over everything that was done, no charge was captured twice and none was lost."""
    world.service.begin()
    charged = [charge for charge in world.client.asked.values() if world.books.captures(charge)]
    if len(charged) < LEAST_OK:
        text = f"Only {len(charged)} charges were captured in the whole grading: too few to judge."
        raise Unproven(text)
    nameless = [charge for charge in charged if charge not in world.client.ids]
    world.crowd.ask_until_final(nameless, f="asked in the end")
    _ask_for_old(world)
    doubled = [charge for charge in charged if len(world.books.captures(charge)) > 1]
    if doubled:
        fail(
            f"{world.judge.double(doubled[0])} Charges captured more than once in the whole grading: {len(doubled)}.",
            evidence=world.judge.evidence(doubled[0]),
        )
    _one_for_a_key(world, charged)
    world.judge.strays(sorted({charge.merchant for charge in world.client.asked.values()}))
    until = time.monotonic() + world.pending_limit
    while lost := _lost(world, charged):
        if time.monotonic() >= until:
            world.database.wait()  # raises when it is not the service that is silent
            _fail_lost(world, lost)
        time.sleep(world.service.tick)


def _one_for_a_key(world: World, charged: Sequence[Charge]) -> None:
    """A merchant's key came with several bodies: one of them at most was charged."""
    first: dict[tuple[str, str], Charge] = {}
    for charge in charged:
        other = first.setdefault((charge.merchant, charge.key), charge)
        if other != charge:
            fail(
                f"The key {charge.key} of merchant {charge.merchant} was charged with two bodies.",
                expected="one capture at most for a merchant and a key",
                found=f"{other.amount} {other.currency}; {charge.amount} {charge.currency}",
                evidence=world.judge.evidence(other, charge),
            )


def _ask_for_old(world: World) -> None:
    """A key names one charge for ever: long afterwards, and after many others, it is answered as it was at first."""
    final = dict(world.client.final)
    first = {charge.merchant: charge for charge in reversed(final)}
    old = {*first.values(), *list(final)[:: max(1, len(final) // OLD)]}
    again = world.crowd.ask_all([charge for charge in final if charge in old], f="asked long afterwards")
    world.judge.money(again, of=" asked for long afterwards")
    world.outcomes.repeated(final, again)


def _lost(world: World, charged: Sequence[Charge]) -> list[tuple[Charge, Ledger]]:
    """Return what was captured and is not in its merchant's ledger, told by the service's own name for it."""
    merchants = sorted({charge.merchant for charge in charged})
    ledgers = dict(zip(merchants, world.crowd.together(world.client.ledger, merchants), strict=True))
    named = {merchant: set(ledger.ids) for merchant, ledger in ledgers.items()}
    gone = [charge for charge in charged if world.client.ids.get(charge) not in named[charge.merchant]]
    return [(charge, ledgers[charge.merchant]) for charge in gone]


def _fail_lost(world: World, lost: Sequence[tuple[Charge, Ledger]]) -> None:
    charge, ledger = lost[0]
    capture = world.books.captures(charge)[0]
    found = "no ledger" if ledger.unread else f"{len(ledger.ids)} entries without it"
    fail(
        f"Charge {charge.key} was captured ({capture.id} at {world.diary.say(capture.at)}) and is not in the ledger "
        f"of merchant {charge.merchant} in the end. Charges lost in the whole grading: {len(lost)}.",
        expected=f"an entry for {world.client.ids.get(charge, 'the charge, whose id was never said')}",
        found=f"{found}; {ledger.problem}" if ledger.problem else found,
        evidence=world.judge.evidence(charge),
    )
