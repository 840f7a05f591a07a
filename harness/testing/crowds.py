"""Crowds of clients: asking for many things at once, and following each of them until it has its outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

from harness.testing.answers import Meaning, Said, examples
from harness.testing.check import Unproven
from harness.testing.service import Service

MOST_IN_FLIGHT = 64
TRY_AGAIN = frozenset({408, 409, 425, 429})
"""Refusals that may end by themselves; asking again does not change any other 4xx."""

Thing = TypeVar("Thing")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Crowd(Generic[Thing]):
    """Clients that ask for things (hashable values). The time they take counts as waiting for the service."""

    def __init__(
        self,
        service: Service,
        *,
        ask: Callable[[Thing, str], Said],
        read: Callable[[Thing, str], Said],
        settle_seconds: Callable[[], float],
        most: int = MOST_IN_FLIGHT,
    ) -> None:
        """Ask with ``ask(thing, f)``, where ``f`` names the kind of request; read with ``read(thing, id)``.

        Both are called from many threads and must never raise for anything a service does. ``settle_seconds()`` is how
        long a thing may take to have its outcome when nothing fails, as the brief promises it.
        """
        self._service = service
        self._ask = ask
        self._read = read
        self._settle_seconds = settle_seconds
        self._strikes = 0
        self._pool = ThreadPoolExecutor(max_workers=most, thread_name_prefix="client")

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def together(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do ``work`` for all items at once, at most 64 in flight; return results in order."""
        with self._service.waiting():
            return list(self._pool.map(work, items))

    def ask_all(self, things: Collection[Thing], *, f: str = "ask") -> dict[Thing, Said]:
        """Ask once for all things at once."""
        return dict(zip(things, self.together(lambda thing: self._ask(thing, f), things), strict=True))

    def read_all(self, told: Mapping[Thing, Said]) -> dict[Thing, Said]:
        """Read all things at once, each by the id that ``told`` has of it."""
        return dict(zip(told, self.together(lambda thing: self._read(thing, told[thing].id), told), strict=True))

    def settle(self, told: Mapping[Thing, Said], *, until: float, repeat: Collection[Thing] = ()) -> dict[Thing, Said]:
        """Follow things until they are final or the time (a monotonic stamp) is over; return the best answers.

        The clients of ``repeat`` send their request again; the others only read, and those who never got an id
        can't do even that: they are returned as they were.
        """
        wanted, things = set(repeat), list(told)
        found = self.together(lambda thing: self._follow(thing, told[thing], until, again=thing in wanted), things)
        return dict(zip(things, found, strict=True))

    def ask_until_final(self, things: Collection[Thing], *, f: str = "ask") -> dict[Thing, Said]:
        """Ask for things, again where there was no outcome, within the time that is promised when nothing fails."""
        told = self.ask_all(things, f=f)
        return self.settle(told, until=time.monotonic() + self._settle_seconds(), repeat=things)

    def ordinary(self, things: Collection[Thing], *, f: str = "ask") -> dict[Thing, Said]:
        """Ask for things without any fault. When nothing comes of it twice in a row, later checks don't wait again."""
        told = self.ask_until_final(things, f=f)
        if any(said.meaning in {Meaning.FINAL, Meaning.REFUSED} for said in told.values()):
            self._strikes = 0
            return told
        self._strikes += 1
        self._service.suspect()
        if self._strikes > 1:
            self._service.give_up(_nothing_came(told))
        return told

    def baseline(self, things: Collection[Thing], *, f: str = "baseline") -> dict[Thing, Said]:
        """Ask for a few things without any fault; raise Unproven when not one of them gets its outcome."""
        told = self.ordinary(things, f=f)
        if any(said.meaning is Meaning.FINAL for said in told.values()):
            return told
        raise Unproven(_nothing_came(told))

    def _follow(self, thing: Thing, said: Said, until: float, *, again: bool) -> Said:
        best, tick = said, self._service.tick
        while best.meaning is not Meaning.FINAL and time.monotonic() < until:
            refused = best.meaning is Meaning.REFUSED and best.answer.status not in TRY_AGAIN
            if refused or (not again and not best.id):
                return best
            time.sleep(tick if again else tick / 2)
            now = self._ask(thing, "repeat") if again else self._read(thing, best.id)
            if now.meaning in {Meaning.FINAL, Meaning.PENDING} or not best.id:
                best = now
        return best


@contextmanager
def meanwhile(
    things: Sequence[Thing], ask: Callable[[Thing], Said], *, clients: int, ahead_seconds: float
) -> Iterator[dict[Thing, Said]]:
    """For the body, clients ask for things, each for its share one after the other; yields what they are told.

    They are ``ahead_seconds`` ahead of the body. Each goes on until its share is done, it gets no answer (a kill), or the
    body is over; afterwards everything that was asked for is in what was yielded. Without things nothing is waited for.
    """
    told: dict[Thing, Said] = {}
    over = threading.Event()

    def work(share: Sequence[Thing]) -> None:
        for thing in share:
            told[thing] = ask(thing)
            if over.is_set() or told[thing].answer.status is None:
                break

    with ThreadPoolExecutor(max_workers=clients) as pool:
        for number in range(clients if things else 0):
            pool.submit(work, things[number::clients])
        if things:
            time.sleep(ahead_seconds)
        try:
            yield told
        finally:
            over.set()


def _nothing_came(told: Mapping[Thing, Said]) -> str:
    said = f"Of {len(told)} ordinary requests without any fault, none got a final outcome."
    return f"{said} Answers: {examples(told.values())}."
