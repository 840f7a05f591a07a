"""This end of a shell: keys, size and colours pass unchanged, and the terminal is as before however it ends."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.live.talk import Line, data_of

CHILD = """
import os, signal, socket, sys
from harness.live import terminal
from harness.live.talk import Line
class Resized(socket.socket):
    def sendall(self, data):
        if b"data" in data:
            os.kill(os.getpid(), signal.SIGWINCH)
        super().sendall(data)
kind = Resized if "resized" in sys.argv else socket.socket
line = Line(kind(fileno=int(sys.argv[1])))
line.send(terminal.request("berth"))
last = terminal.attend(line)
print("last word", last)
"""
SCREEN = b"\x1b[31mred\x1b[0m\r\n\x07"


@dataclass
class Seat:
    """Somebody at a terminal, and the other side of what they sit at."""

    keys: int
    other: Line
    process: subprocess.Popen[bytes]

    def seen(self, words: bytes) -> bytes:
        """Return what the terminal showed once ``words`` are in it."""
        shown = b""
        while words not in shown:
            ready, _, _ = select.select([self.keys], [], [], 60)
            assert ready, shown
            shown += os.read(self.keys, 65536)
        return shown

    def typed(self, count: int) -> bytes:
        """Return the next ``count`` bytes that came to the other side."""
        data = b""
        while len(data) < count:
            message = self.other.receive()
            assert message is not None, data
            data += data_of(message)
        return data


def resize(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture
def seat() -> Iterator[Seat]:
    """Return one at a terminal of 30 rows and 100 columns."""
    yield from sit()


def sit(*how: str) -> Iterator[Seat]:
    """Yield one; ``resized``: whose window changes in the middle of every key that is sent."""
    keys, theirs = pty.openpty()
    resize(theirs, 30, 100)
    ours, other = socket.socketpair()
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(ours.fileno()), *how],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            pass_fds=[ours.fileno()],
            env={**os.environ, "TERM": "xterm-256color"},
        )
    os.close(theirs)
    other.settimeout(60)
    line = Line(other)
    yield Seat(keys=keys, other=line, process=process)
    process.kill()
    process.wait(30)
    line.close()
    os.close(keys)


def test_all_of_it(seat: Seat) -> None:
    """Ctrl-C, Ctrl-Z, Ctrl-P and bytes that are no text are the shell's; so is the size, then and later."""
    before = termios.tcgetattr(seat.keys)
    assert seat.other.receive() == {"verb": "shell", "sandbox": "berth", "size": [30, 100], "term": "xterm-256color"}
    seat.other.data(SCREEN)
    assert SCREEN in seat.seen(SCREEN), "what a shell draws is not as it drew it"
    pressed = b"ls\r\x03\x1a\x10\x11\xff\x04"
    os.write(seat.keys, pressed)
    assert seat.typed(len(pressed)) == pressed
    resize(seat.keys, 50, 132)
    seat.process.send_signal(signal.SIGWINCH)
    assert seat.other.receive() == {"size": [50, 132]}
    seat.other.end(3)
    seat.seen(b"last word {'end': 3,")
    assert seat.process.wait(60) == 0
    assert termios.tcgetattr(seat.keys) == before


@pytest.fixture
def resized_seat() -> Iterator[Seat]:
    """Return one whose window changes in the middle of every key that is sent."""
    yield from sit("resized")


def test_a_window_that_changes_while_keys_are_sent(resized_seat: Seat) -> None:
    """Key and size both come, and nobody waits for themselves."""
    seat = resized_seat
    seat.other.receive()
    seat.other.data(b"$ ")
    seat.seen(b"$ ")
    os.write(seat.keys, b"a")
    assert seat.typed(1) == b"a"
    assert seat.other.receive() == {"size": [30, 100]}
    os.write(seat.keys, b"b")
    assert seat.typed(1) == b"b"
    seat.other.end(0)
    assert seat.process.wait(60) == 0


def test_an_other_side_that_dies_ends_it(seat: Seat) -> None:
    before = termios.tcgetattr(seat.keys)
    seat.other.receive()
    seat.other.data(b"$ ")
    seat.seen(b"$ ")
    seat.other.hang_up()
    assert b"last word None" in seat.seen(b"last word None")
    assert seat.process.wait(60) == 0
    assert termios.tcgetattr(seat.keys) == before


def test_input_that_ends_ends_the_shell() -> None:
    """The key that says so is typed on a line of its own, until it is heard: who sets up a terminal loses what was typed."""
    ours, other = socket.socketpair()
    other.settimeout(60)
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(ours.fileno())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[ours.fileno()],
        )
    line = Line(other)
    assert process.stdin is not None
    assert line.receive() is not None
    process.stdin.write(b"select 1;")
    process.stdin.close()
    typed = b""
    while typed.count(b"\x04") < 3:
        message = line.receive()
        assert message is not None, typed
        typed += data_of(message)
    assert typed == b"select 1;\n\x04\x04\x04"
    line.end(0)
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()
    line.close()
