"""This end of a shell in a sandbox: the terminal that somebody sits at, as it is, with its size, colours and keys."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from types import FrameType

from harness.errors import HarnessError
from harness.live.talk import Line, data_of
from harness.model import Json

_CHUNK_BYTES = 4096
_END_OF_INPUT = b"\x04"
_AGAIN_SECONDS = 0.5
"""How soon the end of input is typed again: a program that sets up its terminal just then loses the key."""


def request(sandbox: str) -> dict[str, Json]:
    """Return what asks for a shell in ``sandbox`` that fits this terminal."""
    rows, columns = _size()
    term = os.environ.get("TERM", "dumb")
    return {"verb": "shell", "sandbox": sandbox, "size": [rows, columns], "term": term}


def attend(line: Line) -> dict[str, Json] | None:
    """Pass both ways until the shell has ended; return its last word, None when the other side died.

    Every key is the shell's, Ctrl-C included, while this terminal is one; however it ends, it is as it was afterwards.
    """
    reader, writer = os.pipe()
    last: list[dict[str, Json] | None] = [None]

    def show() -> None:
        try:
            with contextlib.suppress(OSError, HarnessError):
                last[0] = _shown(line)
        finally:
            os.close(writer)

    thread = threading.Thread(target=show, daemon=True, name="show")
    with _raw(), _resized() as resized:
        thread.start()
        _typed(line, reader, resized)
    thread.join()
    os.close(reader)
    return last[0]


def _shown(line: Line) -> dict[str, Json] | None:
    while (message := line.receive()) is not None:
        if "end" in message:
            return message
        data = data_of(message)
        while data:
            data = data[os.write(sys.stdout.fileno(), data) :]
    return None


def _typed(line: Line, over: int, resized: int) -> None:
    """Send what is typed, and each new size when ``resized`` can be read, until ``over`` can.

    Input that ends, as that of a pipe does, ends the shell: the key that says so is typed on a line of its own until it does.
    """
    keys = sys.stdin.fileno()
    watched, last = [keys, over, resized], b"\n"
    while True:
        ready, _, _ = select.select(watched, [], [], None if keys in watched else _AGAIN_SECONDS)
        if over in ready:
            return
        if resized in ready:
            os.read(resized, _CHUNK_BYTES)
            with contextlib.suppress(OSError):
                line.send({"size": list(_size())})
        if keys in ready:
            data = os.read(keys, _CHUNK_BYTES)
            if not data:
                watched.remove(keys)
                data = _END_OF_INPUT if last == b"\n" else b"\n" + _END_OF_INPUT
            last = data[-1:]
        elif keys not in watched and not ready:
            data = _END_OF_INPUT
        else:
            continue
        with contextlib.suppress(OSError):
            line.data(data)


@contextlib.contextmanager
def _raw() -> Iterator[None]:
    """Have every key as it is pressed, where this is a terminal."""
    keys = sys.stdin.fileno()
    if not os.isatty(keys):
        yield
        return
    before = termios.tcgetattr(keys)
    try:
        tty.setraw(keys, termios.TCSADRAIN)  # what was typed ahead is the shell's
        yield
    finally:
        termios.tcsetattr(keys, termios.TCSADRAIN, before)


@contextlib.contextmanager
def _resized() -> Iterator[int]:
    """Yield what can be read whenever this terminal got another size.

    The signal may come in the middle of a key that is being sent: whoever sends it would wait for itself.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)

    def note(_number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(BlockingIOError):  # so many were noted already
            os.write(writer, b"\0")

    before = signal.signal(signal.SIGWINCH, note)
    try:
        yield reader
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(reader)
        os.close(writer)


def _size() -> tuple[int, int]:
    try:
        columns, rows = os.get_terminal_size(sys.stdin.fileno())
    except OSError:
        return 24, 80
    return max(rows, 1), max(columns, 1)
