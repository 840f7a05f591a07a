"""What clients were told and what books say, beside what was really done."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import cast

import pytest

from harness.checkers import ledgers
from harness.model import Json
from harness.testing import CheckFailed, Unproven, causes
from harness.testing.answers import Meaning, Said
from harness.testing.clients import Answer
from harness.testing.decisions import Call, Decision, Decisions, Words
from harness.testing.diary import KILLED, SENDS, Diary
from harness.testing.effects import Effects
from harness.testing.postgres import Postgres
from harness.testing.reconciliation import Reconciliation, Statement, difference
from harness.testing.service import Service
from tests.unit.testing.host import Host

WORDS = Words(
    upstream="the airline", does="books", doing="booking", done="booked", refuses="turns down", refused="turned down"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """What is wanted in these tests."""

    key: str
    flight: str = "f-1"

    @property
    def value(self) -> tuple[str, str]:
        return (self.flight, self.key)

    @property
    def body(self) -> Mapping[str, Json]:
        return {"seat": self.key}


A, B = Seat(key="a"), Seat(key="b")


@dataclass
class Flight:
    """Decisions, their diary, and the effects that are judged."""

    diary: Diary = field(default_factory=lambda: Diary(lambda stamp: stamp))
    made: Decisions = field(default_factory=lambda: Decisions(lambda number: f"t-{number}"))

    def __post_init__(self) -> None:
        self.effects = Effects(
            decisions=self.made,
            diary=self.diary,
            words=WORDS,
            noun="seat",
            plural="seats",
            done_status="yours",
            refused_status="gone",
            harm="it is paid for",
        )

    def decide(self, seat: Seat, ref: str, *, accept: bool = True) -> Decision:
        one = self.made.decide(Call(ref=ref, value=seat.value, body=seat.body, at=0.0), accept=accept)[0]
        self.diary.write(seat.value, "decided", at=one.at)
        return one


def said(status: str, meaning: Meaning = Meaning.FINAL) -> Said:
    body = json.dumps({"status": status}).encode()
    return Said(meaning=meaning, answer=Answer(status=201, body=body, start=0.0, end=0.0), id="s-1", status=status)


OPEN = said("pending", Meaning.PENDING)


def test_what_was_told_is_what_was_done() -> None:
    """Done and told so, refused and told so, open either way: nothing is wrong."""
    flight = Flight()
    flight.decide(A, "r-1")
    flight.decide(B, "r-2", accept=False)
    flight.effects.require({A: said("yours"), B: said("gone"), Seat(key="c"): OPEN})
    flight.effects.require({A: OPEN, B: OPEN})
    flight.effects.require({Seat(key="c"): said("yours", Meaning.BROKEN)})


@pytest.mark.parametrize(
    ("decided", "told", "text"),
    [
        ([True, True], "pending", r"Seat a was booked twice: t-1 at"),
        ([True], "gone", r"Seat a was reported as gone, but it is paid for: t-1 at [0-9.]+ s\."),
        ([], "yours", r"Seat a was reported as yours, but the airline never booked it\."),
        ([False], "yours", r"Seat a was reported as yours, but the airline never booked it\."),
        ([], "gone", r"Seat a was reported as gone, but the airline never turned down it\."),
    ],
)
def test_a_wrong_effect_is_said(decided: list[bool], told: str, text: str) -> None:
    """As one sentence, with the thing's story."""
    flight = Flight()
    flight.diary.write(A.value, "asked")
    for number, accept in enumerate(decided):
        flight.decide(A, f"r-{number}", accept=accept)
    with pytest.raises(CheckFailed, match=text) as caught:
        flight.effects.require({A: OPEN if told == "pending" else said(told)}, of=" in a storm")
    assert "went wrong" not in caught.value.feedback
    assert caught.value.evidence[0].endswith("asked")


def test_the_gravest_is_told_and_the_others_are_counted() -> None:
    """Done twice is worse than told wrongly."""
    flight = Flight()
    flight.decide(B, "r-1")
    flight.decide(B, "r-2")
    with pytest.raises(CheckFailed, match=r"Seat b .*Seats that went wrong in a storm: 2 of 3\."):
        flight.effects.require({A: said("yours"), B: OPEN, Seat(key="c"): OPEN}, of=" in a storm")


