"""Closed-loop load: each worker sends its next request when the last one is answered."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import GraderError
from harness.testing.history import Kind, Op

Operation = Callable[[int, int], Op]
"""``operation(worker, i)``: ``i`` counts over all workers and is never given twice."""
MAX_WORKERS = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What a load saw."""

    ops: tuple[Op, ...]
    """In order of their end; those that ended after the time was over are here too, but don't count in the rate."""
    start: float
    seconds: float
    """The asked duration, or how long ``count`` operations took."""

    @property
    def ok(self) -> int:
        """Operations that ended ok within the time."""
        end = self.start + self.seconds
        return sum(1 for op in self.ops if op.type is Kind.OK and op.end <= end)

    @property
    def ok_per_second(self) -> float:
        """Throughput of ok operations."""
        return self.ok / self.seconds if self.seconds > 0 else 0.0

    @property
    def ok_ratio(self) -> float:
        """Share of all operations that ended ok; 0 when there was none."""
        return sum(1 for op in self.ops if op.type is Kind.OK) / len(self.ops) if self.ops else 0.0

    def latency(self, quantile: float) -> float | None:
        """Return the latency of ok operations at a quantile in [0, 1] (nearest rank), None when there was none."""
        ranked = sorted(op.seconds for op in self.ops if op.type is Kind.OK)
        if not ranked:
            return None
        return ranked[min(len(ranked) - 1, max(0, round(quantile * len(ranked) + 0.5) - 1))]


class _Loop:
    """State shared by the workers of one load."""

    def __init__(self, operation: Operation, count: int | None, deadline: float | None) -> None:
        self.operation = operation
        self.count = count
        self.deadline = deadline
        self.numbers = itertools.count()
        self.lock = threading.Lock()
        self.ops: list[Op] = []
        self.trouble: BaseException | None = None

    def next(self) -> int | None:
        """Return the next number, None when the load is over."""
        with self.lock:
            if self.trouble is not None or (self.deadline is not None and time.monotonic() >= self.deadline):
                return None
            number = next(self.numbers)
            return None if self.count is not None and number >= self.count else number

    def work(self, worker: int) -> None:
        """Run operations until the load is over; the first exception ends it and is kept for the main thread."""
        while (number := self.next()) is not None:
            try:
                op = self.operation(worker, number)
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that judges
                with self.lock:
                    self.trouble = self.trouble or error
                return
            with self.lock:
                self.ops.append(op)


def closed_loop(workers: int, operation: Operation, *, seconds: float | None = None, count: int | None = None) -> Load:
    """Run ``operation`` from ``workers`` threads for ``seconds``, or ``count`` times in all; return what they saw.

    Returns when every started operation has ended, so an operation must have a deadline of its own. An exception
    in a worker ends the load and is raised here: threads record, the main thread judges.
    """
    if not 1 <= workers <= MAX_WORKERS or (seconds is None) == (count is None):
        text = f"expected 1 to {MAX_WORKERS} workers and either seconds or count, found {workers}, {seconds}, {count}"
        raise GraderError(text)
    start = time.monotonic()
    loop = _Loop(operation, count, None if seconds is None else start + seconds)
    threads = [
        threading.Thread(target=loop.work, args=(worker,), name=f"load-{worker}", daemon=True)
        for worker in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if loop.trouble is not None:
        raise loop.trouble
    taken = time.monotonic() - start if seconds is None else seconds
    return Load(ops=tuple(loop.ops), start=start, seconds=taken)
