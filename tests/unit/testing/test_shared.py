"""What exercises share: answers in words, diaries, deals, crowds."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from harness.model import Json
from harness.testing import Unproven, causes
from harness.testing.answers import Meaning, Said, enough, examples, note, short, times, understand
from harness.testing.clients import Answer
from harness.testing.crowds import Crowd, meanwhile
from harness.testing.deals import deal, distinct, generator, tag
from harness.testing.diary import Diary
from harness.testing.history import History, Kind
from harness.testing.job import Job
from harness.testing.service import Service
from harness.testing.timeline import Timeline
from tests.unit.testing.host import Host


def answer(status: int | None, body: bytes = b"", error: str | None = None) -> Answer:
    return Answer(status=status, body=body, error=error, start=0.0, end=0.0)


def said(meaning: Meaning, status: int | None = 201, *, id: str = "c-1", word: str = "") -> Said:  # noqa: A002 - as the field
    return Said(meaning=meaning, answer=answer(status, error="out of time"), id=id, status=word)


def job(*, seed: int = 7, mode: str = "grade") -> Job:
    return Job(
        exercise="demo",
        version="1",
        mode=mode,
        seed=seed,
        variant=0,
        parameters={},
        language="",
        timeouts={},
        has_tests=False,
        checks=(),
    )


def test_answers_are_said_in_a_few_words() -> None:
    """Status and the beginning of the body, or why there was none."""
    assert short(answer(409, b' {"error":"used"} ')) == '409 {"error":"used"}'
    assert short(answer(None, error="out of time")) == "no answer (out of time)"
    assert short(answer(200, "é".encode() * 500)) == "200 " + "é" * 90 + "..."
    assert short(answer(204)) == "204"
    assert str(said(Meaning.FINAL, word="captured")) == "201 captured"
    assert str(said(Meaning.BROKEN, None)) == "no answer (out of time)"


def test_examples_are_different_and_few() -> None:
    """A crowd of equal answers is told once."""
    assert examples([503, 503, "x", 1, 2]) == "1; 2; 503"
    assert examples([]) == "none"


def test_enough_wants_final_answers() -> None:
    """Too little evidence says how much there was, and what came instead."""
    told = [said(Meaning.FINAL), said(Meaning.PENDING, 202, word="pending")]
    enough(told, least=1, what="charges")
    with pytest.raises(Unproven) as caught:
        enough(told, least=2, what="charges")
    assert caught.value.feedback == (
        "Too little succeeded to judge: of 2 charges, 1 got a final outcome (201), expected at least 2. "
        "Other answers: 202 pending."
    )


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (201, {"id": "c", "status": "captured", "amount": "1"}, Meaning.FINAL),
        (202, {"id": "c", "status": "pending", "amount": "1"}, Meaning.PENDING),
        (201, {"id": "c", "status": "pending", "amount": "1"}, Meaning.BROKEN),
        (202, {"id": "c", "status": "captured", "amount": "1"}, Meaning.BROKEN),
        (201, {"id": "c", "status": "captured", "amount": 1}, Meaning.BROKEN),
        (201, {"id": "", "status": "captured", "amount": "1"}, Meaning.BROKEN),
        (201, {"id": "c" * 65, "status": "captured", "amount": "1"}, Meaning.BROKEN),
        (201, [], Meaning.BROKEN),
        (302, {}, Meaning.BROKEN),
        (409, {}, Meaning.REFUSED),
        (500, {"id": "c", "status": "captured", "amount": "1"}, Meaning.BROKEN),
        (None, {}, Meaning.BROKEN),
    ],
)
def test_answers_are_understood(status: int | None, body: Json, meaning: Meaning) -> None:
    """An answer is final or pending only when all of it is right."""
    given = answer(status, json.dumps(body).encode(), error=None if status else "out of time")
    found = understand(given, final=201, pending=202, outcomes={"captured"}, echo={"amount": "1"})
    assert found.meaning is meaning
    assert len(found.id) <= 64


def test_answers_are_noted() -> None:
    """A refusal certainly did nothing, no answer may have done anything; only outcomes count as right answers."""
    history, marks = History(), list[dict[str, Json]]()
    timeline = Timeline(marks.append)
    for meaning in Meaning:
        note(said(meaning), "ask", "k-1", history=history, timeline=timeline)
    assert [op.type for op in history.ops] == [Kind.OK, Kind.OK, Kind.FAIL, Kind.INFO]
    timeline.flush(everything=True)
    assert [mark["label"] for mark in marks] == ["2/4"]


def test_counts_in_words() -> None:
    """As people say them."""
    assert [times(count) for count in range(4)] == ["never", "once", "twice", "3 times"]


def test_crowd_gives_up_on_a_service_that_does_nothing(service: Service) -> None:
    """When nothing at all comes of ordinary requests twice in a row, later checks end at once."""
    clients = crowd(service, {"a": [said(Meaning.BROKEN, 503, id="")]})
    for _ in range(2):
        with pytest.raises(Unproven, match=r"none got a final outcome\. Answers: 503"):
            clients.baseline(["a"])
    with pytest.raises(Unproven, match="none got a final outcome"):
        service.begin()
    clients.close()


def test_diary_tells_the_story_of_one_thing() -> None:
    """Entries come by stamp, with the faults that happened meanwhile and no others."""
    diary = Diary(lambda stamp: stamp - 100)
    diary.write("b", "other", at=101.5)
    diary.write("a", "answered", at=103.0)
    diary.write("a", "asked", at=101.0)
    diary.write(None, "killed", at=102.0)
    diary.write(None, "long before", at=100.0)
    diary.write(None, "long after", at=105.0)
    assert diary.story("a") == ("  1.00 s  asked", "  2.00 s  killed", "  3.00 s  answered")
    assert diary.story("nobody") == ()
    assert diary.say(103.25) == "3.25 s"


def test_diary_leaves_out_the_middle_and_forgets_the_oldest() -> None:
    """A service decides how much happens, not how much is kept or shown."""
    diary = Diary(lambda stamp: stamp)
    for number in range(20_010):
        diary.write("a", str(number), at=float(number))
    story = diary.story("a", most=4)
    assert [line.split()[-1] for line in story] == ["10", "11", "more", "20008", "20009"]
    assert "19996 more" in story[2]


def test_draws_depend_on_seed_name_and_mode() -> None:
    """Equal seeds give equal plans; a candidate's own check draws others than a grading."""
    drawn = {
        (seed, mode, name): generator(job(seed=seed, mode=mode), name).random()
        for seed in (7, 8)
        for mode in ("grade", "check")
        for name in ("a", "b")
    }
    assert len(set(drawn.values())) == len(drawn)
    assert generator(job(), "a").random() == drawn[7, "grade", "a"]


