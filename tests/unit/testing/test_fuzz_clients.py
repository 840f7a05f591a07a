"""A thousand seeded garbage responders: no answer of theirs can make a grading inconclusive.

The client must return an Answer (never raise, never hang, never swell), and an outcome made from it must be sendable.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import wire
from harness.model import Status
from harness.testing._run.record import Record
from harness.testing.check import CheckFailed, expect
from harness.testing.clients import Answer, HttpClient

RESPONDERS = 1000
TIMEOUT_SECONDS = 0.25
MAX_BODY_BYTES = 64 * 1024
LONGEST_PAUSE_SECONDS = 20.0
"""How long a busy machine may keep a thread from running: this tells an answer that ends from one that hangs."""


def status_line(rng: random.Random) -> bytes:
    """Return a first line, often a right one."""
    return rng.choice(
        [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 201 Created\r\n",
            b"HTTP/1.0 202\r\n",
            b"HTTP/1.1 999 \xff\xfe\r\n",
            b"HTTP/1.1 000 no\r\n",
            b"HTTP/2 200\r\n",
            b"HTTP/1.1 -20 OK\r\n",
            b"http/1.1 200 OK\n",
            b"ICY 200 OK\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\n" * rng.randrange(12),
            rng.randbytes(rng.randrange(60)) + b"\r\n",
            b"A" * rng.randrange(40_000),
        ]
    )


def header_lines(rng: random.Random, body: bytes) -> bytes:
    """Return headers that may lie about ``body``."""
    lines = [
        b"Content-Length: %d" % len(body),
        b"Content-Length: %d" % rng.choice([0, 1, len(body) + 5, 10**18, -1]),
        b"Content-Length: 0x10",
        b"Content-Length: \xb2",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: chunked, gzip",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Content-Encoding: gzip",
        b"Content-Type: application/json; charset=utf-7",
        b": empty",
        b" folded: yes",
        b"X: " + rng.randbytes(rng.randrange(200)).replace(b"\n", b""),
        b"Set-Cookie: " + b"c" * rng.randrange(20_000),
        rng.randbytes(rng.randrange(40)),
    ]
    chosen = [rng.choice(lines) for _ in range(rng.choice([0, 1, 2, 5, 200]))]
    return b"\r\n".join(chosen) + b"\r\n\r\n"


def body_bytes(rng: random.Random) -> bytes:
    """Return a body: JSON of every awkward kind, chunks that lie, noise."""
    size = rng.randrange(2000)
    return rng.choice(
        [
            b"",
            b'{"id":"x","status":"captured","amount":"1.00"}',
            b'{"id":1e999,"status":NaN}',
            b'{"id":"\\ud800\\u0000\\u202e","status":"\x1b[31m"}',
            b'{"id":' * size + b"1" + b"}" * size,
            b"[" * 50_000,
            b'{"a":1,"a":2}',
            b"9" * 6000,
            b'"' + b"\\u0041" * size + b'"',
            "{\u2028}".encode(),
            b"\xff\xfe{\x00}\x00",
            b"5\r\nhello\r\n0\r\n\r\n",
            b"5\r\nhello world\r\n",
            b"FFFFFFFFFFFFFFFF\r\n",
            b"1\r\na\r\n" * size,
            b"-1\r\n",
            b"x" * (MAX_BODY_BYTES * 2),
            rng.randbytes(size),
        ]
    )


def plan(seed: int) -> Callable[[socket.socket], None]:
    """Return what the responder of this seed does on a connection."""
    rng = random.Random(seed)
    body = body_bytes(rng)
    data = status_line(rng) + header_lines(rng, body) + body
    manner = rng.choice(["all", "all", "pieces", "cut", "reset", "silent", "half-close", "endless", "unread"])
    cut = rng.randrange(len(data) + 1)
    chunk = rng.choice([1, 7, 100])

    def respond(sock: socket.socket) -> None:
        sock.settimeout(4.0)
        if manner != "unread":
            sock.recv(65536)
        if manner == "pieces":
            for start in range(0, min(len(data), 40 * chunk), chunk):
                sock.sendall(data[start : start + chunk])
                time.sleep(0.005)
        elif manner == "endless":
            end = time.monotonic() + 2 * TIMEOUT_SECONDS
            while time.monotonic() < end:
                sock.sendall(data or b"\r\n")
                time.sleep(0.01)
        elif manner == "silent":
            sock.recv(1)
        else:
            sock.sendall(data[:cut] if manner in {"cut", "reset"} else data)
            if manner == "half-close":
                sock.shutdown(socket.SHUT_WR)
                sock.recv(1)
            if manner == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return respond


@pytest.fixture
def garbage() -> Callable[[int], Answer]:
    """Return a function that asks the responder of a seed over a server of its own."""

    def ask(seed: int) -> Answer:
        respond = plan(seed)
        with socket.create_server(("127.0.0.1", 0)) as listener:

            def serve() -> None:
                for _ in range(2):
                    try:
                        sock, _ = listener.accept()
                    except OSError:
                        return
                    with sock:
                        try:
                            respond(sock)
                        except OSError:
                            continue

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            with HttpClient(url, timeout_seconds=TIMEOUT_SECONDS, max_body_bytes=MAX_BODY_BYTES) as client:
                first = client.request("POST", "/charges", {"merchant": "m"}, headers={"Idempotency-Key": "k"})
                client.request("GET", f"/charges/{first.text_at('id')}")
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(2)
            return first

    return ask


def test_garbage_never_makes_a_check_inconclusive(garbage: Callable[[int], Answer]) -> None:
    """Each of 1000 seeded responders ends in an answer within its time, and in a candidate's verdict."""
    started = time.monotonic()
    with ThreadPoolExecutor(48) as pool:
        answers = list(pool.map(garbage, range(RESPONDERS)))
    for seed, answer in enumerate(answers):
        assert (answer.status is None) == (answer.error is not None), seed
        assert answer.seconds < TIMEOUT_SECONDS + LONGEST_PAUSE_SECONDS, (seed, answer)
        assert len(answer.body) <= MAX_BODY_BYTES
        assert judged(answer) in {Status.PASSED, Status.FAILED}, seed
    kinds = {answer.status is None for answer in answers}
    assert kinds == {True, False}, "the responders must be both answers and not"
    assert time.monotonic() - started < 60


def judged(answer: Answer) -> Status:
    """Judge an answer as a check would, up to the frame that goes to the host."""
    record = Record("contract/a")
    try:
        expect(answer.status == 201, "not created", expected=201, found=answer, evidence=[answer, answer.body])
        expect(isinstance(answer.get("id"), str), "no id", found=answer.get("id"), detail=str(answer.headers))
    except CheckFailed as failed:
        record.say(Status.FAILED, feedback=failed.feedback, detail=failed.detail, evidence=failed.evidence)
    wire.encode({"type": "event", "event": "outcome", **record.event()})
    return record.status
