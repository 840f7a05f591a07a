"""What a scripted upstream was asked and what it decided: each reference once, for ever. The truth of a grading.

A service names each of its calls by a reference of its own and asks again when it is unsure; what a call wants done is
told by a value that no other thing has, whatever the reference. So a thing that was done twice is seen as such.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

from harness.model import Json

MOST_REFS = 50_000
MOST_CALLS = 200_000
"""What is remembered in one grading. A service that asks for more is to be refused: see :attr:`Decisions.full`."""


class Wanted(Protocol):
    """One thing that a client wants done, once, however often it is asked for: a frozen dataclass of the exercise."""

    @property
    def key(self) -> str:
        """What makes two requests for it equal (an idempotency key), and what people call it."""

    @property
    def value(self) -> Hashable:
        """What every call about it is recognised by: nothing else that is wanted has the same."""

    @property
    def body(self) -> Mapping[str, Json]:
        """What is asked for."""


WantedT = TypeVar("WantedT", bound=Wanted)


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """How sentences speak of an upstream and what it does: it *captures* or *declines*, it *books* or *refuses*."""

    upstream: str
    """``the provider``."""
    does: str
    """``captures``."""
    doing: str
    """``capturing``."""
    done: str
    """``captured``."""
    refuses: str
    """``declines``."""
    refused: str
    """``declined``."""

    def outcome(self, decision: Decision) -> str:
        """Return what was decided: ``captured`` or ``declined``."""
        return self.refused if decision.id is None else self.done


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A well-formed call that wants something done."""

    ref: str
    """The service's name for what it wants done."""
    value: Hashable
    """What it is about, see :class:`Wanted`."""
    body: Mapping[str, Json]
    """What is to be done, as the call says it."""
    at: float
    """``time.monotonic()`` when it was here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision(Call):
    """What an upstream decided about one reference, once and for all, ``at`` that moment."""

    id: str | None
    """The upstream's name for what it did. None: it refused."""


class Decisions:
    """Calls and decisions of one upstream. Thread-safe; a reference is decided once."""

    def __init__(self, identify: Callable[[int], str]) -> None:
        """Begin empty; ``identify(number)`` names what is done, counted from 1: equal numbers get equal names."""
        self._identify = identify
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._noted = 0
        self._of_ref: Counter[str] = Counter()
        self._first: dict[str, Hashable] = {}
        self._by_ref: dict[str, Decision] = {}
        self._by_value: defaultdict[Hashable, list[Decision]] = defaultdict(list)
        self._calls: defaultdict[Hashable, list[Call]] = defaultdict(list)

    @property
    def full(self) -> bool:
        """Whether a service has asked for more than any right one could: answer 429 from then on, and do nothing."""
        return len(self._by_ref) >= MOST_REFS or self._noted >= MOST_CALLS

    def note(self, call: Call) -> tuple[int, int]:
        """Count a call that arrived; return how many there were before, for its value whatever the ref, and for its ref."""
        with self._lock:
            self._noted += 1
            self._of_ref[call.ref] += 1
            self._first.setdefault(call.ref, call.value)
            self._calls[call.value].append(call)
            return len(self._calls[call.value]) - 1, self._of_ref[call.ref] - 1

    def decide(self, call: Call, *, accept: bool) -> tuple[Decision, bool]:
        """Do what a call wants, or refuse it, unless its ref was used before; return the decision and whether it is new."""
        with self._lock:
            known = self._by_ref.get(call.ref)
            if known is not None:
                return known, False
            made = Decision(
                id=self._identify(next(self._numbers)) if accept else None,
                ref=call.ref,
                value=call.value,
                body=call.body,
                at=time.monotonic(),
            )
            self._by_ref[call.ref] = made
            self._by_value[made.value].append(made)
            return made, True

    def of_ref(self, ref: str) -> Decision | None:
        """Return what was decided about a ref so far."""
        with self._lock:
            return self._by_ref.get(ref)

    def calls_of(self, ref: str) -> int:
        """Return how many calls there were with a ref."""
        with self._lock:
            return self._of_ref[ref]

    def value_of(self, ref: str) -> Hashable | None:
        """Return what a ref was first used for, None when it never was."""
        with self._lock:
            return self._first.get(ref)

    def calls(self, thing: Wanted) -> tuple[Call, ...]:
        """Return every call about a thing, whatever its refs, in order."""
        with self._lock:
            return tuple(self._calls.get(thing.value, ()))

    def done(self, thing: Wanted) -> tuple[Decision, ...]:
        """Return each time that a thing was done, whatever its refs, in order."""
        with self._lock:
            return tuple(one for one in self._by_value.get(thing.value, ()) if one.id is not None)

    def refused(self, thing: Wanted) -> tuple[Decision, ...]:
        """Return each time that a thing was refused."""
        with self._lock:
            return tuple(one for one in self._by_value.get(thing.value, ()) if one.id is None)

    def all_done(self, *, since: float = 0.0) -> tuple[Decision, ...]:
        """Return everything that was done at or after a monotonic stamp."""
        with self._lock:
            every = tuple(self._by_ref.values())
        return tuple(one for one in every if one.id is not None and one.at >= since)
