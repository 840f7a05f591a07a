"""Who is up: one process a workspace, found by others, and missed when it is gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import EngineError, UsageError
from harness.live import state

KEEPER = """
import sys, time
from pathlib import Path
from harness.live import state
root = Path(sys.argv[1])
with state.claimed(root):
    state.write(root, state.Running(pid=7, owner="o", run="r", socket=str(root / "s"), urls={}))
    print("claimed", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a workspace, as far as this is about."""
    (tmp_path / ".harness").mkdir()
    return tmp_path


def running(root: Path) -> state.Running:
    return state.Running(pid=7, owner="b:n:7:1", run="up-1", socket=str(root / "s"), urls={"app": "http://x"})


def test_what_is_written_is_read(root: Path) -> None:
    state.write(root, running(root))
    assert state.read(root) == running(root)


def test_one_at_a_time(root: Path) -> None:
    """The second is told who is there; after the first, anybody may, and nothing says that it was there."""
    with state.claimed(root):
        state.write(root, running(root))
        assert state.is_up(root)
        with pytest.raises(UsageError, match=r"found it up \(process 7\)"), state.claimed(root):
            pass
        assert state.read(root) is not None, "the second took the first one's file away"
    assert state.read(root) is None
    assert not state.is_up(root)
    with state.claimed(root):
        pass


def test_one_that_fails_leaves_nothing(root: Path) -> None:
    def fails() -> None:
        with state.claimed(root):
            state.write(root, running(root))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert state.read(root) is None


def test_one_whose_engine_fails_at_the_end_did_not_end_in_order(root: Path) -> None:
    """Something of it may still be there: whoever waits for its end must not read that nothing is."""

    def fails() -> None:
        with state.claimed(root):
            state.write(root, running(root))
            raise EngineError

    with pytest.raises(EngineError):
        fails()
    assert not state.is_up(root)
    assert state.read(root) == running(root)
    with state.claimed(root):
        pass
    assert state.read(root) is None


def test_one_that_was_killed_is_missed_and_followed(root: Path) -> None:
    """Its file is there and nobody is: clients are told so, and the next one comes up."""
    with subprocess.Popen([sys.executable, "-c", KEEPER, str(root)], stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"claimed\n"
        assert state.is_up(root)
        os.kill(keeper.pid, signal.SIGKILL)
    assert not state.is_up(root)
    with pytest.raises(UsageError, match=r"ended without a word \(process 7\)"):
        state.connected(root)
    with state.claimed(root):
        pass
    assert state.read(root) is None


def test_nobody_was_ever_there(root: Path) -> None:
    with pytest.raises(UsageError, match='run "harness up" in another terminal'):
        state.connected(root)
    assert not state.is_up(root)


def test_who_is_there_is_found(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
        listener.listen()
        state.write(root, running(root))
        state.connected(root).close()


INFINITE = '{"pid": Infinity, "owner": "", "run": "", "socket": "", "urls": {}}'


@pytest.mark.parametrize("path", ["", "a" * 500, "nobody/is/here", "\\ud800", "a\\u0000b"])
def test_a_place_that_is_none_is_nobodys(root: Path, path: str) -> None:
    """Whatever stands in the file: a sentence."""
    (root / ".harness" / state.FILE).write_text(
        INFINITE.replace("Infinity", "7").replace('"socket": ""', f'"socket": "{path}"')
    )
    with pytest.raises(UsageError, match="ended without a word"):
        state.connected(root)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"pid": 1}', '{"pid": "x", "urls": {}}', "[" * 5000, INFINITE]
)
def test_a_damaged_file_is_none(root: Path, text: str) -> None:
    (root / ".harness" / state.FILE).write_text(text)
    assert state.read(root) is None


COMING = "found it coming up .process 7.: wait until it says that it is up, or end it with Ctrl-C where it runs"


def test_one_that_comes_up_is_neither_up_nor_away(root: Path) -> None:
    """Whoever comes is told the same, whatever they want of it; one that died meanwhile is missed."""
    coming = COMING.replace("7", str(os.getpid()))
    with state.claimed(root):
        with pytest.raises(UsageError, match=coming), state.claimed(root):
            pass
        with pytest.raises(UsageError, match=coming):
            state.connected(root)
        (root / ".harness" / state.FILE).unlink()
        with pytest.raises(UsageError, match="found it coming up: wait"):
            state.connected(root)
        with pytest.raises(UsageError, match="found it coming up: wait"), state.claimed(root):
            pass
    state.write(root, state.Running(pid=7, owner="", run="", socket="", urls={}))
    with pytest.raises(UsageError, match=r"ended without a word \(process 7\)"):
        state.connected(root)


def test_a_workspace_that_was_renamed_is_found(tmp_path: Path) -> None:
    """Its file goes with it, also when something else has its name by now."""
    before, after = tmp_path / "before", tmp_path / "af ter"
    (before / ".harness").mkdir(parents=True)
    with state.claimed(before) as claim:
        assert claim.where() == before
        before.rename(after)
        assert claim.where() == after
        (before / ".harness").mkdir(parents=True)
        assert claim.where() == after
        assert state.read(after) is not None
    assert state.read(after) is None


def test_a_renamed_workspace_whose_engine_failed_did_not_end_in_order(tmp_path: Path) -> None:
    """What says whose the rest is stays with it."""
    before, after = tmp_path / "before", tmp_path / "after"
    (before / ".harness").mkdir(parents=True)

    def fails() -> None:
        with state.claimed(before):
            state.write(before, running(before))
            before.rename(after)
            raise EngineError

    with pytest.raises(EngineError):
        fails()
    assert state.read(after) == running(before)


def test_a_workspace_without_its_facts_says_how_what_is_up_ends(tmp_path: Path) -> None:
    """Nobody finds it any more, so whoever runs it must end it."""
    (tmp_path / "w/.harness").mkdir(parents=True)
    with state.claimed(tmp_path / "w") as claim:
        shutil.rmtree(tmp_path / "w/.harness")
        with pytest.raises(UsageError, match="moved out of it, or removed: end this up with Ctrl-C"):
            claim.where()
        (tmp_path / "w/.harness").mkdir()
        with pytest.raises(UsageError, match="moved out of it, or removed"):
            claim.where()
