"""A scripted HTTP upstream: a provider that answers late, in part, never, or exactly when it is told to.

Subclass :class:`Upstream` and decide in ``handle``. What a candidate's service sends can't raise in it, and can't
take more than its share: connections, requests, bytes and time are capped for each source, and refusals counted.
An exception in ``handle`` itself is ours: it reaches ``threading.excepthook`` and makes the check inconclusive.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from harness.model import Json
from harness.testing import crew, http1

REASONS = {200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 400: "Bad Request", 402: "Payment Required"}
DRIP_STEP_SECONDS = 0.05
REQUEST_SECONDS = 10.0
LINGER_SECONDS = 0.5
LINGER_BYTES = 1024 * 1024
"""How long a request may take to arrive once it has begun, and an answer to be taken."""
IDLE_SECONDS = 120.0
MAX_CONNECTIONS = 256
"""Of one source, whatever ``Caps`` says: each has a thread of the one budget of ``crew``."""


class Hold:
    """An answer that waits for the grader. One use each."""

    def __init__(self) -> None:
        """Hold until :meth:`release` or :meth:`drop`."""
        self.reached = threading.Event()
        """Set when the request was handled and its answer is held."""
        self._decided = threading.Event()
        self._send = False

    def release(self) -> None:
        """Let the answer go."""
        self._send = True
        self._decided.set()

    def drop(self) -> None:
        """Close the connection without a byte of the answer."""
        self._decided.set()

    def _wait(self, closing: threading.Event) -> bool:
        """Wait for the decision; return whether to send. Called by the connection's thread."""
        self.reached.set()
        while not self._decided.wait(0.05):
            if closing.is_set():
                return False
        return self._send


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One request, already read in full."""

    number: int
    """1, 2, ... in order of arrival at this upstream."""
    source: str
    """Address of the peer."""
    method: str
    path: str
    """Unquoted, without the query."""
    query: Mapping[str, str]
    """The first value of each field."""
    headers: http1.Headers
    body: bytes
    received: float
    """``time.monotonic()`` when the last byte of it was here."""

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return http1.header(self.headers, name)

    def json(self) -> Json:
        """Return the body's JSON value, None when it is not strict JSON."""
        try:
            return http1.parse_json(self.body)
        except ValueError:
            return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What to answer, and how. Effects apply in this order: delay, hold, then how the bytes travel."""

    status: int = 200
    json: Json = None
    """Sent as the body when it is not None; else ``body`` is."""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    hold: Hold | None = None
    cut_after: int | None = None
    """Send only this many bytes of the whole answer (status line included), then close."""
    drip_bytes_per_second: float | None = None
    reset: bool = False
    """Answer with a TCP reset."""
    drop: bool = False
    """Close without an answer."""

    def encode(self, *, head: bool = False) -> bytes:
        """Return the whole answer as bytes."""
        content = self.body if self.json is None else json.dumps(self.json).encode()
        kind = "application/octet-stream" if self.json is None else "application/json"
        fields = {"Content-Type": kind, "Content-Length": str(len(content)), **self.headers}
        first = f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Answer')}"
        text = "\r\n".join([first, *(f"{name}: {value}" for name, value in fields.items()), "", ""])
        return text.encode("latin-1", "replace") + (b"" if head else content)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """What one source may use."""

    connections: int = 128
    """At most ``MAX_CONNECTIONS``."""
    requests_per_second: int = 2000
    bytes_per_second: int = 16 << 20
    body_bytes: int = 64 << 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What arrived so far."""

    connections: int
    requests: int
    malformed: int
    """Not HTTP, too big or too slow: answered 400 and closed."""
    refused: int
    """Over a cap, or no thread was left for it: closed."""


class _Meter:
    """Uses of one second by one source."""

    __slots__ = ("bytes", "requests", "second")

    def __init__(self) -> None:
        self.second = 0
        self.requests = 0
        self.bytes = 0

    def allows(self, caps: Caps, size: int) -> bool:
        """Count one request of ``size`` bytes; return whether it is under the caps."""
        second = int(time.monotonic())
        if second != self.second:
            self.second, self.requests, self.bytes = second, 0, 0
        self.requests += 1
        self.bytes += size
        return self.requests <= caps.requests_per_second and self.bytes <= caps.bytes_per_second


