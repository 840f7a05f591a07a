"""The provider is unwell for a while: nothing stays open, and impatient clients do not make it worse.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping

from plans import outage
from schedule import Charge
from world import LEAST_OK, World

from harness.checkers import ratios
from harness.testing import bit, check, credit, expect, fail, measured
from harness.testing.answers import Meaning, Said, examples
from harness.testing.deals import generator
from harness.testing.history import Kind

CHARGES, MERCHANTS = 250, 5
LONG_INTERVALS = 12
"""How long the outage lasts: longer than any number of tries that somebody would think enough."""
STORM_KEYS = 16
STORM_COPIES = 3
"""48 clients: each of 16 charges is asked for by three at once, again and again."""
ASKS_PER_INTERVAL = 8
STORM = "the storm"
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
    plan = outage(generator(world.job, "outage"), world.provider_timeout, charges)
    poisoned, *hanging = plan.hanging
    with world.timeline.fault("outage"), world.provider.hanging([poisoned]):
        with world.provider.unwell(plan), world.provider.hanging(hanging):
            over = time.monotonic() + LONG_INTERVALS * world.reconcile
            said = world.crowd.ask_all(charges)
            _promised(world, said)
            _readable(world, purse.merchants)
            _killed_without_a_database(world)
            time.sleep(max(0.0, over - time.monotonic()))
        well = time.monotonic()
        bit(sum(1 for one in charges if world.books.calls(one)), len(charges), what="charges in the outage")
        known = [charge for charge, one in said.items() if one.id and charge != poisoned]
        open_ones, seconds = _await_booked(world, known, since=well)
        _credit(world, known, open_ones, seconds)
        final = dict(
            zip(known, world.crowd.together(lambda one: world.client.read(one, said[one].id), known), strict=True)
        )
        world.settled(final, of=AROUND)
    told |= said | final | world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the outage")
    told |= world.crowd.ask_until_final([charge for charge in charges if charge not in final], f="asked again late")
    world.settled(told, of=AROUND)
    world.audit(told, of=AROUND)


def _promised(world: World, said: Mapping[Charge, Said]) -> None:
    """An unknown outcome is answered 202 in time."""
    others = [one for one in said.values() if one.meaning is not Meaning.PENDING]
    expect(
        len(others) <= len(said) // 20,
        f"While the provider was out of order, {len(others)} of {len(said)} requests were not answered 202.",
        expected=f"202 within 3 x provider_timeout_seconds + 1 s = {world.answer_seconds:g} s",
        found=examples(others),
    )


def _readable(world: World, merchants: Collection[str]) -> None:
    """What is pending hides nothing: a ledger can be read whenever the database answers."""
    for merchant in merchants:
        ledger = world.client.ledger(merchant)
        expect(
            not ledger.problem,
            f"The ledger of {merchant} could not be read in an outage of the provider.",
            found=ledger.problem,
        )


def _killed_without_a_database(world: World) -> None:
    """Kill the service, and start it while the database is away: it says so, and is ready when that is over."""
    world.service.kill()
    world.database.kill()
    world.diary.write(None, "the database is killed")
    world.service.launch()
    until = time.monotonic() + world.startup + world.allowance
    said: list[object] = []
    with world.service.waiting():
        while 503 not in said and time.monotonic() < until:
            said.append(world.service.health().status)
            expect(200 not in said, "GET /health was 200 while the database was away.", expected="503")
            time.sleep(world.service.tick)
    expect(
        503 in said,
        "The service was started while the database was away, and did not say that it cannot work.",
        expected=f"GET /health: 503 within startup_seconds = {world.startup:g} s",
        found=examples(one or "no answer" for one in said),
    )
    world.database.start()
    world.diary.write(None, "the database is back")
    world.service.await_ready(
        otherwise="Started while the database was away, the service was not ready when it was back."
    )


def _await_booked(world: World, charges: Collection[Charge], *, since: float) -> tuple[list[Charge], float]:
    """Watch the ledgers until the charges are there; return which are not, and how long the last one took.

    Ledgers, since a read of each charge again and again would be work for the service that customers do not make.
    """
    merchants = {charge.merchant for charge in charges}
    open_ones, until = list(charges), since + MOST_LATE * world.reconcile + world.allowance
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
            expected=f"every charge final within 5 x reconcile_seconds = {5 * world.reconcile:g} s, without being asked again",
            found=f"{late.key}: not in the ledger",
            evidence=world.judge.evidence(late),
        )
    intervals = seconds / world.reconcile
    measured("reconcile intervals until every charge had its outcome", intervals, limit=FULL_LATE)
    credit(
        ratios.credit(MOST_LATE - intervals, floor=0.0, full=FULL_LATE),
        f"The last of {len(charges)} charges had its outcome {seconds:.1f} s after the provider was well again: "
        f"{intervals:.1f} reconcile intervals (all points up to 5, none from {MOST_LATE}).",
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
    with world.timeline.fault("retries"), unwell, world.history.during(STORM):
        said = _storm(world, charges, seconds=max(world.answer_limit, 3 * world.reconcile))
    seconds = time.monotonic() - began
    calls = {charge: len(world.books.calls(charge)) for charge in charges}
    said = world.crowd.settle(said, until=time.monotonic() + world.pending_limit, repeat=charges)
    after = world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the storm")
    told |= said | after
    world.settled(told, of=" in a retry storm")
    world.audit(told, of=" in a retry storm")
    _answered(world)
    _not_multiplied(world, calls, seconds)


def _answered(world: World) -> None:
    """Clients are answered in time, however often they ask and however unwell the provider is."""
    counts = world.history.counts(STORM)
    answered, asked = counts["storm", Kind.OK], sum(counts.values())
    expect(
        20 * (asked - answered) <= asked,
        f"While the provider was unwell, {asked - answered} of {asked} requests were not answered as promised.",
        expected=f"201 or 202 within 3 x provider_timeout_seconds + 1 s = {world.answer_seconds:g} s",
        found=f"{answered} were",
    )


def _storm(world: World, charges: tuple[Charge, ...], *, seconds: float) -> dict[Charge, Said]:
    """Ask for the same charges again and again from 48 clients; return the last answer about each."""
    said: dict[Charge, Said] = {}
    lock = threading.Lock()
    pause = world.reconcile / ASKS_PER_INTERVAL
    until = time.monotonic() + seconds

    def insist(charge: Charge) -> None:
        while time.monotonic() < until:
            one = world.client.post(charge, f="storm")
            with lock:
                if one.id or charge not in said:
                    said[charge] = one
            time.sleep(pause)

    world.crowd.together(insist, [charge for charge in charges for _ in range(STORM_COPIES)])
    return said


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
