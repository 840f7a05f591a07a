"""A lock across all gradings of this machine, around phases whose timing decides something."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from harness.errors import HarnessError

_POLL_SECONDS = 0.05


class MachineLock:
    """Held by at most one grading of this user on this machine; the kernel frees it when its process dies."""

    def __init__(self, folder: Path | None = None) -> None:
        self._path = (folder or Path(tempfile.gettempdir())) / f"assessment-harness-{os.getuid()}.lock"
        self._guard = threading.Lock()
        self._file: IO[bytes] | None = None

    def acquire(self, go_on: Callable[[], bool], waited: Callable[[float], None]) -> float:
        """Wait for the lock and return seconds waited; ``waited`` is told of each stretch, so that it can be given back.

        Raises HarnessError when ``go_on`` says no, or the lock file cannot be opened.
        """
        with self._guard:
            if self._file is not None:
                return 0.0
            began = time.monotonic()
            file = self._open()
            while not _try_lock(file):
                if not go_on():
                    file.close()
                    text = f"expected the machine-wide lock {self._path} to become free, found the grading's time over"
                    raise HarnessError(text)
                time.sleep(_POLL_SECONDS)
                waited(_POLL_SECONDS)
            self._file = file
            return time.monotonic() - began

    def release(self) -> None:
        """Free it. Idempotent."""
        with self._guard:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _open(self) -> IO[bytes]:
        try:
            # Without following a link that somebody else may have put at a name everybody can guess.
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            text = f"expected to open the lock file {self._path}, found {error}: remove it, or set TMPDIR"
            raise HarnessError(text) from error
        return os.fdopen(descriptor, "r+b")


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
