"""What a scripted upstream does, call by call: steps that are written down, and calls held at an exact point.

Use it from ``Upstream.handle``: :meth:`Script.next` gives the step of a call, :meth:`Script.reach` stops it where it is
to be held, and :meth:`Step.reply` sends the answer the way the step says. Keys are whatever recognises one thing in
every call for it (an order, an amount): hashable.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.model import Json
from harness.testing.deals import deal
from harness.testing.upstreams import Reply
from harness.testing.webhooks import Webhook

BEFORE, AFTER = "before", "after"
_POLL_SECONDS = 0.005
_HANG_POLL_SECONDS = 0.2
HANG_UP = Reply(drop=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What an upstream does on one call."""

    wait_seconds: float = 0.0
    """Before anything happens."""
    until_repeated_seconds: float = 0.0
    """Decide when the next call with the same reference has come, or after so many: the later call finds a used one."""
    status: int = 201
    """What it comes to, as the upstream's own statuses say it."""
    answer_after_seconds: float = 0.0
    """Between what happens and the answer."""
    cut_after_bytes: int | None = None
    """Cut the connection after so many bytes of the answer."""
    silent: bool = False
    """Never answer: the connection is closed after ``answer_after_seconds``."""
    webhooks: tuple[Webhook, ...] = ()
    """What is told of it besides."""

    def reply(self, status: int, body: Json) -> Reply:
        """Return the answer, or its absence, as this step sends it; ``answer_after_seconds`` is the caller's to wait."""
        return HANG_UP if self.silent else Reply(status=status, json=body, cut_after=self.cut_after_bytes)

    @property
    def manner(self) -> str:
        """How it answers, for a diary: `` and never answers``; empty when there is nothing odd."""
        if self.silent:
            return " and never answers"
        if self.cut_after_bytes is not None:
            return f" and is cut off after {self.cut_after_bytes} bytes of its answer"
        return f" and answers {self.answer_after_seconds:.2f} s later" if self.answer_after_seconds else ""


StepT = TypeVar("StepT", bound=Step)


class HeldCall:
    """A call that stops at an exact point until it is released."""

    def __init__(self, when: str) -> None:
        """``when`` is ``before`` what the call does, or ``after`` it and before the answer."""
        self.when = when
        self.held = threading.Event()
        """Set when a call stands there."""
        self._released = threading.Event()
        self._forward = True

    def release(self, *, forward: bool) -> None:
        """Let the call go on, or drop it where it is. The first release counts."""
        if not self._released.is_set():
            self._forward = forward
            self._released.set()

    def wait(self) -> bool:
        """Stop here; return whether the call goes on. Called by the upstream's thread."""
        self.held.set()
        self._released.wait()
        return self._forward


