"""A database that is none: answers the frontend/backend protocol, remembers what committed, for the proxy's tests."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

from harness.testing import pgwire
from harness.testing.postgres import Position


def message(kind: str, payload: bytes = b"") -> bytes:
    """Return one typed message."""
    return kind.encode() + struct.pack(">I", len(payload) + 4) + payload


def startup(code: int = 196608, payload: bytes = b"user\0app\0\0") -> bytes:
    """Return a startup-like message."""
    return struct.pack(">II", len(payload) + 8, code) + payload


def query(sql: str) -> bytes:
    """Return a simple Query."""
    return message("Q", sql.encode() + b"\0")


def parse(sql: str, name: str = "") -> bytes:
    """Return a Parse."""
    return message("P", name.encode() + b"\0" + sql.encode() + b"\0\0\0")


def bind(name: str = "", portal: str = "") -> bytes:
    """Return a Bind without parameters."""
    return message("B", portal.encode() + b"\0" + name.encode() + b"\0" + b"\0\0" * 3)


def execute(portal: str = "") -> bytes:
    """Return an Execute of all rows."""
    return message("E", portal.encode() + b"\0" + b"\0" * 4)


SYNC = message("S")
FLUSH = message("H")
TERMINATE = message("X")


def ready(state: bytes = b"I") -> bytes:
    """Return a ReadyForQuery."""
    return message("Z", state)


class FakePostgres:
    """Accepts connections; answers; ``log`` has every message received, in order."""

    def __init__(self) -> None:
        """Use it in ``with``."""
        self.log: list[bytes] = []
        self.connections: list[socket.socket] = []
        self.cancels = 0
        self.startups: list[bytes] = []
        """Messages that opened a session."""
        self.commits = 0
        """Of transactions that wrote: an INSERT, an UPDATE, or a function called ``writes``."""

    def __enter__(self) -> Self:
        """Listen."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = ("127.0.0.1", int(self.listener.getsockname()[1]))
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, cutting every connection."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut every connection, as a restart does."""
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def kinds(self) -> str:
        """Return the type bytes of everything received."""
        return "".join(chr(data[0]) for data in self.log)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            messages = pgwire.Messages()
            while (first := messages.startup()) is None:
                messages.feed(sock.recv(65536))
            if pgwire.startup_code(first) == pgwire.CANCEL_REQUEST:
                self.cancels += 1
                return
            self.startups.append(first)
            key = struct.pack(">II", len(self.startups), id(sock) & 0xFFFFFFFF)
            sock.sendall(message("R", b"\0\0\0\0") + message("K", key) + ready())
            self._answer(sock, messages)

    def position(self) -> Position:
        """Where its log is."""
        return Position(end=100 * self.commits, ended=str(self.commits))

    def _answer(self, sock: socket.socket, messages: pgwire.Messages) -> None:
        session, pending = _Session(self), b""
        while data := sock.recv(65536):
            messages.feed(data)
            while (one := messages.next()) is not None:
                self.log.append(one)
                kind, payload = one[:1], one[5:]
                if kind == b"X":
                    return
                if kind == b"Q":
                    for text in payload[:-1].decode().split(";"):
                        pending += message("C", session.run(text) + b"\0")
                elif kind == b"E":
                    pending += message("C", session.run(session.portals[payload.split(b"\0")[0]]) + b"\0")
                elif kind in {b"P", b"B"}:
                    session.name(kind, payload)
                    pending += message("1")
                if kind in {b"Q", b"S"}:
                    session.sync()
                    pending += ready(session.state)
                if kind in {b"Q", b"S", b"H"}:
                    sock.sendall(pending)
                    pending = b""


class _Session:
    """One session's transaction."""

    def __init__(self, database: FakePostgres) -> None:
        self.state = b"I"
        self.portals: dict[bytes, str] = {}
        self._prepared: dict[bytes, str] = {}
        self._database = database
        self._wrote = False

    def name(self, kind: bytes, payload: bytes) -> None:
        """Take a Parse or a Bind."""
        first, second, *_ = payload.split(b"\0", 2)
        if kind == b"P":
            self._prepared[first] = second.decode()
        else:
            self.portals[first] = self._prepared[second]

    def run(self, text: str) -> bytes:
        """Do one statement; return its tag."""
        words = text.upper()
        self._wrote = self._wrote or any(word in words for word in ("INSERT", "UPDATE", "WRITES"))
        first = words.split()[0] if words.split() else ""
        if first == "BEGIN":
            self.state = b"T"
        elif first in {"COMMIT", "ROLLBACK"}:
            self._end(commits=first == "COMMIT")
        return first.encode()

    def sync(self) -> None:
        """End an implicit transaction."""
        if self.state == b"I":
            self._end(commits=True)

    def _end(self, *, commits: bool) -> None:
        self._database.commits += self._wrote and commits
        self._wrote, self.state = False, b"I"
