"""Commit points, in every way a driver can send them, counted and held exactly."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from harness.errors import GraderError
from harness.testing import pgwire
from harness.testing.proxies import PostgresProxy
from tests.unit.testing.postgres import (
    FLUSH,
    SYNC,
    TERMINATE,
    FakePostgres,
    bind,
    execute,
    message,
    parse,
    query,
    ready,
    startup,
)

INSERT = "INSERT INTO t VALUES ($1)"


def points(*steps: bytes) -> list[int]:
    """Feed a session messages of the client, and the server's ReadyForQuery where it would come; return the counts."""
    session = pgwire.Session()
    session.backend(ready())
    counts = []
    for step in steps:
        if step[:1] == b"Z":
            session.backend(step)
            continue
        messages = pgwire.Messages()
        messages.feed(step)
        while (one := messages.next()) is not None:
            found = session.frontend(one)
            counts.append(0 if found is None else found.count)
    return counts


def extended(sql: str, name: str = "") -> bytes:
    """Return Parse, Bind, Execute of one statement."""
    return parse(sql, name) + bind(name) + execute()


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("insert into t values (1)", 1),
        ("insert into t values (1); insert into t values (2)", 1),
        ("begin; insert into t values (1); commit; insert into t values (2)", 2),
        ("insert into t values (1); begin; update t set a = 1", 0),
        ("insert into t values (1); commit; insert into t values (2)", 2),
        ("select 1", 0),
        ("commit", 0),
        ("begin; select 1; commit", 1),
        ("begin; insert into t values (1); rollback", 0),
    ],
)
def test_simple_query_while_idle(sql: str, count: int) -> None:
    """A query string is one implicit transaction, unless it opens or ends explicit ones."""
    assert points(query(sql)) == [count]


def test_simple_block_commits_at_commit() -> None:
    """BEGIN, write, COMMIT as three queries: one point, at COMMIT."""
    steps = query("BEGIN"), ready(b"T"), query("insert into t values (1)"), ready(b"T"), query("COMMIT"), ready()
    assert points(*steps) == [0, 0, 1]


def test_commit_of_a_failed_block_is_no_commit_point() -> None:
    """The server says that the block failed: COMMIT rolls it back."""
    assert points(query("BEGIN"), ready(b"T"), query("insert"), ready(b"E"), query("COMMIT"), ready()) == [0, 0, 0]


def test_commit_of_a_failed_block_ends_it() -> None:
    """After it the session is idle, so that a write in the same query string commits."""
    steps = query("BEGIN"), ready(b"T"), query("insert"), ready(b"E"), query("COMMIT; insert into t values (1)")
    assert points(*steps) == [0, 0, 1]


def test_write_before_a_pipelined_begin_commits_with_the_block() -> None:
    """A BEGIN takes what the implicit transaction wrote into its block: Sync commits nothing."""
    assert points(extended(INSERT) + extended("BEGIN") + SYNC) == [0] * 7


def test_extended_autocommit_commits_at_sync() -> None:
    """A write executed while idle commits at its Sync (psycopg, pgx and pgjdbc with autocommit)."""
    assert points(extended(INSERT) + SYNC, ready(), extended("SELECT 1") + SYNC) == [0, 0, 0, 1, 0, 0, 0, 0]


def test_pipelined_writes_commit_once_at_sync() -> None:
    """Several writes before one Sync are one transaction; the next ones, sent before any answer, another."""
    assert points(extended(INSERT) * 2 + SYNC + extended(INSERT) + SYNC) == [0] * 6 + [1] + [0] * 3 + [1]


def test_prepared_statements_are_known_by_name() -> None:
    """pgx: Parse and Describe once, then Bind and Execute by name, in portals with names too."""
    describe = message("D", b"Ss1\0")
    first = parse(INSERT, "s1") + describe + SYNC
    again = bind("s1", "p") + execute("p") + SYNC
    assert points(first, ready(), again, ready(), again) == [0, 0, 0, 0, 0, 1, 0, 0, 1]
    closed = message("C", b"Ss1\0") + SYNC
    assert points(first, ready(), closed, ready(), again)[-1] == 0


