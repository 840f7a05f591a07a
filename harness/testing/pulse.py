"""How busy this machine is now, told by ourselves: a service that answers slowly does not make it any busier."""

from __future__ import annotations

import time

LEAST_TICK, MOST_TICK = 0.05, 0.2
ALLOWED_TICKS = 10
LEAST_ALLOWED = ALLOWED_TICKS * LEAST_TICK
ALLOWED_SHARE = 0.2
_WORK_SECONDS = 0.01
"""Of a processor: some turns of a thread where others wait for theirs."""


def tick() -> float:
    """Return 50 ms for each second that a second of work takes on this machine now, at most four times that."""
    return min(MOST_TICK, LEAST_TICK * max(1.0, _slowdown()))


def allowance(seconds: float, *, tick: float) -> float:
    """Return how much longer than ``seconds``, which are declared or promised, a wait goes on: for the way, and our looks.

    Ten ticks: half a second, on a busy machine up to a fifth of ``seconds`` where that is more.
    """
    return min(ALLOWED_TICKS * tick, max(LEAST_ALLOWED, ALLOWED_SHARE * seconds))


def _slowdown() -> float:
    """Return how long a little work of ours takes, over how long the processor has worked for it."""
    began, before = time.monotonic(), time.thread_time()
    while (worked := time.thread_time() - before) < _WORK_SECONDS:
        pass
    return (time.monotonic() - began) / worked