def test_deals_are_even_and_distinct() -> None:
    """Every kind is dealt as often as the others; numbers come once."""
    rng = random.Random(1)
    assert Counter(deal(rng, range(50), "abcde").values()) == dict.fromkeys("abcde", 10)
    assert deal(rng, [], []) == {}
    assert sorted(distinct(rng, 3, 9)) == list(range(3, 10))
    assert len(tag(rng, 8)) == 8


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(causes, "_watchers", [])
    diary = Diary(lambda stamp: stamp)
    one = Service(Host().broker, "127.0.0.1", diary, sandbox="app", port=1, startup_seconds=0.1, patience_seconds=9.0)
    one.tick = 0.002
    yield one
    one.close()


def crowd(service: Service, answers: dict[str, list[Said]]) -> Crowd[str]:
    """Clients of a service that answers each thing in turn, its last answer for ever; reads and asks alike."""
    lock = threading.Lock()

    def speak(thing: str, _: str) -> Said:
        with lock:
            left = answers[thing]
            return left.pop(0) if len(left) > 1 else left[0]

    return Crowd(service, ask=speak, read=speak, settle_seconds=lambda: 0.2)


def test_crowd_follows_until_final(service: Service) -> None:
    """Pending things are followed; a broken answer in between does not lose what was known."""
    final = said(Meaning.FINAL, word="captured")
    pending, broken = said(Meaning.PENDING, 202), said(Meaning.BROKEN, 503, id="")
    clients = crowd(service, {"a": [pending, broken, final], "b": [final]})
    assert clients.ask_until_final(["a", "b"], f="charge") == {"a": final, "b": final}
    clients.close()


def test_crowd_does_not_insist_on_a_refusal(service: Service) -> None:
    """A 4xx stays what it is, but for those that may end by themselves."""
    refused, busy = said(Meaning.REFUSED, 400, id=""), said(Meaning.REFUSED, 429, id="")
    final = said(Meaning.FINAL)
    clients = crowd(service, {"a": [refused, final], "b": [busy, final]})
    assert clients.ask_until_final(["a", "b"], f="charge") == {"a": refused, "b": final}
    clients.close()


def test_crowd_reads_all_by_their_ids(service: Service) -> None:
    """Each thing by its own name, in order."""
    asked: list[tuple[str, str]] = []

    def read(thing: str, name: str) -> Said:
        asked.append((thing, name))
        return said(Meaning.FINAL, id=name, word=thing)

    clients: Crowd[str] = Crowd(service, ask=read, read=read, settle_seconds=lambda: 0.2)
    told = clients.read_all({"b": said(Meaning.PENDING, id="c-2"), "a": said(Meaning.PENDING, id="c-1")})
    assert [(thing, one.id) for thing, one in told.items()] == [("b", "c-2"), ("a", "c-1")]
    assert sorted(asked) == [("a", "c-1"), ("b", "c-2")]
    clients.close()


def test_clients_work_meanwhile_until_it_is_over() -> None:
    """Each its share, one after the other; one that gets no answer stops, and so do all when the body is over."""
    last = threading.Event()
    asked: list[str] = []

    def ask(thing: str) -> Said:
        asked.append(thing)
        if thing == "last":
            last.wait(60.0)
        return said(Meaning.BROKEN, None) if thing == "silent" else said(Meaning.FINAL)

    things = ["a", "silent", "last", "never", "late"]
    with meanwhile(things, ask, clients=2, ahead_seconds=0.0) as told:
        while "last" not in asked or "silent" not in told:
            time.sleep(0.001)
        threading.Timer(1.0, last.set).start()
    assert set(told) == set(asked) == {"a", "silent", "last"}
    with meanwhile(things[:0], ask, clients=2, ahead_seconds=60.0) as nothing:
        assert nothing == {}


def test_crowd_that_only_reads_needs_an_id(service: Service) -> None:
    """Who never got an id can't follow; who got one reads until the time is over."""
    nameless, pending = said(Meaning.BROKEN, None, id=""), said(Meaning.PENDING, 202)
    clients = crowd(service, {"a": [said(Meaning.FINAL)], "b": [pending]})
    told = clients.settle({"a": nameless, "b": pending}, until=time.monotonic() + 0.02)
    assert told == {"a": nameless, "b": pending}
    clients.close()
