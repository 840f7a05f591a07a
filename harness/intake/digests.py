"""What a submission is known by: the sha256 of its bytes as they came, and of the files in it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from harness.intake.archives import Read
from harness.model import SubmissionFile


class Hashing:
    """A stream that knows the sha256 of what was read from it."""

    def __init__(self, read: Read) -> None:
        """Read by ``read``."""
        self._read = read
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Return what comes next, at most ``size`` bytes."""
        data = self._read(size)
        self._hash.update(data)
        return data

    def sha256(self) -> str:
        """Return the digest, in hexadecimal, of all that was read."""
        return self._hash.hexdigest()


def of(data: bytes) -> str:
    """Return the sha256 of bytes, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def of_files(files: Iterable[SubmissionFile]) -> str:
    """Return the sha256 of a list of files with their paths, modes and contents: the same however they were packed."""
    lines = (f"{len(f.path.encode())} {f.path} {'x' if f.executable else '-'} {of(f.content)}\n" for f in files)
    return of("".join(lines).encode())
