"""Upstreams that decide each reference once: what they remember, and what their script makes of calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from harness.model import Json
from harness.testing import decisions
from harness.testing.clients import Answer
from harness.testing.decider import BUSY, Decider, error
from harness.testing.decisions import Call, Decision, Decisions, Words
from harness.testing.diary import Diary
from harness.testing.scripted import AFTER, BEFORE, Step, await_held
from harness.testing.upstreams import Reply, Request
from harness.testing.webhooks import Message, Webhook

WORDS = Words(
    upstream="the airline", does="books", doing="booking", done="booked", refuses="turns down", refused="turned down"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """What is wanted in these tests."""

    key: str

    @property
    def value(self) -> str:
        return self.key.upper()

    @property
    def body(self) -> Mapping[str, Json]:
        return {"seat": self.key}


A, B = Seat(key="a"), Seat(key="b")


def call(seat: Seat, ref: str) -> Call:
    return Call(ref=ref, value=seat.value, body=seat.body, at=time.monotonic())


def test_reference_is_decided_once() -> None:
    """Whatever is asked under it later; another reference is another time."""
    made = Decisions(lambda number: f"t-{number}")
    first, new = made.decide(call(A, "r-1"), accept=True)
    assert (first.id, first.ref, first.value, first.body, new) == ("t-1", "r-1", "A", {"seat": "a"}, True)
    assert made.decide(call(B, "r-1"), accept=False) == (first, False)
    second, _ = made.decide(call(A, "r-2"), accept=True)
    refused, _ = made.decide(call(A, "r-3"), accept=False)
    assert made.done(A) == (first, second)
    assert made.refused(A) == (refused,)
    assert made.done(B) == made.refused(B) == ()
    assert made.all_done() == (first, second)
    assert made.all_done(since=second.at) == (second,)
    assert (made.of_ref("r-3"), made.of_ref("r-9")) == (refused, None)


def test_calls_are_counted_by_value_and_by_reference() -> None:
    """A service that asks again under another name is seen; a reference stands for what it was first used for."""
    made = Decisions(str)
    counts = [made.note(call(seat, ref)) for seat, ref in ((A, "r-1"), (A, "r-1"), (A, "r-2"), (B, "r-2"))]
    assert counts == [(0, 0), (1, 1), (2, 0), (0, 1)]
    assert [one.ref for one in made.calls(A)] == ["r-1", "r-1", "r-2"]
    assert (made.value_of("r-2"), made.value_of("r-9")) == ("A", None)


@pytest.mark.parametrize("cap", ["MOST_REFS", "MOST_CALLS"])
def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch, cap: str) -> None:
    """A service can't make us remember without end, by references or by calls."""
    monkeypatch.setattr(decisions, cap, 2)
    made = Decisions(str)
    for number in range(2):
        assert not made.full
        one = call(A, f"r-{number}")
        made.note(one)
        made.decide(one, accept=True)
    assert made.full


class Airline(Decider):
    """Books seats."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.diary = Diary(lambda stamp: stamp)
        super().__init__(
            Decisions(lambda number: f"t-{number}"), self.diary, self._post, words=WORDS, accepts=201, refuses=402
        )

    def _post(self, message: Message) -> Answer:
        self.sent.append(message)
        return Answer(status=200, start=0.0, end=0.0)

    def handle(self, request: Request) -> Reply:
        raise NotImplementedError

    def usual(self, call: Call, before: int) -> Step:
        return Step(status=500 if before == 0 and call.ref.startswith("odd") else 201)

    def message(self, about: Call, kind: str) -> Message:
        return {"type": kind, "ticket": about.id if isinstance(about, Decision) else None}

    def answer(self, decision: Decision, *, new: bool) -> tuple[int, Json]:
        return (201 if new else 409), decision.id

    def shown(self, decision: Decision | None) -> Json:
        return None if decision is None else decision.id

    def book(self, seat: Seat, ref: str) -> int | None:
        reply = self.call(call(seat, ref))
        return None if reply.drop else reply.status

    def told(self, seat: Seat) -> list[str]:
        return [entry.text for entry in self.diary.entries([seat.value])]


@pytest.fixture
def airline() -> Iterator[Airline]:
    one = Airline()
    yield one
    one.close()


def test_call_is_answered_by_what_was_decided(airline: Airline) -> None:
    """Done once, told again under its reference, and seen in a look; the diary tells it in the upstream's words."""
    assert (airline.book(A, "r-1"), airline.book(A, "r-1")) == (201, 409)
    assert (airline.look("r-1").json, airline.look("r-9").json) == ("t-1", None)
    assert airline.told(A) == [
        "the airline books t-1",
        "the airline sees a used ref again: booked, nothing new",
        "your service asks for the outcome of its ref: booked",
    ]


def test_script_stands_above_what_is_usual(airline: Airline) -> None:
    """The first calls about a thing as written, whatever the reference; without a script as this upstream is."""
    airline.script(A, (Step(status=503), Step(status=402)))
    assert [airline.book(A, ref) for ref in ("odd-1", "odd-2", "odd-3")] == [503, 201, 201]
    assert [len(airline.decisions.refused(A)), len(airline.decisions.done(A))] == [1, 1]
    assert [airline.book(B, ref) for ref in ("odd-4", "odd-4", "odd-5")] == [500, 201, 500]
    assert airline.told(A)[:2] == ["the airline answers 503, nothing booked", "the airline turns down"]


