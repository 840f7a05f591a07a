"""What the grader's servers do when a hostile peer makes threads run out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from harness.testing import crew
from harness.testing.clients import HttpClient
from harness.testing.proxies import Forwarder, PostgresProxy
from harness.testing.upstreams import Caps, Reply, Request, Upstream
from tests.unit.testing.postgres import FakePostgres, startup

LOCAL = "127.0.0.1"


class Plain(Upstream):
    """Answers 200."""

    def handle(self, _: Request) -> Reply:
        """Answer."""
        return Reply()


def closes(port: int, first: bytes = b"") -> bool:
    """Return whether a new connection is closed at once."""
    with socket.create_connection((LOCAL, port), timeout=2) as sock:
        try:
            sock.sendall(first)
            return sock.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False


def soon(condition: Callable[[], bool]) -> bool:
    """Return whether a condition comes to hold."""
    deadline = time.monotonic() + 3
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


@pytest.fixture
def no_more(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Names of threads that the system refuses to start; fails when a thread dies of anything."""
    names: set[str] = set()
    died: list[object] = []
    real = threading.Thread.start

    def start(thread: threading.Thread) -> None:
        if thread.name in names:
            raise RuntimeError("can't start new thread")
        real(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(args.exc_value))
    yield names
    assert died == []


def test_upstream_outlives_a_refused_thread(no_more: set[str]) -> None:
    """Without a thread for it a connection is closed and counted, and the next one is served."""
    with Plain(host=LOCAL) as upstream, HttpClient(f"http://{LOCAL}:{upstream.port}") as client:
        no_more.add("upstream")
        assert closes(upstream.port)
        no_more.clear()
        assert client.request("GET", "/").status == 200
        assert (upstream.counts.connections, upstream.counts.refused) == (1, 1)


@pytest.mark.parametrize("name", ["forwarder", "forwarder back"])
def test_forwarder_outlives_a_refused_thread(no_more: set[str], name: str) -> None:
    """Either of its two threads may be refused: closed, counted, and the next one is served."""
    with (
        Plain(host=LOCAL) as upstream,
        Forwarder(listen_port=0, target=(LOCAL, upstream.port), listen_host=LOCAL) as forwarder,
        HttpClient(f"http://{LOCAL}:{forwarder.port}") as client,
    ):
        no_more.add(name)
        assert closes(forwarder.port)
        assert soon(lambda: forwarder._links == 0), "its place is free again"
        no_more.clear()
        assert client.request("GET", "/").status == 200
        assert forwarder.refused == 1


@pytest.mark.parametrize("name", ["db client", "db answers"])
def test_proxy_outlives_a_refused_thread(no_more: set[str], name: str) -> None:
    """Either of its two threads may be refused: closed, counted, and the next one is served."""
    with (
        FakePostgres() as database,
        PostgresProxy(listen_port=0, target=database.address, listen_host=LOCAL) as proxy,
    ):
        no_more.add(name)
        assert closes(proxy.port, startup())
        assert soon(lambda: proxy.counts.refused == 1)
        assert soon(lambda: not proxy._links), "its place is free again"
        no_more.clear()
        assert not closes(proxy.port, startup())


def test_crew_counts_what_runs_and_refuses_above_its_most() -> None:
    """The budget is for threads that live: an ended one makes room, and a listener is never refused."""
    workers = crew.Crew(most=2)
    go = threading.Event()
    assert workers.start(go.wait, name="a") is not None
    assert workers.start(go.wait, name="b") is not None
    assert workers.start(go.wait, name="c") is None
    assert workers.start(go.wait, name="listener", always=True) is not None
    assert (workers.running, workers.refused) == (3, 1)
    go.set()
    assert soon(lambda: workers.running == 0)
    assert workers.start(go.wait, name="d") is not None


def test_crew_makes_room_when_a_thread_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a thread still reaches the hook, and its place is free again."""
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(args.exc_type))
    workers = crew.Crew(most=1)
    thread = workers.start({"b": 1}.__getitem__, "a", name="a")
    assert thread is not None
    thread.join()
    assert (workers.running, died) == (0, [KeyError])


def test_all_servers_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections held at one server leave no thread for another; when they go, it serves again."""
    monkeypatch.setattr(crew, "CREW", crew.Crew(most=12))
    with (
        Plain(host=LOCAL) as upstream,
        Plain(host=LOCAL) as other,
        HttpClient(f"http://{LOCAL}:{other.port}", keep_alive=False) as client,
    ):
        with ExitStack() as held:
            for _ in range(30):
                held.enter_context(socket.create_connection((LOCAL, upstream.port)))
            assert soon(lambda: upstream.counts.refused == 20)
            assert client.request("GET", "/").status is None
            assert other.counts.refused == 1
        assert soon(lambda: crew.CREW.running == 2)
        assert client.request("GET", "/").status == 200


def test_caps_of_all_servers_leave_room_for_the_grader() -> None:
    """What one source can hold of every server at once stays under the budget, and that under a limit of 1024."""
    from harness.testing import forwards, proxies, upstreams

    most = upstreams.MAX_CONNECTIONS + 2 * (forwards.MAX_CONNECTIONS + proxies.MAX_CONNECTIONS)
    assert most < crew.MOST <= 700


def test_upstream_takes_no_cap_above_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """A generous cap of an author is cut to what one source may ever have."""
    monkeypatch.setattr("harness.testing.upstreams.MAX_CONNECTIONS", 3)
    with Plain(host=LOCAL, caps=Caps(connections=1000)) as upstream, ExitStack() as held:
        for _ in range(5):
            held.enter_context(socket.create_connection((LOCAL, upstream.port)))
        assert soon(lambda: upstream.counts.refused == 2)


def test_proxy_caps_each_source_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that holds all its connections takes none of another's."""
    monkeypatch.setattr("harness.testing.proxies.MAX_CONNECTIONS", 2)
    with (
        FakePostgres() as database,
        PostgresProxy(listen_port=0, target=database.address, listen_host="0.0.0.0") as proxy,
        ExitStack() as held,
    ):
        for _ in range(2):
            held.enter_context(socket.create_connection((LOCAL, proxy.port), source_address=("127.0.0.2", 0)))
        with socket.create_connection((LOCAL, proxy.port), source_address=("127.0.0.2", 0), timeout=2) as third:
            assert third.recv(1) == b""
        assert not closes(proxy.port, startup())


def test_proxy_closes_a_client_that_never_opens_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then does not keep a thread for ever."""
    monkeypatch.setattr("harness.testing.proxies.STARTUP_SECONDS", 0.2)
    with (
        PostgresProxy(listen_port=0, target=(LOCAL, 1), listen_host=LOCAL) as proxy,
        socket.create_connection((LOCAL, proxy.port), timeout=2) as sock,
    ):
        sock.sendall(b"\0")
        assert sock.recv(1) == b""
