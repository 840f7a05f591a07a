"""Progress of anything that takes longer than a second: on stderr, live on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import console
from harness.wording import visible

if TYPE_CHECKING:
    from rich.console import RenderableType

PATIENCE_SECONDS = 1.0
_EVERY_SECONDS = 15.0
_BOARD_SECONDS = 10.0
_NAME = 20
_A_MINUTE, _AN_HOUR = 60, 3600


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
    if _is_live():
        with _live(label, clock) as update:
            yield update
        return
    with _plain(label, clock) as update:
        yield update


@dataclass(frozen=True, kw_only=True, slots=True)
class _Running:
    """One of several that has begun and not ended."""

    name: str
    began: float
    text: str


class Board:
    """How far several things are, some of them at once. Safe to tell, and to read, from any thread."""

    def __init__(
        self, total: int, at_once: int, *, before: int = 0, usual: Sequence[float] = (), clock: Clock = _CLOCK
    ) -> None:
        """Begin with ``before`` of ``total`` done already. ``usual``: seconds that such things took at other times."""
        self._total = total
        self._at_once = at_once
        self._done = before
        self._usual = tuple(usual)
        self._clock = clock
        self._took: list[float] = []
        self._running: dict[Hashable, _Running] = {}
        self._lock = threading.Lock()

    def says(self, which: Hashable, name: str, text: str) -> None:
        """Take what is being done now for ``which``; the first time, it begins."""
        with self._lock:
            known = self._running.get(which)
            began = known.began if known else self._clock.now()
            self._running[which] = _Running(name=name, began=began, text=text)

    def ends(self, which: Hashable) -> None:
        """Count ``which`` as done, whether or not it ever began."""
        with self._lock:
            self._done += 1
            if (known := self._running.pop(which, None)) is not None:
                self._took.append(self._clock.now() - known.began)

    def lines(self) -> list[str]:
        """Return what a live picture shows: a line for each that is running, and how far all are."""
        now = self._clock.now()
        with self._lock:
            shown = [
                f"  {visible(one.name):<{_NAME}}  {now - one.began:3.0f} s  {visible(one.text)}"
                for one in self._running.values()
            ]
            return [*shown, self._sum(now)]

    def line(self) -> str:
        """Return all that in one line."""
        now = self._clock.now()
        with self._lock:
            shown = [
                f"{visible(one.name)} {now - one.began:.0f} s{', ' if one.text else ''}{visible(one.text)}"
                for one in self._running.values()
            ]
            return ": ".join([self._sum(now), *(["; ".join(shown)] if shown else [])])

    def _sum(self, now: float) -> str:
        waiting = self._total - self._done - len(self._running)
        left = self._left(now, waiting)
        return f"{self._done} of {self._total} done, {len(self._running)} running, {waiting} waiting" + (
            f", about {_time(left)} left" if left is not None else ""
        )

    def _left(self, now: float, waiting: int) -> float | None:
        """Return about how many seconds are left; None while nobody knows how long one takes."""
        known = self._took or self._usual
        if not known:
            return None
        each = sum(known) / len(known)
        begun = [max(each - (now - one.began), 0.0) for one in self._running.values()]
        together = (sum(begun) + waiting * each) / max(1, min(self._at_once, len(begun) + waiting))
        return max([together, *begun])


@contextmanager
def shown(board: Board, clock: Clock = _CLOCK) -> Iterator[None]:
    """Show ``board`` while the block runs: live on a terminal, else as a line each ten seconds."""
    if not _is_live():
        with _reporting(lambda: console.notice(board.line()), clock, _BOARD_SECONDS, _BOARD_SECONDS):
            yield
        return
    from rich.console import Group
    from rich.text import Text

    def picture() -> Group:
        return Group(*(Text(line, no_wrap=True, overflow="ellipsis") for line in board.lines()))

    with _picture(picture):
        yield


def _time(seconds: float) -> str:
    if seconds < _A_MINUTE:
        return f"{max(math.ceil(seconds), 1)} s"
    minutes = math.ceil(seconds / _A_MINUTE)
    return f"{minutes} min" if seconds < _AN_HOUR else f"{minutes // 60} h {minutes % 60:02} min"


def _is_live() -> bool:
    return sys.stderr.isatty() and not console.is_plain()


@contextmanager
def _picture(made: Callable[[], RenderableType]) -> Iterator[None]:
    """Show what ``made`` returns, again and again, below whatever else is said."""
    from rich.console import Console
    from rich.live import Live

    # The result goes to where it was sent: only on the same terminal must it go around the picture.
    with Live(get_renderable=made, console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()):
        yield


@contextmanager
def _live(label: str, clock: Clock) -> Iterator[Callable[[str], None]]:
    from rich.spinner import Spinner
    from rich.text import Text

    began = clock.now()
    spinner = Spinner("dots")
    about = [label]

    def update(text: str) -> None:
        about[0] = f"{label}: {visible(text)}"

    def picture() -> Spinner:
        # Made anew each time it is drawn: seconds that stand still look like a command that does.
        spinner.update(text=Text(f"{about[0]} ({clock.now() - began:.0f} s)"))
        return spinner

    with _picture(picture):
        yield update
    _said_so(label, clock.now() - began)


@contextmanager
def _plain(label: str, clock: Clock) -> Iterator[Callable[[str], None]]:
    began = clock.now()
    now = [""]

    def update(text: str) -> None:
        now[0] = text

    def report() -> None:
        about = f"{label}: {now[0]}" if now[0] else label
        console.notice(f"{about} ... {clock.now() - began:.0f} s")

    with _reporting(report, clock, PATIENCE_SECONDS, _EVERY_SECONDS):
        yield update
    _said_so(label, clock.now() - began)


@contextmanager
def _reporting(report: Callable[[], None], clock: Clock, first: float, rest: float) -> Iterator[None]:
    """Call ``report`` in a thread of its own after ``first`` seconds, and then each ``rest``, while the block runs."""
    over = threading.Event()

    def run() -> None:
        wait = first
        while not clock.wait(over, wait):
            report()
            wait = rest

    reporter = threading.Thread(target=run, daemon=True, name="progress")
    reporter.start()
    try:
        yield
    finally:
        over.set()
        reporter.join()


def _said_so(label: str, seconds: float) -> None:
    if seconds >= PATIENCE_SECONDS:
        console.notice(f"{label}: done in {seconds:.1f} s")
