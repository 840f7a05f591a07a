"""Histories: every operation with its interval, so that checkers judge what was seen and not what was hoped."""

from __future__ import annotations

import enum
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.model import Json
from harness.testing.broker import Interval
from harness.testing.check import Unproven


class Kind(enum.StrEnum):
    """How an operation ended."""

    OK = "ok"
    """It took effect, and we know the answer."""
    FAIL = "fail"
    """It certainly did not take effect."""
    INFO = "info"
    """Unknown: it may take effect at any time after its start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Op:
    """One operation of one client."""

    process: int
    """The client: its operations don't overlap."""
    f: str
    """What was asked (``charge``, ``replay``...)."""
    args: Json = None
    start: float
    """``time.monotonic()`` before it was sent."""
    end: float
    """``time.monotonic()`` after it was answered or given up."""
    type: Kind
    value: Json = None
    """The answer, or the error text."""
    phase: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Something that happened at an unknown moment between two stamps of ``time.monotonic()``, both included.

    Only what holds for every moment of both spans is sure: equal stamps prove no order.
    """

    start: float
    end: float
    """``math.inf``: it may still happen."""

    def before(self, other: Timed) -> bool:
        """Whether it happened before ``other``, whenever each of them did."""
        return self.end < span(other).start

    def after(self, other: Timed) -> bool:
        """Whether it happened after ``other``, whenever each of them did."""
        return span(other).before(self)

    def may_overlap(self, other: Timed) -> bool:
        """Whether neither surely came first: nothing may be concluded from their order."""
        return not self.before(other) and not self.after(other)

    def within(self, other: Timed) -> bool:
        """Whether it happened after ``other`` began and before it ended: ``other`` is a stretch of time here."""
        window = span(other)
        return window.start <= self.start and self.end <= window.end


Timed = Span | Op | Interval
"""What has an interval: an operation, something caused through the broker, a stretch of time."""


def span(what: Timed) -> Span:
    """Return when ``what`` was under way: of an operation from its request to its answer."""
    if isinstance(what, Interval):
        return Span(start=what.before, end=what.after)
    return what if isinstance(what, Span) else Span(start=what.start, end=what.end)


def effect(op: Op) -> Span | None:
    """Return when an operation took effect: of ``fail`` never (None), of ``info`` at any time from its start on."""
    if op.type is Kind.FAIL:
        return None
    return Span(start=op.start, end=op.end if op.type is Kind.OK else math.inf)


class History:
    """Operations in order of their end. Appending is thread-safe; reading returns copies."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin empty, in phase ``""``."""
        self._clock = clock
        self._lock = threading.Lock()
        self._ops: list[Op] = []
        self._phase = ""

    def append(self, op: Op) -> None:
        """Add one operation."""
        with self._lock:
            self._ops.append(op)

    def extend(self, ops: Iterable[Op]) -> None:
        """Add several."""
        with self._lock:
            self._ops.extend(ops)

    @property
    def phase(self) -> str:
        """The phase operations should be labelled with now."""
        return self._phase

    @contextmanager
    def during(self, phase: str) -> Iterator[None]:
        """Name the phase of the body (``baseline``, ``fault 1``, ``recovery 1``...)."""
        before, self._phase = self._phase, phase
        try:
            yield
        finally:
            self._phase = before

    @property
    def ops(self) -> tuple[Op, ...]:
        """Every operation so far."""
        with self._lock:
            return tuple(self._ops)

    def window(self, phase: str) -> tuple[Op, ...]:
        """Return the operations of a phase."""
        return tuple(op for op in self.ops if op.phase == phase)

    def between(self, start: float, end: float) -> tuple[Op, ...]:
        """Return the operations that lie wholly inside an interval."""
        return tuple(op for op in self.ops if op.start >= start and op.end <= end)

    def surely_before(self, moment: Timed) -> tuple[Op, ...]:
        """Return the operations that were answered, or given up, before ``moment`` began."""
        return tuple(op for op in self.ops if span(op).before(moment))

    def surely_after(self, moment: Timed) -> tuple[Op, ...]:
        """Return the operations that were asked for after ``moment`` was over."""
        return tuple(op for op in self.ops if span(op).after(moment))

    def maybe_during(self, moment: Timed) -> tuple[Op, ...]:
        """Return the operations that ``moment`` may have met: a kill of ``broker.kill``, say."""
        return tuple(op for op in self.ops if span(op).may_overlap(moment))

    def counts(self, phase: str | None = None) -> Counter[tuple[str, Kind]]:
        """Return how many operations of each ``(f, type)`` there are."""
        return Counter((op.f, op.type) for op in self.ops if phase is None or op.phase == phase)

    def non_vacuous(self, k: int, *, f: Iterable[str], phases: Iterable[str]) -> None:
        """Raise Unproven unless each kind in ``f`` has at least ``k`` ok operations in every one of ``phases``.

        A safety verdict counts only with evidence. Call it after the invariants: a broken one is a failure even
        when little succeeded.
        """
        wanted = tuple(f)
        for phase in phases:
            counts = self.counts(phase)
            for name in wanted:
                found = counts[name, Kind.OK]
                if found < k:
                    total = sum(count for (op, _), count in counts.items() if op == name)
                    text = (
                        f"too little succeeded to judge: expected at least {k} successful '{name}' during {phase}, "
                        f"found {found} of {total}"
                    )
                    raise Unproven(text, evidence=[repr(op) for op in self.window(phase)[-20:]])
