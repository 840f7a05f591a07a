"""Paired measurement, the candidate's own tests, and PostgreSQL, without an engine."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Self

import pytest

from harness.testing import CheckFailed, Inconclusive, Unproven, paired
from harness.testing._run.record import Record
from harness.testing.broker import RunResult
from harness.testing.check import set_current
from harness.testing.own_tests import OwnTests, Target, orders
from harness.testing.paired import Side
from harness.testing.postgres import Postgres
from tests.unit.testing.host import Host
from tests.unit.testing.test_shared import job


def sides(rates: dict[str, list[float]], log: list[str]) -> tuple[Side, Side]:
    def side(name: str, *sandboxes: str) -> Side:
        def measure() -> float:
            log.append(name)
            return rates[name].pop(0)

        return Side(
            name=name,
            sandboxes=sandboxes,
            warm=lambda: log.append(f"warm {name}"),
            measure=measure,
        )

    return side("app", "app", "db"), side("yardstick", "yardstick", "db-yardstick")


def test_pairs_are_measured_in_turn_with_the_other_frozen() -> None:
    """ABAB after both were warmed up, under the lock, and nobody stays frozen."""
    host, log = Host(), list[str]()
    ours, yard = sides({"app": [40, 44], "yardstick": [80, 88]}, log)
    ratio = paired.measure(host.broker, ours, yard, least_yardstick=50)
    assert log == ["warm yardstick", "warm app", "app", "yardstick", "app", "yardstick"]
    assert (ratio.ours, ratio.yardstick, ratio.value) == ((40, 44), (80, 88), 0.5)
    assert paired.shown(ratio, ours, yard) == "app 40, 44; yardstick 80, 88"
    asked = [verb for verb, _ in host.asked]
    assert (asked[0], asked[-1], asked.count("lock")) == ("lock", "unlock", 1)
    app = [verb for verb, sandbox in host.asked if sandbox == "app"]
    assert app == ["pause", "resume"] * 3
    first = [one for one in host.asked if one[0] in {"pause", "resume"}][:4]
    assert first == [("pause", "app"), ("pause", "db"), ("resume", "db"), ("resume", "app")]


@pytest.mark.parametrize("slow", [[80.0, 10.0], [0.0, 80.0]])
def test_slow_yardstick_measures_nothing(slow: list[float]) -> None:
    """A machine that is too busy for the yardstick says nothing of the service."""
    ours, yard = sides({"app": [40, 44], "yardstick": slow}, [])
    with pytest.raises(Inconclusive, match="expected our yardstick to reach at least 50 a second"):
        paired.measure(Host().broker, ours, yard, least_yardstick=50)


def test_nobody_stays_frozen_after_trouble() -> None:
    """A phase that breaks thaws the other side and gives the lock back."""
    host = Host()
    ours, yard = sides({"app": [], "yardstick": []}, [])
    with pytest.raises(IndexError):
        paired.measure(host.broker, ours, yard, least_yardstick=50)
    assert len(host.verbs("pause")) == len(host.verbs("resume"))
    assert host.asked[-1][0] == "unlock"


def ran(code: int, *, out: bytes = b"", timed_out: bool = False) -> RunResult:
    return RunResult(exit_code=code, stdout=out, stderr=b"", truncated=False, timed_out=timed_out, seconds=0.4)


class Own:
    """Own tests against a right and two wrong targets, with exit codes as they are said."""

    def __init__(self, *results: RunResult, has_tests: bool = True) -> None:
        self.host = Host(runs=list(results))
        facts = replace(job(), has_tests=has_tests)
        self.own = OwnTests(self.host.broker, facts, sandbox="tests", port=0, limit_seconds=20.0)
        self.started: list[str] = []
        self.good = self._target("your service", "pass")
        self.starter = self._target("the starter", "fail")
        self.record = Record("own-tests/a")
        set_current(self.record)

    def _target(self, words: str, wanted: str) -> Target:
        address = ("127.0.0.1", 1 if wanted == "pass" else 2)
        return Target(words=words, wanted=wanted, address=address, start=lambda: self.started.append(words))

    def judge(self) -> None:
        runs = self.own.run([self.good, self.starter], random.Random(0), runs=3)
        self.own.judge(runs)


@pytest.fixture(autouse=True)
def _no_record() -> Iterator[None]:
    yield
    set_current(None)


def verdicts(order: list[str], code: Callable[[str], int]) -> list[RunResult]:
    return [ran(code(words), out=f"saw {words}\n".encode()) for words in order]


def test_orders_have_every_target() -> None:
    """Three runs of two targets: six orders, none of one target alone."""
    tests = Own()
    found = orders([tests.good, tests.starter], 3)
    assert len(found) == 6
    assert all({tests.good, tests.starter} == set(one) for one in found)
    assert len(orders([tests.good, tests.starter, tests.good], 3)) > 0


def test_own_tests_that_know_good_from_bad_pass() -> None:
    """Right verdicts on every run pass; each target is started anew before its run, unless it is there already."""
    tests = Own(*[ran(0)] * 3)
    order = [one.words for one in random.Random(0).choice(orders([tests.good, tests.starter], 3))]
    tests.host.runs = verdicts(order, lambda words: 0 if words == "your service" else 1)
    tests.judge()
    assert tests.started == [one for one, before in zip(order, [None, *order], strict=False) if one != before]
    assert tests.record.event()["status"] == "passed"


def test_own_tests_see_a_mistake_of_ours() -> None:
    """The same service answers, with one mistake on the way: tests that only recognise it are told so."""
    tests = Own()
    broken = replace(tests.good, words="your service with a mistake", wanted="fail", mistake=lambda request: request)
    tests.host.runs = [ran(0), ran(0)]
    with pytest.raises(CheckFailed, match="do not tell your service from your service with a mistake"):
        tests.own.judge(tests.own.run([tests.good, broken], random.Random(0), runs=2))
    assert tests.started == ["your service"]


def test_own_tests_that_fail_on_their_own_service_are_shown() -> None:
    """What the run on their own service printed is the candidate's to read."""
    tests = Own()
    tests.host.runs = [ran(1, out=b"x" * 9000 + b"\nAttributeError: jsn\n")] * 3
    with pytest.raises(CheckFailed) as caught:
        tests.judge()
    assert "do not tell your service from the starter" in caught.value.feedback
    assert "fail on your service in 0.4 s" in caught.value.feedback
    assert caught.value.evidence[0] == "what your tests printed against your service, its end:"
    assert caught.value.evidence[-1] == "AttributeError: jsn"


