"""Many connections over one pair of streams, the same at both ends.

One end is here, the other is a process in a sandbox that is given the text of this very module (:data:`RELAY`): so
nothing of it is in an image, and both ends are always of one version. Hence the standard library alone.

A frame is a number of a connection, a kind and so many bytes. A connection whose other side takes nothing is cut when
16 MiB wait for it, so that it never holds up the others.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import socket
import struct
import sys
import threading
from collections.abc import Callable

OPEN, DATA, END, GONE = 1, 2, 3, 4
CHUNK_BYTES = 64 * 1024
MAX_WAITING = 256
CONNECT_SECONDS = 5.0
_HEAD = struct.Struct(">IBI")


class _Link:
    """One connection: what waits to be written to it, and which sides have ended."""

    def __init__(self, sock: socket.socket | None) -> None:
        self.sock = sock
        self.waiting: queue.Queue[bytes | None] = queue.Queue(MAX_WAITING)
        self.ends = 0

    def write_all(self, sock: socket.socket) -> None:
        """Write what comes until the other side has ended."""
        while data := self.waiting.get():
            sock.sendall(data)
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_WR)


class Mux:
    """One end. ``serve`` reads in one thread; ``open`` may be called from any."""

    def __init__(self, read_exactly: Callable[[int], bytes], write: Callable[[bytes], object]) -> None:
        """Speak over ``read_exactly`` (fewer bytes only at the end) and ``write``, which raises OSError when it is over."""
        self._read = read_exactly
        self._write = write
        self._writing = threading.Lock()
        self._lock = threading.Lock()
        self._links: dict[int, _Link] = {}
        self._numbers = itertools.count(1)

    def open(self, sock: socket.socket, host: str, port: int) -> None:
        """Let the other end connect to ``host`` and join it with ``sock``, which is closed when either is."""
        link = _Link(sock)
        with self._lock:
            number = next(self._numbers)
            self._links[number] = link
        self._send(number, OPEN, f"{host} {port}".encode())
        self._join(number, link, sock)

    def serve(self, *, connect: bool = False) -> None:
        """Pass on until the other end is gone; ``connect``: connect to where it says. All connections end with it."""
        try:
            while len(head := self._read(_HEAD.size)) == _HEAD.size:
                number, kind, length = _HEAD.unpack(head)
                data = self._read(length) if length else b""
                if kind == OPEN and connect:
                    self._opened(number, data.decode())
                else:
                    self._take(number, kind, data)
        finally:
            with self._lock:
                numbers = list(self._links)
            for number in numbers:
                self._drop(number)

    def _take(self, number: int, kind: int, data: bytes) -> None:
        with self._lock:
            link = self._links.get(number)
        if link is None:
            return
        if kind == GONE:
            self._drop(number)
            return
        try:
            link.waiting.put_nowait(data if kind == DATA else None)
        except queue.Full:
            self._drop(number, tell=True)

    def _opened(self, number: int, target: str) -> None:
        link = _Link(None)
        with self._lock:
            self._links[number] = link
        threading.Thread(target=self._connect, args=(number, link, target), daemon=True).start()

    def _connect(self, number: int, link: _Link, target: str) -> None:
        host, _, port = target.partition(" ")
        try:
            sock = socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS)
        except OSError:
            self._drop(number, tell=True)
            return
        sock.settimeout(None)
        link.sock = sock
        self._join(number, link, sock)

    def _join(self, number: int, link: _Link, sock: socket.socket) -> None:
        for pump in (self._out, self._in):
            threading.Thread(target=pump, args=(number, link, sock), daemon=True).start()

    def _out(self, number: int, link: _Link, sock: socket.socket) -> None:
        """Pass on what the connection says."""
        try:
            while data := sock.recv(CHUNK_BYTES):
                self._send(number, DATA, data)
            self._send(number, END, b"")
        except OSError:
            self._drop(number, tell=True)
            return
        self._ended(number, link)

    def _in(self, number: int, link: _Link, sock: socket.socket) -> None:
        """Tell the connection what came for it."""
        try:
            link.write_all(sock)
        except OSError:
            self._drop(number, tell=True)
            return
        self._ended(number, link)

    def _ended(self, number: int, link: _Link) -> None:
        with self._lock:
            link.ends += 1
            over = link.ends == 2  # noqa: PLR2004 - both sides
        if over:
            self._drop(number)

    def _drop(self, number: int, *, tell: bool = False) -> None:
        with self._lock:
            link = self._links.pop(number, None)
        if link is None:
            return
        if tell:
            with contextlib.suppress(OSError):
                self._send(number, GONE, b"")
        if link.sock is not None:
            with contextlib.suppress(OSError):
                link.sock.shutdown(socket.SHUT_RDWR)
            link.sock.close()
        with contextlib.suppress(queue.Full):
            link.waiting.put_nowait(None)

    def _send(self, number: int, kind: int, data: bytes) -> None:
        with self._writing:
            self._write(_HEAD.pack(number, kind, len(data)) + data)


def main() -> None:
    """Be the end in a sandbox, over stdin and stdout."""

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    Mux(sys.stdin.buffer.read, write).serve(connect=True)


if __name__ == "__main__":
    main()
