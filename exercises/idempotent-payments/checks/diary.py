"""What happened to each charge, in order: the lines a person needs to believe a verdict."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from schedule import Charge, Value

MOST_ENTRIES = 20_000
"""Older ones are forgotten: a service decides how much happens, not how much we remember."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that happened. ``value`` is None for what concerns every charge (a kill)."""

    at: float
    """``time.monotonic()``."""
    value: Value | None
    text: str


class Diary:
    """Entries in order of their stamps. Writing is thread-safe."""

    def __init__(self, since_start: Callable[[float], float]) -> None:
        """``since_start`` turns a monotonic stamp into seconds of the grading, as people read them."""
        self._since_start = since_start
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)

    def write(self, value: Value | None, text: str, *, at: float | None = None) -> None:
        """Add an entry; ``at`` is now unless it is said."""
        entry = Entry(at=time.monotonic() if at is None else at, value=value, text=text)
        with self._lock:
            self._entries.append(entry)

    def entries(self, charges: Iterable[Charge], *, faults: bool = True) -> tuple[Entry, ...]:
        """Return what concerns some charges, with the faults that happened while they were going on."""
        wanted = {charge.value for charge in charges}
        with self._lock:
            every = sorted(self._entries, key=lambda entry: entry.at)
        own = [entry for entry in every if entry.value in wanted]
        if not own or not faults:
            return tuple(own)
        first, last = own[0].at, own[-1].at
        return tuple(
            entry
            for entry in every
            if entry.value in wanted or (entry.value is None and first <= entry.at <= last + 1.0)
        )

    def story(self, *charges: Charge) -> tuple[str, ...]:
        """Return one line an entry: ``  3.2 s  the provider captures psp-8f1``."""
        return tuple(f"{self.clock(entry.at)}  {entry.text}" for entry in self.entries(charges))

    def clock(self, stamp: float) -> str:
        """Return a stamp as people read it."""
        return f"{self._since_start(stamp):6.2f} s"

    def say(self, stamp: float) -> str:
        """Return a stamp for use inside a sentence."""
        return f"{self._since_start(stamp):.2f} s"
