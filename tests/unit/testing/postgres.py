"""A database that is none: answers the frontend/backend protocol, remembers what committed, for the proxy's tests."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

from harness.testing import pgwire
from harness.testing.sql import Effect, statements


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

    def _answer(self, sock: socket.socket, messages: pgwire.Messages) -> None:
        state, pending = b"I", b""
        while data := sock.recv(65536):
            messages.feed(data)
            while (one := messages.next()) is not None:
                self.log.append(one)
                kind = one[:1]
                if kind == b"X":
                    return
                if kind == b"Q":
                    for statement in statements(one[5:-1].decode()):
                        state = self._next(state, statement.effect)
                        pending += message("C", statement.text.encode() + b"\0")
                elif kind == b"E":
                    pending += message("C", b"DONE\0")
                elif kind in {b"P", b"B"}:
                    pending += message("1")
                if kind in {b"Q", b"S"}:
                    pending += ready(state)
                if kind in {b"Q", b"S", b"H"}:
                    sock.sendall(pending)
                    pending = b""

    def _next(self, state: bytes, effect: Effect) -> bytes:
        if effect is Effect.BEGIN:
            return b"T"
        return b"I" if effect in {Effect.COMMIT, Effect.ROLLBACK} else state
