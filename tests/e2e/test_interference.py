"""Somebody else's hand on a grading's containers: once costs a moment, twice is inconclusive. Never points."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.engines.docker.connect import connect, patiently
from harness.owners import LABEL_OWNER
from tests.e2e import tiny
from tests.e2e.cli import Cli, Ended

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
LATER = '''
import time

from harness.testing import check, expect


@check("life/again")
def test_again(app):
    """It still answers after a while."""
    time.sleep(3)
    expect(app.request("GET", "/health").status == 200, "it did not answer")
'''
SLOW = "import time\ntime.sleep(1.5)\n"


class Hand(threading.Thread):
    """Acts on a sandbox of a running command as soon as it runs, ``times`` times, each time on another container."""

    def __init__(self, pid: int, action: str, sandbox: str, times: int) -> None:
        """Do ``action`` to ``sandbox`` of the command with ``pid``."""
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.touched: set[str] = set()
        self._pid, self._action, self._sandbox, self._times = pid, action, sandbox, times
        self._link = connect()

    def run(self) -> None:
        """Look for it until it was touched often enough, or the command is over."""
        while len(self.touched) < self._times and not self.over.wait(0.05):
            for container in self._fresh():
                self.touched.add(container)
                self._act(container)
        self._link.close()

    def _fresh(self) -> list[str]:
        holder = self._sandbox == "holder"
        label = "app" if holder else self._sandbox
        found = self._link.api().containers(filters={"label": [f"harness.sandbox={label}"], "status": "running"})
        mine = [one for one in found if f":{self._pid}:" in one["Labels"][LABEL_OWNER]]
        # A holder is in a network of its own; what it holds joins it, and a one-shot has none.
        kind = [one for one in mine if one["HostConfig"]["NetworkMode"].startswith("harness-") == holder]
        # What only sets up a network for the sandbox has its label, is gone in a moment, and runs nothing of it.
        joined = [one for one in kind if one["HostConfig"]["NetworkMode"].startswith("container:")]
        kind = [one["Id"] for one in kind if one not in joined or f"-{label}-" in one["Names"][0]]
        return [one for one in kind if one not in self.touched][:1]

    def _act(self, container: str) -> None:
        api = self._link.api()
        # What is done in the first moment is done to a process that has not begun: that is no test of what it costs.
        time.sleep(0.5)
        actions: dict[str, Callable[[], object]] = {
            "kill": lambda: api.kill(container),
            "stop": lambda: api.stop(container, timeout=1),
            "pause": lambda: api.pause(container),
            "restart": lambda: api.restart(container, timeout=1),
            "remove": lambda: api.remove_container(container, force=True),
            "disconnect": lambda: api.disconnect_container_from_network(container, self._network(container)),
        }
        # A busy machine fails to freeze a container now and then: strangers try again as well.
        patiently(f"{self._action} {container[:12]}", actions[self._action])

    def _network(self, container: str) -> str:
        (network,) = self._link.api().inspect_container(container)["NetworkSettings"]["Networks"]
        return str(network)


def disturbed(cli: Cli, args: tuple[str, ...], action: str, sandbox: str, times: int) -> Ended:
    """Return how a command ended on whose sandbox somebody laid hands."""
    process = subprocess.Popen(
        cli.command(*args), cwd=cli.folder, env=cli.env(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    hand = Hand(process.pid, action, sandbox, times)
    hand.start()
    out, err = process.communicate(timeout=300)
    hand.over.set()
    hand.join()
    assert len(hand.touched) == times, (out, err)
    assert b"Traceback" not in out + err
    return Ended(code=process.returncode, out=out.decode(), err=err.decode())


@pytest.mark.parametrize(
    ("action", "sandbox"),
    [("remove", "app"), ("restart", "app"), ("disconnect", "holder"), ("kill", "holder"), ("pause", "grader")],
)
def test_one_hand_costs_nothing(cli: Cli, action: str, sandbox: str) -> None:
    """The grading is done once more by itself and passes; what it was stands in the result."""
    catalogue = tiny.catalogue(cli.folder / "catalogue", {"test_later.py": LATER})
    folder = tiny.submission(cli.folder)
    args = ("--catalogue", str(catalogue), "grade", str(folder), "--exercise", "tiny", "--json")
    done = disturbed(cli, args, action, sandbox, 1)
    assert done.code == 0, done.out + done.err
    name = "app" if sandbox == "holder" else sandbox
    assert f"interfered with: sandbox {name} was" in done.out


def test_two_hands_are_inconclusive_everywhere(cli: Cli) -> None:
    """Exit code 2; result, report and JUnit say who, what and when."""
    catalogue = tiny.catalogue(cli.folder / "catalogue", {"test_later.py": LATER})
    folder = tiny.submission(cli.folder)
    args = ("--catalogue", str(catalogue), "grade", str(folder), "--exercise", "tiny", "--out", "res")
    done = disturbed(cli, args, "kill", "app", 2)
    assert done.code == 2, done.out + done.err
    assert "sandbox app was sent SIGKILL at" in " ".join(done.out.split())
    (result,) = (cli.folder / "res").rglob("result.json")
    told = json.loads(result.read_text())
    assert (told["verdict"], told["exit_code"]) == ("inconclusive", 2)
    assert told["reason"].count("sandbox app was sent SIGKILL at") == 2
    (junit,) = (cli.folder / "res").rglob("junit.xml")
    assert "sandbox app was sent SIGKILL at" in junit.read_text()


@pytest.mark.parametrize(("action", "sandbox"), [("kill", "submission"), ("pause", "submission"), ("kill", "grader")])
def test_one_shots_are_ours_as_well(cli: Cli, checkout: Path, action: str, sandbox: str) -> None:
    """A program that somebody killed or froze is run once more, and so is a grader without a network."""
    source = next(path for path in sorted((checkout / "graders/skeleton/references").iterdir()) if path.is_dir())
    folder = cli.folder / "slow"
    folder.mkdir()
    for file in source.iterdir():
        text = file.read_text()
        (folder / file.name).write_text(SLOW + text if file.name == "solve.py" else text)
    done = disturbed(cli, ("grade", str(folder), "--exercise", "skeleton", "--json"), action, sandbox, 1)
    assert done.code == 0, done.out + done.err
    assert f"interfered with: sandbox {sandbox} was" in done.out
