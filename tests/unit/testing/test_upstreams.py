"""Scripted upstreams: each ability, the caps, and what malformed requests do."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable

import pytest

from harness.testing.clients import Answer, HttpClient
from harness.testing.upstreams import Caps, Hold, Reply, Request, Upstream


class Scripted(Upstream):
    """Answers with what a function says."""

    def __init__(self, script: Callable[[Request], Reply], caps: Caps | None = None) -> None:
        """Answer with ``script``."""
        super().__init__(host="127.0.0.1", caps=caps)
        self.script = script
        self.seen: list[Request] = []

    def handle(self, request: Request) -> Reply:
        """Answer with the script."""
        self.seen.append(request)
        return self.script(request)


def ask(upstream: Upstream, method: str = "GET", path: str = "/", body: bytes | None = None) -> Answer:
    """Send one request."""
    with HttpClient(f"http://127.0.0.1:{upstream.port}", timeout_seconds=2) as client:
        return client.request(method, path, body)


def test_upstream_reads_a_request_and_answers_json() -> None:
    """Method, path, query, headers and body arrive; JSON goes back."""
    with Scripted(lambda _: Reply(status=201, json={"a": 1}, headers={"X-Y": "z"})) as upstream:
        answer = ask(upstream, "POST", "/captures?ref=a%20b&ref=c&x=", b'{"n":1}')
    (request,) = upstream.seen
    assert (answer.status, answer.json(), answer.header("x-y")) == (201, {"a": 1}, "z")
    assert (request.method, request.path, request.query) == ("POST", "/captures", {"ref": "a b", "x": ""})
    assert (request.json(), request.number, request.source) == ({"n": 1}, 1, "127.0.0.1")


def test_upstream_keeps_connections() -> None:
    """Several requests share a connection."""
    with Scripted(lambda r: Reply(json=r.number)) as upstream:
        with HttpClient(f"http://127.0.0.1:{upstream.port}") as client:
            assert [client.request("GET", "/").json() for _ in range(3)] == [1, 2, 3]
        assert upstream.counts.connections == 1


def test_upstream_delays() -> None:
    """A delay is waited before the answer."""
    with Scripted(lambda _: Reply(delay_seconds=0.3)) as upstream:
        assert ask(upstream).seconds >= 0.3


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(cut_after=0), "connection closed, no bytes"),
        (Reply(cut_after=25), "connection closed after 25 bytes"),
        (Reply(drop=True), "connection closed, no bytes"),
        (Reply(reset=True), "connection lost: Connection reset by peer"),
    ],
)
def test_upstream_breaks_answers(reply: Reply, error: str) -> None:
    """Cut after k bytes, dropped, reset: the client sees exactly that."""
    with Scripted(lambda _: reply) as upstream:
        assert ask(upstream).error == error


def test_upstream_drips() -> None:
    """A drip takes its time, and all of it arrives."""
    with Scripted(lambda _: Reply(body=b"x" * 50, drip_bytes_per_second=400)) as upstream:
        answer = ask(upstream)
    assert (answer.status, answer.body) == (200, b"x" * 50)
    assert 0.2 < answer.seconds < 1.5


@pytest.mark.parametrize(("act", "status"), [(Hold.release, 200), (Hold.drop, None)])
def test_upstream_holds_until_told(act: Callable[[Hold], None], status: int | None) -> None:
    """A held answer is known to be held, and goes, or never goes, when told."""
    hold = Hold()
    answers: list[Answer] = []
    with Scripted(lambda _: Reply(hold=hold)) as upstream:
        thread = threading.Thread(target=lambda: answers.append(ask(upstream)))
        thread.start()
        assert hold.reached.wait(2)
        time.sleep(0.1)
        assert answers == []
        act(hold)
        thread.join(2)
    assert answers[0].status == status


def test_upstream_close_lets_go_of_held_answers() -> None:
    """Closing never waits for a decision that does not come."""
    answers: list[Answer] = []
    hold = Hold()
    with Scripted(lambda _: Reply(hold=hold)) as upstream:
        thread = threading.Thread(target=lambda: answers.append(ask(upstream)))
        thread.start()
        assert hold.reached.wait(2)
    thread.join(1)
    assert answers[0].status is None


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n",
        b"GET /" + b"a" * 99999,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 500,
    ],
)
def test_upstream_answers_400_to_what_is_no_request(data: bytes) -> None:
    """Malformed requests are counted and answered 400; they never reach the script."""
    with Scripted(lambda _: Reply()) as upstream:
        # Closed over what it has not read, it resets, and the answer may be lost: seen as any OSError, at any of these.
        address = ("127.0.0.1", upstream.port)
        with contextlib.suppress(OSError), socket.create_connection(address, timeout=2) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(12) in {b"HTTP/1.1 400", b""}
        deadline = time.monotonic() + 2
        while not upstream.counts.malformed and time.monotonic() < deadline:
            time.sleep(0.01)
        assert (upstream.counts.malformed, upstream.seen) == (1, [])


def test_upstream_caps_connections_of_a_source() -> None:
    """A source over its connections is refused and counted; the others stay usable."""
    with Scripted(lambda _: Reply(), Caps(connections=2)) as upstream:
        address = ("127.0.0.1", upstream.port)
        with socket.create_connection(address), socket.create_connection(address) as second:
            with socket.create_connection(address, timeout=2) as third:
                assert third.recv(1) == b""
            second.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert second.recv(12) == b"HTTP/1.1 200"
        assert (upstream.counts.connections, upstream.counts.refused) == (2, 1)


def test_upstream_caps_requests_of_a_source() -> None:
    """A source over its rate is cut off and counted."""
    with Scripted(lambda _: Reply(), Caps(requests_per_second=3)) as upstream:
        with HttpClient(f"http://127.0.0.1:{upstream.port}") as client:
            answers = [client.request("GET", "/").status for _ in range(20)]
        assert 3 <= answers.count(200) <= 6
        assert upstream.counts.refused == answers.count(None)


def test_upstream_script_that_raises_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in a script reaches the thread hook, where it makes the check inconclusive."""
    died: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(args.exc_type))

    def broken(_: Request) -> Reply:
        raise KeyError

    with Scripted(broken) as upstream:
        assert ask(upstream).status is None
        deadline = time.monotonic() + 2
        while not died and time.monotonic() < deadline:
            time.sleep(0.01)
    assert died == [KeyError]


def test_upstream_waits_for_a_body_it_was_asked_about() -> None:
    """`Expect: 100-continue` is honoured."""
    with (
        Scripted(lambda r: Reply(body=r.body)) as upstream,
        socket.create_connection(("127.0.0.1", upstream.port), timeout=2) as sock,
    ):
        sock.sendall(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(99).startswith(b"HTTP/1.1 100")
        sock.sendall(b"hi")
        assert sock.recv(999).endswith(b"hi")
