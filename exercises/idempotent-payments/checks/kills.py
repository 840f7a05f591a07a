"""Killing the service exactly where the provider holds its calls."""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from psp import Hold
from schedule import Charge
from service import Said
from world import World

from harness.testing import Unproven

HELD_SECONDS = 2.0


class Point(enum.StrEnum):
    """Where a call is when the service dies."""

    BEFORE_LOST = "before the capture, and the call is lost"
    BEFORE_LATE = "before the capture, which happens while the service is dead"
    AFTER = "after the capture, before the answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """One kill with several charges in flight, each at a point of its own."""

    number: int
    points: Mapping[Charge, Point]
    silent: frozenset[Charge]
    """Charges whose client does not ask again before the service had its time to find out by itself."""


def kill_round(world: World, plan: Round) -> dict[Charge, Said]:
    """Kill the service while every charge of the plan is held, start it, let it recover; return what clients know."""
    holds = {
        charge: world.provider.hold(charge, "after" if point is Point.AFTER else "before")
        for charge, point in plan.points.items()
    }
    with world.timeline.fault("kill"):
        told = _kill_while_held(world, plan, holds)
        ready = world.start_again()
    repeat = [charge for charge in plan.points if charge not in plan.silent]
    loud = {charge: told[charge] for charge in repeat}
    loud = world.settle(loud, until=ready + world.pending_limit, repeat=repeat)
    world.judge.money({**told, **loud}, of=f" in kill {plan.number}")
    world.judge.ledgers(plan.points, until=ready + world.pending_limit)
    quiet = world.charge_until_final(plan.silent, f="asked again late")
    return {**loud, **quiet}


def _kill_while_held(world: World, plan: Round, holds: Mapping[Charge, Hold]) -> dict[Charge, Said]:
    with ThreadPoolExecutor(max_workers=len(holds)) as pool:
        asked: dict[Charge, Future[Said]] = {charge: pool.submit(world.client.post, charge) for charge in holds}
        held = _await_held(world, holds)
        try:
            if held:
                world.kill()
        finally:
            world.provider.forget_holds()
            for charge, hold in holds.items():
                hold.release(forward=plan.points[charge] is Point.BEFORE_LATE)
        told = {charge: future.result() for charge, future in asked.items()}
    if not held:
        world.suspect()
        answers = "; ".join(sorted({str(said) for said in told.values()})[:3])
        text = f"The service called the provider for none of {len(holds)} charges, so it could not be killed in one: {answers}."
        raise Unproven(text)
    return told


def _await_held(world: World, holds: Mapping[Charge, Hold]) -> int:
    """Wait until every call is held, but never longer than the service waits for the provider; return how many are."""
    deadline = time.monotonic() + HELD_SECONDS
    first = 0.0
    while time.monotonic() < deadline:
        held = sum(1 for hold in holds.values() if hold.held.is_set())
        if held == len(holds):
            break
        if held and not first:
            first = time.monotonic()
            deadline = min(deadline, first + 0.6 * world.provider_timeout)
        time.sleep(0.005)
    return sum(1 for hold in holds.values() if hold.held.is_set())
