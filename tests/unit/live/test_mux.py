"""Connections of this machine through one pair of streams of another process, which connects to where they lead."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.errors import SandboxError
from harness.live.endpoints import Endpoint
from harness.live.forward import RELAY, Forwarder

BIG = bytes(range(256)) * 8192


class Pipe:
    """A process of ours as an Attachment."""

    def __init__(self, folder: Path) -> None:
        self.child = subprocess.Popen(
            [sys.executable, *RELAY[1:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, bufsize=0
        )
        assert self.child.stdin is not None
        assert self.child.stdout is not None
        self._stdin, self._file = (
            self.child.stdin,
            io.BufferedReader(io.FileIO(self.child.stdout.fileno(), closefd=False)),
        )

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._stdin.write(rest) :]
        except (OSError, ValueError) as error:
            raise SandboxError(str(error)) from error

    def read_exactly(self, count: int) -> bytes:
        try:
            return self._file.read(count)
        except ValueError:
            return b""  # closed under whoever reads, which is the end of it

    def logs(self) -> bytes:
        return b""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stdin.close()

    def free(self) -> None:
        self.close()
        self.child.kill()
        self.child.wait(10)
        if self.child.stdout is not None:
            self.child.stdout.close()
        self._file.close()


def everything(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def serve(listener: socket.socket) -> None:
    """Answer each connection, once it has said all, with all that it said and a word behind it."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            said = everything(client)
            with contextlib.suppress(OSError):
                client.sendall(said + b" heard")


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Return a server on a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as made:
        thread = threading.Thread(target=serve, args=(made,))
        thread.start()
        yield made
        made.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """Return the relay."""
    made = Pipe(tmp_path)
    yield made
    made.free()


def door(pipe: Pipe, port: int, gone: Callable[[], None] = lambda: None) -> Forwarder:
    return Forwarder(pipe, [Endpoint(name="berth", sandbox="berth", port=port)], {"berth": "127.0.0.1"}, gone)


def ask(forwarder: Forwarder, data: bytes) -> bytes:
    """Say ``data`` at the door, end it, and return the whole answer."""
    with socket.create_connection(forwarder.doors[0].listener.getsockname(), timeout=20) as client:

        def say() -> None:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=say)
        sender.start()
        answer = everything(client)
        sender.join(20)
    return answer


def test_bytes_and_both_ends_pass(pipe: Pipe, listener: socket.socket) -> None:
    """Two megabytes each way, and the end of what is said is heard while the answer still comes."""
    forwarder = door(pipe, listener.getsockname()[1])
    try:
        assert ask(forwarder, BIG) == BIG + b" heard"
        assert ask(forwarder, b"") == b" heard"
    finally:
        forwarder.close()


def test_connections_do_not_mix(pipe: Pipe, listener: socket.socket) -> None:
    forwarder = door(pipe, listener.getsockname()[1])
    address = forwarder.doors[0].listener.getsockname()
    answers = []
    try:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(20)]
            for number, client in enumerate(clients):
                client.sendall(f"client {number}".encode())
                client.shutdown(socket.SHUT_WR)
            answers += [everything(client) for client in clients]
    finally:
        forwarder.close()
    assert answers == [f"client {number} heard".encode() for number in range(20)]


def test_where_nobody_listens_the_connection_ends(pipe: Pipe) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    forwarder = door(pipe, port)
    try:
        assert ask(forwarder, b"") == b""
    finally:
        forwarder.close()


def test_a_relay_that_dies_ends_what_is_open(pipe: Pipe, listener: socket.socket) -> None:
    """No client waits for ever, and a later one is turned away at once."""
    forwarder = door(pipe, listener.getsockname()[1])
    try:
        with socket.create_connection(forwarder.doors[0].listener.getsockname(), timeout=20) as client:
            client.sendall(b"still open")
            pipe.child.kill()
            assert client.recv(100) == b""
        pipe.child.wait(10)
        with (
            socket.create_connection(forwarder.doors[0].listener.getsockname(), timeout=20) as client,
            contextlib.suppress(ConnectionError),
        ):
            assert client.recv(100) == b""
    finally:
        forwarder.close()


@pytest.mark.parametrize("by_itself", [True, False])
def test_a_relay_that_dies_is_told(pipe: Pipe, *, by_itself: bool) -> None:
    """Else whoever works with it looks for the mistake in their service; one that we end is no news."""
    told = threading.Event()
    forwarder = door(pipe, 1, told.set)
    if not by_itself:
        forwarder.close()
    pipe.child.kill()
    pipe.child.wait(10)
    assert told.wait(20 if by_itself else 0.2) is by_itself
    forwarder.close()


def test_a_door_is_on_the_loopback_alone(pipe: Pipe) -> None:
    forwarder = door(pipe, 1)
    try:
        assert [one.listener.getsockname()[0] for one in forwarder.doors] == ["127.0.0.1"]
        port = forwarder.doors[0].listener.getsockname()[1]
        assert forwarder.doors[0].url == f"http://127.0.0.1:{port}"
    finally:
        forwarder.close()
