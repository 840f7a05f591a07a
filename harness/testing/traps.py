"""Which answers of a database were commits, as its log says, and stopping the world at one of them."""

from __future__ import annotations

import enum
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import GraderError

BEFORE = "before"
AFTER = "after"
Signature = tuple[str, ...]
"""The statements of a transaction in upper case, literals masked: equal for equal work on other values."""


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
        self._chatter: set[Signature] = set()

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
        """Take every transaction that commits in the body for idle chatter: it is not counted from then on."""
        self._learning = True
        try:
            yield
        finally:
            self._learning = False

    def leaves(self, signature: Signature) -> Trap | None:
        """A unit is about to reach the server: return the trap that stops it ``before``."""
        with self._lock:
            return self._sprung(signature, BEFORE, self._seen[signature] + 1)

    def wanted(self, signature: Signature) -> bool:
        """Return whether the answer to a unit is to be kept until it is known whether it committed."""
        trap = self._trap
        return trap is not None and trap.when == AFTER and trap.point.signature == signature

    def committed(self, signature: Signature) -> Trap | None:
        """The log says that a unit has committed: return the trap that stops its answer."""
        with self._lock:
            if self._learning:
                self._chatter.add(signature)
            if not self._armed or signature in self._chatter:
                return None
            self._seen[signature] += 1
            number = self._seen[signature]
            self._points.append(CommitPoint(signature=signature, number=number))
            return self._sprung(signature, AFTER, number)

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
