"""A laptop in real life, in the middle of somebody's work: it sleeps, and its addresses are taken. A sentence, the right code, nothing lost."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.types import IPAMConfig, IPAMPool

from harness import owners
from harness.engines.docker import containers
from harness.engines.docker.connect import connect
from harness.grading import stillness
from tests.e2e import tiny
from tests.e2e.cli import Cli
from tests.e2e.test_bad_engine import door
from tests.e2e.test_leftovers import ownerless

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
RANGE = "10.229.9.0/28"
SLOW = """
import time

from harness.testing import check, expect


@check("life/health")
def test_health(app):
    time.sleep(5)
    expect(app.request("GET", "/health").status == 200, "it did not answer")
"""


@pytest.fixture
def work(cli: Cli) -> Path:
    """Return a workspace of the smallest exercise, whose one check takes its time."""
    catalogue = tiny.catalogue(cli.folder / "catalogue")
    (catalogue / "exercises/tiny/checks/test_public.py").write_text(SLOW, encoding="utf-8")
    started = cli("--catalogue", str(catalogue), "start", "tiny", "--into", "w")
    assert started.code == 0, started.err
    return cli.folder / "w"


def ours(cli: Cli, *words: str) -> list[str]:
    """Return the words of a command with the catalogue."""
    return cli.command("--catalogue", str(cli.folder / "catalogue"), *words)


def test_a_laptop_that_sleeps_in_check_costs_nothing(cli: Cli, work: Path) -> None:
    """What was timed meanwhile is timed again, and why is said."""
    process = subprocess.Popen(
        ours(cli, "check", str(work)),
        cwd=cli.folder,
        env=cli.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    until = time.monotonic() + 120
    while not _runs(process.pid):
        assert time.monotonic() < until
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGSTOP)
    time.sleep(stillness.LONGEST_SECONDS + 3)
    os.killpg(process.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err.decode()
    assert b"1 passed, 0 failed" in out
    assert b"disturbed from outside (this machine stood still for" in err
    assert "nothing" in cli("clean", "--dry-run").out


def test_an_engine_that_goes_away_ends_what_is_up(cli: Cli, work: Path) -> None:
    """Code 5 with the reason; nothing is up any more, and nothing is left once the engine is back."""
    said = cli.folder / "said"
    with door(cli.folder) as (engine, address), said.open("wb") as out:
        process = subprocess.Popen(
            ours(cli, "up", str(work)), cwd=cli.folder, env=cli.env({"DOCKER_HOST": address}), stdout=out, stderr=out
        )
        until = time.monotonic() + 120
        while "app is ready" not in said.read_text():
            assert process.poll() is None, said.read_text()
            assert time.monotonic() < until
            time.sleep(0.1)
        engine.shut()
        assert process.wait(120) == 5, said.read_text()
    assert "Traceback" not in said.read_text()
    assert "engine" in said.read_text().partition("app is ready")[2]
    late = cli("logs", "app", "--workspace", str(work))
    # Its sandboxes could not be removed, so its file says that there is something left.
    assert (late.code, "expected a workspace that is up, found one that ended" in late.err) == (4, True), late
    assert cli("clean").code == 0
    assert ownerless() == []


@contextmanager
def taken() -> Iterator[None]:
    """Have another network hold the range, as a VPN's would."""
    api = connect().api()
    pool = IPAMPool(subnet=RANGE)
    number = api.create_network(
        "harness-test-taken-by-a-vpn", driver="bridge", internal=True, ipam=IPAMConfig(pool_configs=[pool])
    )["Id"]
    try:
        yield
    finally:
        api.remove_network(number)


@pytest.mark.parametrize("verb", ["check", "up", "submit"])
def test_addresses_that_are_taken_are_said_in_words(cli: Cli, work: Path, verb: str) -> None:
    """Code 5 and what to set; a submission is packed all the same, and the next command has nothing to clean up."""
    with taken():
        done = cli("--catalogue", str(cli.folder / "catalogue"), verb, str(work), env={"HARNESS_NETWORK_RANGE": RANGE})
    assert done.code == 5, done
    assert f"expected a free subnet in {RANGE}" in done.err
    assert "HARNESS_NETWORK_RANGE" in done.err
    assert len(list((work / "submissions").glob("*"))) == (verb == "submit")
    assert not (work / ".harness" / "up.json").exists()
    assert "nothing" in cli("clean", "--dry-run").out


def _runs(pid: int) -> bool:
    """Whether the grader of a process runs: what it waits for then is a check."""
    for thing in containers.labelled(connect(), owners.LABEL_RUN):
        owner = owners.owner_of(thing.labels)
        mine = owner is not None and owner.token.split(":")[2] == str(pid)
        if mine and thing.labels.get("harness.sandbox") == "grader" and thing.state == "running":
            return True
    return False
