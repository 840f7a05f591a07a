"""The engine's troubles are ours: exit code 5, words, and nothing left once the engine is back."""

from __future__ import annotations

import contextlib
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.types import IPAMConfig, IPAMPool

from harness import owners
from harness.engines.docker import containers
from harness.engines.docker.connect import connect
from tests.e2e import tiny
from tests.e2e.cli import Cli
from tests.e2e.test_leftovers import ownerless

pytestmark = [pytest.mark.docker, pytest.mark.e2e]


class Door:
    """A unix socket that leads to the engine until it is shut."""

    def __init__(self, path: Path, engine: str) -> None:
        self._engine = engine
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen(64)
        self._open: list[socket.socket] = []
        self._shut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def shut(self) -> None:
        """Cut every connection and take no more."""
        self._shut = True
        self._server.close()
        for end in self._open:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._shut:
            try:
                theirs, _ = self._server.accept()
            except OSError:
                return
            ours = socket.socket(socket.AF_UNIX)
            ours.connect(self._engine)
            self._open += [theirs, ours]
            threading.Thread(target=self._carry, args=(theirs, ours), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError, KeyError):
            selector.register(one, selectors.EVENT_READ, other)
            selector.register(other, selectors.EVENT_READ, one)
            while selector.get_map():
                for key, _ in selector.select():
                    source, target = key.fileobj, key.data
                    assert isinstance(source, socket.socket)
                    data = source.recv(65536)
                    if data:
                        target.sendall(data)
                    else:
                        selector.unregister(source)
                        target.shutdown(socket.SHUT_WR)
        for end in (one, other):
            end.close()


@contextlib.contextmanager
def door(folder: Path) -> Iterator[tuple[Door, str]]:
    """Give a door to the engine and its address."""
    place = connect().place.url
    if not place.startswith(("unix://", "http+unix://")):
        pytest.skip(f"the engine at {place} is not behind a unix socket")
    found = Door(folder / "door.sock", place.partition("://")[2].replace("%2F", "/"))
    try:
        yield found, f"unix://{folder / 'door.sock'}"
    finally:
        found.shut()


def test_engine_that_dies_in_the_middle_of_a_grading_is_ours(cli: Cli) -> None:
    """Exit code 5 with what to do, no verdict; what was open is reaped when the engine answers again."""
    catalogue, submission = tiny.catalogue(cli.folder / "catalogue"), tiny.submission(cli.folder)
    with door(cli.folder) as (engine, address):
        process = subprocess.Popen(
            cli.command("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny"),
            cwd=cli.folder,
            env=cli.env({"DOCKER_HOST": address}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 60
        while time.monotonic() < until and not _has_open(process.pid):
            time.sleep(0.05)
        engine.shut()
        out, err = process.communicate(timeout=120)
    assert process.returncode == 5, err.decode()
    assert b"VERDICT" not in out
    assert b"Traceback" not in err
    assert cli("clean").code == 0
    assert ownerless() == []


def test_network_range_that_is_taken_is_said_in_words(cli: Cli) -> None:
    """With no free addresses in the range, the caller reads which range and how to change it."""
    catalogue, submission = tiny.catalogue(cli.folder / "catalogue"), tiny.submission(cli.folder)
    api = connect().api()
    taken = api.create_network(
        "harness-test-taken",
        driver="bridge",
        internal=True,
        ipam=IPAMConfig(pool_configs=[IPAMPool(subnet="10.229.7.0/28")]),
    )["Id"]
    try:
        args = ("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny")
        done = cli(*args, env={"HARNESS_NETWORK_RANGE": "10.229.7.0/28"})
    finally:
        api.remove_network(taken)
    assert done.code == 5, done.out + done.err
    assert "10.229.7.0/28" in done.err
    assert "network_range" in done.err.lower()


def test_port_of_the_host_that_is_taken_changes_nothing(cli: Cli) -> None:
    """Gradings publish no port, so nobody's port can be in the way."""
    catalogue, submission = tiny.catalogue(cli.folder / "catalogue"), tiny.submission(cli.folder)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("", 8080))
        taken.listen()
        done = cli("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny")
    assert done.code == 0, done.out + done.err


def _has_open(pid: int) -> bool:
    found = (owners.owner_of(thing.labels) for thing in containers.labelled(connect(), owners.LABEL_RUN))
    return sum(owner is not None and owner.token.split(":")[2] == str(pid) for owner in found) >= 3
