"""Seeing that this machine stood still: it slept, or all that we run here was stopped. What was timed meanwhile counts for nothing."""

from __future__ import annotations

import datetime as dt
import threading
import time
from types import TracebackType
from typing import Self

from harness.engines.base import Interference

LOOK_SECONDS = 1.0
LONGEST_SECONDS = 30.0
"""So long a thread of ours may wait for its turn on a machine that is only busy."""


def now() -> float:
    """Return seconds on a clock that nobody sets, and that goes on while the machine sleeps."""
    # Linux has one of its own for that; elsewhere the usual one does it.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Stillness:
    """Looks once a second, from entering to leaving it."""

    def __init__(self) -> None:
        """Begin where the clock is now."""
        self._last = now()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._found: list[Interference] = []
        self._thread = threading.Thread(target=self._watch, daemon=True, name="stillness")

    def __enter__(self) -> Self:
        """Begin to look."""
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def seen(self) -> tuple[Interference, ...]:
        """Return each time that it stood still; all that happened before the call is known."""
        self._look()
        return tuple(self._found)

    def _watch(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

    def _look(self) -> None:
        with self._lock:
            before, self._last = self._last, now()
            seconds = self._last - before
            if seconds > LONGEST_SECONDS:
                what = f"this machine stood still for {seconds:.0f} s"
                self._found.append(Interference(sandbox="", what=what, at=f"{dt.datetime.now(dt.UTC):%H:%M:%S} UTC"))
