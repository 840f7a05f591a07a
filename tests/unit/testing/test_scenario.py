"""The scenario that checks share: what is opened in which order, who reaches the database, and that all of it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.testing import causes
from harness.testing.history import History
from harness.testing.job import Job
from harness.testing.postgres import Postgres
from harness.testing.proxies import PostgresProxy
from harness.testing.scenario import Scenario
from harness.testing.timeline import Timeline
from tests.unit.testing.host import Host

LOG: list[str] = []


class Part:
    """Something that is closed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def close(self) -> None:
        LOG.append(f"{self.name} closed")


@contextmanager
def upstream() -> Iterator[None]:
    LOG.append("upstream opened")
    yield
    LOG.append("upstream closed")


@pytest.fixture
def scenario(monkeypatch: pytest.MonkeyPatch) -> Scenario:
    LOG.clear()
    monkeypatch.setattr(causes, "_watchers", [])
    for name in ("start", "keep_unflushed", "close"):
        monkeypatch.setattr(Postgres, name, lambda _, name=name: LOG.append(f"database {name}"))
    enter, leave = PostgresProxy.__enter__, PostgresProxy.__exit__

    def entered(proxy: PostgresProxy) -> PostgresProxy:
        LOG.append("proxy opened")
        return enter(proxy)

    def left(proxy: PostgresProxy, *error: object) -> None:
        LOG.append("proxy closed")
        leave(proxy, *error)

    monkeypatch.setattr(PostgresProxy, "__enter__", entered)
    monkeypatch.setattr(PostgresProxy, "__exit__", left)
    addresses = {"app": "10.0.0.2", "starter": "10.0.0.3", "tests": "10.0.0.4", "db": "10.0.0.5"}
    job = Job(
        exercise="demo",
        version="1",
        mode="grade",
        seed=7,
        variant=0,
        parameters={},
        language="",
        timeouts={},
        has_tests=False,
        checks=(),
        addresses=addresses,
    )
    return Scenario(
        job,
        Host().broker,
        Timeline(lambda _: None),
        History(),
        sandbox="app",
        port=8080,
        database="db",
        startup_seconds=1.0,
        patience_seconds=9.0,
        beside=["starter"],
        listen_port=0,
    )


def test_parts_are_opened_in_order_and_closed_in_the_other(scenario: Scenario) -> None:
    """The database before what stands in front of it; whatever was asked to be closed is."""
    scenario.opens(upstream())
    scenario.closes(Part("client"), Part("crowd"))
    assert LOG == []
    scenario.open()
    assert LOG == ["database start", "database keep_unflushed", "proxy opened", "upstream opened"]
    del LOG[:]
    scenario.close()
    assert LOG == ["upstream closed", "proxy closed", "crowd closed", "client closed", "database close"]


def test_only_services_reach_the_database_and_as_nobody_else(scenario: Scenario) -> None:
    """By address, role and database; the candidate's tests and an unknown address do not."""
    asked = {
        (source, user, name): scenario.proxy.admit(f"10.0.0.{source}", user, name)
        for source in (2, 3, 4, 9)
        for user in ("app", "postgres")
        for name in ("app", "postgres")
    }
    assert {which for which, admitted in asked.items() if admitted} == {(2, "app", "app"), (3, "app", "app")}
    assert scenario.proxy.target == ("10.0.0.5", 5432)
    assert scenario.service.url == "http://10.0.0.2:8080"
    scenario.close()


def test_what_a_check_left_away_is_back_for_the_next(scenario: Scenario) -> None:
    """Nothing is done for a database that runs; one that we killed is started, whatever became of its check."""
    scenario.restore()
    assert LOG == []
    scenario.database.kill()
    scenario.restore()
    assert LOG == ["database start"]