def test_jdbc_block_commits_at_the_execute_of_commit() -> None:
    """Pgjdbc sends BEGIN with the first statement, and COMMIT as a named statement of its own."""
    opens = extended("BEGIN", "S_1") + extended(INSERT, "S_2") + SYNC
    commits = bind("S_3") + execute() + SYNC
    assert points(opens, ready(b"T"), parse("COMMIT", "S_3") + commits, ready()) == [0] * 7 + [0, 0, 1, 0]
    assert points(opens, ready(b"T"), parse("ROLLBACK", "S_3") + commits, ready()) == [0] * 11


def test_pipelined_block_is_predicted() -> None:
    """BEGIN, write and COMMIT in one pipeline: the point is the Execute of COMMIT, and Sync is none."""
    assert points(extended("BEGIN") + extended(INSERT) + extended("COMMIT") + SYNC) == [0] * 8 + [1, 0]


def test_garbage_messages_are_no_commit_points() -> None:
    """Messages without their fields are passed on for the server to refuse."""
    assert points(message("P"), message("B"), message("E"), message("C"), message("Q"), SYNC) == [0] * 6


def test_messages_that_are_too_big_end_the_connection() -> None:
    """A length no database would take is refused."""
    messages = pgwire.Messages()
    messages.feed(b"Q\xff\xff\xff\xff")
    with pytest.raises(pgwire.TooBigError):
        messages.next()


OPEN: list[socket.socket] = []


@pytest.fixture(autouse=True)
def _closed_clients() -> Iterator[None]:
    """Close what a test left open."""
    yield
    while OPEN:
        OPEN.pop().close()


class Client:
    """A raw client."""

    def __init__(self, port: int, first: bytes | None = None) -> None:
        """Connect, and open a session unless told otherwise."""
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=3)
        OPEN.append(self.sock)
        self.messages = pgwire.Messages()
        if first is None:
            self.sock.sendall(startup())
            assert self.until_ready() == "RKZ"

    def until_ready(self) -> str:
        """Return the types of the messages up to the next ReadyForQuery; empty when the connection was closed."""
        kinds = ""
        while not kinds.endswith("Z"):
            while (one := self.messages.next()) is None:
                data = self.sock.recv(65536)
                if not data:
                    return ""
                self.messages.feed(data)
            kinds += chr(one[0])
        return kinds

    def ask(self, data: bytes) -> str:
        """Send and wait for ReadyForQuery."""
        self.sock.sendall(data)
        return self.until_ready()

    def silent(self) -> bool:
        """Return whether nothing arrives for a moment."""
        self.sock.settimeout(0.15)
        try:
            self.messages.feed(self.sock.recv(65536))
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(3)
        return False

    def closed(self) -> bool:
        """Return whether the other side closes the connection."""
        try:
            return self.sock.recv(65536) == b""
        except ConnectionResetError:
            return True


@pytest.fixture
def database() -> Iterator[FakePostgres]:
    """A fake database."""
    with FakePostgres() as fake:
        yield fake


@pytest.fixture
def proxy(database: FakePostgres) -> Iterator[PostgresProxy]:
    """A proxy in front of it."""
    with PostgresProxy(listen_port=0, target=database.address, listen_host="127.0.0.1") as started:
        yield started


def test_proxy_answers_n_to_tls_and_gss(proxy: PostgresProxy) -> None:
    """A driver that prefers TLS goes on without it."""
    client = Client(proxy.port, first=b"")
    for code in (pgwire.SSL_REQUEST, pgwire.GSS_REQUEST):
        client.sock.sendall(startup(code, b""))
        assert client.sock.recv(10) == b"N"
    client.sock.sendall(startup())
    assert client.until_ready() == "RKZ"


def test_proxy_counts_only_while_armed(proxy: PostgresProxy) -> None:
    """A dry run counts the commit points of one operation over all connections."""
    one, other = Client(proxy.port), Client(proxy.port)
    one.ask(query(INSERT))
    proxy.arm()
    one.ask(query(INSERT))
    other.ask(extended(INSERT) + SYNC)
    other.ask(query("select 1"))
    assert proxy.disarm() == 2
    one.ask(query(INSERT))
    assert [point.statement for point in proxy.points] == ["INSERT INTO T VALUES ( ? )"] * 2


