"""Listening to an engine: begun when asked, opened again where it ended, and over when closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import cast

import pytest
import requests
from docker.api import APIClient

from harness.engines.base import Kind
from harness.engines.docker import watch as watching
from harness.engines.docker.watch import Watch

LABELS = {"harness.run": "r", "harness.scenario": "s", "harness.sandbox": "db"}


class Stream:
    """What a client's ``events`` returns."""

    def __init__(self, events: list[dict[str, object]], end: Exception | None) -> None:
        self._events, self._end = events, end
        self._closed = threading.Event()

    def __iter__(self) -> Iterator[dict[str, object]]:
        yield from self._events
        if self._end is not None:
            raise self._end
        self._closed.wait(10)

    def close(self) -> None:
        """End it under its reader."""
        self._closed.set()


class Client:
    """An engine whose streams are given."""

    def __init__(self, *streams: Stream | Exception) -> None:
        self.since: list[int | None] = []
        self.closed = False
        self._streams = list(streams)

    def events(self, *, since: int | None, filters: dict[str, list[str]], decode: bool) -> Stream:
        """Return the next stream."""
        assert decode
        assert "kill" in filters["event"]
        self.since.append(since)
        found = self._streams.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """Close it."""
        self.closed = True


def kill(nanoseconds: int, signal: str) -> dict[str, object]:
    """Return the event of a kill."""
    return {
        "Type": "container",
        "Action": "kill",
        "Actor": {"ID": "c", "Attributes": {"signal": signal}},
        "timeNano": nanoseconds,
    }


def end_of(container: str, nanoseconds: int) -> dict[str, object]:
    """Return the event of an end."""
    actor = {"ID": container, "Attributes": {"exitCode": "0"}}
    return {"Type": "container", "Action": "die", "Actor": actor, "timeNano": nanoseconds}


def watch(client: Client, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return a watch over a container of ours."""
    monkeypatch.setattr(watching, "_PAUSE_SECONDS", 0.01)
    found = Watch(lambda: cast("APIClient", client))
    found.ledger.own("c", Kind.SERVICE, LABELS)
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait for something."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_nothing_listens_before_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever forks workers does so before: a thread begins with the first container."""
    before = threading.active_count()
    client = Client(Stream([], None))
    found = watch(client, monkeypatch)
    assert threading.active_count() == before
    found.begin()
    found.begin()
    found.ready()
    assert (threading.active_count(), client.since) == (before + 1, [None])
    found.close()
    assert (threading.active_count(), client.closed) == (before, True)
    found.begin()
    assert threading.active_count() == before


@pytest.mark.parametrize("end", [requests.ConnectionError("cut"), OSError("cut"), ValueError("not JSON")])
def test_a_stream_that_ends_is_opened_where_it_ended(monkeypatch: pytest.MonkeyPatch, end: Exception) -> None:
    """What was heard already is not heard twice, and nothing between is lost."""
    first = Stream([kill(5_000_000_001, "15")], end)
    second = Stream([kill(5_000_000_001, "15"), kill(5_000_000_002, "9")], None)
    client = Client(first, requests.ConnectionError("not yet"), second)
    found = watch(client, monkeypatch)
    found.ledger.order("c", "kill").done()
    found.begin()
    until(lambda: [one.what for one in found.ledger.interferences("r")] == ["was sent SIGKILL"])
    assert client.since == [None, 3, 3], "a little earlier, for what is told late"
    found.close()


def test_what_is_told_late_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines tell some events after others that carry a later stamp."""
    stream = Stream([end_of("other", 5_000_000_009), kill(5_000_000_001, "9")], None)
    found = watch(Client(stream), monkeypatch)
    found.begin()
    until(lambda: [one.what for one in found.ledger.interferences("r")] == ["was sent SIGKILL"])
    found.close()


def test_what_was_heard_late_is_not_heard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is told again is passed over, in whatever order, also after a second in which much happened."""
    heard = [end_of("other", 6_000_000_009), kill(5_000_000_001, "15"), kill(7_500_000_000, "1")]
    client = Client(Stream(heard, OSError("cut")), Stream([*reversed(heard), kill(7_500_000_001, "9")], None))
    found = watch(client, monkeypatch)
    for _ in range(2):
        found.ledger.order("c", "kill").done()
    found.begin()
    until(lambda: bool(found.ledger.interferences("r")))
    assert [one.what for one in found.ledger.interferences("r")] == ["was sent SIGKILL"]
    assert client.since == [None, 5]
    found.close()


def test_what_does_not_come_again_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection of many hours remembers some seconds of events."""
    found = watch(Client(Stream([end_of("other", second * 10**9) for second in range(1, 1000)], None)), monkeypatch)
    heard: list[object] = []
    monkeypatch.setattr(found.ledger, "take", heard.append)
    found.begin()
    until(lambda: len(heard) == 999)
    assert len(found._heard) < 5
    found.close()


def test_an_engine_without_events_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once in the log, and what waits for events goes on."""
    found = watch(Client(*[requests.ConnectionError("no")] * 10_000), monkeypatch)
    found.begin()
    found.ready()
    assert not found.ledger.hears
    assert found.ledger.interferences("r") == ()
    found.close()
