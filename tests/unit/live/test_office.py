"""What clients of an ``up`` are served."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from harness.live import office
from harness.live.holding import Holding
from harness.live.office import Office
from harness.live.talk import Line, data_of

TICK = b"tick\n"
THERE, NEWS = 60_000, 10
"""Lines of a log: more than is shown of what has been there, and what comes while somebody follows."""


class Ticking(Holding):
    """Of a holding, its log: a line more each time that it is looked at, all of them equal, until it is over."""

    def __init__(self, there: int) -> None:
        self.over = threading.Event()
        self._lines = self._there = there

    def logs(self, name: str, *, tail_kb: int) -> bytes:
        """Return the end of it."""
        assert name == "berth"
        text = TICK * self._lines
        self._lines += 1
        if self._lines > self._there + NEWS:
            self.over.set()
        return text[-tail_kb * 1024 :]


def followed(folder: Path, holding: Holding) -> bytes:
    """Return what a client is told that follows the log to its end."""
    served = Office(folder, holding)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(served.path))
        line = Line(sock)
        line.send({"verb": "logs", "sandbox": "berth", "follow": True})
        told = b""
        while (message := line.receive()) is not None and "end" not in message:
            told += data_of(message)
    served.close()
    return told


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(office, "_LOOK_SECONDS", 0.001)


def test_a_log_of_equal_lines_is_followed(tmp_path: Path) -> None:
    """The end of what was there, and then each line once: where one is in a log is no matter of what stands there."""
    assert followed(tmp_path, Ticking(THERE)) == (TICK * (THERE + NEWS))[-256 * 1024 - NEWS * len(TICK) :]


def test_much_at_once_is_told_whole(tmp_path: Path) -> None:
    """More between two looks than one object of the talk may hold."""

    class Flood(Ticking):
        def logs(self, name: str, *, tail_kb: int) -> bytes:
            """Nothing at first, then two megabytes, all of it different."""
            super().logs(name, tail_kb=tail_kb)
            return b"".join(b"%015d\n" % number for number in range(131_072)) if self._lines > 1 else b""

    assert followed(tmp_path, Flood(0)) == b"".join(b"%015d\n" % number for number in range(131_072))
