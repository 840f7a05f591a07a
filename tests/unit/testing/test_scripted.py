"""Scripted upstreams: steps, calls that are held, webhooks."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.testing import CheckFailed
from harness.testing.clients import Answer
from harness.testing.diary import Diary
from harness.testing.scripted import (
    AFTER,
    BEFORE,
    HANG_UP,
    HeldCall,
    Outage,
    Script,
    Step,
    await_held,
    outage,
    releasing,
)
from harness.testing.webhooks import Message, Webhook, Webhooks

NORMAL = Step()


def test_script_gives_each_call_its_step() -> None:
    """The first calls as written, later ones as said; without a script there is none."""
    script: Script[Step] = Script()
    script.write("a", (Step(status=500), Step(silent=True)))
    assert [script.next("a", number, then=NORMAL) for number in range(3)] == [
        Step(status=500),
        Step(silent=True),
        NORMAL,
    ]
    assert script.next("b", 0, then=NORMAL) is None


def test_rule_stands_above_what_is_written() -> None:
    """While an upstream is out of order, every call goes as the rule says; afterwards as written."""
    script: Script[Step] = Script()
    script.write("a", (Step(status=500),))
    with script.ruled(lambda _, before: Step(status=600 + before)):
        on = script.is_ruled
        assert [script.next(key, 3, then=NORMAL) for key in "ab"] == [Step(status=603)] * 2
    assert (on, script.is_ruled) == (True, False)
    assert script.next("a", 0, then=NORMAL) == Step(status=500)


def test_outage_meets_first_calls_as_dealt() -> None:
    """Each step as many first calls; later ones, and those of others, as all later ones."""
    lost, busy = Step(silent=True), Step(status=503)
    keys = [f"k-{number}" for number in range(8)]
    rule: Outage[Step] = outage(random.Random(1), keys, [lost, busy], later=Step(status=429))
    assert Counter(rule(key, 0) for key in keys) == {lost: 4, busy: 4}
    assert {rule(key, 1) for key in keys} == {rule("other", 0)} == {Step(status=429)}
    assert outage(random.Random(1), keys, [lost, busy], later=busy).first == rule.first
    assert outage(random.Random(2), keys, [lost, busy], later=busy).first != rule.first


def test_step_sends_its_answer_its_way() -> None:
    """Silence hangs up, a cut cuts, and the manner is said for a diary."""
    assert Step(silent=True).reply(201, {}) is HANG_UP
    cut = Step(cut_after_bytes=9).reply(402, {"a": 1})
    assert (cut.status, cut.json, cut.cut_after) == (402, {"a": 1}, 9)
    manners = [step.manner for step in (Step(silent=True), Step(cut_after_bytes=9), Step(answer_after_seconds=1.5))]
    assert manners == [" and never answers", " and is cut off after 9 bytes of its answer", " and answers 1.50 s later"]
    assert NORMAL.manner == ""


def call(script: Script[Step], key: str, log: list[str]) -> bool:
    """One call of an upstream that does something; False when it was dropped."""
    hold = script.taken(key)
    if not script.reach(hold, BEFORE, lambda: log.append("held before")):
        return False
    log.append("done")
    return script.reach(hold, AFTER, lambda: log.append("held after"))


@pytest.mark.parametrize(
    ("when", "forward", "log"),
    [
        (BEFORE, False, ["held before"]),
        (BEFORE, True, ["held before", "done"]),
        (AFTER, False, ["done", "held after"]),
        (AFTER, True, ["done", "held after"]),
    ],
)
def test_call_is_held_at_its_point(when: str, *, forward: bool, log: list[str]) -> None:
    """A call stops where it is to stop, and goes on or is dropped there; the next call is free."""
    script: Script[Step] = Script()
    hold, seen = script.hold("a", when), list[str]()
    with ThreadPoolExecutor() as pool:
        future = pool.submit(call, script, "a", seen)
        assert await_held([hold], within_seconds=5.0, after_first_seconds=5.0) == 1
        hold.release(forward=forward)
        hold.release(forward=not forward)
        assert future.result() is forward
    assert seen == log
    assert call(script, "a", [])


def test_waiting_for_holds_ends() -> None:
    """When all are held, when the first waits too long, when nothing more comes, or when the time is over."""
    first, second = HeldCall(BEFORE), HeldCall(BEFORE)
    assert await_held([first, second], within_seconds=0.02, after_first_seconds=9.0) == 0
    assert await_held([first, second], within_seconds=60.0, after_first_seconds=9.0, over=lambda: True) == 0
    first.held.set()
    assert await_held([first, second], within_seconds=60.0, after_first_seconds=0.02) == 1
    second.held.set()
    assert await_held([first, second], within_seconds=60.0, after_first_seconds=60.0) == 2


def test_nothing_stays_held_after_trouble() -> None:
    """A check that breaks between hold and release leaves no thread behind and no hold for the next call."""
    script: Script[Step] = Script()
    hold = script.hold("a", BEFORE)
    seen: list[str] = []
    thread = threading.Thread(target=call, args=(script, "a", seen))
    thread.start()
    hold.held.wait(5.0)
    script.hold("b", BEFORE)
    with pytest.raises(ZeroDivisionError), releasing(script, [hold]):
        raise ZeroDivisionError
    thread.join(5.0)
    assert (thread.is_alive(), seen) == (False, ["held before"])
    assert script.taken("b") is None


def test_closing_lets_everything_go() -> None:
    """Held calls and pauses end with the upstream."""
    script: Script[Step] = Script()
    script.hold("a", BEFORE)

    def work() -> None:
        call(script, "a", [])
        script.pause(60.0)

    thread = threading.Thread(target=work)
    thread.start()
    script.close()
    thread.join(5.0)
    assert not thread.is_alive()


class Hooks:
    """Webhooks to a service that answers in turn, its last status for ever."""

    def __init__(self) -> None:
        self.statuses: list[int | None] = [200]
        self.got: list[Message] = []
        self.sent = Webhooks(self._post, Diary(lambda stamp: stamp))

    def _post(self, message: Message) -> Answer:
        self.got.append(message)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return Answer(status=status, error=None if status else "out of time", start=0.0, end=0.0)


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    one = Hooks()
    yield one
    one.sent.close()


def test_webhook_is_sent_again_until_it_is_taken(hooks: Hooks) -> None:
    """No answer and 5xx are tried again, a 2xx ends it."""
    hooks.statuses = [None, 503, 204]
    assert hooks.sent.deliver({"type": "captured"}, "a", attempts=5) == 204
    assert len(hooks.got) == 3


def test_early_and_late_webhooks(hooks: Hooks) -> None:
    """Early ones are out, in every copy, when send returns; late ones come in order afterwards."""
    early, late = Webhook(type="captured", after_answer=False, copies=2), Webhook(type="authorised")
    began = time.monotonic()
    hooks.sent.send("a", [(late, {"n": 2}), (early, {"n": 1}), (late, {"n": 3})], answer_in_seconds=0.05)
    assert hooks.got == [{"n": 1}, {"n": 1}]
    assert hooks.sent.await_quiet(timeout_seconds=5.0)
    assert time.monotonic() - began >= 0.05
    assert hooks.got == [{"n": 1}, {"n": 1}, {"n": 2}, {"n": 3}]


def test_webhooks_that_nobody_takes_fail(hooks: Hooks) -> None:
    """Half of them must have been answered 2xx, about these things and no others."""
    hooks.statuses = [404]
    hooks.sent.deliver({}, "a", attempts=1)
    hooks.statuses = [200]
    hooks.sent.deliver({}, "b", attempts=1)
    hooks.sent.require_taken(["a", "b"])
    with pytest.raises(CheckFailed, match="the service took 0"):
        hooks.sent.require_taken(["a"])


def test_webhooks_that_meet_server_errors_fail(hooks: Hooks) -> None:
    """One in twenty may, though they are taken when they come again."""
    hooks.statuses = [500, *[200] * 19]
    for _ in range(19):
        hooks.sent.deliver({}, "a")
    hooks.sent.require_taken(["a"])
    hooks.statuses = [500, 200]
    hooks.sent.deliver({}, "a")
    with pytest.raises(CheckFailed, match=r"Of 22 webhooks .*; server errors: 2"):
        hooks.sent.require_taken(["a"])


def test_calls_that_hang_get_no_answer_while_others_do() -> None:
    """Until the body ends, or the caller asks again: one call of a key hangs at a time."""
    script: Script[Step] = Script()
    with ThreadPoolExecutor(max_workers=2) as pool:
        with script.hanging(["a"]):
            assert not script.hangs("b")
            first = pool.submit(script.hangs, "a")
            with pytest.raises(TimeoutError):
                first.result(timeout=0.1)
            second = pool.submit(script.hangs, "a")
            assert first.result(timeout=5)
            assert not second.done()
        assert second.result(timeout=5)
    assert not script.hangs("a")


def test_calls_that_hang_end_with_the_upstream() -> None:
    """Closing lets them go."""
    script: Script[Step] = Script()
    with script.hanging(["a"]), ThreadPoolExecutor(max_workers=1) as pool:
        call = pool.submit(script.hangs, "a")
        script.close()
        assert call.result(timeout=5)
