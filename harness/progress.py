"""Progress of anything that takes longer than a second: on stderr, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness import console
from harness.wording import visible

PATIENCE_SECONDS = 1.0
_EVERY_SECONDS = 15.0


class Clock:
    """Time as it passes here; a test has another."""

    def now(self) -> float:
        """Return seconds since any moment."""
        return time.monotonic()

    def wait(self, over: threading.Event, seconds: float) -> bool:
        """Wait for ``over``, so long at most; return whether it is set."""
        return over.wait(seconds)


_CLOCK = Clock()


@contextmanager
def step(label: str, clock: Clock = _CLOCK) -> Iterator[Callable[[str], None]]:
    """Say ``label`` when the block takes longer than a second, and how long it took when it ends.

    Live on a terminal, unless somebody wants plain text. Yields a function that replaces the text with what is being done now; safe to call from any thread.
    """
    label = visible(label)
    if sys.stderr.isatty() and not console.is_plain():
        with _live(label, clock) as update:
            yield update
        return
    with _plain(label, clock) as update:
        yield update


@contextmanager
def _live(label: str, clock: Clock) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.markup import escape

    began = clock.now()
    shown = escape(label)
    with Console(stderr=True).status(shown) as status:

        def update(text: str) -> None:
            status.update(f"{shown}: {escape(visible(text))} ({clock.now() - began:.0f} s)")

        yield update
    _said_so(label, clock.now() - began)


@contextmanager
def _plain(label: str, clock: Clock) -> Iterator[Callable[[str], None]]:
    began = clock.now()
    over = threading.Event()
    now = [""]

    def report() -> None:
        wait = PATIENCE_SECONDS
        while not clock.wait(over, wait):
            about = f"{label}: {now[0]}" if now[0] else label
            console.notice(f"{about} ... {clock.now() - began:.0f} s")
            wait = _EVERY_SECONDS

    reporter = threading.Thread(target=report, daemon=True, name="progress")
    reporter.start()

    def update(text: str) -> None:
        now[0] = text

    try:
        yield update
    finally:
        over.set()
        reporter.join()
    _said_so(label, clock.now() - began)


def _said_so(label: str, seconds: float) -> None:
    if seconds >= PATIENCE_SECONDS:
        console.notice(f"{label}: done in {seconds:.1f} s")
