"""One budget of threads for all servers of the grader: what peers open must never use up what the sandbox may run.

A service that holds connections makes threads. Were there no budget, the sandbox's limit would end it: some thread of
ours, perhaps an accept loop, could not be started, and the service would have bought an inconclusive check. So a
server asks here, and closes the connection that gets no thread: the service sees its own doing, and it is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

MOST = 700
"""Of a sandbox's 1024 processes and threads; the rest is for clients, loads, webhooks and the processes themselves."""


class Crew:
    """Counts the threads that it started and that still run. Thread-safe."""

    def __init__(self, *, most: int = MOST) -> None:
        """Run at most ``most`` at once."""
        self._most = most
        self._lock = threading.Lock()
        self._running = 0
        self._refused = 0

    @property
    def running(self) -> int:
        """Threads that run now."""
        return self._running

    @property
    def refused(self) -> int:
        """Threads that were not started."""
        return self._refused

    def start(
        self, target: Callable[..., object], *args: object, name: str, always: bool = False
    ) -> threading.Thread | None:
        """Start a daemon thread; return it, or None when there is no room, here or in the system.

        ``always`` is for listeners: they count, but are not refused by the budget, and when the system has no room
        for them this raises RuntimeError, as ``Thread.start`` does.
        """
        with self._lock:
            if self._running >= self._most and not always:
                self._refused += 1
                return None
            self._running += 1
        thread = threading.Thread(target=self._run, args=(target, args), name=name, daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            with self._lock:
                self._running -= 1
                self._refused += 1
            if always:
                raise
            return None
        return thread

    def _run(self, target: Callable[..., object], args: tuple[object, ...]) -> None:
        try:
            target(*args)
        finally:
            with self._lock:
                self._running -= 1


CREW = Crew()
"""The one of this process."""
