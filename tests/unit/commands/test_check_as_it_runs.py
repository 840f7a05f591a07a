"""``harness check`` while it runs: what failed says why at once, and seconds go on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import console, progress
from harness.commands import beside
from tests.unit import commandline
from tests.unit.grading import harbour
from tests.unit.live import berths

WHY = "COLOUR is not what it should be."


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a workspace whose one public check fails, beside its catalogue."""
    changes = {"exercises/harbour/checks/test_env.py": harbour.PUBLIC.replace('"red"', '"blue"')}
    folder = berths.world(tmp_path / "w", changes)
    berths.as_workspace(folder)
    return folder


def test_what_failed_says_why_before_the_end(here: Path) -> None:
    """On standard error; what standard output is sent to has all of it as well."""
    ended = commandline.command("check", "--engine", "fake", cwd=here, environment=_around(here))
    assert ended.code == 1, ended
    told = ended.err[ended.err.index("FAIL  speech/env") :]
    assert re.match(rf"FAIL  speech/env  \d+\.\d s  \(1 of 1\)\n      {WHY}\n      expected  blue", told), told
    assert WHY in ended.out
    assert "above" not in ended.out


def test_end_refers_to_what_stands_above_where_it_does(here: Path) -> None:
    """Both on one screen, or in one file: the reason stands there once."""
    said = here.parent / "said"
    begun = commandline.begin("check", "--engine", "fake", cwd=here, said=said, environment=_around(here))
    assert begun.wait(120) == 1
    text = said.read_text()
    assert text.count(WHY) == 1
    assert text.count("FAIL  speech/env") == 2
    assert "\n      what it found: above\n      again: harness" in text, text


def test_second_check_says_that_another_one_runs(here: Path) -> None:
    """And goes on; after the first nobody says so."""
    with (here / ".harness" / beside.LOCK).open("w") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        first.write("4711")
        first.flush()
        ended = commandline.command("check", "--engine", "fake", cwd=here, environment=_around(here))
        assert "another check of this workspace runs already (process 4711): both go on" in ended.err
        assert ended.code == 1
    with beside.told(here):
        assert int((here / ".harness" / beside.LOCK).read_text()) == os.getpid()
    ended = commandline.command("check", "--engine", "fake", cwd=here, environment=_around(here))
    assert "another check" not in ended.err


def test_logs_that_are_kept_are_of_this_check(here: Path) -> None:
    """None of an earlier one stays; of what does not build, why is kept. What is run again is what was asked for."""
    logs = here / ".harness" / "logs"
    logs.mkdir()
    (logs / "ghost.log").write_text("of an earlier check")
    ask = ("check", "--keep", "--only", "speech/*", "--engine", "fake")
    ended = commandline.command(*ask, cwd=here, environment=_around(here))
    assert ended.code == 1
    assert not (logs / "ghost.log").exists()
    assert {file.name for file in logs.iterdir()} >= {"berth-runs.log"}
    again = ended.out.replace("\\\n", "").partition("\nagain ")[2].partition("\n")[0]
    assert "check --only 'speech/*' --engine fake" in " ".join(again.split())
    (here / "service.toml").write_text(berths.SERVICE.replace("cat mode > made.txt", "echo sunk; exit 4"))
    assert commandline.command(*ask, cwd=here, environment=_around(here)).code == 3
    assert [file.name for file in logs.iterdir()] == ["build.log"]
    assert "sunk" in (logs / "build.log").read_text()


def _around(here: Path) -> dict[str, str]:
    return {"HARNESS_CATALOGUE": str(here.parent), "XDG_STATE_HOME": str(here.parent / "state")}


class Turned(progress.Clock):
    """A clock that another process turns: so many bytes came through a pipe, so many seconds have passed."""

    def __init__(self, turns: int) -> None:
        self._turns, self._seconds = turns, 0
        os.set_blocking(turns, False)

    def now(self) -> float:
        with contextlib.suppress(BlockingIOError):
            self._seconds += len(os.read(self._turns, 100))
        return float(self._seconds)


def test_seconds_go_on_while_one_thing_lasts() -> None:
    """On a terminal: what stands still looks as if nothing went on."""
    ours, theirs = pty.openpty()
    turns, hand = os.pipe()
    child = os.fork()
    if child == 0:
        _slow(theirs, turns)
    try:
        _seen(ours, lambda text: "slow: half (0 s)" in text)
        os.write(hand, b"x" * 7)
        _seen(ours, lambda text: "slow: half (7 s)" in text)
        os.write(hand, b"x" * 100)
        _seen(ours, lambda text: "slow: done in" in text)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for end in (ours, theirs, turns, hand):
            os.close(end)


def _slow(theirs: int, turns: int) -> None:
    """Be the process that does something slow, until a hundred seconds have passed."""
    code = 1
    try:
        os.dup2(theirs, 2)
        os.environ.update({"TERM": "xterm-256color", console.PLAIN: ""})
        clock = Turned(turns)
        with open(2, "w", encoding="utf-8", closefd=False) as sys.stderr, progress.step("slow", clock) as say:
            say("half")
            while clock.now() < 100:
                time.sleep(0.05)
        code = 0
    finally:
        os._exit(code)


def _seen(terminal: int, there: Callable[[str], bool]) -> None:
    text, until = "", time.monotonic() + 60
    while not there(text):
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, text
        assert time.monotonic() < until, text[-500:]
        text += os.read(terminal, 65536).decode(errors="replace")
