"""``harness up`` on a real engine: the payments exercise in somebody's hands."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Cli

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
REFERENCE = Path("graders", "idempotent-payments", "references", "python-unique-key")


class Up:
    """A running one."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.folder = folder
        self._cli = cli
        self.said = cli.folder / f"said-{folder.name}"
        with self.said.open("wb") as out:
            self.process = subprocess.Popen(
                cli.command("up", str(folder)), stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=cli.env()
            )

    def wait_for(self, words: str) -> str:
        """Return what it said once ``words`` are in it."""
        until = time.monotonic() + 600
        while words not in (said := self.said.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.2)
        return said

    def url(self, name: str) -> str:
        """Return the URL of what is called so."""
        found = re.search(rf"^  {name} +(\S+)$", self.said.read_text(), re.MULTILINE)
        assert found is not None
        return found[1]

    def end(self) -> None:
        """Leave nothing."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)


@pytest.fixture
def up(cli: Cli, checkout: Path) -> Iterator[Up]:
    """Return one with a right solution in it, ready."""
    folder = cli.folder / "heron"
    assert cli("start", "idempotent-payments", "--language", "python", "--into", str(folder)).code == 0
    for path in (checkout / REFERENCE).iterdir():
        target = folder / path.name
        if path.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(path, target)
        else:
            shutil.copy(path, target)
    made = Up(cli, folder)
    try:
        made.wait_for("app is ready")
        yield made
    finally:
        made.end()


def test_what_is_up_answers_and_leaves_nothing(up: Up, cli: Cli) -> None:
    """The service, the provider and the database behind their URLs; kill, reload, faults; a check beside it; an end."""
    with urllib.request.urlopen(f"{up.url('app')}/health", timeout=30) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(f"{up.url('psp')}/captures?ref=nobodys", timeout=30) as answer:
        assert json.loads(answer.read()) == {"captures": []}
    assert up.url("db").startswith("postgresql://app@127.0.0.1:")

    def sql(statement: str) -> str:
        done = subprocess.run(
            cli.command("shell", "db"),
            check=False,
            input=f"{statement}\n\\q\n".encode(),
            capture_output=True,
            cwd=up.folder,
            env=cli.env(),
            timeout=120,
        )
        return done.stdout.decode()

    assert "42" in sql("SELECT 6 * 7;")
    sql("CREATE TABLE kept (n int); INSERT INTO kept VALUES (4711);")
    assert cli("kill", "app", cwd=up.folder).code == 0
    up.wait_for("app is killed, as you asked")
    assert cli("restart", "app", cwd=up.folder).code == 0
    assert cli("fault", "db-down", "--for", "2", cwd=up.folder).code == 0
    up.wait_for("db-down is over")
    assert cli("fault", "db-cut", "--for", "1", cwd=up.folder).code == 0
    up.wait_for("db-cut is over")
    reloaded = cli("reload", cwd=up.folder)
    assert (reloaded.code, "ready after" in reloaded.out) == (0, True), reloaded
    assert "4711" in sql("SELECT n FROM kept;")
    assert cli("logs", "app", cwd=up.folder).code == 0
    beside = cli("check", ".", "--only", "contract/create-then-read", cwd=up.folder)
    assert beside.code == 0, beside
    with urllib.request.urlopen(f"{up.url('app')}/health", timeout=30) as answer:
        assert answer.status == 200, "a check beside it changed it"
    assert cli("down", cwd=up.folder).code == 0
    assert up.process.wait(60) == 0
    assert "nothing" in cli("clean", "--dry-run").out


def test_one_that_is_killed_is_reaped_by_the_next_command(up: Up, cli: Cli) -> None:
    up.process.kill()
    up.process.wait(30)
    assert "ended without a word" in cli("logs", "app", cwd=up.folder).err
    assert cli("check", ".", "--only", "contract/create-then-read", cwd=up.folder).code == 0
    assert "nothing" in cli("clean", "--dry-run").out
