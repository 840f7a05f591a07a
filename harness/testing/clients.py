"""An HTTP client that no server can make raise, hang or swell.

Garbage, half-closed connections, slow drips, endless headers, huge bodies and lying chunks all end as an
:class:`Answer` whose ``error`` says what was wrong. So whatever a candidate's service sends can only ever be
judged; it can't turn a check inconclusive.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from harness.errors import GraderError
from harness.model import Json
from harness.testing import http1

MAX_INTERIM_ANSWERS = 8
MAX_BODY_BYTES = 64 << 10
IDLE_SECONDS = 2.0
"""A kept connection older than this is not used again: the server may be closing it just now."""
_PATH_SAFE = "/?=&%:@!$'()*+,;~-._"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back. ``status`` is None exactly when ``error`` is not: an answer is complete or it is none."""

    status: int | None
    headers: http1.Headers = ()
    body: bytes = b""
    error: str | None = None
    start: float
    """``time.monotonic()`` before the request was sent."""
    end: float
    _parsed: list[Json] = field(default_factory=list, init=False, repr=False, compare=False)
    """The body's JSON, once it was asked for."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start

    def header(self, name: str) -> str | None:
        """Return the first header of that name."""
        return http1.header(self.headers, name)

    def json(self) -> Json:
        """Return the body's JSON value, None when it is not strict JSON (see ``http1.parse_json``).

        It is parsed once and shared: don't change it.
        """
        if not self._parsed:
            try:
                value = http1.parse_json(self.body)
            except ValueError:
                value = None
            self._parsed.append(value)
        return self._parsed[0]

    def get(self, *path: str | int) -> Json:
        """Return what lies at ``path`` in the body's JSON (keys and indexes), None when there is nothing."""
        value = self.json()
        for step in path:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
                value = value[step]
            else:
                return None
        return value

    def text_at(self, *path: str | int) -> str | None:
        """Return the string at ``path``, None when there is no string."""
        value = self.get(*path)
        return value if isinstance(value, str) else None

    def __str__(self) -> str:
        """Say it in one line, for evidence: ``201 {"id":...} in 0.012 s``."""
        what = self.error or f"{self.status} {self.body[:160].decode('utf-8', 'replace')}"
        return f"{what} in {self.seconds:.3f} s"


