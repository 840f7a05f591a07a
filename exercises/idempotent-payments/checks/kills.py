"""Killing the service exactly where the provider holds its calls."""

from __future__ import annotations

from collections.abc import Mapping

from schedule import Charge
from world import World

from harness.testing.answers import Said
from harness.testing.killing import Round, kill_while_held

ALL_HELD = 0.6
"""Of the service's own timeout for the provider: how long a held call waits for the others before the kill."""


def kill_round(world: World, plan: Round[Charge]) -> dict[Charge, Said]:
    """Kill the service while every charge of the plan is held, start it, let it recover; return what clients know."""
    holds = {charge: world.provider.hold(charge, point.when) for charge, point in plan.points.items()}
    with world.timeline.fault("kill"):
        told = kill_while_held(
            world.service,
            world.provider.calls,
            holds,
            world.client.post,
            forward=plan.forward,
            within_seconds=max(world.answer_limit, world.pending_limit),
            together_seconds=ALL_HELD * world.provider_timeout,
            lose=plan.lose,
        )
        ready = world.service.start_again()
    loud = {charge: told[charge] for charge in plan.loud}
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
    promised = f"captured within 5 x reconcile_seconds = {5 * world.reconcile:g} s after the start"
    world.judge.effects.require_unasked(
        told, service=world.service, database=world.database, until=until, promised=promised, of=of
    )
