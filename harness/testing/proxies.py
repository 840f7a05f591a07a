"""A PostgreSQL proxy that knows commit points exactly, so that a kill lands before one, or right after it.

What committed is told by the database's log, not by words: a function, a CTE, a COPY or a pipeline writes like any
INSERT, and a COMMIT of nothing is none. ``before``: nothing of a unit that has committed in earlier runs has been
forwarded. ``after``: the log has the commit, the server's whole answer is here, and none of it has been passed back.
Kill the service while it is held, make sure that it is dead, then ``release``.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Self

from harness.testing import crew, pgwire
from harness.testing.forwards import Forwarder
from harness.testing.postgres import SERVICE, Position
from harness.testing.traps import BEFORE, Action, CommitPoint, Counter, Signature, Trap

__all__ = ["CommitPoint", "Forwarder", "PostgresProxy", "ProxyCounts", "Trap"]

CONNECT_SECONDS = 5.0
STARTUP_SECONDS = 10.0
"""How long a client may take to open its session."""
MAX_CONNECTIONS = 100
"""Of one source; each has two threads of the one budget of ``crew``."""
MAX_KEPT_BYTES = 4 << 20
"""Of an answer that is held."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProxyCounts:
    """What arrived so far."""

    connections: int
    refused: int
    """Closed: refused on demand, over the cap, without a thread left for them, or denied."""
    denied: int = 0
    """Of these, startups that ``admit`` did not let in, and cancels of sessions that are not theirs."""


Admit = Callable[[str, str, str], bool]
"""``admit(source address, user, database)``: whether to let a session in."""


def only_app(source: str, user: str, database: str) -> bool:
    """Admit the role of services into its own database, from anywhere, and nobody else.

    The server takes what comes through the proxy for the grader's, and lets the grader be more than that.
    """
    del source
    return user == database == SERVICE


@dataclass(slots=True)
class _Unit:
    """What one answer of the server ends, sent and not answered yet."""

    signature: Signature
    start: Position | None
    """Where the log was before it; None: nobody wants to know."""
    keep: bool
    """Keep its answer from the client until it is known whether it committed."""
    flushed: bool
    """The client asked for the answer without a Sync (Flush): it is complete at CommandComplete."""
    undone: bool = False
    """It failed, or was rolled back: the log may know of it, and nothing of it is there."""