class Upstream:
    """Listens from ``__enter__`` (or ``open``) to ``__exit__`` (or ``close``). Subclass and override ``handle``."""

    def __init__(self, *, port: int = 0, host: str = "0.0.0.0", caps: Caps | None = None) -> None:  # noqa: S104 - private network
        """Port 0 takes a free one."""
        self._caps = caps or Caps()
        self._wanted = (host, port)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._counter: Counter[str] = Counter()
        self._meters: dict[str, _Meter] = {}
        self._open: dict[socket.socket, str] = {}
        self._listener: socket.socket | None = None
        self.port = port
        """The port it listens on, once open."""

    def handle(self, request: Request) -> Reply:
        """Decide the answer. Called from one thread a connection, so guard what it shares."""
        raise NotImplementedError

    @property
    def counts(self) -> Counts:
        """What arrived so far."""
        with self._lock:
            found = self._counter
            return Counts(
                connections=found["connections"],
                requests=found["requests"],
                malformed=found["malformed"],
                refused=found["refused"],
            )

    def open(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._listener = socket.create_server(self._wanted, backlog=128, reuse_port=False)
        self.port = self._listener.getsockname()[1]
        crew.CREW.start(self._accept, self._listener, name="upstream listener", always=True)

    def close(self) -> None:
        """Stop listening, drop every connection and every held answer."""
        self._closing.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.drop_connections()

    def drop_connections(self) -> None:
        """Cut every connection, as a provider that restarts does."""
        with self._lock:
            every = list(self._open)
        for sock in every:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        """Open."""
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                sock, (source, *_) = listener.accept()
            except OSError:
                if self._closing.is_set():
                    return
                time.sleep(0.01)
                continue
            if not self._admit(sock, source):
                sock.close()

    def _admit(self, sock: socket.socket, source: str) -> bool:
        """Count a connection and give it a thread; return whether it has one."""
        with self._lock:
            held = sum(1 for peer in self._open.values() if peer == source)
            allowed = held < min(self._caps.connections, MAX_CONNECTIONS)
            self._counter["connections" if allowed else "refused"] += 1
            if allowed:
                self._open[sock] = source
        if not allowed or crew.CREW.start(self._serve, sock, source, name="upstream") is not None:
            return allowed
        with self._lock:
            self._open.pop(sock, None)
            self._counter.update(connections=-1, refused=1)
        return False

    def _serve(self, sock: socket.socket, source: str) -> None:
        try:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stream = http1.Stream(sock)
            while not self._closing.is_set() and self._one(stream, source):
                pass
        finally:
            with self._lock:
                self._open.pop(sock, None)
            sock.close()

    def _one(self, stream: http1.Stream, source: str) -> bool:
        """Serve one request; return whether the connection may carry another."""
        try:
            found = self._read(stream, source)
        except http1.Broken:
            with self._lock:
                self._counter["malformed"] += 1
            self._send(stream.sock, Reply(status=400, headers={"Connection": "close"}), head=False)
            _linger(stream.sock)
            return False
        if found is None:
            return False
        request, alive = found
        reply = self.handle(request)
        return self._answer(stream.sock, request, reply) and alive

    def _read(self, stream: http1.Stream, source: str) -> tuple[Request, bool] | None:
        """Return the next request and whether to keep the connection; None when it ended or is over a cap."""
        stream.deadline = time.monotonic() + IDLE_SECONDS
        stream.received = stream.buffered
        if not stream.wait_for_first():
            return None
        stream.deadline = time.monotonic() + REQUEST_SECONDS
        method, target, minor = http1.read_request_line(stream)
        headers = http1.read_headers(stream)
        if (http1.header(headers, "expect") or "").lower() == "100-continue":
            with contextlib.suppress(OSError):
                stream.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = http1.read_body(stream, headers, self._caps.body_bytes, until_end=False)
        received = time.monotonic()
        with self._lock:
            allowed = self._meters.setdefault(source, _Meter()).allows(self._caps, stream.received)
            self._counter["requests" if allowed else "refused"] += 1
            number = self._counter["requests"]
        if not allowed:
            return None
        path, query = _split(target)
        request = Request(
            number=number,
            source=source,
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            received=received,
        )
        return request, http1.keeps_alive(minor, headers)

    def _answer(self, sock: socket.socket, request: Request, reply: Reply) -> bool:
        if reply.delay_seconds > 0 and self._closing.wait(reply.delay_seconds):
            return False
        if reply.hold is not None and not reply.hold._wait(self._closing):  # noqa: SLF001 - its other half
            return False
        if reply.reset:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if reply.drop:
            return False
        return self._send(sock, reply, head=request.method == "HEAD")

    def _send(self, sock: socket.socket, reply: Reply, *, head: bool) -> bool:
        """Send an answer the way it says; return whether all of it went."""
        data = reply.encode(head=head)
        if reply.cut_after is not None:
            data = data[: reply.cut_after]
        try:
            sock.settimeout(REQUEST_SECONDS)
            if reply.drip_bytes_per_second is None:
                sock.sendall(data)
            else:
                self._drip(sock, data, reply.drip_bytes_per_second)
        except OSError:
            return False
        return reply.cut_after is None

    def _drip(self, sock: socket.socket, data: bytes, bytes_per_second: float) -> None:
        step = max(1, round(bytes_per_second * DRIP_STEP_SECONDS))
        pause = step / bytes_per_second
        for start in range(0, len(data), step):
            if start and self._closing.wait(pause):
                return
            sock.sendall(data[start : start + step])


def _linger(sock: socket.socket) -> None:
    """Read a little of what still comes: closing over unread bytes resets, and the answer is lost (RFC 9112, 9.6)."""
    until, room = time.monotonic() + LINGER_SECONDS, LINGER_BYTES
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
        while room > 0 and (left := until - time.monotonic()) > 0:
            sock.settimeout(left)
            data = sock.recv(65536)
            if not data:
                return
            room -= len(data)


def _split(target: str) -> tuple[str, dict[str, str]]:
    raw_path, _, raw_query = target.partition("?")
    try:
        pairs = urllib.parse.parse_qsl(raw_query, keep_blank_values=True, errors="replace", max_num_fields=64)
    except ValueError:
        pairs = []
    query: dict[str, str] = {}
    for key, value in pairs:
        query.setdefault(key, value)
    return urllib.parse.unquote(raw_path, errors="replace"), query
