"""``harness up`` and its clients as processes, on the fake engine: found, asked, killed, and what is left of them."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.live import state
from tests.unit import commandline
from tests.unit.live import berths


class Up:
    """A running ``harness up``, its output in a file."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "heron"
        self.said = root / "said"
        self._temporary = root / "t"
        self._temporary.mkdir(exist_ok=True)
        self.process = commandline.begin(
            *self._catalogue, "up", "heron", "--engine", "fake", cwd=root, said=self.said, environment=self._changes
        )

    def client(self, *arguments: str) -> commandline.Ended:
        """Run a client in the workspace to its end."""
        return commandline.command(*self._catalogue, *arguments, cwd=self.folder, environment=self._changes)

    def begin(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a client in the workspace."""
        return subprocess.Popen(
            self._command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self._environment(),
        )

    def wait_for(self, words: str) -> str:
        """Return what it said once ``words`` are in it."""
        until = time.monotonic() + 120
        while words not in (said := self.said.read_text()):
            assert self.process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.1)
        return said

    def left(self) -> list[str]:
        """Return what of it is still there for others to find."""
        found = [one.name for one in self._temporary.iterdir() if one.name.startswith("harness-scratch")]
        return found + [state.FILE] * (self.folder / ".harness" / state.FILE).exists()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "harness", *self._catalogue, *arguments]

    @property
    def _catalogue(self) -> tuple[str, str]:
        return "--catalogue", str(self.root)

    @property
    def _changes(self) -> dict[str, str]:
        state_ = str(self.root / "state")
        return {"TMPDIR": str(self._temporary), "XDG_STATE_HOME": state_, "TERM": "xterm", "HARNESS_CATALOGUE": ""}

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self._changes}


@pytest.fixture
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Return one that is ready."""
    root = tmp_path_factory.mktemp("u")
    berths.world(root, berths.TOLD)
    berths.as_workspace(root / "heron")
    made = Up(root)
    try:
        made.wait_for("berth is ready")
        yield made
    finally:
        made.process.kill()
        made.process.wait(30)


def test_a_life(up: Up) -> None:
    """Everything that a client can do, a second up, and an end in order."""
    said = up.said.read_text()
    assert "heron is up: harbour as in a grading, nothing is judged" in said
    assert "  berth  http://127.0.0.1:" in said
    assert "  store  postgresql://who@127.0.0.1:" in said
    named = said.partition("  faults: ")[2].partition("in another terminal:")[0]
    offered = named.replace(",", " ").split()
    assert {"berth-down", "fog", "storm"} <= set(offered) <= set(up.client("fault").out.split())
    assert max(len(line) for line in named.splitlines()) <= 80
    assert "... " not in said.partition("is up")[2], "a status line where nobody sees it change"
    logs = up.client("logs", "berth")
    assert (logs.code, logs.out) == (0, "loud\n"), logs
    wrong = up.client("logs", "brth")
    assert wrong.code == 4
    assert "expected one of the sandboxes berth, store, found 'brth'" in wrong.err
    listed = up.client("fault").out
    assert re.search(r"^fog +Nobody sees the store$", listed, re.MULTILINE), listed
    assert re.search(r"^berth-frozen +it stands still", listed, re.MULTILINE), listed
    assert not re.search("^(other|grader)-", listed, re.MULTILINE), listed
    unknown = up.client("fault", "fok")
    assert unknown.code == 4
    assert "found 'fok': did you mean \"fog\"?" in unknown.err
    assert "other-down" not in unknown.err
    assert up.client("fault", "fog", "--for", "0.1").out == "fog is on for 0.1 s\n"
    killed = up.client("kill", "berth")
    assert (killed.code, killed.out) == (0, "berth is killed: harness restart berth starts it again\n")
    assert up.client("restart", "berth").code == 0
    assert up.client("fault", "berth-down", "--for", "0.1").code == 0
    up.wait_for("berth-down is over")
    (up.folder / "mode").write_text("hush\n")
    assert re.match(r"built in \d+\.\d s and started again, ready after \d", up.client("reload").out)
    told = up.wait_for("berth: built in")
    assert "berth is killed, as you asked" in told
    assert "ended with exit code" not in told, "what was ended by hand looks as if it had ended by itself"
    second = up.client("up", "--engine", "fake")
    assert second.code == 4
    assert f"found it up (process {up.process.pid})" in second.err
    down = up.client("down")
    assert (down.code, down.err) == (0, "down: nothing of it is left\n")
    assert up.process.wait(60) == 0
    assert up.said.read_text().endswith("down: nothing of it is left\n")
    assert up.left() == []
    late = up.client("logs", "berth")
    assert late.code == 4
    assert 'found none: run "harness up" in another terminal' in late.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_ends_it_in_order(up: Up, number: int, code: int) -> None:
    follower = up.begin("logs", "-f", "berth")
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"loud\n"
    up.process.send_signal(number)
    assert up.process.wait(60) == code
    assert up.said.read_text().endswith("down: nothing of it is left\n")
    assert up.left() == []
    _, error = follower.communicate(timeout=60)
    assert follower.returncode in {0, 5}, error
    assert b"Traceback" not in error


def test_one_that_is_killed_is_missed_in_a_sentence(up: Up) -> None:
    """Whoever waits is told at once, whoever comes later is told who it was, and another one can come up."""
    follower = up.begin("logs", "-f", "berth")
    assert follower.stdout is not None
    assert follower.stdout.readline() == b"loud\n"
    up.process.kill()
    _, error = follower.communicate(timeout=60)
    assert follower.returncode == 5
    assert b"found that it ended meanwhile" in error
    late = up.client("down")
    assert late.code == 4
    assert f"ended without a word (process {up.process.pid})" in late.err
    after = Up(up.root)
    try:
        after.wait_for("berth is ready")
        assert after.client("down").code == 0
        assert after.process.wait(60) == 0
        assert after.left() == [], "the next one removes what a killed one left"
    finally:
        after.process.kill()
        after.process.wait(30)


def test_two_clients_at_once_and_one_that_goes(up: Up) -> None:
    """Neither waits for the other, and what one leaves behind is no trouble."""
    first, second = up.begin("logs", "-f", "berth"), up.begin("logs", "-f", "store")
    assert first.stdout is not None
    assert first.stdout.readline() == b"loud\n"
    second.kill()
    second.communicate(timeout=30)
    assert up.client("kill", "berth").code == 0
    assert first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert first.returncode == 130
    assert up.client("faults").code == 4, "no such verb"
    assert up.client("fault").code == 0


def test_a_socket_of_ours_is_for_us_alone(up: Up) -> None:
    running = state.read(up.folder)
    assert running is not None
    assert Path(running.socket).parent.stat().st_mode & 0o777 == 0o700


def test_a_shell_has_the_keys_the_size_and_the_terminal_back(up: Up) -> None:
    """What is typed arrives unchanged, Ctrl-C is the shell's, and the terminal is as before when it ends."""
    ours, theirs = pty.openpty()
    before = subprocess.run(["stty", "-g"], stdin=theirs, capture_output=True, check=True).stdout
    shell = subprocess.Popen(
        up._command("shell", "berth"), stdin=theirs, stdout=theirs, stderr=theirs, cwd=up.folder, env=up._environment()
    )
    # The fake engine's shell is none: what comes is how its command ended, through the whole way.
    code = shell.wait(60)
    assert code in {0, 1, 127}, code
    assert subprocess.run(["stty", "-g"], stdin=theirs, capture_output=True, check=True).stdout == before
    for end in (ours, theirs):
        with contextlib.suppress(OSError):
            os.close(end)


def test_one_that_is_renamed_goes_on(up: Up) -> None:
    """It says so, builds what is there now, and ends in order where it is now."""
    up.folder = up.folder.rename(up.root / "otter")
    up.wait_for("/otter now: what is up goes on")
    (up.folder / "mode").write_text("hush\n")
    again = up.client("reload")
    assert (again.code, again.err) == (0, ""), again
    assert up.client("logs", "berth").out.endswith("hush\n")
    down = up.client("down")
    assert (down.code, down.err) == (0, "down: nothing of it is left\n")
    assert up.process.wait(60) == 0
    assert up.left() == []


def test_one_that_lost_its_facts_says_how_to_end_it(up: Up) -> None:
    """At once, where it runs, and to whoever asks for it in the workspace."""
    (up.folder / "BRIEF.md").write_text("what to do\n")
    shutil.rmtree(up.folder / ".harness")
    up.wait_for("moved out of it, or removed: end this up with Ctrl-C where it runs")
    down = up.client("down")
    assert down.code == 4
    assert "What is up of it ends by Ctrl-C where it runs" in down.err
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 130
    assert up.left() == []


def test_one_that_ends_by_itself_is_told(up: Up) -> None:
    """Also after it was ended by hand before."""
    assert up.client("restart", "berth").code == 0
    (up.folder / "service.toml").write_text(berths.SERVICE.replace("sleep 600", "echo sunk; exit 3"))
    up.client("reload")
    up.wait_for("berth ended with exit code 3: see harness logs berth")
