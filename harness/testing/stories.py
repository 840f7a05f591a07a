"""News told step by step: after each piece, what the service says of a thing must be what the news come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from harness.model import Json
from harness.testing.answers import PENDING, Said
from harness.testing.crowds import Crowd

Thing = TypeVar("Thing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """What is told of one thing, one piece of news after the other."""

    events: tuple[str, ...]
    """Their types."""
    facts: Mapping[str, Json] = field(default_factory=dict)
    """What the news say that is not so of this thing: then they are of another one, and change nothing."""

    def statuses(self, outcomes: Mapping[str, str]) -> tuple[str, ...]:
        """Return what the thing must be after each piece of news.

        ``outcomes`` has the events that end it, each with the status that the service has for it: the first one counts.
        """
        now, found = PENDING, list[str]()
        for event in self.events:
            if now == PENDING and event in outcomes and not self.facts:
                now = outcomes[event]
            found.append(now)
        return tuple(found)


def tell(
    stories: Mapping[Thing, Story],
    told: Mapping[Thing, Said],
    *,
    crowd: Crowd[Thing],
    outcomes: Mapping[str, str],
    send: Callable[[Thing, str], object],
    judge: Callable[[Mapping[Thing, Said], Mapping[Thing, str]], object],
    within_seconds: float,
    moment_seconds: float,
) -> dict[Thing, Said]:
    """Send the news of all stories step by step and judge after each step; return the last answers.

    ``told`` are answers with an id about the things to go on with. ``send(thing, event)`` is called from many threads.
    ``judge(told, wanted)`` gets what reads say of all things, and what those with news in this step must be. What must
    be final may take ``within_seconds`` for it, and everything is read ``moment_seconds`` later: what is taken too
    seriously shows by then.
    """
    now = dict(told)
    for number in range(max((len(stories[thing].events) for thing in told), default=0)):
        news = [(thing, stories[thing].events[number]) for thing in told if number < len(stories[thing].events)]
        crowd.together(lambda one: send(*one), news)
        wanted = {thing: stories[thing].statuses(outcomes)[number] for thing, _ in news}
        final = {thing: now[thing] for thing, must in wanted.items() if must != PENDING}
        now |= crowd.settle(final, until=time.monotonic() + within_seconds)
        time.sleep(moment_seconds)
        now = crowd.read_all(now)
        judge(now, wanted)
    return now
