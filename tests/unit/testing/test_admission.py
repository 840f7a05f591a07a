"""Who may open a session through the PostgreSQL proxy, and whose sessions may be cancelled."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from harness.testing import pgwire
from harness.testing.proxies import PostgresProxy
from tests.unit.testing.postgres import FakePostgres, startup

LOCAL = "127.0.0.1"
APP = b"user\0app\0database\0app\0\0"
CANCEL = pgwire.CANCEL_REQUEST


def only_app(source: str, user: str, database: str) -> bool:
    """Admit one address as app to app."""
    return (source, user, database) == (LOCAL, "app", "app")


@contextmanager
def proxied(database: FakePostgres, admit: Callable[[str, str, str], bool] = only_app) -> Iterator[PostgresProxy]:
    """Run a proxy that lets in what ``admit`` says."""
    with PostgresProxy(listen_port=0, target=database.address, listen_host="0.0.0.0", admit=admit) as proxy:
        yield proxy


def said(proxy: PostgresProxy, first: bytes, source: str = LOCAL) -> bytes:
    """Return all that is said to one startup message before the connection ends, or goes quiet."""
    with socket.create_connection((LOCAL, proxy.port), timeout=0.5, source_address=(source, 0)) as sock:
        sock.sendall(first)
        found = b""
        try:
            while data := sock.recv(65536):
                found += data
        except TimeoutError:
            found += b"(open)"
        return found


@pytest.mark.parametrize(
    "payload", [APP, b"user\0app\0\0", b"database\0app\0user\0app\0\0", b"user\0app\0client_encoding\0UTF8\0\0"]
)
def test_session_of_the_right_user_is_let_in(payload: bytes) -> None:
    """In any order, with other parameters, and with the database left out: it is the user's then."""
    with FakePostgres() as database, proxied(database) as proxy:
        assert said(proxy, startup(payload=payload)).endswith(b"(open)")
        assert database.startups == [startup(payload=payload)]
        assert proxy.counts.denied == 0


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        (196608, b"user\0yardstick\0database\0yardstick\0\0"),
        (196608, b"user\0yardstick\0database\0app\0\0"),
        (196608, b"user\0app\0database\0postgres\0\0"),
        (196608, b"user\0app\0user\0yardstick\0database\0app\0\0"),
        (196608, b"user\0app\0database\0app\0database\0yardstick\0\0"),
        (196608, b"user\0yardstick\0user\0app\0database\0app\0\0"),
        (196608, b"user\0app\0database\0app\0\0x\0\0"),
        (196608, b"user\0app\0database\0app\0\0user\0yardstick\0\0"),
        (196608, b"user\0app\0database\0app\0"),
        (196608, b"user\0app\0database\0app"),
        (196608, b"user\0app\xff\0database\0app\0\0"),
        (196608, b"database\0app\0\0"),
        (196608, b"\0"),
        (196608, b""),
        (131072, b"app\0".ljust(64, b"\0") + b"app\0".ljust(32, b"\0")),
        (1, APP),
    ],
)
def test_any_other_startup_is_refused_and_never_forwarded(code: int, payload: bytes) -> None:
    """Another user or database, said twice, or not well-formed: error 28000, closed, counted; nothing goes on."""
    with FakePostgres() as database, proxied(database) as proxy:
        answer = said(proxy, startup(code, payload))
        assert answer[:1] == b"E"
        assert struct.unpack(">I", answer[1:5])[0] == len(answer) - 1
        fields = answer[5:].split(b"\0")
        assert b"C28000" in fields
        assert b"SFATAL" in fields
        assert answer.endswith(b"\0\0")
        assert (database.startups, proxy.counts.denied, proxy.counts.refused) == ([], 1, 1)


def test_startup_from_another_address_is_refused() -> None:
    """The address counts as well."""
    with FakePostgres() as database, proxied(database) as proxy:
        assert b"C28000" in said(proxy, startup(payload=APP), source="127.0.0.2")
        assert (database.startups, proxy.counts.denied) == ([], 1)


def test_only_role_app_is_let_in_without_a_rule() -> None:
    """Without ``admit`` nobody becomes a role of ours through the grader's own address."""
    with (
        FakePostgres() as database,
        PostgresProxy(listen_port=0, target=database.address, listen_host="0.0.0.0") as proxy,
    ):
        for payload in (
            b"user\0grader\0\0",
            b"user\0postgres\0\0",
            b"user\0grader\0database\0app\0\0",
            b"user\0app\0database\0postgres\0\0",
            b"database\0x\0\0",
        ):
            assert b"C28000" in said(proxy, startup(payload=payload))
        assert database.startups == []
        assert said(proxy, startup(payload=APP), source="127.0.0.2").endswith(b"(open)")


@contextmanager
def session(proxy: PostgresProxy) -> Iterator[bytes]:
    """Open a session; yields the key that cancels it."""
    with socket.create_connection((LOCAL, proxy.port), timeout=2) as sock:
        sock.sendall(startup(payload=APP))
        messages = pgwire.Messages()
        key = b""
        while not key:
            messages.feed(sock.recv(65536))
            while (one := messages.next()) is not None:
                key = one[5:] if one[:1] == b"K" else key
        yield key


def seen(database: FakePostgres, cancels: int) -> bool:
    """Return whether the database has seen exactly that many cancels, a moment later."""
    deadline = time.monotonic() + (2 if cancels else 0.2)
    while database.cancels < max(cancels, 1) and time.monotonic() < deadline:
        time.sleep(0.01)
    return database.cancels == cancels


def test_cancel_of_a_known_session_is_passed_on() -> None:
    """A driver's cancel reaches the database."""
    with FakePostgres() as database, proxied(database) as proxy, session(proxy) as key:
        assert said(proxy, startup(CANCEL, key)) == b""
        assert seen(database, 1)
        assert proxy.counts.denied == 0


def test_cancel_of_an_unknown_session_goes_nowhere() -> None:
    """A guessed key, another address, or a session that has ended: closed without a word, and counted."""
    with FakePostgres() as database, proxied(database) as proxy:
        with session(proxy) as key:
            assert said(proxy, startup(CANCEL, bytes([*key[:-1], key[-1] ^ 1]))) == b""
            assert said(proxy, startup(CANCEL, b"")) == b""
            assert said(proxy, startup(CANCEL, key), source="127.0.0.2") == b""
            assert proxy.counts.denied == 3
        time.sleep(0.1)
        assert said(proxy, startup(CANCEL, key)) == b""
        assert proxy.counts.denied == 4
        assert seen(database, 0)
