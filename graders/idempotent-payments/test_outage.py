"""The provider is unwell for a while: nothing stays open, and impatient clients do not make it worse.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from plans import hanging, outage
from schedule import Charge
from world import LEAST_OK, World

from harness.checkers import ratios
from harness.testing import check, credit, expect, fail, measured
from harness.testing.answers import Said
from harness.testing.deals import generator
from harness.testing.scripted import Step

CHARGES, MERCHANTS = 250, 5
LONG_INTERVALS = 12
"""How long the outage lasts: longer than any number of tries that somebody would think enough."""
FOR_EVER = 10_000
"""Calls for the one ref that never comes to an outcome: POST fails each time, GET hangs."""
STORM_KEYS = 16
STORM_COPIES = 3
"""48 clients: each of 16 charges is asked for by three at once, again and again."""
ASKS_PER_INTERVAL = 8
MOST_LATE, FULL_LATE = 10, 5.0
"""Credit for pending charges ends at ten reconcile intervals, and is full up to five."""
AROUND = " around an outage"


@check("recovery/nothing-stays-pending")
def test_nothing_stays_pending(world: World) -> None:
    """After an outage of the provider and a kill, every pending charge gets its outcome without being asked again."""
    world.service.begin()
    purse = world.purse("open", merchants=MERCHANTS)
    told = dict(world.baseline(purse))
    charges = purse.charges(CHARGES)
    rng = generator(world.job, "outage")
    plan = outage(rng, world.provider_timeout, charges)
    poisoned, *silent = hanging(rng, charges)
    world.provider.script(poisoned, (Step(status=500),) * FOR_EVER)
    with world.timeline.fault("outage"), world.provider.hanging([poisoned]):
        with world.provider.unwell(plan), world.provider.hanging(silent):
            over = time.monotonic() + LONG_INTERVALS * world.reconcile
            said = world.crowd.ask_all(charges)
            world.answered(list(said.values()), what="requests while the provider was out of order")
            _readable(world, purse.merchants)
            world.service.kill()
            world.service.start_again()
            time.sleep(max(0.0, over - time.monotonic()))
        well = time.monotonic()
        known = [charge for charge, one in said.items() if one.id and charge != poisoned]
        open_ones, seconds = _await_booked(world, known, since=well)
        _credit(world, known, open_ones, seconds)
        final = world.crowd.read_all({charge: said[charge] for charge in known})
        world.settled(final, of=AROUND)
    world.provider.script(poisoned, ())
    told |= said | final | world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the outage")
    told |= world.crowd.ask_until_final([charge for charge in charges if charge not in final], f="asked again late")
    world.settled(told, of=AROUND)
    world.audit(told, of=AROUND)


def _readable(world: World, merchants: Collection[str]) -> None:
    """What is pending hides nothing: a ledger can be read whenever the database answers."""
    for merchant in merchants:
        ledger = world.client.ledger(merchant)
        expect(
            not ledger.problem,
            f"The ledger of {merchant} could not be read in an outage of the provider.",
            found=ledger.problem,
        )


def _await_booked(world: World, charges: Collection[Charge], *, since: float) -> tuple[list[Charge], float]:
    """Watch the ledgers until the charges are there; return which are not, and how long the last one took.

    Ledgers, since a read of each charge again and again would be work for the service that customers do not make.
    """
    merchants = {charge.merchant for charge in charges}
    open_ones, until = list(charges), since + MOST_LATE * world.reconcile + world.provider_timeout + world.allowance
    with world.service.waiting():
        while open_ones and time.monotonic() < until:
            booked = {merchant: world.client.ledger(merchant).entries for merchant in merchants}
            open_ones = [one for one in open_ones if (one.currency, one.value[2]) not in booked[one.merchant]]
            if open_ones:
                time.sleep(world.reconcile / ASKS_PER_INTERVAL)
    return open_ones, world.theirs(time.monotonic() - since)


def _credit(world: World, charges: Collection[Charge], open_ones: Collection[Charge], seconds: float) -> None:
    """Say how long it took: all points up to five intervals, none from ten."""
    if open_ones:
        late = next(iter(open_ones))
        fail(
            f"{len(open_ones)} of {len(charges)} charges had no outcome {seconds:.1f} s after the provider was well again.",
            expected=f"every charge final within {5 * world.reconcile + world.provider_timeout:g} s, 5 x reconcile_seconds and one "
            "provider timeout, without being asked again",
            found=f"{late.key}: not in the ledger",
            evidence=world.judge.evidence(late),
        )
    # A call that hung when the outage ended may be waited for first.
    intervals = max(0.0, seconds - world.provider_timeout) / world.reconcile
    measured("reconcile intervals until every charge had its outcome", intervals, limit=FULL_LATE)
    credit(
        ratios.credit(MOST_LATE - intervals, floor=0.0, full=FULL_LATE),
        f"The last of {len(charges)} charges had its outcome {seconds:.1f} s after the provider was well again: "
        f"a provider timeout and {intervals:.1f} reconcile intervals (all points up to 5, none from {MOST_LATE}).",
    )


@check("recovery/retry-storm")
def test_retry_storm(world: World) -> None:
    """Clients that repeat themselves do not multiply calls to the provider, and the service works again afterwards."""
    world.service.begin()
    purse = world.purse("storm", merchants=2)
    told = dict(world.baseline(purse))
    charges = purse.charges(STORM_KEYS)
    began = time.monotonic()
    unwell = world.provider.unwell(outage(generator(world.job, "storm"), world.provider_timeout, charges))
    with world.timeline.fault("retries"), unwell:
        answers, said = _storm(world, charges, seconds=max(world.answer_limit, 3 * world.reconcile))
    seconds = time.monotonic() - began
    calls = {charge: len(world.books.calls(charge)) for charge in charges}
    said = world.crowd.settle(said, until=time.monotonic() + world.pending_limit, repeat=charges)
    after = world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the storm")
    told |= said | after
    world.settled(told, of=" in a retry storm")
    world.audit(told, of=" in a retry storm")
    world.answered(answers, what="requests of a retry storm")
    _not_multiplied(world, calls, seconds)


def _storm(world: World, charges: tuple[Charge, ...], *, seconds: float) -> tuple[list[Said], dict[Charge, Said]]:
    """Ask for the same charges again and again from 48 clients; return all answers, and the last one about each charge."""
    until = time.monotonic() + seconds

    def insist(charge: Charge) -> list[Said]:
        answers = []
        while time.monotonic() < until:
            answers.append(world.client.post(charge, f="storm"))
            time.sleep(world.reconcile / ASKS_PER_INTERVAL)
        return answers

    clients = [charge for charge in charges for _ in range(STORM_COPIES)]
    answers = world.crowd.together(insist, clients)
    last = {
        charge: max((one for one in said if one.id), key=lambda one: one.answer.end, default=said[-1])
        for charge, said in zip(clients, answers, strict=True)
    }
    return [one for said in answers for one in said], last


def _not_multiplied(world: World, calls: Mapping[Charge, int], seconds: float) -> None:
    """Credit for the worst charge: all up to 4 + 2 calls an interval, none at twice that."""
    allowed = 4 + 2 * seconds / world.reconcile
    worst = max(calls, key=lambda charge: calls[charge])
    measured("calls for the worst charge, of those allowed", calls[worst] / allowed, limit=1.0)
    credit(
        ratios.credit(2 - calls[worst] / allowed, floor=0.0, full=1.0),
        f"While the provider was unwell for {seconds:.1f} s, charge {worst.key} was sent to it {calls[worst]} times, "
        f"because clients repeated themselves (all points up to {allowed:.0f}: 4 + 2 for each reconcile interval).",
        evidence=world.judge.evidence(worst),
    )
