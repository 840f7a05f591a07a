"""PostgreSQL's frontend/backend protocol 3.0, as far as commit points need it. No I/O.

A **commit point** is what makes a change durable: a COMMIT (or END) in a transaction block, or a write while the
session is idle, in the simple protocol at its Query, in the extended one at the Sync that ends its implicit
transaction. https://www.postgresql.org/docs/15/protocol-flow.html
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.testing.sql import Effect, Statement, statements

MAX_MESSAGE_BYTES = 1 << 20
"""Each side of a connection may make us keep this much; a service of ours has no use for more."""
MAX_NAMES = 2000
_LENGTH_BYTES = 4
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
MAJOR_VERSION = 3
IDLE, IN_BLOCK, FAILED = b"I", b"T", b"E"


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """What forwarding one message would commit."""

    count: int
    statement: str
    """The statement that commits; for an implicit transaction its last write."""
    signature: tuple[str, ...]
    """The statements of the transaction, literals masked."""
    answer: int
    """Its answer ends with the ReadyForQuery of this number (1 is the first after a message of ours)."""


class Session:
    """What is known of one session: prepared statements, portals, and the state of its transaction.

    The state is the backend's own whenever nothing is outstanding; in a pipeline it is predicted, because a
    backend answers only at Sync. Not thread-safe: the proxy guards it.
    """

    def __init__(self) -> None:
        """Begin before the first ReadyForQuery."""
        self._prepared: dict[bytes, Statement | None] = {}
        self._portals: dict[bytes, Statement | None] = {}
        self._known = IDLE
        self._state = IDLE
        self._pending = ""
        self._block: list[str] = []
        self._unsynced = False
        self.asked = 0
        """How many messages were seen that end in a ReadyForQuery."""
        self.ready = -1
        """How many of them are answered; the first ReadyForQuery, after authentication, answers none."""

    def backend(self, message: bytes) -> None:
        """Take note of a message of the backend."""
        if message[:1] == b"Z" and len(message) >= 6:  # noqa: PLR2004 - type, length, status
            self.ready += 1
            self._known = message[5:6]

    def frontend(self, message: bytes) -> Points | None:
        """Take note of a message of the client; return what forwarding it commits, None when that is nothing."""
        kind, payload = message[:1], message[5:]
        if not self._unsynced and self.asked == self.ready:
            self._settle()
        if kind == b"Q":
            return self._query(payload)
        if kind == b"S":
            return self._sync()
        if kind in {b"P", b"B", b"C", b"E", b"D", b"H"}:
            self._unsynced = True
        if kind == b"P":
            name, query, *_ = [*payload.split(b"\0", 2), b"", b""]
            self._remember(self._prepared, name, _only(query))
        elif kind == b"B":
            portal, name, *_ = [*payload.split(b"\0", 2), b"", b""]
            self._remember(self._portals, portal, self._prepared.get(name))
        elif kind == b"C":
            (self._prepared if payload[:1] == b"S" else self._portals).pop(payload[1:].rstrip(b"\0"), None)
        elif kind == b"E":
            return self._execute(self._portals.get(payload.split(b"\0", 1)[0]))
        elif kind == b"F":
            self.asked += 1
        return None

    def _settle(self) -> None:
        """Nothing is outstanding: what the backend said last is how it is."""
        self._state = self._known
        if self._state == IDLE:
            self._pending = ""
            self._block.clear()

    def _remember(self, names: dict[bytes, Statement | None], name: bytes, statement: Statement | None) -> None:
        if len(names) >= MAX_NAMES and name not in names:
            text = f"more than {MAX_NAMES} names"
            raise TooBigError(text)
        names[name] = statement

    def _query(self, payload: bytes) -> Points | None:
        self.asked += 1
        self._unsynced = False
        count, last = 0, ""
        signature: tuple[str, ...] = ()
        for statement in statements(_text(payload.rstrip(b"\0"))):
            if self._apply(statement):
                count, last, signature = count + 1, statement.text, tuple(self._block)
                self._after_commit(statement)
        if self._state == IDLE and self._pending:
            count, last, signature = count + 1, self._pending, tuple(self._block)
            self._after_commit(None)
        return self._points(count, last, signature, self.asked)

    def _sync(self) -> Points | None:
        self.asked += 1
        self._unsynced = False
        if self._state != IDLE or not self._pending:
            return None
        last, signature = self._pending, tuple(self._block)
        self._after_commit(None)
        return self._points(1, last, signature, self.asked)

    def _execute(self, statement: Statement | None) -> Points | None:
        if statement is None or not self._apply(statement):
            return None
        signature = tuple(self._block)
        self._after_commit(statement)
        return self._points(1, statement.text, signature, self.asked + 1)

    def _points(self, count: int, last: str, signature: tuple[str, ...], answer: int) -> Points | None:
        return Points(count=count, statement=last, signature=signature, answer=answer) if count else None

    def _apply(self, statement: Statement) -> bool:
        """Move the state over one statement; return whether executing it commits by itself."""
        self._block.append(statement.text)
        del self._block[:-64]
        effect = statement.effect
        if effect in {Effect.COMMIT, Effect.COMMIT_AND_CHAIN, Effect.PREPARE_TRANSACTION}:
            if self._state == FAILED:
                self._leave()
                return False
            return self._state == IN_BLOCK or bool(self._pending)
        if effect is Effect.COMMIT_PREPARED:
            return self._state == IDLE
        if effect is Effect.ROLLBACK:
            self._leave()
        elif effect is Effect.BEGIN and self._state != FAILED:
            self._state = IN_BLOCK
        elif effect is Effect.WRITE and self._state == IDLE:
            self._pending = statement.text
        return False

    def _after_commit(self, statement: Statement | None) -> None:
        self._leave()
        if statement is not None and statement.effect is Effect.COMMIT_AND_CHAIN:
            self._state = IN_BLOCK

    def _leave(self) -> None:
        self._state = IDLE
        self._pending = ""
        self._block.clear()


def _only(query: bytes) -> Statement | None:
    """Return the one statement that a Parse holds."""
    found = statements(_text(query))
    return found[0] if found else None


def _text(query: bytes) -> str:
    return query.decode("utf-8", "replace")
