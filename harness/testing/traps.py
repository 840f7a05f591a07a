"""Which answers of a database were commits, as its log says, and stopping the world at one of them."""

from __future__ import annotations

import enum
import random
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from harness.errors import GraderError

BEFORE = "before"
AFTER = "after"
Signature = tuple[str, ...]
"""The statements of a transaction in upper case, literals masked: equal for equal work on other values."""
CHANGING: Signature = ("a text of its own",)
"""Stands for all that commits with a text which equal works before it did not have."""
_MOST_TEXTS = 5000
"""That are kept: who changes texts without end fills no memory of ours."""


class Action(enum.Enum):
    """What becomes of a trapped connection."""

    FORWARD = "forward"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitPoint:
    """A commit that the database's log told of."""

    signature: Signature
    number: int = 1
    """Which one of its signature, counted from 1 since the proxy was armed."""

    @property
    def statement(self) -> str:
        """What committed: the last statement of the transaction."""
        return self.signature[-1] if self.signature else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """One side of a commit: ``before`` it is done or ``after`` it."""

    number: int
    """Of the commit among those of one piece of work, from 1."""
    point: CommitPoint
    when: str

    def __str__(self) -> str:
        """Say it in words: ``before commit 2``."""
        return f"{self.when} commit {self.number}"


