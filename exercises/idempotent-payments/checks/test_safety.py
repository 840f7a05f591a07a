"""No customer pays twice, and no charge is lost: duplicates, a killed service, webhooks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from kills import BUSY_CLIENTS, EACH, kill_round
from news import tell
from schedule import Charge, webhook_scripts
from world import LEAST_OK, World

from harness.testing import check
from harness.testing.answers import Meaning, Said
from harness.testing.deals import deal, generator
from harness.testing.killing import Point, Round
from harness.testing.scripted import Step
from harness.testing.stories import Story

ROUNDS = 3
KEYS = 20
COPIES = 3
"""60 keys in all, three equal requests each; 60 requests in flight."""
KILLS = 3
STORIES = {
    "authorised": Story(events=("authorised",)),
    "authorised, declined": Story(events=("authorised", "declined")),
    "captured, authorised": Story(events=("captured", "authorised")),
    "declined, authorised": Story(events=("declined", "authorised")),
    "authorised, captured twice": Story(events=("authorised", "captured", "captured")),
}
LEAST_TOLD = 3


@check("safety/concurrent-duplicates")
def test_concurrent_duplicates(world: World) -> None:
    """Three equal requests at the same moment lead to one capture and one charge."""
    world.service.begin()
    purse = world.purse("dup", merchants=4)
    told = dict(world.baseline(purse))
    answers: dict[Charge, list[Said]] = {}
    with world.timeline.fault("retries"):
        for _ in range(ROUNDS):
            charges = purse.charges(KEYS)
            for charge in charges:
                world.provider.script(charge, (Step(wait_seconds=0.1 * world.provider_timeout),))
            requests = [charge for charge in charges for _ in range(COPIES)]
            for charge, said in zip(requests, world.crowd.together(world.client.post, requests), strict=True):
                answers.setdefault(charge, []).append(said)
    first = {charge: _best(said) for charge, said in answers.items()}
    told |= world.crowd.settle(first, until=time.monotonic() + world.pending_limit, repeat=first)
    again = world.crowd.ask_all(list(told), f="replay")
    world.judge.money(told)
    world.outcomes.told_once({charge: [*said, again[charge]] for charge, said in answers.items()})
    world.judge.money(again)
    world.outcomes.repeated(told, again)
    world.judge.ledgers(told, until=time.monotonic() + world.pending_limit)
    world.settled(told, of=" asked for three times at once")
    world.answered([one for said in answers.values() for one in said], what="equal requests sent at the same moment")


def _best(answers: Sequence[Said]) -> Said:
    """Return the most telling one of equal requests' answers."""
    order = [Meaning.FINAL, Meaning.PENDING, Meaning.REFUSED, Meaning.BROKEN]
    return min(answers, key=lambda said: order.index(said.meaning))


@check("safety/killed-mid-charge")
def test_killed_mid_charge(world: World) -> None:
    """A service killed while the provider works charges nobody twice and loses no charge."""
    world.service.begin()
    purse = world.purse("kill", merchants=2)
    told = dict(world.baseline(purse))
    rng = generator(world.job, "kill-points")
    points = [Point.BEFORE_LOST, Point.BEFORE_LATE, Point.AFTER]
    loses = rng.randrange(KILLS - 1)  # after it there is one more, without
    busy, twice = rng.randrange(KILLS), rng.randrange(KILLS)
    for number in range(KILLS):
        charges = purse.charges(2 * len(points))
        silent = set(rng.sample(charges, len(charges) // 2))
        plan = Round(
            number=number + 1, points=deal(rng, charges, points), silent=frozenset(silent), lose=number == loses
        )
        others = purse.charges(BUSY_CLIENTS * EACH if number == busy else 0)
        told |= kill_round(world, plan, others=others, twice=number == twice)
    told |= world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after kills")
    world.settled(told, of=f" in {KILLS} kills")
    world.audit(told, of=f" in {KILLS} kills")


@check("safety/webhooks")
def test_webhooks(world: World) -> None:
    """Webhooks that come twice or out of order leave the ledger equal to the provider's books."""
    world.service.begin()
    purse = world.purse("hook", merchants=2)
    told = dict(world.baseline(purse))
    scripts = webhook_scripts(world.provider_timeout)
    charges = purse.charges(LEAST_OK * len(scripts))
    kinds = deal(generator(world.job, "hooks"), charges, list(scripts))
    for charge, kind in kinds.items():
        world.provider.script(charge, scripts[kind])
        world.diary.write(charge.value, f"the provider's webhooks for {charge.key}: {kind}")
    with world.timeline.fault("webhooks"):
        said = world.crowd.ask_all(charges)
        said = world.crowd.settle(said, until=time.monotonic() + world.pending_limit, repeat=charges)
        # Whatever is still to be sent is sent within its script and its attempts.
        world.provider.webhooks.await_quiet(timeout_seconds=world.pending_limit + 3 * world.read_limit)
        stories = deal(generator(world.job, "news"), purse.charges(LEAST_TOLD * len(STORIES)), list(STORIES))
        only = tell(world, {charge: STORIES[kind] for charge, kind in stories.items()})
        only = world.crowd.settle(only, until=time.monotonic() + world.pending_limit, repeat=only)
    told |= said | only
    world.provider.webhooks.require_taken([charge.value for charge in charges])
    world.audit(told)
    world.judge.money(_read_again(world, told))
    world.settled(told, of=" with webhooks")


def _read_again(world: World, told: Mapping[Charge, Said]) -> dict[Charge, Said]:
    """Read every final charge once more: old news must not have turned it back."""
    final = {charge: said for charge, said in told.items() if said.meaning is Meaning.FINAL}
    read = world.crowd.read_all(final)
    world.outcomes.stay(final, read)
    return read
