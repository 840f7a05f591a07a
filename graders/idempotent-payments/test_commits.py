"""Killing the service exactly around its commits.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from plans import CommitPoint, commit_points
from schedule import Charge, Purse
from world import LEAST_OK, World

from harness.testing import Unproven, check, credit
from harness.testing.answers import Meaning, Said, enough
from harness.testing.deals import generator
from harness.testing.proxies import Trap

DRY_RUNS = 3
MOST_COMMITS = 4
MOST_POINTS = 8
PASSES = 2
KILLS_PER_PASS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A charge that stands at a commit."""

    charge: Charge
    point: CommitPoint
    trap: Trap
    answer: Future[Said]


@check("safety/killed-at-commit")
def test_killed_at_commit(world: World) -> None:
    """A service killed around any commit of its database charges nobody twice and loses no charge."""
    world.service.begin()
    purse = world.purse("commit", merchants=MOST_POINTS)
    told = dict(world.baseline(purse))
    # What the service commits while it has nothing to do is none of a charge's commits.
    with world.proxy.learning():
        time.sleep(1.2 * world.reconcile)
    counted = _count_commits(world, purse, told)
    rng = generator(world.job, "commits")
    reached: list[CommitPoint] = []
    missed: set[CommitPoint] = set()
    for _ in range(PASSES):
        # Each pass stacks the same points in another order: what is held beside what changes.
        left = list(commit_points(rng, counted, most=MOST_POINTS))
        for _ in range(KILLS_PER_PASS):
            held = _round(world, purse, left, told) if left else []
            reached += held
            left = [point for point in left if point not in held]
        missed |= set(left)
    told |= world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after kills")
    world.audit(told, of=" around kills at commits")
    _enough_points(reached, missed - set(reached))
    enough(told.values(), least=len(told) - 1, what="charges around kills at commits")


def _enough_points(reached: list[CommitPoint], missed: set[CommitPoint]) -> None:
    """Both sides of a commit were reached, or nothing is proven; the assessor is told which."""
    held, not_held = ", ".join(map(str, reached)) or "nowhere", ", ".join(sorted(map(str, missed))) or "none"
    credit(1.0, detail=f"killed while held {held}; not reached: {not_held}")
    if {point.when for point in reached} != {"before", "after"}:
        text = f"The service could not be stopped on both sides of a commit, so nothing is proven. Not reached: {not_held}."
        raise Unproven(text)


def _count_commits(world: World, purse: Purse, told: dict[Charge, Said]) -> int:
    """Count the commits of one ordinary charge; the smallest of a few runs, since others may commit meanwhile."""
    counts = []
    for _ in range(DRY_RUNS):
        charge = purse.charge()
        world.proxy.arm()
        said = _follow(world, charge)
        time.sleep(2 * world.service.tick)
        counts.append(world.proxy.disarm())
        told |= world.crowd.settle({charge: said}, until=time.monotonic() + world.pending_limit, repeat=[charge])
    counted = min(counts)
    if counted == 0:
        text = "Not one write to the database was committed while a charge was made: nothing can survive a kill."
        raise Unproven(text)
    return min(counted, MOST_COMMITS)


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


def _round(world: World, purse: Purse, points: list[CommitPoint], told: dict[Charge, Said]) -> list[CommitPoint]:
    """Hold a charge at as many points as can be reached at once, kill, start, let recover. Return the points held."""
    with world.timeline.fault("kill"), ThreadPoolExecutor(max_workers=MOST_POINTS) as pool:
        held: list[Held] = []
        asked: dict[Charge, Future[Said]] = {}
        # One charge may take all the time that is promised, but not each of them: a check has an end, and what is held
        # holds up others.
        promised = max(world.answer_limit, world.pending_limit)
        until = time.monotonic() + 2 * promised
        try:
            for number, point in enumerate(points):
                if time.monotonic() >= until:
                    break
                charge = purse.charge(merchant=purse.merchants[number % len(purse.merchants)])
                seconds = world.provider_timeout + world.reconcile if held else promised
                trap = world.proxy.trap(point.number, when=point.when)
                one = Held(charge=charge, point=point, trap=trap, answer=pool.submit(_follow, world, charge))
                _await(world, one, seconds=seconds)
                asked[charge] = one.answer
                if one.trap.held.is_set():
                    held.append(one)
            if held:
                world.service.kill()
        finally:
            for one in held:
                one.trap.release("drop")
        told |= {charge: future.result() for charge, future in asked.items()}
        if not held:
            return []
        ready = world.service.start_again()
    _recover(world, list(asked), told, ready)
    return [one.point for one in held]


def _await(world: World, one: Held, *, seconds: float) -> None:
    """Wait until a charge stands at its commit; the trap is taken away when it does not come there."""
    deadline = time.monotonic() + seconds
    while not one.trap.held.is_set() and time.monotonic() < deadline:
        if one.answer.done() and time.monotonic() > one.answer.result().answer.end + 4 * world.service.tick:
            break
        time.sleep(0.005)
    if one.trap.held.is_set():
        text = f"the service is held {one.point}: {one.trap.statement[:80]}"
        world.diary.write(one.charge.value, text, at=one.trap.held_at)
    else:
        world.proxy.disarm()


def _recover(world: World, charges: list[Charge], told: dict[Charge, Said], ready: float) -> None:
    """Every other client asks again at once, the rest when the service had its time to find out by itself."""
    loud, quiet = charges[::2], charges[1::2]
    world.judge.money({charge: told[charge] for charge in charges}, of=" around a kill at a commit")
    told |= world.crowd.settle(
        {charge: told[charge] for charge in loud}, until=ready + world.pending_limit, repeat=loud
    )
    world.judge.ledgers(charges, until=ready + world.pending_limit)
    told |= world.crowd.ask_until_final(quiet, f="asked again late")