def test_call_is_held_on_either_side_of_what_it_does(airline: Airline) -> None:
    """Dropped before, nothing is done; dropped after, it is done and not answered."""
    with ThreadPoolExecutor() as pool:
        for seat, when, done in ((A, BEFORE, 0), (B, AFTER, 1)):
            hold = airline.hold(seat, when)
            asked = pool.submit(airline.book, seat, f"r-{when}")
            assert await_held([hold], within_seconds=5.0, after_first_seconds=5.0) == 1
            assert len(airline.decisions.done(seat)) == done
            hold.release(forward=False)
            assert asked.result(timeout=5) is None
            assert len(airline.decisions.done(seat)) == done
    assert airline.told(A) == ["the airline has received the call and holds it before booking"]
    assert airline.told(B)[-1] == "the airline has booked and holds its answer"


def test_upstream_that_is_unwell_does_as_the_rule_says(airline: Airline) -> None:
    """Calls as the rule, looks 503; afterwards all is well, and the diary has both moments."""
    with airline.unwell(lambda value, before: BUSY if before else Step(status=500 if value == "A" else 201)):
        assert [airline.book(seat, "r-1") for seat in (A, A, B)] == [500, 503, 201]
        assert [airline.look("r-1").status for _ in range(3)] == [503, 429, 503]
    assert airline.look("r-1").status == 200
    assert airline.book(A, "r-2") == 201
    told = airline.told(A)
    assert "the airline is well again" in told
    assert told.index("the airline is well again") < told.index("the airline books t-2")


def test_upstream_hangs_for_some(airline: Airline) -> None:
    """It is done and nobody hears of it, by answer or by look, while others are served."""
    with ThreadPoolExecutor() as pool, airline.hanging([A]):
        asked = pool.submit(airline.book, A, "r-1")
        while not airline.decisions.done(A):
            time.sleep(0.001)
        assert airline.book(B, "r-2") == 201
        assert not asked.done()
        looked = pool.submit(airline.look, "r-1")
        assert asked.result(timeout=5) is None, "one call hangs at a time"
        airline.calls.close()
        assert looked.result(timeout=5).drop
    assert airline.look("r-1").json == "t-1"
    assert "the airline answers again when it is asked about a" in airline.told(A)


def test_call_may_be_decided_when_it_is_repeated(airline: Airline) -> None:
    """It waits for the next one with its reference, which finds a used one; nobody comes, and it is decided all the same."""
    airline.script(A, (Step(status=402, until_repeated_seconds=60.0), Step(wait_seconds=1.0)))
    airline.script(B, (Step(until_repeated_seconds=0.05),))
    with ThreadPoolExecutor() as pool:
        first = pool.submit(airline.book, A, "r-1")
        while not airline.decisions.calls(A):
            time.sleep(0.001)
        airline.book(B, "r-2")
        assert (airline.decisions.calls_of("r-1"), airline.decisions.refused(A)) == (1, ())
        assert airline.book(A, "r-1") == 409
        assert first.result(timeout=5) == 201
    assert len(airline.decisions.refused(A)) == len(airline.decisions.done(B)) == 1


def test_latency_and_a_late_answer_are_waited_for(airline: Airline) -> None:
    """Latency is before it is done, the step's wait for the answer after it."""
    airline.latency_seconds = 0.05
    airline.script(A, (Step(answer_after_seconds=0.1),))
    began = time.monotonic()
    airline.book(A, "r-1")
    (done,) = airline.decisions.done(A)
    assert done.at in [entry.at for entry in airline.diary.entries(["A"])]
    assert done.at - began >= 0.05
    assert time.monotonic() - done.at >= 0.1


def test_closing_lets_calls_go(airline: Airline) -> None:
    """One that is held, and one that waits for its answer."""
    hold = airline.hold(A, BEFORE)
    airline.script(B, (Step(answer_after_seconds=60.0),))
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(airline.book, seat, seat.key) for seat in (A, B)]
        await_held([hold], within_seconds=5.0, after_first_seconds=5.0)
        airline.close()
        assert [one.result(timeout=5) for one in asked] == [None, 201]


def test_news_is_told_once(airline: Airline) -> None:
    """Webhooks follow what is new, and not a repeated call."""
    early = Webhook(type="booked", after_answer=False)
    airline.script(A, (Step(webhooks=(early,)), Step(webhooks=(early,))))
    airline.book(A, "r-1")
    airline.book(A, "r-1")
    assert airline.sent == [{"type": "booked", "ticket": "t-1"}]


def test_too_many_calls_do_nothing(airline: Airline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before they are counted."""
    monkeypatch.setattr(decisions, "MOST_CALLS", 1)
    assert [airline.book(A, "r-1"), airline.book(A, "r-2")] == [201, 429]
    assert len(airline.decisions.calls(A)) == 1
    assert error(429, "x").json == {"error": "x"}
