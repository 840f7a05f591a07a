"""The books of a service beside those of an upstream: whether they come to agree, entry by entry."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

from harness.testing.answers import times
from harness.testing.check import expect, fail
from harness.testing.decisions import WantedT
from harness.testing.effects import Effects
from harness.testing.postgres import Postgres
from harness.testing.service import Service

SETTLE_TICKS = 10
"""How long a difference must last once its time is over: something may just be happening."""
MOST_SHOWN = 3

Entry = TypeVar("Entry")


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement(Generic[Entry]):
    """What a service said of one account."""

    entries: Counter[Entry]
    """Hashable, as the upstream's books have them."""
    ids: tuple[str, ...] = ()
    """What the service calls the thing of each entry."""
    named: tuple[tuple[str, Entry], ...] = ()
    """Each entry that could be read, with what the service calls its thing."""
    problem: str = ""
    """What was wrong with the answer, empty when nothing was."""
    unread: bool = False
    """There was no answer of 200: nothing was said that could be wrong."""


def difference(truth: Counter[Entry], found: Counter[Entry]) -> tuple[Counter[Entry], Counter[Entry]]:
    """Return what is missing in ``found`` and what is there too often, each with how often."""
    return truth - found, found - truth


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation(Generic[WantedT, Entry]):
    """Judges a service's books by an upstream's, account by account, and says the smallest difference."""

    read: Callable[[str], Statement[Entry]]
    """Asks the service for one account; must not raise."""
    truth: Callable[[str], Counter[Entry]]
    """What the upstream did for an account."""
    asked: Callable[[str, Entry], WantedT | None]
    """The thing that an entry of an account belongs to, None when no client asked for such a thing."""
    known: Callable[[WantedT], str | None]
    """What the service called a thing when it answered for it, None when it never did."""
    effects: Effects
    service: Service
    database: Postgres
    """Asked when the service is silent: then it may not be the service's doing."""
    book: str
    """``ledger``."""
    account: str
    """``merchant``."""
    say: Callable[[Entry], str]
    """An entry in words: ``12.50 EUR``."""
    sums: Callable[[Counter[Entry]], str]
    """Entries added up, in words."""

    def require(self, accounts: Iterable[str], *, until: float) -> None:
        """Fail unless each account has exactly what the upstream did for it, and that is what clients asked for.

        A difference counts when it is still there at ``until`` (a monotonic stamp) and a moment later. Raises as
        ``Postgres.wait`` does when the service can't be read because the database is away.
        """
        wanted = sorted(set(accounts))
        if not self.await_equal(wanted, until=until):
            time.sleep(SETTLE_TICKS * self.service.tick)
            for name in wanted:
                self._judge(name, self.read(name))
        for name in wanted:
            self.no_strays(name)

    def await_equal(self, accounts: Iterable[str], *, until: float) -> bool:
        """Wait until the accounts agree, each at a moment of its own; False when the time is over."""
        for name in accounts:
            while self.problem(name):
                if time.monotonic() >= until:
                    return False
                time.sleep(self.service.tick)
        return True

    def problem(self, account: str) -> str:
        """Return how an account differs now, empty when it does not."""
        said = self.read(account)
        if said.problem:
            return said.problem
        missing, extra = difference(self.truth(account), said.entries)
        if missing or extra:
            return f"missing {self._few(missing)}; too many {self._few(extra)}"
        return next((f"{name} for {thing.key}" for thing, name in self._misnamed(account, said)), "")

    def _misnamed(self, account: str, said: Statement[Entry]) -> Iterator[tuple[WantedT, str]]:
        """Find entries that are those of one thing by what was done, and of another by their name."""
        truth = self.truth(account)
        for name, entry in said.named:
            thing = self.asked(account, entry)
            # What was done twice has two names, and is told of as such.
            if thing is not None and self.known(thing) not in {None, name} and truth[entry] == 1:
                yield thing, name

    def _judge(self, account: str, said: Statement[Entry]) -> None:
        what = f"The {self.book} of {self.account} {account}"
        if said.unread:
            self.database.wait()  # raises when it is not the service that is silent
            fail(f"{what} cannot be read while the database answers: {said.problem}.")
        expect(not said.problem, f"{what} cannot be right: {said.problem}")
        missing, extra = difference(self.truth(account), said.entries)
        for where, entries in (("is missing", missing), ("is too often", extra)):
            for entry in entries:
                self._wrong(account, said, entry, f"{where} in the {self.book} of {self.account} {account}")
        doubled = len(said.ids) - len(set(said.ids))
        expect(not doubled, f"{what} names {doubled} {self.effects.plural} more than once.")
        for thing, name in self._misnamed(account, said):
            fail(
                f"{what} has the entry of {self.effects.noun} {thing.key} under another name.",
                expected=f"{self.known(thing)}, as it was answered",
                found=name,
                evidence=self.effects.evidence(thing),
            )

    def _wrong(self, account: str, said: Statement[Entry], entry: Entry, where: str) -> NoReturn:
        truth, thing, effects = self.truth(account), self.asked(account, entry), self.effects
        if thing is not None and len(effects.decisions.done(thing)) > 1:
            fail(effects.doubled(thing), evidence=effects.evidence(thing))
        name = "An entry that nobody asked for" if thing is None else f"{effects.noun.capitalize()} {thing.key}"
        fail(
            f"{name} ({self.say(entry)}) {where}: "
            f"{effects.words.done} {times(truth[entry])}, entered {times(said.entries[entry])}.",
            expected=f"{self.book} {self.sums(truth)}",
            found=f"{self.book} {self.sums(said.entries)}",
            evidence=() if thing is None else effects.evidence(thing),
        )

    def no_strays(self, account: str) -> None:
        """Fail when something was done for an account that nobody asked for, whatever the service says of it."""
        words = self.effects.words
        for entry in self.truth(account):
            if self.asked(account, entry) is None:
                what = f"{words.upstream} {words.done} {self.say(entry)} for {self.account} {account}"
                fail(f"{what[0].upper()}{what[1:]}, which no client asked for.")

    def _few(self, entries: Counter[Entry]) -> str:
        shown = [self.say(entry) for entry in list(entries)[:MOST_SHOWN]]
        more = f" and {len(entries) - MOST_SHOWN} more" if len(entries) > MOST_SHOWN else ""
        return ", ".join(shown) + more or "nothing"
