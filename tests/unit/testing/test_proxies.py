"""Commit points, in every way a driver can send them, counted and held exactly."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from harness.errors import GraderError
from harness.testing import pgwire
from harness.testing.proxies import CommitPoint, PostgresProxy
from harness.testing.traps import CHANGING, moments
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


def extended(sql: str, name: str = "") -> bytes:
    """Return Parse, Bind, Execute of one statement."""
    return parse(sql, name) + bind(name) + execute()


def signatures(*steps: bytes) -> list[tuple[str, ...] | None]:
    """Feed a session messages of the client, and the server's ReadyForQuery where it would come; return what ended."""
    session, found = pgwire.Session(), []
    for step in steps:
        if step[:1] == b"Z":
            session.ready(step[5:6])
            continue
        messages = pgwire.Messages()
        messages.feed(step)
        while (one := messages.next()) is not None:
            found.append(session.frontend(one))
    return found


def test_unit_is_what_one_answer_ends() -> None:
    """A Query, or everything up to a Sync, whatever it is made of; values do not matter."""
    steps = query("insert into t values (1)"), ready(), extended(INSERT) * 2 + SYNC, ready(), query("select f('a', 2)")
    one = "INSERT INTO T VALUES (?)"
    assert [found for found in signatures(*steps) if found is not None] == [(one,), (one, one), ("SELECT F(?)",)]


def test_unit_in_a_block_is_told_by_the_whole_transaction() -> None:
    """A COMMIT is told by what it commits, and the next transaction begins anew."""
    steps = query("BEGIN"), ready(b"T"), query("select writes(1)"), ready(b"T"), query("COMMIT"), ready()
    assert signatures(*steps, query("COMMIT"))[-2:] == [("BEGIN", "SELECT WRITES(?)", "COMMIT"), ("COMMIT",)]


def test_pipelined_units_forget_only_what_is_answered() -> None:
    """What was sent before the answer came is not of the transaction that the answer ends."""
    steps = query("select 1"), query("select 2, 3"), ready(), query("select x")
    assert signatures(*steps, ready(), ready(), query("end")) == [
        ("SELECT ?",),
        ("SELECT ?", "SELECT ?"),
        ("SELECT ?", "SELECT X"),
        ("END",),
    ]


def test_prepared_statements_are_known_by_name() -> None:
    """pgx: Parse and Describe once, then Bind and Execute by name, in portals with names too."""
    describe = message("D", b"Ss1\0")
    first = parse(INSERT, "s1") + describe + SYNC
    again = bind("s1", "p") + execute("p") + SYNC
    assert signatures(first, ready(), again)[-1] == ("INSERT INTO T VALUES (?)",)
    closed = message("C", b"Ss1\0") + SYNC
    assert signatures(first, ready(), closed, ready(), again)[-1] == ("",)


def test_garbage_messages_are_passed_on() -> None:
    """Messages without their fields are for the server to refuse."""
    assert len(signatures(message("P"), message("B"), message("E"), message("C"), message("Q"), SYNC)) == 6


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
    with PostgresProxy(
        listen_port=0, target=database.address, listen_host="127.0.0.1", position=database.position
    ) as started:
        yield started


def test_proxy_answers_n_to_tls_and_gss(proxy: PostgresProxy) -> None:
    """A driver that prefers TLS goes on without it."""
    client = Client(proxy.port, first=b"")
    for code in (pgwire.SSL_REQUEST, pgwire.GSS_REQUEST):
        client.sock.sendall(startup(code, b""))
        assert client.sock.recv(10) == b"N"
    client.sock.sendall(startup())
    assert client.until_ready() == "RKZ"


ONE = CommitPoint(signature=("INSERT INTO T VALUES (?)",))