class _Link:
    """One client connection and its server connection."""

    def __init__(self, proxy: PostgresProxy, client: socket.socket, source: str) -> None:
        self.source = source
        self.key = b""
        """What cancels its session, once the server has said it."""
        self._proxy = proxy
        self._client = client
        self._server: socket.socket | None = None
        self._lock = threading.Lock()
        self._session = pgwire.Session()
        self._units: deque[_Unit] = deque()

    def close(self) -> None:
        """Cut both sides; their threads end."""
        for sock in (self._client, self._server):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        """Serve the client until either side ends."""
        try:
            with contextlib.suppress(OSError, pgwire.TooBigError):
                messages = pgwire.Messages()
                startup = self._startup(messages)
                if startup is None or not self._admitted(startup) or not self._connect(startup):
                    return
                if pgwire.startup_code(startup) != pgwire.CANCEL_REQUEST:
                    self._client_to_server(messages)
        finally:
            self.close()
            self._client.close()
            self._proxy.forget(self)

    def _startup(self, messages: pgwire.Messages) -> bytes | None:
        """Answer 'N' to TLS and GSS requests; return the message that opens the session."""
        deadline = time.monotonic() + STARTUP_SECONDS
        while True:
            message = messages.startup()
            self._client.settimeout(max(0.001, deadline - time.monotonic()))
            if message is None:
                data = self._client.recv(65536)
                if not data:
                    return None
                messages.feed(data)
            elif pgwire.startup_code(message) in {pgwire.SSL_REQUEST, pgwire.GSS_REQUEST}:
                self._client.sendall(b"N")
            else:
                self._client.settimeout(None)
                return message

    def _admitted(self, startup: bytes) -> bool:
        """Return whether a session, or a cancel, may go on to the server; tell the client when a session may not."""
        cancel = pgwire.startup_code(startup) == pgwire.CANCEL_REQUEST
        if cancel:
            allowed = self._proxy.knows(self.source, startup[8:])
        else:
            names = pgwire.startup_names(startup)
            allowed = names is not None and self._proxy.admit(self.source, *names)
        if not allowed:
            self._proxy.count_refused(denied=True)
            if not cancel:
                self._client.sendall(pgwire.fatal("28000", "this user may not open this database from this address"))
        return allowed

    def _connect(self, startup: bytes) -> bool:
        """Connect to the server and open the session there; False when there is no thread for its answers."""
        server = socket.create_connection(self._proxy.target, timeout=CONNECT_SECONDS)
        server.settimeout(None)
        self._server = server
        for sock in (server, self._client):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if crew.CREW.start(self._server_to_client, server, name="db answers") is None:
            self._proxy.count_refused()
            server.close()
            return False
        server.sendall(startup)
        return True

    def _client_to_server(self, messages: pgwire.Messages) -> None:
        assert self._server is not None  # noqa: S101 - for the type checker: _connect has set it
        out = bytearray()
        held_back = 0  # the end of it, which waits for the end of its unit
        while True:
            while (message := messages.next()) is not None:
                trap = self._judge(message)
                if trap is not None:
                    # All of its unit stays here, and what came before it goes on.
                    self._pass_on(out, held_back)
                    if trap.hold(self._proxy.closing) is Action.DROP:
                        return
                out += message
                held_back = held_back + len(message) if message[:1] in pgwire.WAITS_FOR_END else 0
            if held_back > MAX_KEPT_BYTES:
                held_back = 0
            self._pass_on(out, held_back)
            data = self._client.recv(65536)
            if not data:
                return
            if self._proxy.latency_seconds > 0:
                time.sleep(self._proxy.latency_seconds)
            messages.feed(data)

    def _pass_on(self, out: bytearray, held_back: int) -> None:
        """Send and forget all but the last ``held_back`` bytes of ``out``."""
        assert self._server is not None  # noqa: S101 - for the type checker: _connect has set it
        done = len(out) - held_back
        self._server.sendall(out[:done])
        del out[:done]

    def _judge(self, message: bytes) -> Trap | None:
        """Note a message of the client; return the trap that stops the unit that it ends."""
        counter = self._proxy.counter
        with self._lock:
            signature = self._session.frontend(message)
        if signature is None:
            return None
        trap = counter.leaves(signature)
        start = self._proxy.position() if counter.watching else None
        keep = start is not None and counter.wanted(signature)
        with self._lock:
            self._units.append(_Unit(signature=signature, start=start, keep=keep, flushed=message[:1] == pgwire.FLUSH))
        return trap

    def _server_to_client(self, server: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError, pgwire.TooBigError):
                self._pass_answers(server)
        finally:
            self.close()
            server.close()

    def _pass_answers(self, server: socket.socket) -> None:
        messages = pgwire.Messages()
        kept = bytearray()
        while data := server.recv(65536):
            messages.feed(data)
            out = bytearray()
            while (message := messages.next()) is not None:
                unit, complete = self._note(message)
                keep = unit is not None and unit.keep and message[:1] not in pgwire.ASKS_FOR_DATA
                (kept if keep else out).extend(message)
                if len(kept) > MAX_KEPT_BYTES:
                    text = f"an answer of more than {MAX_KEPT_BYTES} bytes is to be held"
                    raise pgwire.TooBigError(text)
                if unit is None or not complete:
                    continue
                trap = self._committed(unit)
                if trap is not None:
                    self._client.sendall(out)
                    out.clear()
                    if trap.hold(self._proxy.closing) is Action.DROP:
                        return
                out += kept
                kept.clear()
            self._client.sendall(out)

    def _note(self, message: bytes) -> tuple[_Unit | None, bool]:
        """Return the unit that a message of the server answers, and whether it is the end of the answer."""
        kind = message[:1]
        if kind == b"K":
            self.key = message[5:]
        with self._lock:
            if kind == b"Z":
                self._session.ready(message[5:6])
            while kind == b"Z" and len(self._units) > 1 and self._units[0].flushed:
                self._units.popleft()  # its answer had another end, which is over
            unit = self._units[0] if self._units else None
            if unit is None:
                return None, False
            if kind == b"E" or (kind == b"C" and message[5:].startswith(b"ROLLBACK")):
                unit.undone = True
            complete = kind == b"Z" or (unit.flushed and kind in {b"C", b"E"})
            if complete:
                self._units.popleft()
            return unit, complete

    def _committed(self, unit: _Unit) -> Trap | None:
        """Return the trap that stops the answer of a unit: the log says that it has committed something."""
        if unit.start is None:
            return None
        end = self._proxy.position()
        if end is None or unit.undone or not end.committed_since(unit.start):
            return None
        return self._proxy.counter.committed(unit.signature)


