"""What an ``up`` and its clients say to each other: objects, one a line, over a unix socket in a private folder.

A client sends one request, ``{"verb": ...}`` and its arguments. It gets any number of ``{"text": ...}`` (for a person),
``{"doing": ...}`` (what it waits for) and ``{"data": ...}`` (bytes, base64), and one ``{"end": CODE}``, with a ``text`` when that is an error. In a shell it goes on
sending ``{"data": ...}`` and ``{"size": [rows, columns]}``. A stream that ends without ``end`` is an ``up`` that died.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
from collections.abc import Mapping

from harness.errors import HarnessError
from harness.model import Json

MAX_LINE_BYTES = 1024 * 1024


class Line:
    """One connection. One thread reads, any may write."""

    def __init__(self, sock: socket.socket) -> None:
        """Speak over ``sock``, which is closed with this."""
        self._sock = sock
        self._file = sock.makefile("rb")
        self._lock = threading.Lock()

    def send(self, message: Mapping[str, Json]) -> None:
        """Send one object. Raises OSError when the other side is gone."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._sock.sendall(data)

    def text(self, text: str) -> None:
        """Send something for a person to read."""
        self.send({"text": text})

    def data(self, data: bytes) -> None:
        """Send bytes, in as many objects as they need."""
        for start in range(0, len(data), MAX_LINE_BYTES // 2):
            self.send({"data": base64.b64encode(data[start : start + MAX_LINE_BYTES // 2]).decode()})

    def end(self, code: int, text: str = "") -> None:
        """Send the last word."""
        self.send({"end": code, "text": text})

    def receive(self) -> dict[str, Json] | None:
        """Return the next object, None at the end. Raises HarnessError when what comes is none."""
        try:
            raw = self._file.readline(MAX_LINE_BYTES)
        except OSError:
            return None
        if not raw.endswith(b"\n"):
            return None
        try:
            found = json.loads(raw)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            text = f"expected an object a line, found {raw[:80]!r}: something else speaks here"
            raise HarnessError(text)
        return found

    def is_over(self) -> bool:
        """Whether the other side has gone, of a line on which it says nothing more."""
        try:
            return not self._sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def hang_up(self) -> None:
        """End it, also under a reader in another thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End it, and let go of the socket: nobody reads any more."""
        self.hang_up()
        self._file.close()
        self._sock.close()


def data_of(message: Mapping[str, Json]) -> bytes:
    """Return the bytes in a message, none when it has none."""
    found = message.get("data")
    try:
        return base64.b64decode(found, validate=True) if isinstance(found, str) else b""
    except ValueError:
        return b""


def size_of(message: Mapping[str, Json]) -> tuple[int, int] | None:
    """Return rows and columns of a message that says them."""
    found = message.get("size")
    if not isinstance(found, list) or len(found) != 2:  # noqa: PLR2004 - rows and columns
        return None
    rows, columns = found
    if not (isinstance(rows, int) and isinstance(columns, int) and 0 < rows < 10_000 and 0 < columns < 10_000):  # noqa: PLR2004
        return None
    return rows, columns
