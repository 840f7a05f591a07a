"""A plain TCP forwarder whose target can be switched: one name and address for two services in turn.

It may make one mistake of :mod:`harness.testing.mistakes` with every request that it passes on.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Self

from harness.testing import crew, http1, mistakes

CONNECT_SECONDS = 5.0
MAX_CONNECTIONS = 64
"""Each has two threads of the one budget of ``crew``."""
MAX_BODY_BYTES = 1 << 20
"""Of a request that a mistake is made with."""
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class Forwarder:
    """Passes bytes both ways, half-closes included. Listens from ``__enter__`` to ``__exit__``."""

    def __init__(self, *, listen_port: int, target: tuple[str, int], listen_host: str = "0.0.0.0") -> None:  # noqa: S104 - private network
        """Listen on ``listen_port`` (0 takes a free one) and connect to ``target`` for each connection."""
        self.port = listen_port
        self._host = listen_host
        self._target = target
        self._mistake: mistakes.Mistake | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._links = 0
        self._listener: socket.socket | None = None
        self.refused = 0
        """Connections over the cap, without a thread left for them, or whose target was not there."""

    def __enter__(self) -> Self:
        """Listen."""
        self._listener = socket.create_server((self._host, self.port), backlog=128)
        self.port = self._listener.getsockname()[1]
        crew.CREW.start(self._accept, self._listener, name="forwarder listener", always=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening and cut every connection."""
        self._closing.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.drop_connections()

    def switch(self, target: tuple[str, int], *, mistake: mistakes.Mistake | None = None) -> None:
        """Send later connections to ``target`` and cut the open ones, so that none still talks to the old one.

        With a ``mistake`` every request is what it makes of it; one that can't be read ends its connection.
        """
        self._target, self._mistake = target, mistake
        self.drop_connections()

    def drop_connections(self) -> None:
        """Cut every open connection."""
        with self._lock:
            every = list(self._open)
        for sock in every:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                time.sleep(0.01)
                continue
            with self._lock:
                allowed = self._links < MAX_CONNECTIONS
                if allowed:
                    self._links += 1
                    self._open.add(client)
            if not allowed or crew.CREW.start(self._serve, client, name="forwarder") is None:
                self._refuse(client, counted=allowed)

    def _refuse(self, client: socket.socket, *, counted: bool) -> None:
        with self._lock:
            self.refused += 1
            self._links -= 1 if counted else 0
            self._open.discard(client)
        client.close()

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        try:
            target, mistake = self._target, self._mistake
            server = socket.create_connection(target, timeout=CONNECT_SECONDS)
            server.settimeout(None)
            with self._lock:
                self._open.add(server)
            if (target, mistake) != (self._target, self._mistake):
                return
            back = crew.CREW.start(_pump, server, client, name="forwarder back")
            if back is None:
                with self._lock:
                    self.refused += 1
                return
            if mistake is None:
                _pump(client, server)
            else:
                _pump_requests(client, server, mistake)
            back.join()
        except OSError:
            with self._lock:
                self.refused += 1
        finally:
            with self._lock:
                self._links -= 1
            for sock in (client, server):
                if sock is not None:
                    with self._lock:
                        self._open.discard(sock)
                    sock.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Copy until ``source`` ends, then end ``sink``'s side."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _pump_requests(source: socket.socket, sink: socket.socket, mistake: mistakes.Mistake) -> None:
    """Pass on what a mistake makes of each request until ``source`` ends or says what is no request."""
    stream = http1.Stream(source)
    with contextlib.suppress(OSError, http1.Broken):
        while stream.wait_for_first():
            request = mistakes.read(stream, most_body_bytes=MAX_BODY_BYTES, go_on=lambda: source.sendall(GO_ON))
            sink.sendall(mistakes.encode(mistake(request)))
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
