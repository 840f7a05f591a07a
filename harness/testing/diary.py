"""What happened to each thing that was asked for, in order: the lines a person needs to believe a verdict."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

MOST_ENTRIES = 20_000
"""Older ones are forgotten: a service decides how much happens, not how much we remember."""
MOST_EVIDENCE = 14
SENDS = "client sends"
"""How the entry of a client's request begins: what is done after it may be done because of it."""
KILLED = "is killed"
"""How the entry of a kill ends."""
_FAULT_SECONDS = 1.0
"""A fault that comes this much later than the last thing that happened still belongs to the story."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that happened."""

    at: float
    """``time.monotonic()``."""
    about: Hashable | None
    """What it concerns; None for what concerns everything (a kill)."""
    text: str


class Diary:
    """Entries about any number of things, each told by a hashable value. Writing is thread-safe; order is by stamp."""

    def __init__(self, since_start: Callable[[float], float]) -> None:
        """``since_start`` turns a monotonic stamp into seconds of the grading: ``timeline.since_start``."""
        self._since_start = since_start
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)

    def write(self, about: Hashable | None, text: str, *, at: float | None = None) -> None:
        """Add an entry; ``at`` (a monotonic stamp) is now unless it is said."""
        entry = Entry(at=time.monotonic() if at is None else at, about=about, text=text)
        with self._lock:
            self._entries.append(entry)

    def entries(self, about: Iterable[Hashable]) -> tuple[Entry, ...]:
        """Return what concerns some things, with what concerned everything while they were going on."""
        wanted = set(about)
        with self._lock:
            every = sorted(self._entries, key=lambda entry: entry.at)
        own = [entry.at for entry in every if entry.about in wanted]
        if not own:
            return ()
        first, last = own[0], own[-1] + _FAULT_SECONDS
        return tuple(
            entry for entry in every if entry.about in wanted or (entry.about is None and first <= entry.at <= last)
        )

    def story(self, *about: Hashable, most: int = MOST_EVIDENCE) -> tuple[str, ...]:
        """Return one line an entry, ``  3.20 s  the provider captures psp-8f1``; the middle of a long one is left out."""
        lines = tuple(f"{self._since_start(entry.at):6.2f} s  {entry.text}" for entry in self.entries(about))
        if len(lines) <= most:
            return lines
        half = most // 2
        return (*lines[:half], f"          ... {len(lines) - 2 * half} more", *lines[-half:])

    def say(self, stamp: float) -> str:
        """Return a monotonic stamp for use inside a sentence: ``3.20 s``."""
        return f"{self._since_start(stamp):.2f} s"
