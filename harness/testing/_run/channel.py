"""The grader's end of the broker protocol: whole frames over one socket, any thread may write."""

from __future__ import annotations

import socket
import threading

from harness import wire
from harness.model import Json


class Channel:
    """One connected stream socket carrying frames both ways.

    ``send`` may be called from any thread; ``receive`` from one. Neither closes the socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Take ownership of ``sock``."""
        self._sock = sock
        self._lock = threading.Lock()

    def send(self, message: dict[str, Json]) -> None:
        """Send one frame. Raises OSError when the other side is gone, GraderError when it is over the cap."""
        frame = wire.encode(message)
        with self._lock:
            self._sock.sendall(frame)

    def event(self, event: str, /, **fields: Json) -> None:
        """Send one event."""
        self.send({"type": "event", "event": event, **fields})

    def receive(self) -> dict[str, Json] | None:
        """Return the next message, None at the end. Raises GraderError when what arrives is no frame."""
        return wire.read(self._read_exactly)

    def _read_exactly(self, count: int) -> bytes:
        chunks: list[bytes] = []
        while count:
            chunk = self._sock.recv(min(count, 1 << 20))
            if not chunk:
                break
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()
