"""Killing the service exactly around its commits.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from kills import await_unasked
from schedule import Charge, Purse
from world import LEAST_OK, World

from harness.testing import Unproven, check, credit, fail
from harness.testing.answers import Meaning, Said
from harness.testing.deals import generator
from harness.testing.measure import LEAST_BITTEN
from harness.testing.scripted import Step
from harness.testing.traps import CommitPoint, Moment, Trap, moments

DRY_RUNS = 3
BESIDE = 0.8
"""Of the service's own timeout for the provider: how long a charge takes beside which others are made."""
MOST_HELD = 8
"""At once: each is a client, and holds up others."""
PASSES, MOST_PASSES = 2, 4
"""More than two only while too many moments were never reached: on a bad day that is chance, and it costs the gate."""
MOST_MOMENTS = MOST_HELD * MOST_PASSES
KILLS_PER_PASS = 2
USUAL = 3
"""Times what a charge took in a dry run: so long the second and later ones of a round are waited for."""
AROUND = " around kills at commits"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A charge that is to stand at a commit."""

    charge: Charge
    moment: Moment
    trap: Trap
    answer: Future[Said]


@check("safety/killed-at-commit")
def test_killed_at_commit(world: World) -> None:
    """A service killed around any commit of its database charges nobody twice and loses no charge."""
    world.service.begin()
    purse = world.purse("commit", merchants=MOST_HELD)
    told = dict(world.baseline(purse))
    # What the service commits while it has nothing to do is none of a charge's commits.
    with world.proxy.learning():
        time.sleep(1.2 * world.reconcile)
    points, usual = _commits_of_a_charge(world, purse, told)
    rng = generator(world.job, "commits")
    every = moments(rng, points, most=MOST_MOMENTS)
    tried: Counter[Moment] = Counter()
    reached: Counter[Moment] = Counter()
    for number in range(MOST_PASSES):
        if number >= PASSES and _enough(reached, every):
            break
        # First what was never reached. Each pass stacks moments in another order: what is held beside what changes.
        rank = {moment: (reached[moment], tried[moment], rng.random()) for moment in every}
        left = sorted(every, key=lambda moment: rank[moment])[:MOST_HELD]
        tried.update(left)
        for _ in range(KILLS_PER_PASS):
            held = _round(world, purse, left, told, usual=usual) if left else []
            reached.update(held)
            left = [moment for moment in left if moment not in held]
    told |= world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after kills")
    world.settled(told, of=AROUND)
    world.audit(told, of=AROUND)
    _shown(reached, every)


def _enough(reached: Collection[Moment], every: Collection[Moment]) -> bool:
    return len(reached) >= LEAST_BITTEN * len(every)


def _shown(reached: Counter[Moment], every: Collection[Moment]) -> None:
    """Most moments were reached, on both sides of commits, or nothing is proven; the assessor is told which."""
    held = ", ".join(map(str, reached.elements())) or "nowhere"
    not_held = ", ".join(sorted(str(moment) for moment in every if moment not in reached)) or "none"
    credit(1.0, detail=f"killed while held {held}; not reached: {not_held}")
    if not _enough(reached, every):
        text = f"The service could not be stopped around most of its commits, so nothing is proven. Not reached: {not_held}."
        raise Unproven(text)


def _commits_of_a_charge(world: World, purse: Purse, told: dict[Charge, Said]) -> tuple[Sequence[CommitPoint], float]:
    """Return the commits that most ordinary charges have, in order, and how many seconds a charge may take for them.

    Most, since others may commit meanwhile. Of charges alone, and beside one that the provider has in hand: who is
    careful only when there is nothing else to do is met as well.
    """
    alone, slowest = _dry_runs(world, purse, told)
    with ThreadPoolExecutor(max_workers=1) as pool:
        other = purse.charge()
        world.provider.script(other, (Step(wait_seconds=BESIDE * world.provider_timeout),))
        answer = pool.submit(_follow, world, other)
        until = time.monotonic() + world.pending_limit
        while not (world.books.calls(other) or answer.done()) and time.monotonic() < until:
            time.sleep(world.service.tick / 5)
        beside, _ = _dry_runs(world, purse, told)
        told |= _settle(world, {other: answer.result()})
    world.settled(told, of=" without any fault")
    found = world.proxy.common(alone, beside)
    if not found:
        world.database.wait()  # raises when it is not the service that is silent
        fail(
            "Not one commit reached the database while charges were made: nothing of them survives a kill.",
            expected="what a charge needs is committed to the database",
            found="none",
        )
    return found, min(USUAL * slowest + world.allowance, world.provider_timeout + world.reconcile)


def _dry_runs(world: World, purse: Purse, told: dict[Charge, Said]) -> tuple[list[Sequence[CommitPoint]], float]:
    """Make charges one after the other; return what was committed beside each, and how long the slowest took."""
    runs: list[Sequence[CommitPoint]] = []
    slowest = 0.0
    for _ in range(DRY_RUNS):
        charge = purse.charge()
        world.proxy.arm()
        began = time.monotonic()
        said = _follow(world, charge)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(2 * world.service.tick)
        runs.append(world.proxy.disarm())
        told |= _settle(world, {charge: said})
    return runs, slowest


def _settle(world: World, told: dict[Charge, Said]) -> dict[Charge, Said]:
    return world.crowd.settle(told, until=time.monotonic() + world.pending_limit, repeat=list(told))


def _follow(world: World, charge: Charge) -> Said:
    """Ask once, and look until it is final: a service may take a charge first and work at it later."""
    said = world.client.post(charge)
    until = time.monotonic() + world.pending_limit
    while said.meaning is Meaning.PENDING and time.monotonic() < until:
        time.sleep(world.service.tick)
        now = world.client.read(charge, said.id)
        if now.meaning not in {Meaning.PENDING, Meaning.FINAL}:
            break
        said = now
    return said


def _round(world: World, purse: Purse, left: list[Moment], told: dict[Charge, Said], *, usual: float) -> list[Moment]:
    """Hold a charge at as many moments as can be reached at once, kill, start, let recover. Return the moments held."""
    with world.timeline.fault("kill"), ThreadPoolExecutor(max_workers=MOST_HELD) as pool:
        asked: list[Held] = []
        # One charge may take all the time that is promised, but not each of them: a check has an end, and what is held
        # holds up others.
        promised = max(world.answer_limit, world.pending_limit)
        until = time.monotonic() + 2 * promised
        try:
            for number, moment in enumerate(left):
                if time.monotonic() >= until:
                    break
                charge = purse.charge(merchant=purse.merchants[number % len(purse.merchants)])
                seconds = usual if asked else promised
                trap = world.proxy.trap(moment.point, when=moment.when)
                one = Held(charge=charge, moment=moment, trap=trap, answer=pool.submit(_follow, world, charge))
                _await(world, one, seconds=seconds)
                asked.append(one)
            held = [one for one in asked if one.trap.held.is_set()]
            if held:
                world.service.kill()
        finally:
            for one in asked:
                one.trap.release("drop")
        told |= {one.charge: one.answer.result() for one in asked}
        ready = world.service.start_again() if held else time.monotonic()
    _recover(world, [one.charge for one in asked], told, ready)
    return [one.moment for one in held]


def _await(world: World, one: Held, *, seconds: float) -> None:
    """Wait until a charge stands at its commit; the trap is taken away when it does not come there."""
    deadline = time.monotonic() + seconds
    while not one.trap.held.is_set() and time.monotonic() < deadline:
        if one.answer.done() and time.monotonic() > one.answer.result().answer.end + 4 * world.service.tick:
            break
        time.sleep(0.005)
    world.proxy.disarm()
    if one.trap.held.is_set():
        text = f"the service is held {one.moment}: {one.moment.point.statement[:80]}"
        world.diary.write(one.charge.value, text, at=one.trap.held_at)


def _recover(world: World, charges: list[Charge], told: dict[Charge, Said], ready: float) -> None:
    """Every other client asks again at once, the rest when the service had its time to find out by itself."""
    loud, quiet = charges[::2], charges[1::2]
    world.judge.money({charge: told[charge] for charge in charges}, of=" around a kill at a commit")
    told |= world.crowd.settle(
        {charge: told[charge] for charge in loud}, until=ready + world.pending_limit, repeat=loud
    )
    await_unasked(world, {charge: told[charge] for charge in quiet}, until=ready + world.pending_limit, of=AROUND)
    world.judge.ledgers(charges, until=ready + world.pending_limit)
    told |= world.crowd.ask_until_final(quiet, f="asked again late")
