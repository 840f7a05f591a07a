"""The HTTP client against servers that behave, and each way of misbehaving, one at a time."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.errors import GraderError
from harness.model import Json
from harness.testing import http1
from harness.testing.clients import Answer, HttpClient, ready
from harness.testing.history import Kind, Op
from harness.testing.load import closed_loop


@contextmanager
def serving(script: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run ``script`` on each connection of a throw-away server; yields its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(sock,), daemon=True).start()

    def talk(sock: socket.socket) -> None:
        with sock:
            try:
                script(sock)
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def saying(data: bytes, *, close: bool = True) -> Callable[[socket.socket], None]:
    """Return a script that reads one request and says ``data``."""

    def script(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(data)
        if not close:
            time.sleep(3)

    return script


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (OK, 200, b"{}"),
        (b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nA: b\r\n\r\n", 201, b"hi"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, b"until the end"),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 500\nContent-Length: 0\n\n", 500, b""),
    ],
)
def test_client_reads_answers(data: bytes, status: int, body: bytes) -> None:
    """Lengths, chunks, ends of stream, interim answers and bare newlines are answers."""
    with serving(saying(data)) as url, HttpClient(url) as client:
        answer = client.request("GET", "/")
    assert (answer.status, answer.body, answer.error) == (status, body, None)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "connection closed, no bytes"),
        (b"\x00\xff\xfegarbage\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 20", "connection closed after 11 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "connection closed after"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nab", "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab", "bad content length"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "bad content length"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nab", "unknown transfer encoding"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad chunk size"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "a chunk longer"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n", "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 999 + b"\r\n", "headers"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 99999, "a line of more than"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "not a header"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50, "interim"),
        (b"x" * 99999, "a line of more than"),
    ],
)
def test_client_says_what_is_no_answer(data: bytes, error: str) -> None:
    """Anything else is an answer without a status, with the reason; it is never raised."""
    with serving(saying(data)) as url, HttpClient(url, max_body_bytes=1000) as client:
        answer = client.request("GET", "/")
    assert answer.status is None
    assert error in str(answer.error)


def test_client_has_one_deadline_for_everything() -> None:
    """A server that sends a byte now and then does not stretch the deadline."""

    def drip(sock: socket.socket) -> None:
        sock.recv(1)
        for byte in b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1000:
            sock.sendall(bytes([byte]))
            time.sleep(0.05)

    with serving(drip) as url, HttpClient(url, timeout_seconds=0.4) as client:
        answer = client.request("GET", "/")
    assert answer.error == "out of time"
    assert 0.3 < answer.seconds < 2


def test_client_survives_a_server_that_never_reads() -> None:
    """A big request to a server that takes nothing ends at the deadline."""
    with serving(lambda _sock: time.sleep(4)) as url, HttpClient(url, timeout_seconds=0.4) as client:
        answer = client.request("POST", "/", b"x" * 20_000_000)
    assert "out of time" in str(answer.error)
    assert answer.seconds < 2


def test_client_reads_an_early_answer() -> None:
    """A server that answers and closes without reading the request has answered."""

    def early(sock: socket.socket) -> None:
        sock.recv(10)
        sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        sock.shutdown(socket.SHUT_WR)
        time.sleep(0.5)

    with serving(early) as url, HttpClient(url) as client:
        assert client.request("POST", "/", b"x" * 100_000).status == 413


def test_client_says_when_nothing_listens() -> None:
    """A refused connection is an answer without a status."""
    with HttpClient("http://127.0.0.1:1") as client:
        assert "no connection" in str(client.request("GET", "/").error)


def test_client_keeps_a_connection_and_drops_a_spoilt_one() -> None:
    """Answers in order share a connection; one with bytes too many, or one that was closed, is not used again."""
    seen: list[int] = []

    def script(sock: socket.socket) -> None:
        seen.append(0)
        while sock.recv(65536):
            seen[-1] += 1
            sock.sendall(OK + (b"extra" if seen[-1] == 3 else b""))

    with serving(script) as url, HttpClient(url) as client:
        statuses = [client.request("GET", "/").status for _ in range(5)]
    assert statuses == [200] * 5
    assert seen == [3, 2]


def test_client_notices_a_connection_that_was_closed_in_between() -> None:
    """A kept connection that the server closed is replaced before the next request is sent."""
    with serving(saying(OK)) as url, HttpClient(url) as client:
        for _ in range(3):
            assert client.request("GET", "/").status == 200
            time.sleep(0.05)


def test_client_quotes_what_a_service_made_up() -> None:
    """An id out of a candidate's answer can neither smuggle a header nor raise."""
    got: list[bytes] = []

    def script(sock: socket.socket) -> None:
        got.append(sock.recv(65536))
        sock.sendall(OK)

    with serving(script) as url, HttpClient(url) as client:
        assert client.request("GET", "/charges/\r\nX: y \ud800\u2603", headers={"K": "a\r\nB: c\u2603"}).status == 200
    assert got[0].startswith(b"GET /charges/%0D%0AX:%20y%20?%E2%98%83 HTTP/1.1\r\n")
    assert b"K: a  B: c?\r\n" in got[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"NaN",
        b'{"a": Infinity}',
        b"1e999",
        b'{"a":1,"a":2}',
        b"[" * 39_000,
        b"[" * 40 + b"]" * 40,
        b"1" * 5000,
        b'{"a":1}x',
    ],
)
def test_answer_json_is_strict(body: bytes) -> None:
    """What some reader would stumble over is no JSON, and asking for a field of it is None."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving(saying(head + body)) as url, HttpClient(url) as client:
        answer = client.request("GET", "/")
    assert answer.status == 200
    assert (answer.json(), answer.get("a"), answer.text_at("a", 0)) == (None, None, None)


def test_answer_get_walks_objects_and_lists() -> None:
    """A path of keys and indexes leads to a value, or to None."""
    body = b'{"a":[{"b":"c"},2],"n":1}'
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    with serving(saying(head + body)) as url, HttpClient(url) as client:
        answer = client.request("GET", "/")
    assert answer.text_at("a", 0, "b") == "c"
    assert answer.text_at("n") is None
    assert [answer.get("a", 5), answer.get("x", "y"), answer.get("a", "b"), answer.get("n")] == [None, None, None, 1]


def test_client_refuses_a_bad_base_url() -> None:
    """A wrong base URL is the author's mistake, said at once."""
    with pytest.raises(GraderError, match="base URL"):
        HttpClient("app:8080")


