"""Ending what hangs: first by an exception in the main thread, then by ending the process.

Everything a candidate can delay should have a deadline of its own, so a check that hangs is inconclusive. But a service
may have found a way, so the job does not end as if it had completed: the host finds out whose fault it was.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from types import FrameType

GRACE_SECONDS = 5.0
"""How long the main thread may take to notice the exception."""
TICK_SECONDS = 0.05


class OverranError(BaseException):
    """Raised in the main thread where it hangs. Not an Exception, so that a broad ``except`` lets it through."""


class Watchdog:
    """Watches phases of checks in the main thread, and the job as a whole."""

    def __init__(
        self,
        *,
        check_seconds: float,
        deadline_seconds: float | None,
        uncounted: Callable[[], bool],
        give_up: Callable[[str], None],
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """``uncounted()`` is true while time does not count; ``give_up(detail)`` ends the process."""
        self._check_seconds = check_seconds
        self._deadline_seconds = deadline_seconds
        self._uncounted = uncounted
        self._give_up = give_up
        self._grace_seconds = grace_seconds
        self._lock = threading.Lock()
        self._label = ""
        self._used = 0.0
        self._total = 0.0
        self._asked = False
        self._asked_at = 0.0
        self._stop = threading.Event()
        self._overran = False
        self.stacks = ""
        """Where every thread was when the last phase overran."""

    @property
    def out_of_time(self) -> bool:
        """Whether the job as a whole is past its deadline: nothing more should start."""
        return self._deadline_seconds is not None and self._total >= self._deadline_seconds

    def take_overran(self) -> bool:
        """Return whether a phase was interrupted since the last call. Called by the main thread."""
        overran, self._overran = self._overran, False
        return overran

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def end(self) -> None:
        """Stop watching."""
        self._stop.set()

    def begin(self, label: str) -> None:
        """A phase begins in the main thread."""
        with self._lock:
            self._label, self._used, self._asked = label, 0.0, False

    def done(self) -> None:
        """The phase is over."""
        with self._lock:
            self._label = ""

    def interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        """Signal handler of the main thread: raises OverranError when the phase that overran still runs."""
        if self._label and self._asked:
            self._overran = True
            text = f"hung: {self._label} took more than {self._used:.0f} s"
            raise OverranError(text)

    def _watch(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(TICK_SECONDS):
            now = time.monotonic()
            passed, last = now - last, now
            if self._uncounted():
                continue
            with self._lock:
                self._total += passed
                self._used += passed
                self._judge()

    def _judge(self) -> None:
        if not self._label:
            return
        over = self._used - self._check_seconds
        if self._deadline_seconds is not None:
            over = max(over, self._total - self._deadline_seconds)
        if over < 0:
            return
        if not self._asked:
            self._asked = True
            self._asked_at = self._used
            self.stacks = _stacks()
            os.kill(os.getpid(), signal.SIGALRM)
        elif self._used - self._asked_at > self._grace_seconds:
            self._give_up(f"hung and could not be interrupted: {self._label}\n{_stacks()}")


def _stacks() -> str:
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = []
    for ident, frame in sys._current_frames().items():  # noqa: SLF001 - the documented way to see every thread
        if ident != threading.get_ident():
            stack = "".join(traceback.format_stack(frame)[-6:])
            parts.append(f"thread {names.get(ident, ident)}:\n{stack}")
    return "\n".join(parts)
