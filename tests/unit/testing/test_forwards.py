"""The switchable forwarder."""

from __future__ import annotations

import socket

import pytest

from harness.testing import http1
from harness.testing.clients import Answer, HttpClient
from harness.testing.mistakes import Mistake, fresh_values, unchanged, values_by_body
from harness.testing.proxies import Forwarder
from harness.testing.upstreams import Reply, Request, Upstream


class Named(Upstream):
    """Says its name."""

    def __init__(self, name: str) -> None:
        """Answer with ``name``."""
        super().__init__(host="127.0.0.1")
        self.name = name

    def handle(self, request: Request) -> Reply:
        """Answer with the name and what came."""
        return Reply(json=[self.name, request.path], headers={"X-Key": request.header("key") or "", "X-Badge": "mine"})


class Echo(Upstream):
    """Says what came."""

    def handle(self, request: Request) -> Reply:
        """Answer with the body and how it came."""
        framing = request.header("transfer-encoding") or request.header("expect")
        length = request.header("content-length")
        return Reply(json={"body": request.body.decode(), "length": length, "framing": framing})


def test_forwarder_switches_open_connections_too() -> None:
    """After a switch nobody talks to the old target, not even over a kept connection."""
    with (
        Named("one") as one,
        Named("two") as two,
        Forwarder(listen_port=0, target=("127.0.0.1", one.port), listen_host="127.0.0.1") as forwarder,
        HttpClient(f"http://127.0.0.1:{forwarder.port}") as client,
    ):
        assert client.request("GET", "/a").json() == ["one", "/a"]
        assert client.request("GET", "/b").json() == ["one", "/b"]
        forwarder.switch(("127.0.0.1", two.port))
        assert client.request("GET", "/c").json() == ["two", "/c"]
        assert (one.counts.connections, two.counts.connections) == (1, 1)


def test_forwarder_without_a_target_closes() -> None:
    """Nothing listens behind it: the client sees a closed connection, and it is counted."""
    with (
        Forwarder(listen_port=0, target=("127.0.0.1", 1), listen_host="127.0.0.1") as forwarder,
        HttpClient(f"http://127.0.0.1:{forwarder.port}") as client,
    ):
        assert client.request("GET", "/").status is None
        assert forwarder.refused == 1


def keys(mistake: Mistake | None, *requests: tuple[str, object]) -> list[str | None]:
    """Return which key reaches the target for each key and body that is sent."""
    with (
        Named("one") as one,
        Forwarder(listen_port=0, target=("127.0.0.1", 1), listen_host="127.0.0.1") as forwarder,
        HttpClient(f"http://127.0.0.1:{forwarder.port}") as client,
    ):
        forwarder.switch(("127.0.0.1", one.port), mistake=mistake)

        def post(key: str, body: object) -> Answer:
            sent = body if isinstance(body, bytes) else f'{{"amount": {body}}}'.encode()
            return client.request("POST", "/a", sent, headers={"kEy": key})

        answers = [post(key, body) for key, body in requests]
        assert [answer.header("x-badge") for answer in answers] == ["mine"] * len(answers)
        assert one.counts.connections == 1
        return [answer.header("x-key") for answer in answers]


def test_forwarder_without_a_mistake_changes_nothing() -> None:
    """What is right stays right."""
    assert keys(None, ("k-1", 1), ("k-1", 1)) == ["k-1", "k-1"]


def test_mistake_of_fresh_values_makes_equal_requests_two() -> None:
    """No value is used twice; values that are to be refused are left to the service."""
    refused = ("k" * 9, "", "k k", "kkkkkk \u00e9")
    found = keys(fresh_values("Key", longest=8), *((key, 1) for key in ("k-1", "k-1", "k" * 8, *refused)))
    assert len(set(found)) == 7
    assert all(0 < len(one or "") <= 8 for one in found[:3])
    assert found[3:] == [*refused]


def test_mistake_of_values_by_body_makes_another_body_another_request() -> None:
    """Equal requests stay equal, and another body under a used value goes through."""
    mistake = values_by_body("key", longest=64, fields=["amount"])
    one, again, written, other = keys(mistake, ("k-1", 1), ("k-1", 1), ("k-1", b'{"more": 1,\n"amount":1}'), ("k-1", 2))
    assert one == again == written != other
    last, next_to_it = keys(mistake, ("k" * 64, 1), ("k" * 63 + "l", 1))
    assert last != next_to_it, "they are two, whatever their bodies"
    assert keys(mistake, ("k" * 65, 2), ("k-1", b"[1]"), ("k-1", b"{")) == ["k" * 65, "k-1", "k-1"]


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n00",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
        b"x" * 20000,
    ],
)
def test_mistake_is_made_with_every_request_or_it_ends(sent: bytes) -> None:
    """What can't be read is not passed on: nothing slips by without the mistake."""
    with Named("one") as one, Forwarder(listen_port=0, target=("", 1), listen_host="127.0.0.1") as forwarder:
        forwarder.switch(("127.0.0.1", one.port), mistake=fresh_values("key", longest=8))
        with socket.create_connection(("127.0.0.1", forwarder.port), timeout=5) as sock:
            sock.sendall(sent)
            assert sock.recv(100) == b""
        assert one.counts.requests == 0


@pytest.mark.parametrize(
    "sent",
    [
        b"Content-Length: 5\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: 1\r\n\r\n",
        b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
    ],
)
@pytest.mark.parametrize("mistake", [unchanged, fresh_values("key", longest=8)])
def test_mistakes_read_bodies_however_they_are_sent(sent: bytes, mistake: Mistake) -> None:
    """Chunks and an announced body come to the target as any other: how a body is sent tells no target from another."""
    with Echo(host="127.0.0.1") as echo, Forwarder(listen_port=0, target=("", 1), listen_host="127.0.0.1") as forwarder:
        forwarder.switch(("127.0.0.1", echo.port), mistake=mistake)
        with socket.create_connection(("127.0.0.1", forwarder.port), timeout=5) as sock:
            stream = http1.Stream(sock)
            for _ in range(2):
                head, end, body = (b"POST /a HTTP/1.1\r\nKey: k-1\r\n" + sent).partition(b"\r\n\r\n")
                sock.sendall(head + end)
                if b"Expect" in head:
                    assert http1.read_status(stream)[1] == 100
                    assert http1.read_headers(stream) == ()
                sock.sendall(body)
                assert http1.read_status(stream)[1] == 200
                headers = http1.read_headers(stream)
                said = http1.parse_json(http1.read_body(stream, headers, 1000, until_end=False))
                assert said == {"body": "hello", "length": "5", "framing": None}