def test_what_stood_next_to_each_time_is_said() -> None:
    """A kill after the first, and whether the second had a request of a client before it."""
    for asked_again, kill, text in (
        (
            True,
            True,
            r"t-1 at [0-9.]+ s, before your service was killed at .* s; t-2 at [0-9.]+ s, after the client asked",
        ),
        (False, False, r"t-1 at [0-9.]+ s; t-2 at [0-9.]+ s, by the service's own retry\."),
    ):
        flight = Flight()
        flight.diary.write(A.value, f"{SENDS} POST a")
        flight.decide(A, "r-1")
        flight.diary.write(None, "the airline is unwell")
        if kill:
            flight.diary.write(None, f"your service {KILLED}")
        if asked_again:
            flight.diary.write(A.value, f"{SENDS} POST a")
        flight.decide(A, "r-2")
        with pytest.raises(CheckFailed, match=text):
            flight.effects.require({A: OPEN})
    flight = Flight()
    for _ in range(2):
        flight.diary.write(A.value, f"{SENDS} POST a")
    for ref in ("r-1", "r-2"):
        flight.decide(A, ref)
    assert flight.effects.doubled(A).endswith(", for an equal request.")


class Books:
    """The service's books as they are read, in turn, the last for ever."""

    def __init__(self, flight: Flight, service: Service) -> None:
        self.flight = flight
        self.asked = {A.key: A, B.key: B}
        self.pages: list[Statement[str]] = []
        self.probed = 0
        self.away = False
        self.reconciliation: Reconciliation[Seat, str] = Reconciliation(
            read=lambda _: self.pages.pop(0) if len(self.pages) > 1 else self.pages[0],
            truth=lambda name: Counter(str(one.body["seat"]) for one in flight.made.all_done() if name == "f-1"),
            asked=lambda _, entry: self.asked.get(entry),
            known={A: "s-1"}.get,
            effects=flight.effects,
            service=service,
            database=cast("Postgres", self),
            book="list",
            account="flight",
            say=lambda entry: f"seat {entry}",
            sums=lambda entries: f"of {entries.total()}",
        )

    def wait(self) -> None:
        """Stand for the database."""
        self.probed += 1
        if self.away:
            text = "The database ended by itself."
            raise Unproven(text)

    def require(self) -> None:
        self.reconciliation.require(["f-1", "f-1"], until=time.monotonic() + 0.02)


@pytest.fixture
def books(monkeypatch: pytest.MonkeyPatch) -> Iterator[Books]:
    monkeypatch.setattr(causes, "_watchers", [])
    diary = Diary(lambda stamp: stamp)
    service = Service(
        Host().broker, "127.0.0.1", diary, sandbox="app", port=1, startup_seconds=0.1, patience_seconds=9.0
    )
    service.tick = 0.001
    flight = Flight(diary=diary)
    flight.decide(A, "r-1")
    yield Books(flight, service)
    service.close()


def test_books_that_come_to_agree_are_right(books: Books) -> None:
    """A difference may pass; one that is gone a moment after its time was none."""
    right, short = Statement(entries=Counter("a"), ids=("s-1",)), Statement(entries=Counter[str]())
    books.pages = [short, Statement(entries=Counter(), problem="busy"), right]
    books.reconciliation.require(["f-1"], until=time.monotonic() + 60.0)
    books.pages = [short, right]
    books.reconciliation.require(["f-1"], until=time.monotonic())
    assert books.reconciliation.problem("f-1") == ""


@pytest.mark.parametrize(
    ("page", "text"),
    [
        (
            Statement(entries=Counter[str]()),
            r"Seat a \(seat a\) is missing in the list of flight f-1: booked once, entered never\.",
        ),
        (
            Statement(entries=Counter("aa")),
            r"Seat a \(seat a\) is too often in the list .*booked once, entered twice\.",
        ),
        (
            Statement(entries=Counter("ab")),
            r"Seat b \(seat b\) is too often in the list .*booked never, entered once\.",
        ),
        (Statement(entries=Counter("az")), r"An entry that nobody asked for \(seat z\) is too often"),
        (Statement(entries=Counter("a"), problem="no sum"), r"The list of flight f-1 cannot be right: no sum"),
        (
            Statement(entries=Counter[str](), problem="503", unread=True),
            r"f-1 cannot be read while the database answers: 503\.",
        ),
    ],
)
def test_books_that_differ_are_wrong(books: Books, page: Statement[str], text: str) -> None:
    """The first entry that is wrong, how often it is here and there, and both sums."""
    books.pages = [page]
    with pytest.raises(CheckFailed, match=text) as caught:
        books.require()
    if not page.problem:
        assert f"expected  list of 1\nfound     list of {page.entries.total()}" in caught.value.feedback
    assert books.probed == page.unread


