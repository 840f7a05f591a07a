"""Webhooks of a scripted upstream: early, late, repeated, and sent again while they get no 2xx."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from harness.model import Json
from harness.testing.answers import examples
from harness.testing.check import fail
from harness.testing.clients import Answer
from harness.testing.diary import Diary

ATTEMPTS = 3
_RETRY_SECONDS = 0.2
_AFTER_ANSWER_SECONDS = 0.03
_POLL_SECONDS = 0.01
_THREADS = 32
MOST_ERRORS = 20
"""One webhook in so many may meet a server error: a machine has its moments."""

Message = dict[str, Json]
Post = Callable[[Message], Answer]
"""Delivers one webhook to the service; must never raise for anything the service does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """One piece of news about a call."""

    type: str
    after_answer: bool = True
    """False: it is sent, and answered, before the call itself is answered."""
    copies: int = 1
    """How often it is sent at the same moment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One webhook as it was sent, and what the service said."""

    about: Hashable
    at: float
    """``time.monotonic()``."""
    status: int | None
    """None: no answer."""

    @property
    def taken(self) -> bool:
        """Whether it was answered 2xx."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own numbers


class Webhooks:
    """Sends webhooks from threads of its own, and remembers what became of each. Thread-safe."""

    def __init__(self, post: Post, diary: Diary) -> None:
        """Send through ``post``; tell ``diary`` about each answer."""
        self._post = post
        self._diary = diary
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._deliveries: list[Delivery] = []
        self._open = 0
        self._pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="webhook")

    def close(self) -> None:
        """Send nothing more."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def deliver(self, message: Message, about: Hashable, *, attempts: int = ATTEMPTS) -> int | None:
        """Send one webhook, again while it gets no 2xx, at most ``attempts`` times; return the last status."""
        status = None
        for attempt in range(attempts):
            if attempt:
                self._closing.wait(_RETRY_SECONDS * attempt)
            delivery = self._send_once(message, about)
            status = delivery.status
            if delivery.taken:
                break
        return status

    def send(
        self, about: Hashable, webhooks: Iterable[tuple[Webhook, Message]], *, answer_in_seconds: float = 0.0
    ) -> None:
        """Send the early ones now, and the others, one after the other, when the answer is out."""
        late = []
        for webhook, message in webhooks:
            if webhook.after_answer:
                late.append((webhook, message))
            else:
                self._copies(about, webhook, message, attempts=1)
        if late:
            with self._lock:
                self._open += 1
            # The pool refuses when the grading is over: nobody waits for this webhook any more.
            with suppress(RuntimeError):
                self._pool.submit(self._later, about, late, _AFTER_ANSWER_SECONDS + answer_in_seconds)

    def await_quiet(self, *, timeout_seconds: float) -> bool:
        """Wait until nothing is left to send; False when the time is over."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            with self._lock:
                if self._open == 0:
                    return True
            time.sleep(_POLL_SECONDS)
        return False

    def require_taken(self, about: Collection[Hashable]) -> None:
        """Fail the check unless at least half of what was sent about some things was answered 2xx: it can be used.

        Whoever has no use for some of it may say so with 4xx, but one in 20 at most is answered with a server error.
        """
        wanted = set(about)
        with self._lock:
            sent = [one for one in self._deliveries if one.about in wanted]
        taken = sum(one.taken for one in sent)
        errors = sum(one.status is not None and one.status >= 500 for one in sent)  # noqa: PLR2004 - HTTP's own number
        if taken * 2 < len(sent) or not taken or errors * MOST_ERRORS > len(sent):
            fail(
                f"Of {len(sent)} webhooks about things of its own, the service took {taken}; server errors: {errors}.",
                expected="2xx",
                found=examples(one.status or "no answer" for one in sent),
            )

    def _send_once(self, message: Message, about: Hashable) -> Delivery:
        at = time.monotonic()
        status = self._post(message).status
        kind = message.get("type", "")
        self._diary.write(about, f"webhook '{kind}' is answered {status or 'not at all'}", at=at)
        delivery = Delivery(about=about, at=at, status=status)
        with self._lock:
            self._deliveries.append(delivery)
        return delivery

    def _later(self, about: Hashable, webhooks: list[tuple[Webhook, Message]], wait_seconds: float) -> None:
        try:
            self._closing.wait(wait_seconds)
            for webhook, message in webhooks:
                self._copies(about, webhook, message, attempts=ATTEMPTS)
        finally:
            with self._lock:
                self._open -= 1

    def _copies(self, about: Hashable, webhook: Webhook, message: Message, *, attempts: int) -> None:
        others = [
            threading.Thread(target=self._send_once, args=(message, about), daemon=True)
            for _ in range(webhook.copies - 1)
        ]
        for other in others:
            other.start()
        self.deliver(message, about, attempts=attempts)
        for other in others:
            other.join()
