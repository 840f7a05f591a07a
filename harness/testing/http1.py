"""The little of HTTP/1.1 that both our client and our upstreams need, bounded in bytes, lines and time.

Everything here reads bytes of a candidate: whatever they are, the outcome is a value or :class:`Broken`.
"""

from __future__ import annotations

import json
import math
import re
import socket
import time
from collections.abc import Iterable

from harness.model import Json

MAX_LINE_BYTES = 16 * 1024
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 128
MAX_DEPTH = 32
MAX_DIGITS = 40
MAX_VALUES = 40_000
"""Commas and opening brackets of one JSON text: what reading it costs goes with them, not with its bytes."""
MAX_CHUNK_LINE_BYTES = 256
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")
_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?\Z", re.DOTALL)
_REQUEST = re.compile(rb"([A-Z]{1,16}) (\S{1,8192}) HTTP/1\.([01])\Z")
_DIGITS = re.compile(r"[0-9]{1,15}\Z")
_HEX = re.compile(rb"[0-9a-fA-F]{1,12}\Z")

Headers = tuple[tuple[str, str], ...]
"""Names in lower case, values stripped, in order."""


class Broken(Exception):  # noqa: N818 - not an error of the program
    """What arrived is not an answer (or a request); the text says why."""


class Stream:
    """A socket read against one absolute deadline, with a running count of bytes."""

    def __init__(self, sock: socket.socket) -> None:
        """Read from ``sock``; set :attr:`deadline` before reading."""
        self.sock = sock
        self.deadline = math.inf
        self.received = 0
        self._buffer = bytearray()
        self._ended = False

    @property
    def buffered(self) -> int:
        """Bytes that arrived and were not taken."""
        return len(self._buffer)

    def remaining(self) -> float:
        """Return seconds to the deadline. Raises Broken when it is over."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            text = "out of time"
            raise Broken(text)
        return min(left, 3600.0)

    def _fill(self) -> bool:
        if self._ended:
            return False
        self.sock.settimeout(self.remaining())
        try:
            data = self.sock.recv(65536)
        except TimeoutError:
            text = "out of time"
            raise Broken(text) from None
        except OSError as error:
            text = f"connection lost: {error.strerror or error}"
            raise Broken(text) from None
        self._ended = not data
        self.received += len(data)
        self._buffer += data
        return bool(data)

    def wait_for_first(self) -> bool:
        """Wait for a byte of the next message; False when there will be none."""
        try:
            return bool(self._buffer) or self._fill()
        except Broken:
            return False

    def line(self, limit: int = MAX_LINE_BYTES) -> bytes:
        """Return the next line without its end."""
        searched = 0
        while True:
            end = self._buffer.find(b"\n", searched)
            if 0 <= end <= limit:
                taken = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return taken.removesuffix(b"\r")
            searched = len(self._buffer)
            if searched > limit:
                text = f"a line of more than {limit} bytes"
                raise Broken(text)
            if not self._fill():
                raise Broken(self._cut())

    def exactly(self, count: int) -> bytes:
        """Return ``count`` bytes."""
        while len(self._buffer) < count:
            if not self._fill():
                raise Broken(self._cut())
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def rest(self, limit: int) -> bytes:
        """Return everything up to the end of the stream."""
        while self._fill():
            if len(self._buffer) > limit:
                raise Broken(_too_big(limit))
        taken = bytes(self._buffer)
        self._buffer.clear()
        return taken

    def _cut(self) -> str:
        return f"connection closed after {self.received} bytes" if self.received else "connection closed, no bytes"


def _too_big(limit: int) -> str:
    return f"a body of more than {limit} bytes"


def read_status(stream: Stream) -> tuple[int, int]:
    """Return ``(minor version, status)`` of an answer's first line."""
    first = stream.line()
    match = _STATUS.match(first)
    if match is None:
        text = f"not HTTP/1.1: {first[:60]!r}"
        raise Broken(text)
    return int(match[1]), int(match[2])


def read_request_line(stream: Stream) -> tuple[str, str, int]:
    """Return ``(method, target, minor version)`` of a request's first line."""
    first = stream.line()
    match = _REQUEST.match(first)
    if match is None:
        text = f"not a request: {first[:60]!r}"
        raise Broken(text)
    return match[1].decode(), match[2].decode("latin-1"), int(match[3])


