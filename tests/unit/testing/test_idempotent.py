"""Clients of an API that creates things under a key, and news that is told of them step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from harness.model import Json
from harness.testing import causes
from harness.testing.answers import Meaning, Said
from harness.testing.clients import Answer
from harness.testing.crowds import Crowd
from harness.testing.diary import Diary
from harness.testing.history import History, Kind
from harness.testing.idempotent import IdempotentClient
from harness.testing.service import Service
from harness.testing.stories import Story, tell
from harness.testing.timeline import Timeline
from harness.testing.upstreams import Reply, Request, Upstream
from tests.unit.testing.host import Host


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What is wanted in these tests."""

    key: str

    @property
    def value(self) -> str:
        return self.key.upper()

    @property
    def body(self) -> Mapping[str, Json]:
        return {"item": self.key}


class Shop(Upstream):
    """A service: takes the first request for an order, and has shipped it when it is asked again."""

    def __init__(self) -> None:
        super().__init__(host="127.0.0.1")
        self.seen: list[Request] = []

    def handle(self, request: Request) -> Reply:
        self.seen.append(request)
        if request.method == "GET":
            wait = 3.0 if request.path.endswith("slow") else 0.0
            found = {"id": "o-1", "status": "shipped", "item": "a"}
            return Reply(status=200, json=dict(found), delay_seconds=wait)
        body = request.json()
        assert isinstance(body, dict)
        first = len(self.seen) == 1
        return Reply(
            status=202 if first else 201, json={"id": "o-1", "status": "pending" if first else "shipped", **body}
        )


@dataclass
class Desk:
    """A client and what it tells."""

    shop: Shop
    diary: Diary
    history: History
    client: IdempotentClient[Order]


@pytest.fixture
def read_seconds() -> float:
    return 60.0


@pytest.fixture
def desk(read_seconds: float) -> Iterator[Desk]:
    diary, history = Diary(lambda stamp: stamp), History()
    with Shop() as shop:
        client: IdempotentClient[Order] = IdempotentClient(
            f"http://127.0.0.1:{shop.port}",
            diary,
            history,
            Timeline(lambda _: None),
            path="/orders",
            outcomes=["shipped"],
            create_seconds=60.0,
            read_seconds=read_seconds,
            header="Order-Key",
        )
        yield Desk(shop=shop, diary=diary, history=history, client=client)
        client.close()


A = Order(key="a")


def test_a_thing_is_asked_for_under_its_key(desk: Desk) -> None:
    """Taken, then final, then read; what is known of it is remembered and told."""
    taken, final = desk.client.post(A), desk.client.post(A, "again")
    read = desk.client.read(A, "o-1")
    assert [one.meaning for one in (taken, final, read)] == [Meaning.PENDING, Meaning.FINAL, Meaning.FINAL]
    assert [(one.method, one.path, one.header("order-key")) for one in desk.shop.seen] == [
        ("POST", "/orders", "a"),
        ("POST", "/orders", "a"),
        ("GET", "/orders/o-1", None),
    ]
    assert desk.shop.seen[0].json() == {"item": "a"}
    assert (desk.client.asked, desk.client.ids, desk.client.final) == ({"A": A}, {A: "o-1"}, {A: final})
    assert [(op.f, op.args, op.type) for op in desk.history.ops] == [
        ("create", "a", Kind.OK),
        ("again", "a", Kind.OK),
        ("read", "a", Kind.OK),
    ]
    texts = [entry.text for entry in desk.diary.entries(["A"])]
    assert texts == [
        "client sends POST a",
        "the service answers POST a: 202 pending",
        "client sends POST a",
        "the service answers POST a: 201 shipped",
    ]


@pytest.mark.parametrize("read_seconds", [0.2])
def test_a_read_waits_for_nobody(desk: Desk) -> None:
    """It has a time of its own."""
    assert desk.client.read(A, "slow").answer.status is None


def test_a_request_that_is_only_sent_is_not_remembered(desk: Desk) -> None:
    """For what must be refused."""
    assert desk.client.send(A).status == 202
    assert (desk.client.asked, desk.history.ops) == ({}, ())


OUTCOMES = {"shipped": "sent", "cancelled": "void"}


@pytest.mark.parametrize(
    ("events", "facts", "statuses"),
    [
        (("packed",), {}, ("pending",)),
        (("packed", "cancelled"), {}, ("pending", "void")),
        (("shipped", "packed", "cancelled"), {}, ("sent", "sent", "sent")),
        (("shipped",), {"item": "b"}, ("pending",)),
    ],
)
def test_story_says_what_holds_after_each_piece_of_news(
    events: tuple[str, ...], facts: dict[str, str], statuses: tuple[str, ...]
) -> None:
    """Only the first outcome counts, and none that is about another thing."""
    assert Story(events=events, facts=facts).statuses(OUTCOMES) == statuses


def said(word: str) -> Said:
    meaning = Meaning.PENDING if word == "pending" else Meaning.FINAL
    return Said(meaning=meaning, answer=Answer(status=200, start=0.0, end=0.0), id="o-1", status=word)


def test_news_is_told_and_judged_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """What must be final may come a little later; everything is read once more, what has no news in a step as well."""
    monkeypatch.setattr(causes, "_watchers", [])
    service = Service(
        Host().broker,
        "127.0.0.1",
        Diary(lambda stamp: stamp),
        sandbox="app",
        port=1,
        startup_seconds=0.1,
        patience_seconds=9,
    )
    service.tick = 0.001
    news: dict[str, list[str]] = {"a": [], "b": [], "other": []}
    reads: Counter[str] = Counter()

    def send(thing: str, event: str) -> None:
        news[thing].append(event)
        reads[thing] = 0

    def read(thing: str, _: str) -> Said:
        """A service that shows an outcome when it is asked for the third time, and takes news of another one as its own."""
        reads[thing] += 1
        found = [OUTCOMES[event] for event in news[thing] if event in OUTCOMES]
        return said(found[0] if found and (reads[thing] > 2 or thing == "other") else "pending")

    steps: list[tuple[dict[str, str], dict[str, str]]] = []
    crowd: Crowd[str] = Crowd(service, ask=read, read=read, settle_seconds=lambda: 1.0)
    told = tell(
        {
            "a": Story(events=("packed", "shipped")),
            "b": Story(events=("cancelled",)),
            "other": Story(events=("shipped",), facts={"item": "c"}),
            "never sent": Story(events=("packed",) * 9),
        },
        {"a": said("pending"), "b": said("pending"), "other": said("pending")},
        crowd=crowd,
        outcomes=OUTCOMES,
        send=send,
        judge=lambda now, wanted: steps.append(({thing: one.status for thing, one in now.items()}, dict(wanted))),
        within_seconds=5.0,
        moment_seconds=0.0,
    )
    crowd.close()
    service.close()
    assert news == {"a": ["packed", "shipped"], "b": ["cancelled"], "other": ["shipped"]}
    assert steps == [
        ({"a": "pending", "b": "void", "other": "sent"}, {"a": "pending", "b": "void", "other": "pending"}),
        ({"a": "sent", "b": "void", "other": "sent"}, {"a": "sent"}),
    ]
    assert {thing: one.status for thing, one in told.items()} == steps[-1][0]