def test_proxy_counts_only_while_armed(proxy: PostgresProxy) -> None:
    """A dry run tells the commit points of one operation over all connections."""
    one, other = Client(proxy.port), Client(proxy.port)
    one.ask(query(INSERT))
    proxy.arm()
    one.ask(query(INSERT))
    other.ask(extended(INSERT) + SYNC)
    other.ask(query("select 1"))
    assert proxy.disarm() == (ONE, replace(ONE, number=2))
    one.ask(query(INSERT))
    assert len(proxy.disarm()) == 2


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (query("select writes(1)"), 1),
        (query("with made as (insert into t values (1) returning id) select * from made"), 1),
        (query("select 'insert into t'"), 1),  # the fake's log has it, so it is one
        (query("select 1"), 0),
        (query("begin; insert into t values (1); rollback"), 0),
        (query("begin; select 1; commit"), 0),
        (query("commit"), 0),
        (extended("select writes(1)", "s") + SYNC + bind("s") + execute() + SYNC, 2),
        (extended("begin") + extended("select writes(1)") + extended("commit") + SYNC, 1),
    ],
)
def test_commit_points_are_what_the_log_says(proxy: PostgresProxy, data: bytes, count: int) -> None:
    """A function that writes is one, a COMMIT of nothing is none: words do not count."""
    client = Client(proxy.port)
    proxy.arm()
    client.sock.sendall(data)
    for _ in range(data.count(SYNC) or 1):
        client.until_ready()
    assert len(proxy.disarm()) == count


def test_proxy_without_a_position_has_no_commit_points(database: FakePostgres) -> None:
    """Nobody says where the log is: nothing is known to commit."""
    with PostgresProxy(listen_port=0, target=database.address, listen_host="127.0.0.1") as blind:
        client = Client(blind.port)
        blind.arm()
        client.ask(query(INSERT))
        assert blind.disarm() == ()


INSERTED = "insert into t values (1)"
BEAT = "update heartbeat set at = now()"


def test_commits_of_an_idle_service_are_no_commit_points(proxy: PostgresProxy) -> None:
    """A heartbeat is none, unless it is in every run; a reconciler that writes only when it has work is one."""
    client = Client(proxy.port)

    def run(*work: str) -> tuple[CommitPoint, ...]:
        proxy.arm()
        for sql in work:
            client.ask(query(sql))
        return proxy.disarm()

    poll = ("begin", "select * from t where id > 3", "commit")
    work = ("begin", "select * from t where id > 3", "update t set a = 1", "commit")
    with proxy.learning():
        run(BEAT, *poll)
    found = proxy.common([run(BEAT, *work), run(*work, BEAT), run(*poll, *work)])
    assert [point.statement for point in found] == ["COMMIT"]
    with proxy.learning():
        pass
    alone, beside = [run(*work)] * 3, [run(*work), run(INSERTED), run(INSERTED)]
    assert [point.statement for point in proxy.common(alone, beside)] == ["COMMIT", "INSERT INTO T VALUES (?)"]
    with proxy.learning():
        run(BEAT)
    assert [point.statement for point in proxy.common([run(*work, BEAT)] * 3)] == ["COMMIT", BEAT.upper()]


def test_commits_are_found_whatever_their_text(proxy: PostgresProxy) -> None:
    """Texts that change with each work are told by their number, before and after; what only reads is let pass."""
    first, second = Client(proxy.port), Client(proxy.port)
    letters = iter("abcdefgh")

    def work(client: Client) -> list[str]:
        name = next(letters)
        texts = ("insert into t values (1)", "select * from t", f"update t as {name} set a = 1")
        return [client.ask(query(text)) for text in texts]

    def run() -> tuple[CommitPoint, ...]:
        proxy.arm()
        work(first)
        return proxy.disarm()

    points = proxy.common([run(), run(), run()])
    assert points == (CommitPoint(signature=("INSERT INTO T VALUES (?)",)), CommitPoint(signature=CHANGING))
    working = [threading.Thread(target=work, args=(client,), daemon=True) for client in (first, second)]
    before = proxy.trap(points[1], "before")
    working[0].start()
    assert before.held.wait(30)
    after = proxy.trap(points[1], "after")
    working[1].start()
    assert after.held.wait(30)
    for trap in (before, after):
        trap.release("drop")
    for one in working:
        one.join(30)  # else it reads on when its client is closed
    assert first.closed()