def read_headers(stream: Stream) -> Headers:
    """Return the headers up to the empty line."""
    found: list[tuple[str, str]] = []
    total = 0
    while line := stream.line():
        total += len(line)
        if len(found) >= MAX_HEADERS or total > MAX_HEADER_BYTES:
            text = f"more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them"
            raise Broken(text)
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.match(name):
            text = f"not a header: {line[:60]!r}"
            raise Broken(text)
        found.append((name.decode().lower(), value.decode("latin-1").strip(" \t\r")))
    return tuple(found)


def header(headers: Headers, name: str) -> str | None:
    """Return the first header of that name, in any case."""
    wanted = name.lower()
    return next((value for key, value in headers if key == wanted), None)


def read_body(stream: Stream, headers: Headers, limit: int, *, until_end: bool) -> bytes:
    """Return the body that ``headers`` announce; without any, the rest of the stream or nothing."""
    encoding = header(headers, "transfer-encoding")
    if encoding is not None:
        if encoding.lower() != "chunked":
            text = f"unknown transfer encoding {encoding[:40]!r}"
            raise Broken(text)
        return _read_chunks(stream, limit)
    lengths = {value for key, value in headers if key == "content-length"}
    if not lengths:
        return stream.rest(limit) if until_end else b""
    length = lengths.pop()
    if lengths or not _DIGITS.match(length):
        text = f"bad content length {length[:40]!r}"
        raise Broken(text)
    if int(length) > limit:
        raise Broken(_too_big(limit))
    return stream.exactly(int(length))


def _read_chunks(stream: Stream, limit: int) -> bytes:
    parts: list[bytes] = []
    total = 0
    while True:
        size_text = stream.line(MAX_CHUNK_LINE_BYTES).split(b";", 1)[0].strip()
        if not _HEX.match(size_text):
            text = f"bad chunk size {size_text[:40]!r}"
            raise Broken(text)
        size = int(size_text, 16)
        total += size
        if total > limit:
            raise Broken(_too_big(limit))
        if size == 0:
            read_headers(stream)
            return b"".join(parts)
        parts.append(stream.exactly(size))
        if len(parts) > limit // 256 + 1024:
            text = "too many tiny chunks"
            raise Broken(text)
        if stream.line() != b"":
            text = "a chunk longer than it says"
            raise Broken(text)


def keeps_alive(minor: int, headers: Headers) -> bool:
    """Return whether the connection may be used again after this message."""
    connection = (header(headers, "connection") or "").lower()
    return "close" not in connection and (minor == 1 or "keep-alive" in connection)


def parse_json(body: bytes) -> Json:
    """Return the JSON value of ``body``, strictly.

    Raises ValueError for what is not UTF-8, not JSON, NaN or infinite, has a key twice, numbers of more than 40
    digits, nests deeper than 32, or holds more than 40,000 values: each of these would make some reader of it stumble,
    or ours spend time that honest answers need.
    """
    if sum(map(body.count, (b",", b"[", b"{"))) > MAX_VALUES:
        text = f"more than {MAX_VALUES} values"
        raise ValueError(text)
    try:
        value: Json = json.loads(
            body.decode("utf-8"),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short,
            object_pairs_hook=_no_duplicates,
        )
    except RecursionError:
        text = "JSON nested too deeply"
        raise ValueError(text) from None
    if _depth(value) > MAX_DEPTH:
        text = "JSON nested too deeply"
        raise ValueError(text)
    return value


def _no_constant(name: str) -> float:
    text = f"{name} is not JSON"
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        text = "a number too big for JSON's readers"
        raise ValueError(text)
    return number


def _short(text: str) -> int:
    if len(text) > MAX_DIGITS:
        text = "a number of too many digits"
        raise ValueError(text)
    return int(text)


def _no_duplicates(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for key, value in pairs:
        if key in found:
            text = f"the key {key[:40]!r} twice"
            raise ValueError(text)
        found[key] = value
    return found


def _depth(value: Json) -> int:
    level: list[Json] = [value]
    depth = 0
    while level:
        below: list[Json] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        depth += 1
        level = below
    return depth
