"""Killing a service at an exact point: while its calls to a scripted upstream are held."""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.testing.answers import Meaning, Said, examples
from harness.testing.check import fail
from harness.testing.scripted import AFTER, BEFORE, HeldCall, Script, StepT, await_held, releasing
from harness.testing.service import Service

Thing = TypeVar("Thing")


class Point(enum.StrEnum):
    """Where a call is when the service that made it dies."""

    BEFORE_LOST = "before it is done, and the call is lost"
    BEFORE_LATE = "before it is done, which happens while the service is dead"
    AFTER = "after it is done, before the answer"

    @property
    def when(self) -> str:
        """Where the call is to be held: see :class:`~harness.testing.scripted.HeldCall`."""
        return AFTER if self is Point.AFTER else BEFORE


@dataclass(frozen=True, kw_only=True, slots=True)
class Round(Generic[Thing]):
    """One kill with several things in flight, each at a point of its own."""

    number: int
    """From 1."""
    points: Mapping[Thing, Point]
    silent: frozenset[Thing]
    """Those whose client does not ask again before the service had its time to find out by itself."""
    lose: bool = False
    """The kill takes the files that the service wrote as well."""

    @property
    def forward(self) -> tuple[Thing, ...]:
        """Those whose calls go on after the kill."""
        return tuple(thing for thing, point in self.points.items() if point is Point.BEFORE_LATE)

    @property
    def loud(self) -> tuple[Thing, ...]:
        """Those whose client asks again at once."""
        return tuple(thing for thing in self.points if thing not in self.silent)


def kill_while_held(
    service: Service,
    script: Script[StepT],
    holds: Mapping[Thing, HeldCall],
    ask: Callable[[Thing], Said],
    *,
    forward: Collection[Thing],
    within_seconds: float,
    together_seconds: float,
    lose: bool = False,
) -> dict[Thing, Said]:
    """Ask for things, kill the service while the upstream holds its calls for them; return what clients were told.

    With ``lose`` the kill takes the files that it wrote as well (:meth:`Service.lose`).

    ``holds`` are of ``script``. After the kill the held calls of ``forward`` go on, all others are dropped. The times
    are those of :func:`~harness.testing.scripted.await_held`: a service may take a thing first and call the upstream
    when its queue comes to it, so ``within_seconds`` is the longest of its promises. Fails the check when the service
    called for none of them: an outcome was promised by then, and there is none without a call.
    """
    with ThreadPoolExecutor(max_workers=len(holds)) as pool, releasing(script, holds.values()):
        asked = {thing: pool.submit(ask, thing) for thing in holds}

        def over() -> bool:
            """Everything has its outcome: the upstream will not be called any more."""
            return all(
                one.done() and one.result().meaning in {Meaning.FINAL, Meaning.REFUSED} for one in asked.values()
            )

        held = await_held(
            holds.values(), within_seconds=within_seconds, after_first_seconds=together_seconds, over=over
        )
        if held:
            service.lose() if lose else service.kill()
        for thing, hold in holds.items():
            hold.release(forward=thing in forward)
    told = {thing: one.result() for thing, one in asked.items()}
    if not held:
        service.suspect()
        fail(
            f"The service made none of {len(holds)} calls in the time in which each was to have its outcome.",
            expected="a call for each of them, before it is due",
            found=examples(told.values()),
        )
    return told
