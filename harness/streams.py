"""Standard streams that can't end a command: closed ones are nothing, broken and full ones take what is written.

A service manager may close them, a reader may go away, a disk may fill. Python then has no stream at all, or raises from
whatever wrote last, with its own exit code 1: a verdict about a candidate here.
"""

from __future__ import annotations

import io
import os
import select
import sys
from typing import TYPE_CHECKING, BinaryIO, TextIO, cast

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Sink(io.FileIO):
    """A standard stream that takes everything, and remembers why it could not pass it on."""

    lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Pass all of ``data`` on; once that has failed, only take it."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        try:
            while rest and self.lost is None:
                written = super().write(rest)
                if written is None:
                    select.select([], [self], [])  # somebody made it non-blocking, and it is full
                rest = rest[written or 0 :]
        except OSError as error:
            self.lost = error
        return size


def install() -> Sink:
    """Put a Sink under standard output and error; return that of output. Closed streams become the null device."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file that is opened would take its number, and what is printed would be written into it.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - positional only
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it lives as long as the process
    out, err = Sink(1, "wb", closefd=False), Sink(2, "wb", closefd=False)
    sys.stdout = _text(out, sys.stdout)
    sys.stderr = _text(err, sys.stderr)
    return out


def _text(sink: Sink, before: TextIO | None) -> TextIO:
    encoding = getattr(before, "encoding", None) or "utf-8"
    # What can't be shown in the terminal's encoding must not end a grading. No buffer: a signal that comes when it has
    # been written and is not yet emptied would have it written twice.
    return io.TextIOWrapper(cast("BinaryIO", sink), encoding=encoding, errors="backslashreplace", write_through=True)
