"""The switchable forwarder."""

from __future__ import annotations

from harness.testing.clients import HttpClient
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
        return Reply(json=[self.name, request.path])


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
