"""PostgreSQL's frontend/backend protocol 3.0, as far as commit points need it. No I/O.

https://www.postgresql.org/docs/15/protocol-flow.html
"""

from __future__ import annotations

from collections import deque

from harness.testing.sql import masked

MAX_MESSAGE_BYTES = 1 << 20
"""Each side of a connection may make us keep this much; a service of ours has no use for more."""
MAX_NAMES = 2000
MAX_TEXTS = 64
"""Of one transaction: longer ones are known by their beginning."""
_LENGTH_BYTES = 4
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
MAJOR_VERSION = 3
IDLE = b"I"
FLUSH = b"H"
ENDS_UNIT = frozenset({b"Q", b"S", b"F"})
"""Messages of a client that the server answers with a ReadyForQuery."""
WAITS_FOR_END = frozenset({b"P", b"B", b"C", b"D", b"E"})
"""Messages that the server need not answer before a Sync or a Flush: holding them back until then changes nothing."""
ASKS_FOR_DATA = frozenset({b"G", b"W"})
"""A COPY asks the client for data in the middle of its answer: keeping that would be a deadlock."""


class TooBigError(Exception):
    """A peer announces more than we take: the connection is closed."""


class Messages:
    """Cuts one direction of a connection into messages."""

    def __init__(self) -> None:
        """Begin empty."""
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._bytes += data

    def startup(self) -> bytes | None:
        """Return the next message without a type byte (startup, TLS, GSS, cancel), None while incomplete."""
        return self._take(0)

    def next(self) -> bytes | None:
        """Return the next message, type byte first, None while incomplete."""
        return self._take(1)

    def rest(self) -> bytes:
        """Return what is left, unframed."""
        taken = bytes(self._bytes)
        self._bytes.clear()
        return taken

    def _take(self, offset: int) -> bytes | None:
        if len(self._bytes) < offset + 4:
            return None
        length = int.from_bytes(self._bytes[offset : offset + 4], "big")
        if not _LENGTH_BYTES <= length <= MAX_MESSAGE_BYTES:
            text = f"a message of {length} bytes"
            raise TooBigError(text)
        if len(self._bytes) < offset + length:
            return None
        taken = bytes(self._bytes[: offset + length])
        del self._bytes[: offset + length]
        return taken


def startup_code(message: bytes) -> int:
    """Return the code of a startup-like message, 0 when it has none."""
    return int.from_bytes(message[4:8], "big")


def startup_names(message: bytes) -> tuple[str, str] | None:
    """Return ``(user, database)`` of a startup message of protocol 3, None when it is not one, or says either twice.

    The database is the user's when it is left out, as PostgreSQL has it.
    """
    if startup_code(message) >> 16 != MAJOR_VERSION:
        return None
    parts = message[8:].split(b"\0")
    # name NUL value NUL ... NUL: after the last value there are two empty parts, and no name is empty before them.
    names, values = parts[:-2:2], parts[1:-2:2]
    if len(parts) % 2 or parts[-2:] != [b"", b""] or b"" in names or len(set(names)) != len(names):
        return None
    found = dict(zip(names, values, strict=True))
    user = _text(found.get(b"user", b""))
    return (user, _text(found.get(b"database", b"")) or user) if user else None


def fatal(code: str, text: str) -> bytes:
    """Return an ErrorResponse that ends a session."""
    fields = "".join(f"{kind}{value}\0" for kind, value in (("S", "FATAL"), ("V", "FATAL"), ("C", code), ("M", text)))
    payload = fields.encode() + b"\0"
    return b"E" + (len(payload) + _LENGTH_BYTES).to_bytes(4, "big") + payload


class Session:
    """What a client has said in one session, as far as it tells one transaction from another.

    A **unit** is what one answer of the server ends: a Query, or all up to a Sync (or up to a Flush, when something was
    executed). Whether a unit committed anything is not for its words to say: a SELECT may call a function that writes, a
    COMMIT may have nothing to commit. The words only recognise a unit of which the database has said it before. Not
    thread-safe: the proxy guards it.
    """

    def __init__(self) -> None:
        """Begin before the first ReadyForQuery."""
        self._prepared: dict[bytes, str] = {}
        self._portals: dict[bytes, str] = {}
        self._texts: list[str] = []
        self._ends: deque[int] = deque()
        self._executed = False

    def frontend(self, message: bytes) -> tuple[str, ...] | None:
        """Take note of a message of the client; return the texts of its transaction so far when it ends a unit."""
        kind, payload = message[:1], message[5:]
        if kind == b"P":
            name, query, *_ = [*payload.split(b"\0", 2), b"", b""]
            self._remember(self._prepared, name, _masked(query))
        elif kind == b"B":
            portal, name, *_ = [*payload.split(b"\0", 2), b"", b""]
            self._remember(self._portals, portal, self._prepared.get(name, ""))
        elif kind == b"C":
            (self._prepared if payload[:1] == b"S" else self._portals).pop(payload[1:].rstrip(b"\0"), None)
        elif kind == b"E":
            self._say(self._portals.get(payload.split(b"\0", 1)[0], ""))
            self._executed = True
        elif kind == b"Q":
            self._say(_masked(payload))
        elif kind == b"F":
            self._say("FUNCTION CALL")
        if kind in ENDS_UNIT or (kind == FLUSH and self._executed):
            self._executed = False
            if kind != FLUSH:
                self._ends.append(len(self._texts))
            return tuple(self._texts)
        return None

    def ready(self, status: bytes) -> None:
        """Take note of a ReadyForQuery: an idle session has left the transaction of all that it answered."""
        end = self._ends.popleft() if self._ends else 0
        if status == IDLE:
            del self._texts[:end]
            self._ends = deque(one - end for one in self._ends)

    def _say(self, text: str) -> None:
        if len(self._texts) < MAX_TEXTS:
            self._texts.append(text)

    def _remember(self, names: dict[bytes, str], name: bytes, text: str) -> None:
        if len(names) >= MAX_NAMES and name not in names:
            told = f"more than {MAX_NAMES} names"
            raise TooBigError(told)
        names[name] = text


def _masked(query: bytes) -> str:
    return masked(_text(query.rstrip(b"\0")))


def _text(query: bytes) -> str:
    return query.decode("utf-8", "replace")