CASES = {
    "simple": (query("insert into t values (1)"), "Q", "CZ"),
    "extended": (extended(INSERT) + SYNC, "S", "11CZ"),
    "block": (query("begin; insert into t values (1); commit"), "Q", "CCCZ"),
    "pipeline": (extended(INSERT) * 3 + SYNC, "S", "11C11C11CZ"),
    "function": (extended("SELECT writes($1)") + SYNC, "S", "11CZ"),
}


def learnt(proxy: PostgresProxy, data: bytes) -> CommitPoint:
    """Return the one commit point of a client that sends ``data``, as a dry run tells it."""
    proxy.arm()
    Client(proxy.port).ask(data)
    (point,) = proxy.disarm()
    return point


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("action", ["drop", "forward"])
def test_trap_before_forwards_nothing_of_the_commit(
    proxy: PostgresProxy, database: FakePostgres, case: str, action: str
) -> None:
    """Before: what commits has not reached the server while held; dropped, it never does; forwarded, all goes on."""
    data, last, answer = CASES[case]
    trap = proxy.trap(learnt(proxy, data), "before")
    database.log.clear()
    client = Client(proxy.port)
    # In pieces, as a driver may: what is executed must not reach the server before the end of its unit.
    client.sock.sendall(data[:-5])
    time.sleep(0.05)
    client.sock.sendall(data[-5:])
    assert trap.held.wait(2)
    time.sleep(0.05)
    assert database.kinds() == ""
    trap.release(action)
    if action == "drop":
        assert client.closed()
        assert database.kinds() == ""
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
    trap = proxy.trap(learnt(proxy, data), "after")
    client = Client(proxy.port)
    client.sock.sendall(data)
    assert trap.held.wait(2)
    assert database.kinds().endswith(last)
    assert database.commits == 2
    assert client.silent()
    trap.release(action)
    if action == "drop":
        assert client.closed()
    else:
        assert client.until_ready() == answer


def test_trap_after_lets_earlier_answers_of_a_pipeline_pass(proxy: PostgresProxy) -> None:
    """Only the answer of the commit point is kept; what was asked before it is answered."""
    client = Client(proxy.port)
    other = "UPDATE t SET a = $1"
    trap = proxy.trap(CommitPoint(signature=("SELECT ?", ONE.statement, "UPDATE T SET A = ?")), "after")
    client.sock.sendall(extended("SELECT 1") + SYNC + extended(INSERT) + SYNC + extended(other) + SYNC)
    assert trap.held.wait(2)
    assert [client.until_ready(), client.until_ready()] == ["11CZ", "11CZ"]
    assert client.silent()
    trap.release("forward")
    assert client.until_ready() == "11CZ"


def test_trap_after_commit_lets_earlier_answers_of_a_pipeline_pass(proxy: PostgresProxy) -> None:
    """The answer of a COMMIT is that of the Sync after it."""
    client = Client(proxy.port)
    client.ask(query("begin; update t set a = 1"))
    trap = proxy.trap(CommitPoint(signature=("BEGIN; UPDATE T SET A = ?", "SELECT ?", "COMMIT")), "after")
    client.sock.sendall(extended("SELECT 1") + SYNC + extended("COMMIT") + SYNC)
    assert trap.held.wait(2)
    assert client.until_ready() == "11CZ"
    assert client.silent()
    trap.release("forward")
    assert client.until_ready() == "11CZ"


def test_trap_before_forwards_what_came_before_it(proxy: PostgresProxy) -> None:
    """What a client sent in the same breath, ahead of the commit point, reaches the server and is answered."""
    client = Client(proxy.port)
    trap = proxy.trap(CommitPoint(signature=("SELECT ?", ONE.statement)), "before")
    client.sock.sendall(extended("SELECT 1") + SYNC + extended(INSERT) + SYNC)
    assert trap.held.wait(2)
    assert client.until_ready() == "11CZ"
    assert client.silent()
    trap.release("forward")
    assert client.until_ready() == "11CZ"