def test_proxy_does_not_count_what_it_learnt_as_chatter(proxy: PostgresProxy) -> None:
    """A reconciler's idle transactions are not counted; when it has work, they are others."""
    client = Client(proxy.port)

    def poll(*work: str) -> None:
        for sql in ("begin", "select * from t where id > 3", *work, "commit"):
            client.ask(query(sql))

    with proxy.learning():
        poll()
    proxy.arm()
    poll()
    assert proxy.disarm() == 0
    proxy.arm()
    poll("update t set a = 1")
    assert proxy.disarm() == 1


CASES = {
    "simple": (query("insert into t values (1)"), "Q", "CZ"),
    "extended": (extended(INSERT) + SYNC, "S", "11CZ"),
    "block": (query("begin; insert into t values (1); commit"), "Q", "CCCZ"),
    "pipeline": (extended(INSERT) * 3 + SYNC, "S", "11C11C11CZ"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("action", ["drop", "forward"])
def test_trap_before_forwards_nothing_of_the_commit(
    proxy: PostgresProxy, database: FakePostgres, case: str, action: str
) -> None:
    """Before: what commits has not reached the server while held; dropped, it never does; forwarded, all goes on."""
    data, last, answer = CASES[case]
    client = Client(proxy.port)
    trap = proxy.trap(1, "before")
    client.sock.sendall(data)
    assert trap.held.wait(2)
    time.sleep(0.05)
    assert last not in database.kinds()
    trap.release(action)
    if action == "drop":
        assert client.closed()
        assert last not in database.kinds()
    else:
        assert client.until_ready() == answer
        assert database.kinds().endswith(last)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("action", ["drop", "forward"])
def test_trap_after_passes_nothing_of_the_answer(
    proxy: PostgresProxy, database: FakePostgres, case: str, action: str
) -> None:
    """After: the server has committed and answered, and the client has not a byte of it while held."""
    data, last, answer = CASES[case]
    client = Client(proxy.port)
    trap = proxy.trap(1, "after")
    client.sock.sendall(data)
    assert trap.held.wait(2)
    assert database.kinds().endswith(last)
    assert trap.committed is True
    assert client.silent()
    trap.release(action)
    if action == "drop":
        assert client.closed()
    else:
        assert client.until_ready() == answer


def test_trap_after_lets_earlier_answers_of_a_pipeline_pass(proxy: PostgresProxy) -> None:
    """Only the answer of the commit point is kept; what was asked before it is answered."""
    client = Client(proxy.port)
    trap = proxy.trap(2, "after")
    client.sock.sendall(extended("SELECT 1") + SYNC + extended(INSERT) + SYNC + extended(INSERT) + SYNC)
    assert trap.held.wait(2)
    assert [client.until_ready(), client.until_ready()] == ["11CZ", "11CZ"]
    assert client.silent()
    trap.release("forward")
    assert client.until_ready() == "11CZ"


def test_trap_after_commit_lets_earlier_answers_of_a_pipeline_pass(proxy: PostgresProxy) -> None:
    """The answer of a COMMIT is that of the Sync after it."""
    client = Client(proxy.port)
    client.ask(query("begin"))
    trap = proxy.trap(1, "after")
    client.sock.sendall(extended("SELECT 1") + SYNC + extended("COMMIT") + SYNC)
    assert trap.held.wait(2)
    assert client.until_ready() == "11CZ"
    assert client.silent()
    trap.release("forward")
    assert client.until_ready() == "11CZ"


def test_trap_before_forwards_what_came_before_it(proxy: PostgresProxy) -> None:
    """What a client sent in the same breath, ahead of the commit point, reaches the server and is answered."""
    client = Client(proxy.port)
    trap = proxy.trap(1, "before")
    client.sock.sendall(extended("SELECT 1") + SYNC + extended(INSERT) + SYNC)
    assert trap.held.wait(2)
    assert client.until_ready() == "11CZ"
    assert client.silent()
    trap.release("forward")
    assert client.until_ready() == "11CZ"


def test_trap_after_works_with_flush(proxy: PostgresProxy) -> None:
    """A client that flushes instead of syncing gets its COMMIT's answer held as well."""
    client = Client(proxy.port)
    client.ask(query("begin"))
    trap = proxy.trap(1, "after")
    client.sock.sendall(extended("COMMIT") + FLUSH)
    assert trap.held.wait(2)
    trap.release("forward")
    assert client.ask(SYNC) == "11CZ"


def test_trap_holds_the_nth_point_and_others_pass(proxy: PostgresProxy) -> None:
    """Points before the n-th pass; while it is held, other connections work."""
    one, other = Client(proxy.port), Client(proxy.port)
    trap = proxy.trap(2, "before")
    assert one.ask(query(INSERT)) == "CZ"
    assert not trap.held.is_set()
    one.sock.sendall(query(INSERT))
    assert trap.held.wait(2)
    assert other.ask(query(INSERT)) == "CZ"
    trap.release("forward")
    assert one.until_ready() == "CZ"
    assert trap.statement == "INSERT INTO T VALUES ( ? )"


def test_proxy_cuts_what_would_fill_its_memory(proxy: PostgresProxy, database: FakePostgres) -> None:
    """A message bigger than any a service needs ends its connection, and never reaches the database."""
    client = Client(proxy.port)
    client.sock.sendall(b"Q" + (pgwire.MAX_MESSAGE_BYTES + 1).to_bytes(4, "big") + b"x" * 1000)
    assert client.closed()
    assert database.kinds() == ""


def test_trap_of_a_client_that_died_drops_the_server_side(proxy: PostgresProxy, database: FakePostgres) -> None:
    """Killed while held: after the release the server's connection ends, and nothing was committed."""
    client = Client(proxy.port)
    trap = proxy.trap(1, "before")
    client.sock.sendall(query(INSERT))
    assert trap.held.wait(2)
    client.sock.close()
    trap.release("drop")
    time.sleep(0.1)
    assert database.kinds() == ""


def test_proxy_allows_one_trap(proxy: PostgresProxy) -> None:
    """A second trap while one waits is the author's mistake; disarm forgets the first."""
    proxy.trap(1)
    with pytest.raises(GraderError, match="no trap that still waits"):
        proxy.trap(1)
    proxy.disarm()
    proxy.trap(1)
    with pytest.raises(GraderError, match="'before' or 'after'"):
        proxy.trap(1, "later")


def test_proxy_closes_clients_when_the_database_goes(proxy: PostgresProxy, database: FakePostgres) -> None:
    """A restart is seen by the service as it would be without a proxy, and a new connection works."""
    client = Client(proxy.port)
    database.cut()
    assert client.closed()
    assert Client(proxy.port).ask(query("select 1")) == "CZ"


def test_proxy_refuses_and_drops_on_demand(proxy: PostgresProxy) -> None:
    """New connections can be refused, and open ones cut."""
    client = Client(proxy.port)
    proxy.refuse(True)
    assert Client(proxy.port, first=b"").closed()
    assert client.ask(query("select 1")) == "CZ"
    proxy.refuse(False)
    proxy.drop_connections()
    assert client.closed()
    assert (proxy.counts.connections, proxy.counts.refused) == (2, 1)


def test_proxy_without_a_database_closes_the_client() -> None:
    """Nothing listens behind it: the client sees a closed connection."""
    with PostgresProxy(listen_port=0, target=("127.0.0.1", 1), listen_host="127.0.0.1") as proxy:
        client = Client(proxy.port, first=b"")
        client.sock.sendall(startup())
        assert client.closed()


def test_proxy_forwards_terminate(proxy: PostgresProxy, database: FakePostgres) -> None:
    """A polite end reaches the database."""
    client = Client(proxy.port)
    client.sock.sendall(TERMINATE)
    assert client.sock.recv(1) == b"" or client.closed()
    assert database.kinds() == "X"


def test_proxy_delays_by_its_latency(proxy: PostgresProxy) -> None:
    """The latency is added to each round trip."""
    client = Client(proxy.port)
    proxy.latency_seconds = 0.2
    started = time.monotonic()
    client.ask(query("select 1"))
    assert time.monotonic() - started >= 0.2


def test_proxy_exit_lets_go_of_traps(database: FakePostgres) -> None:
    """Leaving the proxy with a trap that is held drops it."""
    with PostgresProxy(listen_port=0, target=database.address, listen_host="127.0.0.1") as proxy:
        client = Client(proxy.port)
        trap = proxy.trap(1)
        client.sock.sendall(query(INSERT))
        assert trap.held.wait(2)
    assert client.closed()
    deadline = time.monotonic() + 2
    while any(thread.name == "db client" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert database.kinds() == ""
