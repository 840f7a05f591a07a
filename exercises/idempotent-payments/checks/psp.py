"""The scripted payment provider: the other side of PSP.md, on port 9000 of the grader.

What it does on a call is a :class:`schedule.Step`: from the charge's script, else from the documented test amounts,
else normal. A call can also be *held* at an exact point, so that the service can be killed right there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from books import Books, Call, Outcome, parse_call
from diary import Diary
from schedule import NORMAL, Charge, Script, Step, Value, Webhook

from harness.model import Json
from harness.testing.clients import Answer
from harness.testing.upstreams import Caps, Reply, Request, Upstream

CAPS = Caps(connections=256)
"""Calls that nobody waits for any more keep their connection until their script is over."""
LATE_SECONDS = 30.0
"""How late the answer to a 504 test amount comes."""
WEBHOOK_ATTEMPTS = 3
_SEQUENCE = {"authorised": 1, "captured": 2, "declined": 2}
_AFTER_ANSWER_SECONDS = 0.03

Post = Callable[[dict[str, Json]], Answer]
"""Delivers one webhook to the service."""


HANG_UP = Reply(drop=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One webhook as it was sent, and what the service said."""

    type: str
    ref: str
    value: Value
    at: float
    status: int | None


class Hold:
    """A call that stops at an exact point until it is released."""

    def __init__(self, when: str) -> None:
        """``when`` is ``before`` the capture, or ``after`` it and before the answer."""
        self.when = when
        self.held = threading.Event()
        self._released = threading.Event()
        self._forward = True

    def release(self, *, forward: bool) -> None:
        """Let the call go on, or drop it where it is. The first release counts."""
        if not self._released.is_set():
            self._forward = forward
            self._released.set()

    def wait(self) -> bool:
        """Stop here. Returns whether the call goes on. Called by the provider only."""
        self.held.set()
        self._released.wait()
        return self._forward