class Script(Generic[StepT]):
    """The steps and holds of one upstream. Thread-safe."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = threading.Lock()
        self._steps: dict[Hashable, tuple[StepT, ...]] = {}
        self._holds: dict[Hashable, HeldCall] = {}
        self._every: list[HeldCall] = []
        self._hanging: dict[Hashable, threading.Event] = {}
        self._closing = threading.Event()
        self._rule: Callable[[Hashable, int], StepT] | None = None

    def write(self, key: Hashable, steps: tuple[StepT, ...]) -> None:
        """Set what the first calls for ``key`` come to."""
        with self._lock:
            self._steps[key] = steps

    @contextmanager
    def ruled(self, rule: Callable[[Hashable, int], StepT]) -> Iterator[None]:
        """For the body, every call goes as ``rule(key, calls before)`` says, whatever is written."""
        self._rule = rule
        try:
            yield
        finally:
            self._rule = None

    @property
    def is_ruled(self) -> bool:
        """Whether a rule is on now: the upstream is out of order."""
        return self._rule is not None

    def next(self, key: Hashable, before: int, *, then: StepT) -> StepT | None:
        """Return the step of a call that ``before`` others came before: ``then`` after the last, None without a script."""
        rule = self._rule
        if rule is not None:
            return rule(key, before)
        with self._lock:
            steps = self._steps.get(key)
        if steps is None:
            return None
        return steps[before] if before < len(steps) else then

    def hold(self, key: Hashable, when: str) -> HeldCall:
        """Stop the next call for ``key`` at a point, ``before`` or ``after``."""
        held = HeldCall(when)
        with self._lock:
            self._holds[key] = held
            self._every.append(held)
        return held

    def taken(self, key: Hashable) -> HeldCall | None:
        """Return the hold that a call for ``key`` has come to; it is for this call alone."""
        with self._lock:
            return self._holds.pop(key, None)

    def reach(self, hold: HeldCall | None, when: str, note: Callable[[], None]) -> bool:
        """Stop a call at ``hold`` when that is where it is; ``note`` is called first. False: the call is to be dropped."""
        if hold is None or hold.when != when:
            return True
        note()
        return hold.wait()

    @contextmanager
    def hanging(self, keys: Collection[Hashable]) -> Iterator[None]:
        """For the body, calls for ``keys`` get no answer, while others do: see :meth:`hangs`."""
        with self._lock:
            self._hanging |= {key: threading.Event() for key in keys}
        try:
            yield
        finally:
            with self._lock:
                for key in keys:
                    self._hanging.pop(key).set()

    def hangs(self, key: Hashable) -> bool:
        """Block while calls for ``key`` hang; return whether this one did, so that it is to be dropped.

        One call of a key hangs at a time, or those of a caller that gave up and asked again would fill the upstream.
        """
        with self._lock:
            mine = self._hanging.get(key)
            if mine is None:
                return False
            mine.set()  # the call before
            mine = self._hanging[key] = threading.Event()
        while not mine.wait(_HANG_POLL_SECONDS) and not self._closing.is_set():
            pass
        return True

    def forget_holds(self) -> None:
        """Take away every hold that no call has come to."""
        with self._lock:
            self._holds.clear()

    def pause(self, seconds: float) -> None:
        """Sleep, but not longer than the upstream is open."""
        if seconds > 0:
            self._closing.wait(seconds)

    def await_that(self, condition: Callable[[], bool], *, seconds: float) -> None:
        """Wait until something has happened, but not longer than so many seconds, nor than the upstream is open."""
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline and not self._closing.wait(_POLL_SECONDS):
            pass

    def close(self) -> None:
        """Let everything that waits go."""
        self._closing.set()
        with self._lock:
            holds = list(self._every)
        for hold in holds:
            hold.release(forward=False)


def await_held(
    holds: Collection[HeldCall],
    *,
    within_seconds: float,
    after_first_seconds: float,
    over: Callable[[], bool] = lambda: False,
) -> int:
    """Wait until a call stands at every hold; return at how many one does.

    ``within_seconds`` is how long the service may take to call, by what the brief promises; ``after_first_seconds`` how
    long the first that is held may wait for the others: less than the service's own timeout for the upstream. Ends
    early when ``over()``: nothing more will be called.
    """
    deadline, first = time.monotonic() + within_seconds, True
    while True:
        held = sum(1 for hold in holds if hold.held.is_set())
        if held == len(holds) or time.monotonic() >= deadline or (not held and over()):
            return held
        if held and first:
            first = False
            deadline = min(deadline, time.monotonic() + after_first_seconds)
        time.sleep(_POLL_SECONDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage(Generic[StepT]):
    """The rule of an upstream that is out of order (see :meth:`Script.ruled`): the first call of each key as dealt."""

    first: Mapping[Hashable, StepT]
    later: StepT
    """Of later calls, and of calls for other keys."""

    def __call__(self, key: Hashable, before: int) -> StepT:
        """Return the step of a call that ``before`` others for its key came before."""
        return self.first.get(key, self.later) if before == 0 else self.later


def outage(rng: random.Random, keys: Sequence[Hashable], steps: Sequence[StepT], *, later: StepT) -> Outage[StepT]:
    """Return an outage in which each of ``steps`` meets the first calls of as many ``keys``, in random order."""
    return Outage(first=deal(rng, keys, steps), later=later)


@contextmanager
def releasing(script: Script[StepT], holds: Collection[HeldCall]) -> Iterator[None]:
    """Whatever happens in the body, forget holds that nothing came to, and drop what is still held."""
    try:
        yield
    finally:
        script.forget_holds()
        for hold in holds:
            hold.release(forward=False)
