"""Counting commit points and stopping the world at one of them."""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import GraderError

if TYPE_CHECKING:
    from harness.testing.pgwire import Points

BEFORE = "before"
AFTER = "after"


class Action(enum.Enum):
    """What becomes of a trapped connection."""

    FORWARD = "forward"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitPoint:
    """A commit point that passed, or was trapped."""

    seen: float
    """``time.monotonic()``."""
    connection: int
    statement: str
    """Upper-case, literals masked."""


class Trap:
    """Waits for the n-th commit point and holds it until told what to do."""

    def __init__(self, number: int, when: str) -> None:
        """Use ``PostgresProxy.trap``."""
        self.number = number
        self.when = when
        self.held = threading.Event()
        """Set when it is held: nothing of it has reached the server (before), or all of its answer is here (after)."""
        self.statement = ""
        """What is held; set before ``held``."""
        self.committed: bool | None = None
        """For ``after``: whether the server's answer says so. None while unknown, and for ``before``."""
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
        self._count = 0
        self._points: list[CommitPoint] = []
        self._trap: Trap | None = None
        self._learning = False
        self._chatter: set[tuple[str, ...]] = set()

    def arm(self) -> None:
        """Count from zero, from now."""
        with self._lock:
            self._armed, self._count = True, 0
            self._points.clear()

    def disarm(self) -> int:
        """Stop counting, forget a trap that has not sprung, and return the count."""
        with self._lock:
            self._armed, self._trap = False, None
            return self._count

    @property
    def points(self) -> tuple[CommitPoint, ...]:
        """Every commit point since ``arm``."""
        with self._lock:
            return tuple(self._points)

    def set_trap(self, number: int, when: str) -> Trap:
        """Arm, and hold the ``number``-th commit point from now (1 is the first)."""
        if number < 1 or when not in {BEFORE, AFTER}:
            text = f"expected a number from 1 and 'before' or 'after', found {number} and {when!r}"
            raise GraderError(text)
        with self._lock:
            if self._trap is not None:
                text = "expected no trap that still waits, found one: release or disarm it first"
                raise GraderError(text)
            self._armed, self._count = True, 0
            self._points.clear()
            self._trap = trap = Trap(number, when)
        return trap

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Take every transaction committed in the body for idle chatter: it is not counted from then on."""
        self._learning = True
        try:
            yield
        finally:
            self._learning = False

    def reached(self, connection: int, points: Points) -> Trap | None:
        """Count what forwarding a message would commit; return the trap that it springs."""
        with self._lock:
            if self._learning:
                self._chatter.add(points.signature)
            if not self._armed or points.signature in self._chatter:
                return None
            first = self._count + 1
            self._count += points.count
            self._points.append(CommitPoint(seen=time.monotonic(), connection=connection, statement=points.statement))
            trap = self._trap
            if trap is None or not first <= trap.number <= self._count:
                return None
            self._trap = None
            trap.statement = points.statement
            return trap
