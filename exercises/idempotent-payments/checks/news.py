"""Webhooks as the only news: about these charges the provider says nothing else, neither to POST nor to GET."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from books import Call
from psp import message_of
from schedule import Charge, Step
from world import World

from harness.model import Json
from harness.testing import Unproven, expect, fail
from harness.testing.answers import Meaning, Said
from harness.testing.scripted import BEFORE, await_held, releasing

BUSY = Step(status=503)


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What is told of one charge, webhook after webhook."""

    events: tuple[str, ...]
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What its webhooks say that is not so: then they change nothing."""

    @property
    def statuses(self) -> Iterator[str]:
        """What the charge must be after each webhook."""
        now = "pending"
        for event in self.events:
            now = event if now == "pending" and event != "authorised" and not self.facts else now
            yield now


def tell(world: World, stories: Mapping[Charge, Story]) -> dict[Charge, Said]:
    """Ask for charges, then send their webhooks one by one; after each, status and ledger must be what they say.

    Charges that no webhook settles are pending when this returns; from then on the provider answers again.
    """
    holds = [world.provider.hold(charge, BEFORE) for charge in stories]
    with releasing(world.provider.calls, holds), world.provider.unwell(lambda *_: BUSY):
        for hold in holds:
            hold.release(forward=False)  # cut off as soon as it is there: a service need not wait out its own timeout
        told = world.crowd.ask_all(list(stories), f="silence")
        await_held(holds, within_seconds=world.pending_limit, after_first_seconds=world.pending_limit)
        told = _followed(
            world, {charge: said for charge, said in told.items() if world.books.calls(charge) and said.id}
        )
        _enough(stories, told)
        for number in range(max(len(story.events) for story in stories.values())):
            now = {charge: stories[charge] for charge in told if number < len(stories[charge].events)}
            sent = [(charge, story, number) for charge, story in now.items()]
            world.crowd.together(lambda one: _send(world, *one), sent)
            wanted = {charge: [*story.statuses][number] for charge, story in now.items()}
            told = _followed(world, told | _awaited(world, {charge: told[charge] for charge in now}, wanted))
            _compare(world, told, wanted, stories)
    return told


def _enough(stories: Mapping[Charge, Story], told: Mapping[Charge, Said]) -> None:
    """Most of the charges were taken, and sent to the provider: only then there is something to be told of."""
    if len(told) * 5 < len(stories) * 4:
        text = (
            f"Of {len(stories)} charges whose call the provider did not answer, {len(told)} were taken with an id and "
            "sent to it, so webhooks about them can't be judged."
        )
        raise Unproven(text)


def _send(world: World, charge: Charge, story: Story, number: int) -> None:
    call, kind = world.books.calls(charge)[0], story.events[number]
    message = message_of(call, kind) if story.facts or kind == "authorised" else _decided(world, call, kind)
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
    return message_of(world.books.decide(call, captured=kind == "captured")[0], kind)


def _awaited(world: World, told: Mapping[Charge, Said], wanted: Mapping[Charge, str]) -> dict[Charge, Said]:
    """Read until what must be final is: news may be taken first and worked at later."""
    final = {charge: said for charge, said in told.items() if wanted[charge] != "pending"}
    return world.crowd.settle(final, until=time.monotonic() + world.pending_limit)


def _followed(world: World, told: Mapping[Charge, Said]) -> dict[Charge, Said]:
    """Read every charge a moment later: what is taken too seriously shows by then."""
    time.sleep(2 * world.service.tick)
    return dict(
        zip(told, world.crowd.together(lambda charge: world.client.read(charge, told[charge].id), told), strict=True)
    )


def _compare(
    world: World, told: Mapping[Charge, Said], wanted: Mapping[Charge, str], stories: Mapping[Charge, Story]
) -> None:
    world.judge.money(told, of=" with webhooks as the only news")
    for charge, status in wanted.items():
        said, story = told[charge], stories[charge]
        found = "pending" if said.meaning is Meaning.PENDING else said.status
        if found != (world.client.captured if status == "captured" else status):
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
