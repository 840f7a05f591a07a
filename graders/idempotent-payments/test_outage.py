"""The provider is unwell for a while: nothing stays open, and impatient clients do not make it worse.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable, Mapping

from plans import during_outage, outage_script
from schedule import Charge, Step
from world import LEAST_OK, World

from harness.checkers import ratios
from harness.testing import Unproven, check, credit, expect, measured
from harness.testing.answers import Meaning, Said, enough
from harness.testing.deals import generator
from harness.testing.history import Kind

CHARGES = 12
STORM_KEYS = 16
STORM_COPIES = 3
"""48 clients: each of 16 charges is asked for by three at once, again and again."""
ASKS_PER_INTERVAL = 8
STORM = "the storm"
MOST_LATE, FULL_LATE = 10, 5.0
"""Credit for pending charges ends at ten reconcile intervals, and is full up to five."""


def _unwell(world: World, charges: tuple[Charge, ...], name: str) -> _Outage:
    steps = outage_script(generator(world.job, name), world.provider_timeout, [charge.key for charge in charges])
    return _Outage({charge.value: steps[charge.key] for charge in charges})


class _Outage:
    """What calls come to while the provider is unwell."""

    def __init__(self, first: Mapping[Hashable, Step]) -> None:
        self._first = first

    def __call__(self, value: Hashable, before: int) -> Step:
        return during_outage(self._first.get(value, Step(status=503)), before)


@check("recovery/nothing-stays-pending")
def test_nothing_stays_pending(world: World) -> None:
    """After an outage of the provider and a kill, every pending charge gets its outcome without being asked again."""
    world.service.begin()
    purse = world.purse("open", merchants=2)
    told = dict(world.baseline(purse))
    charges = purse.charges(CHARGES)
    with world.timeline.fault("outage"), world.provider.unwell(_unwell(world, charges, "outage")):
        said = world.crowd.ask_all(charges)
        _promised(world, said)
        world.service.kill()
        world.service.start_again()
    well = time.monotonic()
    finished = _watch(world, said, until=well + MOST_LATE * world.reconcile + 10 * world.service.tick)
    said |= {charge: one for charge, (one, _) in finished.items()}
    told |= said | world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the outage")
    world.judge.money(told, of=" around an outage")
    _nothing_open(world, {charge: (one, at - well) for charge, (one, at) in finished.items()})
    world.audit(told, of=" around an outage")


def _promised(world: World, said: Mapping[Charge, Said]) -> None:
    """An unknown outcome is answered 202 in time; without ids there is nothing to watch."""
    answered = [one for one in said.values() if one.meaning is Meaning.PENDING]
    if len(answered) < len(said) // 2:
        world.service.suspect()
        found = "; ".join(sorted({str(one) for one in said.values() if one.meaning is not Meaning.PENDING})[:3])
        text = (
            f"While the provider was unwell, {len(answered)} of {len(said)} requests were answered 202 pending within "
            f"{world.answer_limit:.1f} s, so it cannot be seen that they end well. Other answers: {found}."
        )
        raise Unproven(text)


def _watch(world: World, said: Mapping[Charge, Said], *, until: float) -> dict[Charge, tuple[Said, float]]:
    """Read every charge until it is final; return the last answer and when it came."""

    def follow(charge: Charge) -> tuple[Said, float]:
        one = said[charge]
        while one.meaning is not Meaning.FINAL and time.monotonic() < until:
            time.sleep(world.service.tick / 2)
            now = world.client.read(charge, one.id)
            one = now if now.id == one.id else one
        return one, one.answer.end

    watched = [charge for charge, one in said.items() if one.id]
    return dict(zip(watched, world.crowd.together(follow, watched), strict=True))


def _nothing_open(world: World, finished: Mapping[Charge, tuple[Said, float]]) -> None:
    pending = [charge for charge, (one, _) in finished.items() if one.meaning is not Meaning.FINAL]
    slowest = max(finished, key=lambda charge: finished[charge][1])
    seconds = finished[slowest][1]
    intervals = MOST_LATE if pending else max(0.0, seconds - 10 * world.service.tick) / world.reconcile
    expect(
        not pending,
        f"{len(pending)} of {len(finished)} charges were still pending {seconds:.1f} s after the provider was well again.",
        expected=f"every charge final within 5 x reconcile_seconds = {5 * world.reconcile:g} s, without being asked again",
        found=f"{pending[0].key}: pending" if pending else None,
        evidence=world.judge.evidence(*pending[:1]),
    )
    measured("reconcile intervals until every charge had its outcome", intervals, limit=MOST_LATE - FULL_LATE)
    credit(
        ratios.credit(MOST_LATE - intervals, floor=0.0, full=FULL_LATE),
        f"Charge {slowest.key} became final {seconds:.1f} s after the provider was well again: "
        f"{intervals:.1f} reconcile intervals (all points up to 5, none from {MOST_LATE}).",
        evidence=world.judge.evidence(slowest),
    )


@check("recovery/retry-storm")
def test_retry_storm(world: World) -> None:
    """Clients that repeat themselves do not multiply calls to the provider, and the service works again afterwards."""
    world.service.begin()
    purse = world.purse("storm", merchants=2)
    told = dict(world.baseline(purse))
    charges = purse.charges(STORM_KEYS)
    began = time.monotonic()
    unwell = world.provider.unwell(_unwell(world, charges, "storm"))
    with world.timeline.fault("retries"), unwell, world.history.during(STORM):
        said = _storm(world, charges, seconds=max(world.answer_limit, 3 * world.reconcile))
    seconds = time.monotonic() - began
    calls = {charge: len(world.books.calls(charge)) for charge in charges}
    said = world.crowd.settle(said, until=time.monotonic() + world.pending_limit, repeat=charges)
    after = world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the storm")
    told |= said | after
    world.audit(told, of=" in a retry storm")
    _answered(world)
    enough(after.values(), least=LEAST_OK, what="new charges after the storm")
    enough(said.values(), least=len(said) - 1, what="charges of the storm")
    _not_multiplied(world, calls, seconds)


def _answered(world: World) -> None:
    """A service that says nothing while the provider is unwell can't be judged in it."""
    counts = world.history.counts(STORM)
    answered, asked = counts["storm", Kind.OK], sum(counts.values())
    if answered < LEAST_OK:
        text = (
            f"While the provider was unwell, {answered} of {asked} requests were answered 201 or 202 within "
            f"{world.answer_limit:.1f} s: too few to judge."
        )
        raise Unproven(text)


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