class Provider:
    """Decides what every call comes to. Thread-safe."""

    def __init__(self, books: Books, diary: Diary, post: Post) -> None:
        """Capture into ``books``, tell ``diary``, send webhooks through ``post``."""
        self.books = books
        self.latency_seconds = 0.0
        """Added to every POST /captures: what throughput is bound by."""
        self._diary = diary
        self._post = post
        self._lock = threading.Lock()
        self._scripts: dict[Value, Script] = {}
        self._holds: dict[Value, Hold] = {}
        self._ref_calls: dict[str, int] = {}
        self._unwell: Callable[[Call, int], Step] | None = None
        self._closing = threading.Event()
        self._deliveries: list[Delivery] = []
        self._open_deliveries = 0
        self._pool = ThreadPoolExecutor(max_workers=32, thread_name_prefix="webhook")

    def script(self, charge: Charge, script: Script) -> None:
        """Set what the first calls for a charge come to."""
        with self._lock:
            self._scripts[charge.value] = script

    def hold(self, charge: Charge, when: str) -> Hold:
        """Stop the first call for a charge at a point."""
        hold = Hold(when)
        with self._lock:
            self._holds[charge.value] = hold
        return hold

    def forget_holds(self) -> None:
        """Take away every hold that no call has come to."""
        with self._lock:
            self._holds.clear()

    @contextmanager
    def unwell(self, step: Callable[[Call, int], Step]) -> Iterator[None]:
        """For the body, every POST /captures goes as ``step(call, calls before)`` says, and GET answers 503."""
        self._unwell = step
        self._diary.write(None, "the provider is unwell")
        try:
            yield
        finally:
            self._unwell = None
            self._diary.write(None, "the provider is well again")

    def close(self) -> None:
        """Let everything that waits go."""
        self._closing.set()
        with self._lock:
            holds = list(self._holds.values())
        for hold in holds:
            hold.release(forward=False)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def handle(self, request: Request) -> Reply:
        """Answer one request; blocks as long as the script says."""
        if request.path != "/captures":
            return _error(404, "no such thing")
        if request.method == "GET":
            return self._find(request.query.get("ref", ""))
        if request.method != "POST":
            return _error(405, "expected GET or POST")
        call = parse_call(request.json(), request.received)
        if isinstance(call, str):
            return _error(400, call)
        return _error(429, "too many calls") if self.books.full else self._capture(call)

    def _find(self, ref: str) -> Reply:
        if not ref:
            return _error(400, "expected a ref")
        if self._unwell is not None:
            return _error(503, "try later")
        outcome = self.books.of_ref(ref)
        if outcome is not None:
            self._diary.write(outcome.value, f"your service asks for the outcome of its ref: {outcome.status}")
        return Reply(status=200, json={"captures": [] if outcome is None else [outcome.body]})

    def _capture(self, call: Call) -> Reply:
        step = self._step(call)
        self._sleep(self.latency_seconds + step.wait_seconds)
        with self._lock:
            hold = self._holds.pop(call.value, None)
        if hold is not None and hold.when == "before":
            self._diary.write(call.value, "the provider has received the call and holds it before capturing")
            if not hold.wait():
                return HANG_UP
        if step.status not in {201, 402}:
            self._diary.write(call.value, f"the provider answers {step.status}, nothing captured")
            return _error(step.status, "try later")
        outcome, new = self.books.decide(call, captured=step.status == 201)
        self._tell(call, outcome, step, new=new)
        if new:
            self._send(outcome, step)
        if hold is not None and hold.when == "after":
            self._diary.write(call.value, "the provider has captured and holds its answer")
            if not hold.wait():
                return HANG_UP
        self._sleep(step.answer_after_seconds)
        return HANG_UP if step.silent else _reply(outcome, step, new=new)

    def _step(self, call: Call) -> Step:
        before = self.books.note_call(call)
        with self._lock:
            before_ref = self._ref_calls.get(call.ref, 0)
            self._ref_calls[call.ref] = before_ref + 1
            script = self._scripts.get(call.value)
        if self._unwell is not None:
            return self._unwell(call, before)
        if script is not None:
            return script[before] if before < len(script) else NORMAL
        return _documented(call, before_ref)

    def _tell(self, call: Call, outcome: Outcome, step: Step, *, new: bool) -> None:
        if not new:
            self._diary.write(call.value, f"the provider sees a used ref again: {outcome.status}, nothing new")
            return
        what = f"captures {outcome.capture}" if outcome.capture else "declines"
        how = " and never answers" if step.silent else ""
        how = f" and answers {step.answer_after_seconds:.2f} s later" if step.answer_after_seconds and not how else how
        how = (
            f" and is cut off after {step.cut_after_bytes} bytes of its answer"
            if step.cut_after_bytes is not None
            else how
        )
        self._diary.write(call.value, f"the provider {what}{how}", at=outcome.at)

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self._closing.wait(seconds)

    # Webhooks

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """Every webhook sent so far."""
        with self._lock:
            return tuple(self._deliveries)

    def quiet(self) -> bool:
        """Return whether no webhook is still to be sent."""
        with self._lock:
            return self._open_deliveries == 0

    def deliver(self, message: dict[str, Json], value: Value, *, attempts: int = WEBHOOK_ATTEMPTS) -> int | None:
        """Send one webhook, again while it gets no 2xx; return the last status."""
        status = None
        for attempt in range(attempts):
            if attempt:
                self._sleep(0.2 * attempt)
            at = time.monotonic()
            status = self._post(message).status
            self._diary.write(value, f"webhook '{message['type']}' is answered {status or 'not at all'}", at=at)
            delivery = Delivery(type=str(message["type"]), ref=str(message["ref"]), value=value, at=at, status=status)
            with self._lock:
                self._deliveries.append(delivery)
            if status is not None and 200 <= status < 300:
                break
        return status

    def _send(self, outcome: Outcome, step: Step) -> None:
        """Send the early webhooks now, and the others when the answer is out."""
        early = [one for one in step.webhooks if not one.after_answer]
        late = [one for one in step.webhooks if one.after_answer]
        for one in early:
            self._copies(outcome, one, attempts=1)
        if late:
            with self._lock:
                self._open_deliveries += 1
            wait = _AFTER_ANSWER_SECONDS + (0 if step.silent else step.answer_after_seconds)
            # The pool refuses when the grading is over: nobody waits for this webhook any more.
            with suppress(RuntimeError):
                self._pool.submit(self._later, outcome, late, wait)

    def _later(self, outcome: Outcome, webhooks: list[Webhook], wait: float) -> None:
        try:
            self._sleep(wait)
            for one in webhooks:
                self._copies(outcome, one, attempts=WEBHOOK_ATTEMPTS)
        finally:
            with self._lock:
                self._open_deliveries -= 1

    def _copies(self, outcome: Outcome, webhook: Webhook, *, attempts: int) -> None:
        message = message_of(outcome, webhook.type)
        others = [
            threading.Thread(target=self.deliver, args=(message, outcome.value), daemon=True)
            for _ in range(webhook.copies - 1)
        ]
        for other in others:
            other.start()
        self.deliver(message, outcome.value, attempts=attempts)
        for other in others:
            other.join()


def message_of(outcome: Outcome, kind: str) -> dict[str, Json]:
    """Return the webhook about an outcome. The same news always has the same event id."""
    return {
        "event": f"evt-{kind[:4]}-{outcome.ref[:48]}",
        "sequence": _SEQUENCE[kind],
        "ref": outcome.ref,
        "type": kind,
        "capture": outcome.capture if kind == "captured" else None,
        "merchant": outcome.merchant,
        "amount": outcome.amount,
        "currency": outcome.currency,
    }


def _documented(call: Call, calls_of_ref: int) -> Step:
    """Return what PSP.md says of test amounts."""
    whole = int(call.value[2])
    if whole == 402:
        return Step(status=402)
    if whole == 500 and calls_of_ref == 0:
        return Step(status=500)
    if whole == 504 and calls_of_ref == 0:
        return Step(answer_after_seconds=LATE_SECONDS)
    return NORMAL


def _reply(outcome: Outcome, step: Step, *, new: bool) -> Reply:
    short: dict[str, Json] = {"capture": outcome.capture, "ref": outcome.ref, "status": outcome.status}
    if not new:
        return Reply(status=409, json=short, cut_after=step.cut_after_bytes)
    if outcome.capture is None:
        return Reply(status=402, json={"ref": outcome.ref, "status": "declined"}, cut_after=step.cut_after_bytes)
    return Reply(status=201, json=short, cut_after=step.cut_after_bytes)


def _error(status: int, text: str) -> Reply:
    return Reply(status=status, json={"error": text})


class Server(Upstream):
    """The provider's listener."""

    def __init__(self, provider: Provider, port: int) -> None:
        """Listen on ``port`` for ``provider``."""
        super().__init__(port=port, caps=CAPS)
        self._provider = provider

    def handle(self, request: Request) -> Reply:
        """Answer as the provider decides."""
        return self._provider.handle(request)