def moments(rng: random.Random, points: Sequence[CommitPoint], *, most: int) -> tuple[Moment, ...]:
    """Return both sides of commits of one piece of work in random order, at most ``most`` moments.

    Of too many commits those in the middle are drawn, and the first two and the last two are always among them.
    """
    numbers = list(range(1, len(points) + 1))
    middle = numbers[2:-2]
    rng.shuffle(middle)
    chosen = [*numbers[:2], *numbers[2:][-2:], *middle][: most // 2]
    every = [Moment(number=one, point=points[one - 1], when=when) for one in chosen for when in (BEFORE, AFTER)]
    rng.shuffle(every)
    return tuple(every)


class Trap:
    """Waits for one commit point and holds it until told what to do."""

    def __init__(self, point: CommitPoint, when: str) -> None:
        """Use ``PostgresProxy.trap``."""
        self.point = point
        self.when = when
        self.held = threading.Event()
        """Set when it is held: nothing of it has reached the server (before), or it is in the log and all of its answer
        is here (after)."""
        self.held_at = 0.0
        """``time.monotonic()`` when ``held`` was set."""
        self._action: Action | None = None
        self._decided = threading.Event()

    def release(self, action: str = "drop") -> None:
        """Let go: ``drop`` closes both sides (the process is dead), ``forward`` sends on what was held."""
        self._action = Action(action)
        self._decided.set()

    def hold(self, closing: threading.Event) -> Action:
        """Say that it is held and wait for the decision. Called by the connection's thread."""
        self.held_at = time.monotonic()
        self.held.set()
        while not self._decided.wait(0.05):
            if closing.is_set():
                return Action.DROP
        return self._action or Action.DROP


class Counter:
    """The commit points of every connection of one proxy. Thread-safe."""

    def __init__(self) -> None:
        """Begin disarmed."""
        self._lock = threading.Lock()
        self._armed = False
        self._points: list[CommitPoint] = []
        self._seen: Tally[Signature] = Tally()
        self._trap: Trap | None = None
        self._learning = False
        self._idle: set[Signature] = set()
        self._left: set[Signature] = set()
        self._wrote: set[Signature] = set()
        self._known: set[Signature] | None = None

    @property
    def watching(self) -> bool:
        """Whether anybody wants to know which units commit."""
        return self._armed or self._learning

    def arm(self) -> None:
        """Count from zero, from now."""
        with self._lock:
            self._begin()

    def disarm(self) -> tuple[CommitPoint, ...]:
        """Stop counting, forget a trap that has not sprung, and return the commit points since ``arm``."""
        with self._lock:
            self._armed, self._trap = False, None
            return tuple(self._points)

    def set_trap(self, point: CommitPoint, when: str) -> Trap:
        """Arm, and hold what ``point`` says, counted from now."""
        if when not in {BEFORE, AFTER}:
            text = f"expected 'before' or 'after', found {when!r}"
            raise GraderError(text)
        with self._lock:
            if self._trap is not None:
                text = "expected no trap that still waits, found one: release or disarm it first"
                raise GraderError(text)
            self._begin()
            self._trap = trap = Trap(point, when)
        return trap

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Begin to learn texts anew: what commits in the body is something that an idle service commits."""
        with self._lock:
            self._learning, self._known = True, None
            for texts in (self._idle, self._left, self._wrote):
                texts.clear()
        try:
            yield
        finally:
            self._learning = False

    def common(self, *kinds: Sequence[Sequence[CommitPoint]]) -> tuple[CommitPoint, ...]:
        """Return what most runs of any kind have, and idleness explains not; other texts count as ``CHANGING`` from now."""
        times = [Tally(chain.from_iterable({point.signature for point in run} for run in runs)) for runs in kinds]
        pairs = list(zip(kinds, times, strict=True))
        always = {signature for runs, tally in pairs for signature in tally if tally[signature] == len(runs)}
        often = {signature for runs, tally in pairs for signature in tally if 2 * tally[signature] > len(runs)}
        with self._lock:
            idle = self._idle - always
            self._known = often | idle | (self._left - self._wrote)
        points: list[CommitPoint] = []
        for runs in kinds:
            named = [_named(run, often - idle, idle) for run in runs]
            found = Tally(chain.from_iterable(named))
            points += [point for point in chain.from_iterable(named) if 2 * found[point] > len(runs)]
        return tuple(dict.fromkeys(points))

    def leaves(self, signature: Signature) -> Trap | None:
        """A unit is about to reach the server: return the trap that stops it ``before``."""
        with self._lock:
            if self._known is None and self.watching and len(self._left) < _MOST_TEXTS:
                self._left.add(signature)
            name = self._name(signature)
            return self._sprung(name, BEFORE, self._seen[name] + 1)

    def wanted(self, signature: Signature) -> bool:
        """Return whether the answer to a unit is to be kept until it is known whether it committed."""
        trap = self._trap
        return trap is not None and trap.when == AFTER and trap.point.signature == self._name(signature)

    def committed(self, signature: Signature) -> Trap | None:
        """The log says that a unit has committed: return the trap that stops its answer."""
        with self._lock:
            if self._known is None and len(self._wrote) < _MOST_TEXTS:
                self._wrote.add(signature)
            if self._learning and len(self._idle) < _MOST_TEXTS:
                self._idle.add(signature)
            if not self._armed:
                return None
            name = self._name(signature)
            self._seen[name] += 1
            number = self._seen[name]
            self._points.append(CommitPoint(signature=name, number=number))
            return self._sprung(name, AFTER, number)

    def _name(self, signature: Signature) -> Signature:
        """Return by what name commits of a text are counted."""
        return signature if self._known is None or signature in self._known else CHANGING

    def _begin(self) -> None:
        self._armed = True
        self._points.clear()
        self._seen.clear()

    def _sprung(self, signature: Signature, when: str, number: int) -> Trap | None:
        trap = self._trap
        if trap is None or trap.when != when or trap.point != CommitPoint(signature=signature, number=number):
            return None
        self._trap = None
        return trap


def _named(run: Sequence[CommitPoint], stable: set[Signature], idle: set[Signature]) -> tuple[CommitPoint, ...]:
    """Return what a run has beside idle work, texts of its own under their common name."""
    seen: Tally[Signature] = Tally()
    points = []
    for point in run:
        if point.signature in idle:
            continue
        name = point.signature if point.signature in stable else CHANGING
        seen[name] += 1
        points.append(CommitPoint(signature=name, number=seen[name]))
    return tuple(points)
