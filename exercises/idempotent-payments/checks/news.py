"""Webhooks as the only news: about these charges the provider says nothing else, neither to POST nor to GET."""

from __future__ import annotations

import time
from collections.abc import Mapping

from schedule import Charge
from world import World

from harness.model import Json
from harness.testing import Unproven, expect, fail, stories
from harness.testing.answers import Said
from harness.testing.decider import BUSY
from harness.testing.decisions import Call
from harness.testing.scripted import BEFORE, await_held, releasing
from harness.testing.stories import Story


def tell(world: World, told_of: Mapping[Charge, Story]) -> dict[Charge, Said]:
    """Ask for charges, then send their webhooks one by one; after each, status and ledger must be what they say.

    Charges that no webhook settles are pending when this returns; from then on the provider answers again.
    """
    moment = 2 * world.service.tick
    holds = [world.provider.hold(charge, BEFORE) for charge in told_of]
    with releasing(world.provider.calls, holds), world.provider.unwell(lambda *_: BUSY):
        for hold in holds:
            hold.release(forward=False)  # cut off as soon as it is there: a service need not wait out its own timeout
        told = world.crowd.ask_all(list(told_of), f="silence")
        await_held(holds, within_seconds=world.pending_limit, after_first_seconds=world.pending_limit)
        time.sleep(moment)
        told = world.crowd.read_all(
            {charge: said for charge, said in told.items() if world.books.calls(charge) and said.id}
        )
        _enough(told_of, told)
        return stories.tell(
            told_of,
            told,
            crowd=world.crowd,
            outcomes={"captured": world.client.captured, "declined": "declined"},
            send=lambda charge, event: _send(world, charge, told_of[charge], event),
            judge=lambda now, wanted: _judge(world, now, wanted, told_of),
            within_seconds=world.pending_limit,
            moment_seconds=moment,
        )


def _enough(told_of: Mapping[Charge, Story], told: Mapping[Charge, Said]) -> None:
    """Most of the charges were taken, and sent to the provider: only then there is something to be told of."""
    if len(told) * 5 < len(told_of) * 4:
        text = (
            f"Of {len(told_of)} charges whose call the provider did not answer, {len(told)} were taken with an id and "
            "sent to it, so webhooks about them can't be judged."
        )
        raise Unproven(text)


def _send(world: World, charge: Charge, story: Story, kind: str) -> None:
    call = world.books.calls(charge)[0]
    message = world.provider.message(call, kind) if story.facts or kind == "authorised" else _decided(world, call, kind)
    mark = {"event": f"{message['event']}-other"} if story.facts else {}
    world.diary.write(charge.value, f"the only news of {charge.key}: '{kind}' {_say(story.facts)}".rstrip())
    status = world.provider.webhooks.deliver({**message, **story.facts, **mark}, charge.value)
    expect(
        status is None or status < 500,
        "A webhook was answered with a server error while the database was well.",
        expected="2xx, or 4xx for one that can't be used",
        found=status,
        evidence=world.judge.evidence(charge),
    )


def _decided(world: World, call: Call, kind: str) -> dict[str, Json]:
    return world.provider.message(world.books.decide(call, accept=kind == "captured")[0], kind)


def _judge(
    world: World, told: Mapping[Charge, Said], wanted: Mapping[Charge, str], told_of: Mapping[Charge, Story]
) -> None:
    world.judge.money(told, of=" with webhooks as the only news")
    for charge, status in wanted.items():
        said, story = told[charge], told_of[charge]
        if said.status != status:
            fail(
                f"Charge {charge.key}, of which webhooks are the only news ({', then '.join(story.events)}"
                f"{' ' if story.facts else ''}{_say(story.facts)}).",
                expected=f"{status}: {'they are about no charge of yours' if story.facts else 'so the provider says'}",
                found=str(said),
                evidence=world.judge.evidence(charge),
            )
    world.judge.ledgers(told, until=time.monotonic() + world.pending_limit)


def _say(facts: Mapping[str, Json]) -> str:
    return f"with another {', '.join(facts)}" if facts else ""