def test_own_tests_that_pass_everything_fail() -> None:
    """A test that knows no bad service is none."""
    tests = Own(*[ran(0)] * 3)
    with pytest.raises(CheckFailed, match="pass on the starter"):
        tests.judge()


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (ran(2, out=b"usage\n"), "ended with exit code 2"),
        (ran(127), "ended with exit code 127: its program was not found"),
    ],
)
def test_own_tests_that_say_nothing_are_unproven(result: RunResult, said: str) -> None:
    """Anything but 0 and 1 is no verdict, and ends the runs."""
    tests = Own(result)
    with pytest.raises(Unproven) as caught:
        tests.judge()
    assert said in caught.value.feedback
    assert len(tests.started) == 1
    if result.stdout:
        assert caught.value.evidence[-1] == "usage"


def test_own_tests_that_wait_too_long_for_a_wrong_service_have_not_taken_it_for_right() -> None:
    """Polling for what a wrong service never does is a way to find that out; on a right one it breaks the limit."""
    order = [one.words for one in random.Random(0).choice(orders([Own().good, Own().starter], 3))]
    tests = Own(*[ran(0) if words == "your service" else ran(137, timed_out=True) for words in order])
    tests.judge()
    assert tests.record.event()["status"] == "passed"
    late = Own(*[ran(137, timed_out=True)] * 3)
    with pytest.raises(CheckFailed, match="Against your service your tests ran longer than 20 s"):
        late.judge()


def test_own_tests_must_be_there_and_build() -> None:
    """No tests and tests that don't build are the candidate's, a starter that does not build is ours."""
    with pytest.raises(Unproven, match="declares no test command"):
        Own(has_tests=False).own.require("starter")
    tests = Own()
    tests.own.require("starter")
    tests.host.built = {"starter": (False, "no compiler"), "tests": (True, "")}
    with pytest.raises(Inconclusive, match="expected our starter to build, found: no compiler"):
        tests.own.require("starter")
    tests.host.built["tests"] = (False, "cc: nothing\nerror: no such symbol")
    with pytest.raises(Unproven, match="could not be built") as caught:
        tests.own.require("starter")
    assert caught.value.evidence == ("cc: nothing", "error: no such symbol")


