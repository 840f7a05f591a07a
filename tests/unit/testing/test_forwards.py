"""The switchable forwarder."""

from __future__ import annotations

import socket

import pytest

from harness.testing.clients import Answer, HttpClient
from harness.testing.mistakes import Mistake, fresh_values, values_by_body
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
            return client.request("POST", "/a", f"{body}".encode(), headers={"kEy": key})

        answers = [post(key, body) for key, body in requests]
        assert [answer.header("x-badge") for answer in answers] == ["mine"] * len(answers)
        assert one.counts.connections == 1
        return [answer.header("x-key") for answer in answers]


def test_forwarder_without_a_mistake_changes_nothing() -> None:
    """What is right stays right."""
    assert keys(None, ("k-1", 1), ("k-1", 1)) == ["k-1", "k-1"]


def test_mistake_of_fresh_values_makes_equal_requests_two() -> None:
    """No value is used twice; values that are to be refused are left to the service."""
    found = keys(fresh_values("Key", longest=8), ("k-1", 1), ("k-1", 1), ("k" * 8, 1), ("k" * 9, 1), ("", 1))
    assert len(set(found)) == 5
    assert all(0 < len(one or "") <= 8 for one in found[:3])
    assert found[3:] == ["k" * 9, ""]


def test_mistake_of_values_by_body_makes_another_body_another_request() -> None:
    """Equal requests stay equal, and another body under a used value goes through."""
    one, again, other, refused = keys(
        values_by_body("key", longest=64), ("k-1", 1), ("k-1", 1), ("k-1", 2), ("k" * 65, 2)
    )
    assert one == again != other
    assert refused == "k" * 65


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
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
