"""The scripted payment provider: the other side of PSP.md, on port 9000 of the grader.

What it does on a call is a :class:`schedule.Step`: as the provider is unwell, else from the charge's script, else from
the documented test amounts, else normal. A call can also be *held* at an exact point, so that the service can be
killed right there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager

from books import Books, Call, Outcome, parse_call
from schedule import NORMAL, Charge, Script, Step

from harness.testing import scripted
from harness.testing.diary import Diary
from harness.testing.scripted import AFTER, BEFORE, HANG_UP, HeldCall
from harness.testing.upstreams import Caps, Reply, Request, Upstream
from harness.testing.webhooks import Message, Post, Webhooks

CAPS = Caps(connections=256)
"""Calls that nobody waits for any more keep their connection until their script is over."""
LATE_SECONDS = 30.0
"""How late the answer to a 504 test amount comes, as PSP.md says."""
_SEQUENCE = {"authorised": 1, "captured": 2, "declined": 2}


class Provider(Upstream):
    """Decides what every call comes to. Thread-safe."""

    def __init__(self, books: Books, diary: Diary, post: Post, *, port: int = 0) -> None:
        """Capture into ``books``, tell ``diary``, send webhooks through ``post``."""
        super().__init__(port=port, caps=CAPS)
        self.books = books
        self.latency_seconds = 0.0
        """Added to every POST /captures: what throughput is bound by."""
        self.webhooks = Webhooks(post, diary)
        self.calls: scripted.Script[Step] = scripted.Script()
        self._diary = diary
        self._busy = itertools.cycle((503, 429))

    def script(self, charge: Charge, script: Script) -> None:
        """Set what the first calls for a charge come to."""
        self.calls.write(charge.value, script)

    def hold(self, charge: Charge, when: str) -> HeldCall:
        """Stop the next call for a charge ``before`` its capture, or ``after`` it and before the answer."""
        return self.calls.hold(charge.value, when)

    @contextmanager
    def unwell(self, rule: Callable[[Hashable, int], Step]) -> Iterator[None]:
        """For the body, every POST /captures goes as ``rule(value, calls before)`` says, and GET answers 503 and 429 in turn."""
        self._diary.write(None, "the provider is unwell")
        try:
            with self.calls.ruled(rule):
                yield
        finally:
            self._diary.write(None, "the provider is well again")

    @contextmanager
    def hanging(self, charges: Collection[Charge]) -> Iterator[None]:
        """For the body, POST captures some charges and never answers, nor does GET for their refs; others are as ever."""
        with self.calls.hanging([charge.value for charge in charges]):
            yield
        for charge in charges:
            self._diary.write(charge.value, f"the provider answers again when it is asked about {charge.key}")

    def close(self) -> None:
        """Stop listening, and let everything that waits go."""
        super().close()
        self.calls.close()
        self.webhooks.close()

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
        if self.calls.hangs(self.books.value_of(ref)):
            return HANG_UP
        if self.calls.is_ruled:
            return _error(next(self._busy), "try later")
        outcome = self.books.of_ref(ref)
        if outcome is not None:
            self._diary.write(outcome.value, f"your service asks for the outcome of its ref: {outcome.status}")
        return Reply(status=200, json={"captures": [] if outcome is None else [outcome.body]})

    def _capture(self, call: Call) -> Reply:
        step = self._step(call)
        self.calls.pause(self.latency_seconds + step.wait_seconds)
        self.calls.await_that(lambda: self.books.calls_of(call.ref) > 1, seconds=step.until_repeated_seconds)
        hold = self.calls.taken(call.value)
        received = "the provider has received the call and holds it before capturing"
        if not self.calls.reach(hold, BEFORE, lambda: self._diary.write(call.value, received)):
            return HANG_UP
        if step.status not in {201, 402}:
            self._diary.write(call.value, f"the provider answers {step.status}, nothing captured")
            return _error(step.status, "try later")
        outcome, new = self.books.decide(call, captured=step.status == 201)
        if new:
            self._announce(outcome, step)
        else:
            self._diary.write(call.value, f"the provider sees a used ref again: {outcome.status}, nothing new")
        captured = "the provider has captured and holds its answer"
        if not self.calls.reach(hold, AFTER, lambda: self._diary.write(call.value, captured)):
            return HANG_UP
        if self.calls.hangs(call.value):
            return HANG_UP
        self.calls.pause(step.answer_after_seconds)
        return _answer(outcome, step, new=new)

    def _step(self, call: Call) -> Step:
        before, before_ref = self.books.note_call(call)
        return self.calls.next(call.value, before, then=NORMAL) or _documented(call, before_ref)

    def _announce(self, outcome: Outcome, step: Step) -> None:
        what = f"captures {outcome.capture}" if outcome.capture else "declines"
        self._diary.write(outcome.value, f"the provider {what}{step.manner}", at=outcome.at)
        news = [(webhook, message_of(outcome, webhook.type)) for webhook in step.webhooks]
        self.webhooks.send(outcome.value, news, answer_in_seconds=0 if step.silent else step.answer_after_seconds)


def message_of(call: Call, kind: str) -> Message:
    """Return the webhook about a call, or its outcome. The same news always has the same event id."""
    return {
        "event": f"evt-{kind[:4]}-{call.ref[:48]}",
        "sequence": _SEQUENCE[kind],
        "ref": call.ref,
        "type": kind,
        "capture": (call.capture if isinstance(call, Outcome) else "psp-0") if kind == "captured" else None,
        "merchant": call.merchant,
        "amount": call.amount,
        "currency": call.currency,
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


def _answer(outcome: Outcome, step: Step, *, new: bool) -> Reply:
    if new and outcome.capture is None:
        return step.reply(402, {"ref": outcome.ref, "status": "declined"})
    body = {"capture": outcome.capture, "ref": outcome.ref, "status": outcome.status}
    return step.reply(201 if new else 409, dict(body))


def _error(status: int, text: str) -> Reply:
    return Reply(status=status, json={"error": text})
