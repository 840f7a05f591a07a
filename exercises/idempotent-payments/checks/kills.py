"""Killing the service exactly where the provider holds its calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schedule import Charge
from world import World

from harness.testing.answers import Meaning, Said
from harness.testing.crowds import meanwhile
from harness.testing.killing import Point, Round, kill_while_held
from harness.testing.scripted import AFTER, Step, await_held, releasing

ALL_HELD = 0.6
"""Of the service's own timeout for the provider: how long a held call waits for the others before the kill."""
BUSY_CLIENTS, EACH = 24, 3
"""Clients beside those of the held charges; how many charges each makes at most, one after the other."""
BUSY_WAIT = 0.1
"""Of the service's own timeout for the provider: how long their calls take before the capture, and again after it."""
BUSY_CALLS = 1.5
"""How many such calls they are ahead of the held charges."""


def kill_round(
    world: World, plan: Round[Charge], *, others: Sequence[Charge] = (), twice: bool = False
) -> dict[Charge, Said]:
    """Kill the service while every charge of the plan is held, start it, let it recover; return what clients know.

    ``others`` are charges that busy clients make meanwhile; of them nobody asks again before they had their time. With
    ``twice`` there is another kill while the service works on what the first one left.
    """
    holds = {charge: world.provider.hold(charge, point.when) for charge, point in plan.points.items()}
    seconds = BUSY_WAIT * world.provider_timeout
    for charge in others:
        world.provider.script(charge, (Step(wait_seconds=seconds, answer_after_seconds=seconds),))
    ahead = 2 * BUSY_CALLS * seconds
    with world.timeline.fault("kill"):
        with meanwhile(others, world.client.post, clients=BUSY_CLIENTS, ahead_seconds=ahead) as busy:
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
        ready = _start_and_kill(world, plan) if twice else world.service.start_again()
    told |= busy
    until, of = ready + world.pending_limit, f" in kill {plan.number}"
    left = {charge for charge, said in busy.items() if said.meaning is not Meaning.FINAL}
    quiet = {charge: told[charge] for charge in [*plan.silent, *left]}
    loud = {charge: told[charge] for charge in plan.loud}
    told |= world.crowd.settle(loud, until=until, repeat=loud)
    world.judge.money(told, of=of)
    await_unasked(world, quiet, until=until, of=of)
    world.judge.ledgers(told, until=until)
    return told | world.crowd.ask_until_final(quiet, f="asked again late")


def _start_and_kill(world: World, plan: Round[Charge]) -> float:
    """Start the service, kill it while calls that the first kill cut off are made anew, start it; return when it was ready.

    Without a second kill when it makes none of them in time: what is owed by then is judged as ever.
    """
    cut = [charge for charge, point in plan.points.items() if point is Point.BEFORE_LOST]
    holds = [world.provider.hold(charge, AFTER) for charge in cut]
    with releasing(world.provider.calls, holds):
        ready = world.service.start_again()
        together = ALL_HELD * world.provider_timeout
        with world.service.waiting():
            held = await_held(holds, within_seconds=world.pending_limit, after_first_seconds=together)
        if held:
            world.service.kill()
    return world.service.start_again() if held else ready


def await_unasked(world: World, told: Mapping[Charge, Said], *, until: float, of: str) -> None:
    """Wait until charges of which no client asks again are captured; fail for those that are not by then.

    Only those that the service had taken: it gave their client an id, or made a call for them. Forgotten ones have no
    capture, so their ledger is right, and a client that asks again would make them anew.
    """
    promised = f"captured within 5 x reconcile_seconds = {5 * world.reconcile:g} s after the start"
    world.judge.effects.require_unasked(
        told, service=world.service, database=world.database, until=until, promised=promised, of=of
    )
