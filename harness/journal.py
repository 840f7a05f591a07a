"""Files that are only ever added to, a line at a time: each line is there whole, or is half a line that readers pass over."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


def append(file: Path, line: bytes) -> None:
    """Add ``line`` to ``file``, on disk when this returns; an error leaves the file as it was, where that can be.

    One process at a time adds to a file. Where a writer was killed in the middle of a line, the next one begins its own.
    Raises OSError, as :func:`harness.places.writing` takes it.
    """
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        with contextlib.suppress(OSError):  # where the file system has no locks there is one writer, or luck
            fcntl.flock(handle, fcntl.LOCK_EX)
        size = os.fstat(handle).st_size
        _write(handle, line if _ends_a_line(handle, size) else b"\n" + line, size)
    finally:
        os.close(handle)


def _ends_a_line(handle: int, size: int) -> bool:
    return size == 0 or os.pread(handle, 1, size - 1) == b"\n"


def _write(handle: int, data: bytes, size: int) -> None:
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(handle, size)
        raise
