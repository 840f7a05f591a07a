"""Two checks of one workspace at once: both may go on, and the second says that they take each other's time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from harness import console
from harness.intake import workspace

LOCK = "check.lock"
_MAX_BYTES = 32


@contextlib.contextmanager
def told(root: Path) -> Iterator[None]:
    """Say it when another check of the workspace at ``root`` runs already. Where that can't be known, nothing is said."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            _claim(stack, root / workspace.FOLDER / LOCK)
        yield


def _claim(stack: contextlib.ExitStack, file: Path) -> None:
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        number = os.pread(handle, _MAX_BYTES, 0).strip()
        by = f" (process {int(number)})" if number.isdigit() else ""
        console.notice(
            f"another check of this workspace runs already{by}: both go on, each slower; Ctrl-C ends this one"
        )
    else:
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