def test_ready_waits_for_200_and_stops_when_the_service_died() -> None:
    """Polling ends at the first 200, at the deadline, or soon after the service is known to be dead."""
    answers = iter([b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"] * 3)

    def getting_ready(sock: socket.socket) -> None:
        sock.recv(999)
        sock.sendall(next(answers, OK))

    with serving(getting_ready) as url, HttpClient(url) as client:
        assert ready(client, timeout_seconds=5)
    with HttpClient("http://127.0.0.1:1") as client:
        started = time.monotonic()
        assert not ready(client, timeout_seconds=30, alive=lambda: False)
        assert time.monotonic() - started < 3
        assert not ready(client, timeout_seconds=0.2)


def test_closed_loop_counts_and_stops_on_trouble() -> None:
    """Every number is given once; an exception in a worker is raised where the load was asked for."""

    def operation(worker: int, number: int) -> Op:
        now = time.monotonic()
        kind = Kind.FAIL if number == 7 else Kind.OK
        return Op(process=worker, f="x", args=number, start=now, end=now, type=kind)

    load = closed_loop(4, operation, count=50)
    assert sorted(int(str(op.args)) for op in load.ops) == list(range(50))
    assert (load.ok, load.ok_ratio) == (49, 0.98)
    assert load.latency(0.99) == 0.0

    def broken(_worker: int, _number: int) -> Op:
        raise KeyError("bug")

    with pytest.raises(KeyError, match="bug"):
        closed_loop(2, broken, seconds=5)


def test_closed_loop_rate_is_of_the_asked_time() -> None:
    """Throughput counts what ended within the asked seconds."""

    def operation(worker: int, _number: int) -> Op:
        start = time.monotonic()
        time.sleep(0.05)
        return Op(process=worker, f="x", start=start, end=time.monotonic(), type=Kind.OK)

    load = closed_loop(4, operation, seconds=0.5)
    assert 8 <= load.ok_per_second <= 80


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b"[" * 30 + b"]" * 30] * 17000) + b"]",
        b"[" + b",".join([b'{"a":[{}]}'] * 95000) + b"]",
        b"[" + b",".join([b"1"] * 500000) + b"]",
        b"[" * (1 << 20),
        b"[" + b"1" * (1 << 20) + b".5]",
        b'"' + b"\\u0041" * 170000 + b'"',
    ],
    ids=["deep lists", "objects", "numbers", "unclosed", "a long number", "escapes"],
)
def test_json_costs_little_however_big_it_is(body: bytes) -> None:
    """A mebibyte made to be slow is a string, or is not JSON to us, in less than 50 ms."""
    answer = Answer(status=200, body=body, start=0.0, end=0.0)
    before = time.process_time()
    value = answer.json()
    assert time.process_time() - before < 0.05
    assert value is None or isinstance(value, str)


