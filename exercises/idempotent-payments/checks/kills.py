"""Killing the service exactly where the provider holds its calls."""

from __future__ import annotations

import enum
import time
from collections.abc import Mapping
from dataclasses import dataclass

from schedule import Charge
from world import World

from harness.testing import fail
from harness.testing.answers import Said
from harness.testing.killing import kill_while_held
from harness.testing.scripted import AFTER, BEFORE

ALL_HELD = 0.6
"""Of the service's own timeout for the provider: how long a held call waits for the others before the kill."""


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
    lose: bool = False
    """The kill takes the files that the service wrote as well: only the database keeps anything."""


def kill_round(world: World, plan: Round) -> dict[Charge, Said]:
    """Kill the service while every charge of the plan is held, start it, let it recover; return what clients know."""
    holds = {
        charge: world.provider.hold(charge, AFTER if point is Point.AFTER else BEFORE)
        for charge, point in plan.points.items()
    }
    with world.timeline.fault("kill"):
        told = kill_while_held(
            world.service,
            world.provider.calls,
            holds,
            world.client.post,
            forward=[charge for charge, point in plan.points.items() if point is Point.BEFORE_LATE],
            within_seconds=max(world.answer_limit, world.pending_limit),
            together_seconds=ALL_HELD * world.provider_timeout,
            lose=plan.lose,
        )
        ready = world.service.start_again()
    loud = {charge: told[charge] for charge in plan.points if charge not in plan.silent}
    loud = world.crowd.settle(loud, until=ready + world.pending_limit, repeat=loud)
    world.judge.money({**told, **loud}, of=f" in kill {plan.number}")
    untold = {charge: told[charge] for charge in plan.silent}
    await_unasked(world, untold, until=ready + world.pending_limit, of=f" in kill {plan.number}")
    world.judge.ledgers(plan.points, until=ready + world.pending_limit)
    quiet = world.crowd.ask_until_final(plan.silent, f="asked again late")
    return {**loud, **quiet}


def await_unasked(world: World, told: Mapping[Charge, Said], *, until: float, of: str) -> None:
    """Wait until charges of which no client asks again are captured; fail for those that are not by then.

    Only those that the service had taken: it gave their client an id, or made a call for them. Forgotten ones have no
    capture, so their ledger is right, and a client that asks again would make them anew.
    """
    taken = [charge for charge, said in told.items() if said.id or world.books.calls(charge)]
    forgotten = taken
    with world.service.waiting():
        while forgotten := [charge for charge in forgotten if not world.books.captures(charge)]:
            if time.monotonic() >= until:
                break
            time.sleep(world.service.tick)
    if forgotten:
        world.database.wait()  # raises when it is not the service that is silent
        fail(
            f"Charge {forgotten[0].key} was taken before the service was killed, no client asked again, and it got no "
            f"outcome. Charges forgotten{of}: {len(forgotten)} of {len(taken)}.",
            expected=f"captured within 5 x reconcile_seconds = {5 * world.reconcile:g} s after the start",
            found="not captured in that time",
            evidence=world.judge.evidence(forgotten[0]),
        )
