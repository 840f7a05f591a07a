"""Places on this machine's disks: written ones are tried before anything runs, read ones are read with a cap.

Whatever the operating system refuses becomes one sentence that names the place and what to do: wrong usage when another
path would do, an error of this machine (a full disk, no file handles left) otherwise.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.wording import visible

MAX_FILE_BYTES = 64 * 1024 * 1024
"""No file of a catalogue, a recipe or a result comes near; more is a mistake, or a device that never ends."""
_PROBE_BYTES = 64 * 1024
_PIECE_BYTES = 1024 * 1024
_OF_THE_MACHINE = {
    errno.ENOSPC: "free some space and run this again",
    errno.EDQUOT: "your quota is used up: free some space and run this again",
    errno.EMFILE: "raise the limit on open files (ulimit -n) and run this again",
    errno.ENFILE: "this machine has no file handles left: end something and run this again",
    errno.ENOMEM: "this machine has no memory left: end something and run this again",
    errno.EAGAIN: "this machine is at a limit of processes or memory: end something and run this again",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f) and run this again",
    errno.EIO: "the disk or share has an error: see to it, or use another one",
    errno.ESTALE: "the share went away: mount it again",
    errno.ENOSYS: "the file system can't do this: use another one",
}
"""What another path would not help against, and what would."""
_OF_THE_PATH = {
    errno.EACCES: "correct its permissions or name another place",
    errno.EPERM: "correct its permissions or name another place",
    errno.EROFS: "name a place that can be written",
    errno.ENOTDIR: "a part of the path is a file: name another place",
    errno.EISDIR: "it is a folder: name another place",
    errno.ENAMETOOLONG: "choose a shorter path",
    errno.ELOOP: "its links lead in a circle: name another place",
}
_OTHER_ADVICE = "name another place"


def failure(error: OSError, doing: str) -> HarnessError:
    """Return ``error`` as one of ours: ``doing`` completes "expected to"; the code says whether another path helps."""
    found = error.strerror or str(error) or type(error).__name__
    if error.errno is None or error.errno in _OF_THE_MACHINE:
        advice = _OF_THE_MACHINE.get(error.errno or 0, "see that the disk is there and run this again")
        return HarnessError(f"expected to {doing}, found: {found}: {advice}")
    return UsageError(f"expected to {doing}, found: {found}: {_OF_THE_PATH.get(error.errno, _OTHER_ADVICE)}")


@contextlib.contextmanager
def writing(what: str, where: Path) -> Iterator[None]:
    """Turn what the operating system refuses while ``what`` is written to ``where`` into one sentence."""
    try:
        yield
    except OSError as error:
        raise failure(error, f"write {what} to {visible(str(where))}") from error


def probe(folder: Path, what: str) -> None:
    """Raise UsageError or HarnessError unless ``what`` can be written into ``folder``, which need not exist yet.

    Nothing of it stays, a folder that is missing included: two commands may look at one place at once.
    """
    with writing(what, folder):
        nearest = _nearest(folder)
        try:
            # It has no name that could be left behind, or found by somebody.
            with tempfile.TemporaryFile(dir=nearest, buffering=0) as file:
                file.write(b"\0" * _PROBE_BYTES)
        except OSError as error:
            where = "" if nearest == folder else f" in {visible(str(nearest))}"
            raise OSError(error.errno, f"{error.strerror}{where}") from error


def read(file: Path, cap: int = MAX_FILE_BYTES, *, refuse: type[HarnessError] = HarnessError) -> bytes:
    """Return what is in the regular ``file``. Raises ``refuse`` when it can't be read or holds more than ``cap`` bytes.

    A pipe or device is refused and not waited for.
    """
    shown = visible(str(file))
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                kind = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
                text = f"{shown}: expected a regular file, found {kind}: replace it"
                raise refuse(text)
            with open(handle, "rb", closefd=False) as stream:
                # In pieces: asked for all that may come, Python would first set so much memory aside.
                data = bytearray()
                while piece := stream.read(min(_PIECE_BYTES, cap + 1 - len(data))):
                    data += piece
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        text = f"{shown}: expected a readable file, found: {why}. Add it, or correct its permissions"
        raise refuse(text) from error
    except MemoryError as error:
        text = f"{shown}: expected memory to read it, found none left: end something and run this again"
        raise refuse(text) from error
    if len(data) > cap:
        text = f"{shown}: expected at most {cap} bytes, found more: shorten the file, or replace it"
        raise refuse(text)
    return bytes(data)


def write_whole(file: Path, data: bytes, *, mode: int) -> None:
    """Write ``file`` whole, on disk when this returns, or not at all; ``mode`` from its first byte on.

    Raises OSError, as :func:`writing` takes it.
    """
    partial = file.with_name(f".{secrets.token_hex(8)}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)


def _nearest(folder: Path) -> Path:
    """Return the folder that would be written to: ``folder``, or the innermost one above it that exists."""
    for path in (folder, *folder.parents):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            if path.is_symlink():
                raise OSError(errno.ENOENT, "a link to nothing") from None
            continue
        if not stat.S_ISDIR(mode):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return path
    raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