def test_json_of_an_answer_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a check looks into it; what is no JSON is not tried again either."""
    parsed: list[bytes] = []
    real = http1.parse_json

    def counting(body: bytes) -> Json:
        parsed.append(body)
        return real(body)

    monkeypatch.setattr(http1, "parse_json", counting)
    for body, found in ((b'{"a": [1]}', 1), (b"{", None)):
        answer = Answer(status=200, body=body, start=0.0, end=0.0)
        assert [answer.get("a", 0), answer.get("a", 0), answer.json() == answer.json()] == [found, found, True]
    assert parsed == [b'{"a": [1]}', b"{"]


def test_json_of_a_big_ledger_is_read() -> None:
    """The bound is far from what an honest service says."""
    entries = [{"charge": f"c-{i}", "amount": "12.50", "currency": "EUR"} for i in range(3000)]
    answer = Answer(status=200, body=json.dumps({"entries": entries}).encode(), start=0.0, end=0.0)
    assert answer.get("entries", 2999, "charge") == "c-2999"


def test_client_takes_64_kib_unless_told_otherwise() -> None:
    """A body above the default is no answer; a caller may ask for more."""
    body = b"x" * ((64 << 10) + 1)
    data = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with serving(saying(data)) as url:
        with HttpClient(url) as client:
            assert client.request("GET", "/").error == "a body of more than 65536 bytes"
        with HttpClient(url, max_body_bytes=1 << 20) as client:
            assert client.request("GET", "/").body == body


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"1\r\nx\r\n" * 300000, "too many tiny chunks"),
        (b"1;" + b"y" * 1000 + b"\r\nx\r\n", "a line of more than"),
    ],
)
def test_client_does_not_work_through_tiny_chunks(data: bytes, error: str) -> None:
    """Chunks of a byte, or with endless extensions, cost more than they bring."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(saying(head + data)) as url, HttpClient(url, max_body_bytes=1 << 20) as client:
        before = time.thread_time()
        answer = client.request("GET", "/")
        assert time.thread_time() - before < 0.05
    assert error in str(answer.error)


class Counted:
    """A keep-alive server that counts the connections open at it, and how many there ever were.

    ``/slow`` takes longer than a client waits, ``/last`` closes its connection after the answer.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.lock = threading.Lock()
        self.open = 0
        self.ever = 0

    def __call__(self, sock: socket.socket) -> None:
        """Serve one connection."""
        with self.lock:
            self.open += 1
            self.ever += 1
        try:
            while (request := sock.recv(65536)) and b"/last" not in request:
                if b"/slow" in request:
                    time.sleep(0.3)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        finally:
            with self.lock:
                self.open -= 1

    def settled(self, most: int) -> bool:
        """Wait until at most ``most`` are open: a server sees the end of one a moment later than the client."""
        deadline = time.monotonic() + 5
        while self.open > most and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.open <= most


def asking(client: HttpClient, path: str = "/", timeout_seconds: float = 5.0) -> Callable[[int, int], Op]:
    """Return an operation that asks for ``path``."""

    def one(worker: int, _: int) -> Op:
        answer = client.request("GET", path, timeout_seconds=timeout_seconds)
        return Op(process=worker, f="get", start=answer.start, end=answer.end, type=Kind.OK)

    return one


def test_client_keeps_no_more_connections_than_the_crowd_that_uses_it() -> None:
    """Crowds come and go, large and small: what one left behind is used by the next, or closed."""
    counted = Counted()
    with serving(counted) as url, HttpClient(url) as client:
        for workers in (16, 16, 4, 1, 8, 16, 2):
            closed_loop(workers, asking(client), count=workers * 8)
            assert counted.settled(workers), (workers, counted.open)
        assert client.request("GET", "/").status == 200
        assert counted.settled(1)
        assert counted.ever < 16 * 7, "connections are used again, from one crowd to the next too"
    assert counted.settled(0), "close closes everything"


def test_client_keeps_connections_of_threads_that_wait() -> None:
    """Threads that live on and ask in turn share one connection; it is used for all their requests."""
    counted = Counted()
    turns = threading.Barrier(4)

    def work() -> None:
        for _ in range(5):
            turns.wait(10)
            with lock:
                assert client.request("GET", "/").status == 200

    lock = threading.Lock()
    with serving(counted) as url, HttpClient(url) as client:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert counted.ever == 1


def test_client_leaves_nothing_open_after_timeouts_exceptions_and_servers_that_close() -> None:
    """A connection whose request had no clean end is closed at once, whatever ended it."""
    counted = Counted()
    with serving(counted) as url, HttpClient(url) as client:
        closed_loop(8, asking(client, "/slow", timeout_seconds=0.05), count=16)
        assert counted.settled(0), "timed out"
        closed_loop(8, asking(client, "/last"), count=16)
        assert counted.settled(0), "closed by the server"

        def dies(worker: int, number: int) -> Op:
            op = asking(client)(worker, number)
            if number == 20:
                raise ValueError
            return op

        with pytest.raises(ValueError):  # noqa: PT011 - raised above
            closed_loop(8, dies, count=200)
        assert counted.settled(8), "a loop that was ended by an exception"
        assert client.request("GET", "/").status == 200
        assert counted.settled(1)


def test_closed_client_ends_what_waits_and_keeps_nothing() -> None:
    """Close ends a request that another thread waits for; later ones have a connection of their own each."""
    counted = Counted()
    answers: list[Answer] = []
    with serving(counted) as url:
        client = HttpClient(url)
        waiting = threading.Thread(target=lambda: answers.append(client.request("GET", "/slow")))
        waiting.start()
        while not counted.open:
            time.sleep(0.01)
        client.close()
        waiting.join(5)
        assert [answer.status for answer in answers] == [None]
        assert client.request("GET", "/").status == 200
        assert counted.settled(0)
