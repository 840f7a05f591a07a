"""What happened when, on the grader's monotonic clock since the grading began."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.model import Json
from harness.testing.text import line

BUCKET_SECONDS = 1.0


class Timeline:
    """Faults and answers, sent to the host as ``mark`` events. Thread-safe."""

    def __init__(self, emit: Callable[[dict[str, Json]], None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin now; ``emit`` takes the fields of one mark."""
        self._emit = emit
        self._clock = clock
        self._zero = clock()
        self._lock = threading.Lock()
        self._buckets: dict[int, list[int]] = {}

    def now(self) -> float:
        """Return seconds since the grading began."""
        return self._clock() - self._zero

    def since_start(self, stamp: float) -> float:
        """Return a stamp of ``time.monotonic`` (as in an Interval or an Op) on this clock."""
        return stamp - self._zero

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Mark the body as the time a fault was on (``kill``, ``cut``, ``database``, ``webhooks``, ``retries``)."""
        start = self.now()
        try:
            yield
        finally:
            self.mark(start, self.now(), "fault", name)

    def mark(self, start: float, end: float, kind: str, label: str) -> None:
        """Add one entry."""
        self._emit(
            {"start_seconds": round(start, 3), "end_seconds": round(end, 3), "kind": kind, "label": line(label, 100)}
        )

    def answered(self, right: bool) -> None:  # noqa: FBT001 - reads as the sentence it is
        """Count one request of the grader as answered rightly, or not; sums a second are sent."""
        with self._lock:
            counts = self._buckets.setdefault(int(self.now() / BUCKET_SECONDS), [0, 0])
            counts[0] += 1 if right else 0
            counts[1] += 1

    def flush(self, *, everything: bool = False) -> None:
        """Send the sums of the seconds that are over (all of them at the end)."""
        current = int(self.now() / BUCKET_SECONDS)
        with self._lock:
            ready = sorted(second for second in self._buckets if everything or second < current)
            sums = [(second, *self._buckets.pop(second)) for second in ready]
        for second, right, total in sums:
            start = second * BUCKET_SECONDS
            self.mark(start, start + BUCKET_SECONDS, "answered", f"{right}/{total}")