class PostgresProxy:
    """Listens from ``__enter__`` to ``__exit__``. Counts nothing until it is armed.

    Messages of more than 1 MiB end their connection: what a service sends must not fill the grader's memory.
    A connection that the server ends, or whose server is not there (a restart), is closed at the client's side as
    well: the service sees what it would see without a proxy.
    """

    def __init__(
        self,
        *,
        listen_port: int,
        target: tuple[str, int],
        listen_host: str = "0.0.0.0",  # noqa: S104 - private network
        admit: Admit = only_app,
        position: Callable[[], Position | None] = lambda: None,
    ) -> None:
        """Listen on ``listen_port`` (0 takes a free one) and connect to ``target`` for each connection.

        ``admit`` is asked before anything of a session is forwarded, from the thread of its connection; a session that
        it does not let in, or whose startup is malformed, ends with error 28000. ``position`` is asked where the
        database's log is (``Postgres.position``), past the proxy; without one nothing is a commit point.
        """
        self.admit = admit
        self.position = position
        self.target = target
        self.port = listen_port
        self.latency_seconds = 0.0
        """Waited before each batch of messages is forwarded to the server."""
        self.closing = threading.Event()
        self.counter = Counter()
        self._host = listen_host
        self._refusing = False
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._links: set[_Link] = set()
        self._seen = 0
        self._refused = 0
        self._denied = 0

    def __enter__(self) -> Self:
        """Listen."""
        self._listener = socket.create_server((self._host, self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        crew.CREW.start(self._accept, name="db listener", always=True)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, let go of traps by dropping, cut every connection."""
        self.closing.set()
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        self.drop_connections()

    @property
    def counts(self) -> ProxyCounts:
        """What arrived so far."""
        with self._lock:
            return ProxyCounts(connections=self._seen, refused=self._refused, denied=self._denied)

    def arm(self) -> None:
        """Count commit points from zero, from now."""
        self.counter.arm()

    def disarm(self) -> tuple[CommitPoint, ...]:
        """Stop counting, forget a trap that has not sprung, and return the commit points since ``arm``, in order."""
        return self.counter.disarm()

    def trap(self, point: CommitPoint, when: str = BEFORE) -> Trap:
        """Arm, and hold ``point``, counted from now, ``before`` or ``after`` it. One trap at a time."""
        return self.counter.set_trap(point, when)

    def learning(self) -> AbstractContextManager[None]:
        """Begin anew to learn what the service commits, in the body while it is idle: see :meth:`common`."""
        return self.counter.learning()

    def common(self, *kinds: Sequence[Sequence[CommitPoint]]) -> tuple[CommitPoint, ...]:
        """Return the commit points of equal works: those that most runs of any of ``kinds`` have. ``disarm`` gives a run.

        What an idle service commits as well is one only when every run has it: what is beside the work comes now and
        then. Commits whose text is no majority's, since it changes each time, are told by their number among those, and
        from now on a trap for one of them takes any text that was not seen before, or that has committed.
        """
        return self.counter.common(*kinds)

    def refuse(self, on: bool) -> None:  # noqa: FBT001 - reads as the sentence it is
        """Close new connections at once, or stop doing so. Open ones stay."""
        self._refusing = on

    def drop_connections(self) -> None:
        """Cut every open connection on both sides."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.close()

    def forget(self, link: _Link) -> None:
        """A link has ended. Called by the link."""
        with self._lock:
            self._links.discard(link)

    def knows(self, source: str, key: bytes) -> bool:
        """Return whether ``key`` cancels an open session of ``source``. Called by a link."""
        with self._lock:
            return bool(key) and any(link.source == source and link.key == key for link in self._links)

    def count_refused(self, *, denied: bool = False) -> None:
        """Count a connection that is closed. Called by its link."""
        with self._lock:
            self._refused += 1
            self._denied += 1 if denied else 0

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - for the type checker: __enter__ has set it
        while not self.closing.is_set():
            try:
                client, (source, *_) = self._listener.accept()
            except OSError:
                time.sleep(0.01)
                continue
            with self._lock:
                held = sum(1 for link in self._links if link.source == source)
                allowed = not self._refusing and held < MAX_CONNECTIONS
                self._seen += 1
                link = _Link(self, client, source)
                if allowed:
                    self._links.add(link)
            if not allowed or crew.CREW.start(link.run, name="db client") is None:
                self.forget(link)
                self.count_refused()
                client.close()
