"""Killing the service exactly around its commits.

canary-8d41f6b2-payments-c07e95a3
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from judge import enough
from plans import CommitPoint, commit_points
from schedule import Charge, Purse, generator
from service import Said
from world import LEAST_OK, World

from harness.testing import Unproven, check, credit
from harness.testing.proxies import Trap

DRY_RUNS = 3
MOST_COMMITS = 4
MOST_POINTS = 8
PASSES = 2
KILLS_PER_PASS = 2
TRAP_SECONDS = 1.2
"""How long a charge may take to come to a commit that it is to be held at."""


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
    world.begin()
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
    told |= world.charge_until_final(purse.charges(LEAST_OK), f="after kills")
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
        told |= world.charge_until_final([charge], f="dry run")
        time.sleep(2 * world.tick)
        counts.append(world.proxy.disarm())
    counted = min(counts)
    if counted == 0:
        text = "Not one write to the database was committed while a charge was made: nothing can survive a kill."
        raise Unproven(text)
    return min(counted, MOST_COMMITS)


def _round(world: World, purse: Purse, points: list[CommitPoint], told: dict[Charge, Said]) -> list[CommitPoint]:
    """Hold a charge at as many points as can be reached at once, kill, start, let recover. Return the points held."""
    with world.timeline.fault("kill"), ThreadPoolExecutor(max_workers=MOST_POINTS) as pool:
        held: list[Held] = []
        asked: dict[Charge, Future[Said]] = {}
        try:
            for number, point in enumerate(points):
                charge = purse.charge(merchant=purse.merchants[number % len(purse.merchants)])
                one = _hold(world, pool, charge, point)
                asked[charge] = one.answer
                if one.trap.held.is_set():
                    held.append(one)
            if held:
                world.kill()
        finally:
            for one in held:
                one.trap.release("drop")
        told |= {charge: future.result() for charge, future in asked.items()}
        if not held:
            return []
        ready = world.start_again()
    _recover(world, list(asked), told, ready)
    return [one.point for one in held]


def _hold(world: World, pool: ThreadPoolExecutor, charge: Charge, point: CommitPoint) -> Held:
    """Ask for a charge and stop it at a commit; the trap is taken away when it does not come there."""
    trap = world.proxy.trap(point.number, when=point.when)
    answer = pool.submit(world.client.post, charge)
    deadline = time.monotonic() + TRAP_SECONDS
    while not trap.held.is_set() and time.monotonic() < deadline:
        if answer.done() and time.monotonic() > answer.result().answer.end + 4 * world.tick:
            break
        time.sleep(0.005)
    if trap.held.is_set():
        world.diary.write(charge.value, f"the service is held {point}: {trap.statement[:80]}", at=trap.held_at)
    else:
        world.proxy.disarm()
    return Held(charge=charge, point=point, trap=trap, answer=answer)


def _recover(world: World, charges: list[Charge], told: dict[Charge, Said], ready: float) -> None:
    """Every other client asks again at once, the rest when the service had its time to find out by itself."""
    loud, quiet = charges[::2], charges[1::2]
    world.judge.money({charge: told[charge] for charge in charges}, of=" around a kill at a commit")
    told |= world.settle({charge: told[charge] for charge in loud}, until=ready + world.pending_limit, repeat=loud)
    world.judge.ledgers(charges, until=ready + world.pending_limit)
    told |= world.charge_until_final(quiet, f="asked again late")