def test_trap_after_works_with_flush(proxy: PostgresProxy) -> None:
    """A client that flushes instead of syncing gets its COMMIT's answer held as well."""
    client = Client(proxy.port)
    client.ask(query("begin; update t set a = 1"))
    trap = proxy.trap(CommitPoint(signature=("BEGIN; UPDATE T SET A = ?", "COMMIT")), "after")
    client.sock.sendall(extended("COMMIT") + FLUSH)
    assert trap.held.wait(2)
    trap.release("forward")
    assert client.ask(SYNC) == "11CZ"


def test_trap_holds_the_nth_point_and_others_pass(proxy: PostgresProxy) -> None:
    """Points before the n-th pass; while it is held, other connections work."""
    one, other = Client(proxy.port), Client(proxy.port)
    trap = proxy.trap(replace(ONE, number=2), "before")
    assert one.ask(query(INSERT)) == "CZ"
    assert not trap.held.is_set()
    one.sock.sendall(query(INSERT))
    assert trap.held.wait(2)
    assert other.ask(query(INSERT)) == "CZ"
    trap.release("forward")
    assert one.until_ready() == "CZ"


def test_proxy_cuts_what_would_fill_its_memory(proxy: PostgresProxy, database: FakePostgres) -> None:
    """A message bigger than any a service needs ends its connection, and never reaches the database."""
    client = Client(proxy.port)
    client.sock.sendall(b"Q" + (pgwire.MAX_MESSAGE_BYTES + 1).to_bytes(4, "big") + b"x" * 1000)
    assert client.closed()
    assert database.kinds() == ""


def test_trap_of_a_client_that_died_drops_the_server_side(proxy: PostgresProxy, database: FakePostgres) -> None:
    """Killed while held: after the release the server's connection ends, and nothing was committed."""
    client = Client(proxy.port)
    trap = proxy.trap(ONE, "before")
    client.sock.sendall(query(INSERT))
    assert trap.held.wait(2)
    client.sock.close()
    trap.release("drop")
    time.sleep(0.1)
    assert database.kinds() == ""


def test_proxy_allows_one_trap(proxy: PostgresProxy) -> None:
    """A second trap while one waits is the author's mistake; disarm forgets the first."""
    proxy.trap(ONE)
    with pytest.raises(GraderError, match="no trap that still waits"):
        proxy.trap(ONE)
    proxy.disarm()
    proxy.trap(ONE)
    with pytest.raises(GraderError, match="'before' or 'after'"):
        proxy.trap(ONE, "later")


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
    with PostgresProxy(
        listen_port=0, target=database.address, listen_host="127.0.0.1", position=database.position
    ) as proxy:
        client = Client(proxy.port)
        trap = proxy.trap(ONE)
        client.sock.sendall(query(INSERT))
        assert trap.held.wait(2)
    assert client.closed()
    deadline = time.monotonic() + 2
    while any(thread.name == "db client" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert database.kinds() == ""


def test_moments_are_both_sides_of_each_commit() -> None:
    """In random order, each once, no more than are wanted; they are said by number and side."""
    points = [CommitPoint(signature=(text,)) for text in ("A", "B")]
    drawn = {moments(random.Random(seed), points, most=9) for seed in range(20)}
    assert len(drawn) > 1
    assert {frozenset(map(str, one)) for one in drawn} == {
        frozenset({"before commit 1", "after commit 1", "before commit 2", "after commit 2"})
    }
    assert all(moment.point is points[moment.number - 1] for one in drawn for moment in one)


@pytest.mark.parametrize("count", range(1, 20))
def test_first_and_last_commits_are_always_among_the_moments(count: int) -> None:
    """Of many commits some are drawn; few are all taken, on both sides."""
    points = [CommitPoint(signature=("COMMIT",), number=number) for number in range(1, count + 1)]
    drawn = moments(random.Random(count), points, most=10)
    numbers = {moment.number for moment in drawn}
    assert len(drawn) == len(set(drawn)) == 2 * len(numbers) == 2 * min(count, 5)
    assert {1, count} | {min(2, count), max(1, count - 1)} <= numbers
    assert all(moment.point == points[moment.number - 1] for moment in drawn)
