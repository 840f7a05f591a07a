"""How far several gradings are: who runs, which check, how long, and how much is left."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness import progress
from harness.progress import Board
from tests.unit.intake.test_cli import Hands

ROOT = Path(__file__).resolve().parents[2]


def test_a_board_says_who_runs_and_what_is_left() -> None:
    """Nothing is guessed before one has ended; then the rest takes as long, as many at once as there are jobs."""
    clock = Hands()
    board = Board(5, 2, before=1, clock=clock)
    board.says("a", "heron", "")
    board.says("b", "otter\x1b[31m", "building the submission")
    clock.seconds = 40
    assert board.lines() == [
        "  heron                  40 s  ",
        "  otter\\x1b[31m          40 s  building the submission",
        "1 of 5 done, 2 running, 2 waiting",
    ]
    board.says("a", "heron", "check 2 of 9, after a/b")
    assert board.line() == (
        "1 of 5 done, 2 running, 2 waiting: heron 40 s, check 2 of 9, after a/b; otter\\x1b[31m 40 s, building the submission"
    )
    board.ends("a")
    board.says("c", "crane", "")
    # One more of 40 s; c has all of its 40 s before it, b none, and the last has to wait for one of them.
    assert board.line().partition(": ")[0] == "2 of 5 done, 2 running, 1 waiting, about 40 s left"
    clock.seconds = 50
    assert ", about 35 s left" in board.line()


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "1 s"), (59, "59 s"), (61, "2 min"), (3600, "1 h 00 min")])
def test_what_such_things_usually_take_is_known_from_before(seconds: float, said: str) -> None:
    """A second run need not wait for the first end to say how long it will be."""
    assert Board(1, 1, usual=(seconds,)).line() == f"0 of 1 done, 0 running, 1 waiting, about {said} left"


def test_a_board_is_a_line_each_ten_seconds_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """And none for what ends before."""
    clock = Hands()
    board = Board(1, 1, clock=clock)
    with progress.shown(board, clock):
        board.says("a", "heron", "building")
        assert clock.waits.get() == 10
        clock.seconds = 10
        assert clock.waits.get() == 10  # so it has spoken
        assert capsys.readouterr() == ("", "0 of 1 done, 1 running, 0 waiting: heron 10 s, building\n")
    assert capsys.readouterr() == ("", "")


def test_a_board_can_be_told_from_many_threads() -> None:
    """While it is read."""
    board = Board(200, 8)

    def tell(which: int) -> None:
        for step in range(50):
            board.says(which, f"n{which}", str(step))
            board.lines()
        board.ends(which)

    threads = [threading.Thread(target=tell, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.line().startswith("8 of 200 done, 0 running, 192 waiting")


LIVE = """
import time
from harness import console, progress
board = progress.Board(2, 1)
with progress.{how} as say:
    board.says("a", "heron", "building")
    time.sleep(0.3)
    console.line('{{"heron": ' + '1' * 300 + '}}')
    console.notice("a notice")
"""


@pytest.mark.parametrize("how", ["shown(board)", "step('slow')"])
def test_what_is_written_to_a_file_gets_there_while_a_picture_lives(tmp_path: Path, how: str) -> None:
    """With standard error on a terminal: a line of JSON is whole, in the file, and nowhere else."""
    ours, theirs = pty.openpty()
    out = tmp_path / "out"
    try:
        with out.open("wb") as file:
            subprocess.run(
                [sys.executable, "-c", LIVE.format(how=how)],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm-256color"},
                stdout=file,
                stderr=theirs,
                check=True,
            )
        seen = os.read(ours, 1_000_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert out.read_text(encoding="utf-8") == '{"heron": ' + "1" * 300 + "}\n"
    assert "a notice" in seen
    assert "111" not in seen
    assert "\x1b" in seen