def test_names_that_are_doubled_are_wrong(books: Books) -> None:
    """When what is in the books differed until its time was over."""
    books.pages = [Statement(entries=Counter[str]()), Statement(entries=Counter("a"), ids=("s-1", "s-1"))]
    with pytest.raises(CheckFailed, match=r"The list of flight f-1 names 1 seats more than once\."):
        books.reconciliation.require(["f-1"], until=time.monotonic())


def test_an_entry_under_another_name_is_wrong(books: Books) -> None:
    """What was answered for a thing is what its entry is called; nobody was told how another is called."""
    books.pages = [Statement(entries=Counter("a"), ids=("s-1",), named=(("s-1", "a"),))]
    books.require()
    books.pages = [Statement(entries=Counter("a"), ids=("s-2",), named=(("s-2", "a"),))]
    assert books.reconciliation.problem("f-1") == "s-2 for a"
    with pytest.raises(CheckFailed, match=r"has the entry of seat a under another name\.") as caught:
        books.require()
    assert "expected  s-1, as it was answered\nfound     s-2" in caught.value.feedback
    books.flight.decide(B, "r-2")
    books.pages = [Statement(entries=Counter("ab"), named=(("s-1", "a"), ("s-9", "b")))]
    books.require()


def test_books_that_nobody_can_read_may_not_be_the_services_doing(books: Books) -> None:
    """The database is asked before the service is blamed."""
    books.pages, books.away = [Statement(entries=Counter[str](), problem="503", unread=True)], True
    with pytest.raises(Unproven, match="ended by itself"):
        books.require()


def unasked(books: Books, *seats: Seat, told: Said = OPEN) -> None:
    books.flight.effects.require_unasked(
        dict.fromkeys(seats, told),
        service=books.reconciliation.service,
        database=books.reconciliation.database,
        until=time.monotonic() + 0.02,
        promised="booked in 5 s",
        of=" in kill 2",
    )


SILENT = Said(meaning=Meaning.BROKEN, answer=Answer(status=None, error="gone", start=0.0, end=0.0))


def test_what_was_taken_is_finished_though_nobody_asks(books: Books) -> None:
    """Decided either way is enough, and what the service never took is not owed."""
    books.flight.decide(B, "r-2", accept=False)
    unasked(books, A, B)
    never = Seat(key="c")
    unasked(books, A, never, told=SILENT)
    with pytest.raises(CheckFailed, match=r"^Seat c was taken .*Seats forgotten in kill 2: 1 of 2\.") as caught:
        unasked(books, A, never)
    assert "expected  booked in 5 s\nfound     not booked in that time" in caught.value.feedback
    books.flight.made.note(Call(ref="r-3", value=never.value, body={}, at=0.0))
    with pytest.raises(CheckFailed, match="Seat c was taken"):
        unasked(books, never, told=SILENT)


def test_nothing_is_forgotten_while_the_database_is_away(books: Books) -> None:
    """Then it is not the service that is silent."""
    books.away = True
    with pytest.raises(Unproven, match="ended by itself"):
        unasked(books, Seat(key="c"))


def test_a_thing_that_was_done_twice_is_told_as_that(books: Books) -> None:
    """Rather than as an entry too few."""
    books.flight.decide(A, "r-2")
    books.pages = [Statement(entries=Counter("a"))]
    with pytest.raises(CheckFailed, match="Seat a was booked twice"):
        books.require()


def test_what_nobody_asked_for_must_not_be_done(books: Books) -> None:
    """Also when the books agree about it."""
    del books.asked["a"]
    books.pages = [Statement(entries=Counter("a"))]
    with pytest.raises(CheckFailed, match=r"^The airline booked seat a for flight f-1, which no client asked for\.$"):
        books.require()


def test_a_long_difference_is_said_in_few_words(books: Books) -> None:
    """Three of each kind, and how many more."""
    books.pages = [Statement(entries=Counter("bcdefg"))]
    problem = books.reconciliation.problem("f-1")
    assert problem == "missing seat a; too many seat b, seat c, seat d and 3 more"


def test_difference_counts() -> None:
    """How often each is missing, and how often it is too many."""
    assert difference(Counter("aabc"), Counter("abbd")) == (Counter("ac"), Counter("bd"))


def test_counted_totals_are_exact() -> None:
    """Whatever the size, by currency, as often as counted."""
    lines = {("EUR", Decimal("0.10")): 3, ("EUR", Decimal("0.01")): 1}
    assert ledgers.counted_totals(lines) == {"EUR": Decimal("0.31")}
    many = {("KWD", Decimal(f"{10**27 + number}.001")): 1 for number in range(3)}
    assert ledgers.counted_totals(many) == {"KWD": Decimal(f"{3 * 10**27 + 3}.003")}