class _Connection:
    """One kept connection of one thread."""

    def __init__(self, address: tuple[str, int], deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            text = "out of time"
            raise http1.Broken(text)
        try:
            self.sock = socket.create_connection(address, timeout=left)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            text = "no connection: out of time"
            raise http1.Broken(text) from None
        except OSError as error:
            text = f"no connection: {error.strerror or error}"
            raise http1.Broken(text) from None
        self.stream = http1.Stream(self.sock)
        self.used = time.monotonic()
        self.user = threading.current_thread()

    def wanted(self) -> bool:
        """Return whether keeping it makes sense: recently used, by a thread that may come back."""
        return self.user.is_alive() and time.monotonic() - self.used <= IDLE_SECONDS

    def fresh(self) -> bool:
        """Return whether it can carry another request: recently used, still open, and nothing unasked arrived."""
        if time.monotonic() - self.used > IDLE_SECONDS or self.stream.buffered:
            return False
        try:
            poller = select.poll()
            poller.register(self.sock, select.POLLIN)
            return not poller.poll(0)
        except (OSError, ValueError):
            return False

    def send(self, data: bytes, deadline: float) -> None:
        """Send; what goes wrong is not told, because a server may answer before it has read everything."""
        self.stream.deadline = deadline
        self.stream.received = 0
        self.sock.settimeout(self.stream.remaining())
        try:
            self.sock.sendall(data)
        except TimeoutError:
            text = "out of time: the request was not taken"
            raise http1.Broken(text) from None
        except OSError:
            return

    def interrupt(self) -> None:
        """End it under the thread that uses it, which sees the end of the stream and closes it."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self.sock.close()


class _Pool:
    """Connections that wait for their next request, the last one used on top, and those that carry one now.

    There are never more than were in use at once: what is free is taken before another is opened. What a thread that
    has ended left behind, or nobody took for a while, is closed by whoever comes next.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._closed = False

    def take(self) -> _Connection | None:
        """Return a connection that can carry a request, None when there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
                self._busy.add(connection)
            if connection.fresh():
                return connection
            self.drop(connection)

    def add(self, connection: _Connection) -> None:
        """Know a new connection, which carries a request now."""
        with self._lock:
            self._busy.add(connection)

    def give(self, connection: _Connection) -> None:
        """Keep ``connection`` for the next request."""
        connection.used, connection.user = time.monotonic(), threading.current_thread()
        with self._lock:
            self._busy.discard(connection)
            every = [*self._idle, connection]
            self._idle = []
            unwanted: list[_Connection] = []
            for one in every:
                (self._idle if one.wanted() and not self._closed else unwanted).append(one)
        for one in unwanted:
            one.close()

    def drop(self, connection: _Connection) -> None:
        """Close ``connection``."""
        with self._lock:
            self._busy.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close what is free, end what is in use, and keep nothing from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            busy = tuple(self._busy)
        for connection in idle:
            connection.close()
        for connection in busy:
            connection.interrupt()


class HttpClient:
    """Requests to one server. Thread-safe. Close it, or use it in ``with``.

    Connections are kept and used again, by whichever thread asks next: no more are open than were in use at once, so a
    crowd of workers may come and go. A closed client still sends requests, each on a connection of its own.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_seconds: float = 5.0,
        max_body_bytes: int = MAX_BODY_BYTES,
        keep_alive: bool = True,
    ) -> None:
        """``base_url`` is ``http://host:port``; the timeout is for a whole request, connecting included."""
        parts = urllib.parse.urlsplit(base_url)
        if parts.scheme != "http" or not parts.hostname:
            text = f"expected a base URL like http://10.0.0.2:8080, found {base_url!r}"
            raise GraderError(text)
        self._address = (parts.hostname, parts.port or 80)
        self._timeout_seconds = timeout_seconds
        self._max_body_bytes = max_body_bytes
        self._keep_alive = keep_alive
        self._pool = _Pool()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Close every connection; a request that another thread is waiting for ends without an answer."""
        self._pool.close()

    def request(
        self,
        method: str,
        path: str,
        body: Json | bytes = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Answer:
        """Send one request and return what came back; never raises on anything the server does.

        ``body`` is sent as it is when bytes, as JSON otherwise; None sends none. The path may hold a candidate's
        text (an id): it is quoted. Nothing is ever sent twice.
        """
        data = self._encode(method, path, body, headers or {})
        start = time.monotonic()
        deadline = start + (self._timeout_seconds if timeout_seconds is None else timeout_seconds)
        try:
            status, answer_headers, answer_body = self._exchange(method, data, deadline)
        except http1.Broken as broken:
            return Answer(status=None, error=str(broken), start=start, end=time.monotonic())
        return Answer(status=status, headers=answer_headers, body=answer_body, start=start, end=time.monotonic())

    def _encode(self, method: str, path: str, body: Json | bytes, headers: Mapping[str, str]) -> bytes:
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        target = urllib.parse.quote(path, safe=_PATH_SAFE, errors="replace")
        fields = {"Host": f"{self._address[0]}:{self._address[1]}"}
        if body is not None and not isinstance(body, bytes):
            fields["Content-Type"] = "application/json"
        if body is not None or method not in {"GET", "HEAD"}:
            fields["Content-Length"] = str(len(content))
        if not self._keep_alive:
            fields["Connection"] = "close"
        fields.update(headers)
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {_one_line(value)}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + content

    def _exchange(self, method: str, data: bytes, deadline: float) -> tuple[int, http1.Headers, bytes]:
        connection = self._pool.take()
        if connection is None:
            connection = _Connection(self._address, deadline)
            self._pool.add(connection)
        reusable = False
        try:
            connection.send(data, deadline)
            status, headers, body, reusable = self._read(method, connection.stream)
            return status, headers, body
        finally:
            if reusable and self._keep_alive and not connection.stream.buffered:
                self._pool.give(connection)
            else:
                self._pool.drop(connection)

    def _read(self, method: str, stream: http1.Stream) -> tuple[int, http1.Headers, bytes, bool]:
        for _ in range(MAX_INTERIM_ANSWERS):
            minor, status = http1.read_status(stream)
            headers = http1.read_headers(stream)
            if status >= 200 or status == 101:  # noqa: PLR2004 - HTTP's own numbers
                break
        else:
            text = "too many interim answers"
            raise http1.Broken(text)
        alive = http1.keeps_alive(minor, headers)
        if method == "HEAD" or status in {101, 204, 304}:
            return status, headers, b"", alive
        framed = any(name in {"content-length", "transfer-encoding"} for name, _ in headers)
        body = http1.read_body(stream, headers, self._max_body_bytes, until_end=True)
        return status, headers, body, alive and framed


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def ready(
    client: HttpClient,
    path: str = "/health",
    *,
    timeout_seconds: float,
    alive: Callable[[], bool] | None = None,
    every_seconds: float = 0.05,
) -> bool:
    """Poll until ``GET path`` answers 200; False when the time is over or ``alive`` (asked once a second) says no."""
    deadline = time.monotonic() + timeout_seconds
    asked = time.monotonic()
    while (left := deadline - time.monotonic()) > 0:
        if client.request("GET", path, timeout_seconds=min(left, 1.0)).status == 200:  # noqa: PLR2004
            return True
        if alive is not None and time.monotonic() - asked >= 1.0:
            asked = time.monotonic()
            if not alive():
                return False
        time.sleep(min(every_seconds, max(0.0, deadline - time.monotonic())))
    return False