class TroubleError(Exception):
    """Stands for psycopg.Error."""


class Server:
    """A database that answers after some refusals."""

    def __init__(self) -> None:
        self.refusals = 0
        self.said: list[str] = []
        self.fails_at = ""
        self.description: tuple[str, ...] | None = None

    def connect(self, **_: object) -> Server:
        if self.refusals:
            self.refusals -= 1
            raise TroubleError("refused")
        return self

    def execute(self, statement: str, values: Sequence[object] = ()) -> Self:
        if self.fails_at and self.fails_at in statement:
            raise TroubleError("in the way")
        self.said.append(" ".join([statement, *map(str, values)]))
        self.description = ("setconfig",) if statement.startswith("SELECT setconfig") else None
        return self

    def fetchall(self) -> list[tuple[str]]:
        return [("{work_mem=1MB}",)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """Stand in for the driver: it is in the grader image only."""
    one, module = Server(), ModuleType("psycopg")
    sql = SimpleNamespace(SQL=lambda text: SimpleNamespace(format=text.format), Identifier=lambda name: f'"{name}"')
    module.__dict__.update(Error=TroubleError, connect=one.connect, sql=sql)
    monkeypatch.setitem(sys.modules, "psycopg", module)
    return one


def test_database_is_waited_for(server: Server) -> None:
    """It is there when it lets us in and answers."""
    server.refusals = 3
    host = Host()
    database = Postgres(host.broker, "10.0.0.3", sandbox="db")
    database.kill()
    left_away = database.killed
    database.start()
    assert (left_away, database.killed) == (True, False)
    assert host.verbs("start") == [("start", "db")]
    assert server.said == ["SELECT 1"]


def test_database_that_is_silent_is_ours_while_it_runs(server: Server) -> None:
    """It runs and does not answer: ours. It has ended by itself: what the service did with it."""
    server.refusals = 1 << 30
    host = Host()
    host.process.running, host.process.log = True, b"FATAL: no room\n"
    database = Postgres(host.broker, "10.0.0.3", sandbox="db", wait_seconds=0.05)
    with pytest.raises(Inconclusive, match="FATAL: no room"):
        database.wait()
    host.process.running = False
    with pytest.raises(Unproven, match="ended by itself") as caught:
        database.wait()
    assert "FATAL: no room" in caught.value.detail


def test_database_is_emptied(server: Server) -> None:
    """Role and database of the service are made new; what keeps it from that is the service's doing."""
    Postgres(Host().broker, "10.0.0.3", sandbox="db", service="shop").empty()
    assert [one for one in server.said if one != "SELECT 1"] == [
        'DROP DATABASE IF EXISTS "shop" WITH (FORCE)',
        'ALTER ROLE "shop" RESET ALL',
        'CREATE DATABASE "shop" OWNER "shop"',
    ]
    server.fails_at = "DROP"
    with pytest.raises(Unproven, match="can't be emptied: in the way"):
        Postgres(Host().broker, "10.0.0.3", sandbox="db").empty()


def test_database_is_put_aside_and_comes_back(server: Server) -> None:
    """What the service did before is there afterwards, its role's own settings too, whatever happened meanwhile."""
    database = Postgres(Host().broker, "10.0.0.3", sandbox="db", service="shop")
    marks: list[int] = []

    def wrong() -> None:
        with database.aside():
            marks.append(len(server.said))
            raise CheckFailed("a wrong verdict")

    with pytest.raises(CheckFailed):
        wrong()
    before = [one for one in server.said[: marks[0]] if one != "SELECT 1"]
    after = [one for one in server.said[marks[0] :] if one != "SELECT 1"]
    assert before[2:4] == [
        'ALTER DATABASE "shop" RENAME TO "shop_aside"',
        'DROP DATABASE IF EXISTS "shop" WITH (FORCE)',
    ]
    assert before[-1] == 'CREATE DATABASE "shop" OWNER "shop"'
    assert after[:2] == [
        'DROP DATABASE IF EXISTS "shop" WITH (FORCE)',
        'ALTER DATABASE "shop_aside" RENAME TO "shop"',
    ]
    assert after[-1].endswith("shop {work_mem=1MB}")
