"""Writes result folders.

A folder appears whole or not at all, is never changed and never overwritten: failed attempts are evidence, and a
re-grading adds a folder. A writer that was killed leaves a ``.partial-*`` folder that :func:`sweep` (and the next
:func:`save` of the same name) removes; one that is still being written is locked and left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError
from harness.model import Grading
from harness.store.codec import RESULT, encode
from harness.store.shelves import folder_name

_PARTIAL = ".partial-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def save(grading: Grading, out_dir: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """Write a grading and return its folder.

    ``files`` are relative paths (``report.txt``, ``logs/app.log``) and their bytes, kept beside ``result.json``.
    Raises HarnessError when that cannot be written in full; then nothing of it is left.
    """
    folder = out_dir / folder_name(grading.name) / folder_name(grading.id)
    return _keep(folder, {**(files or {}), RESULT: encode(grading)})


def _keep(folder: Path, content: Mapping[str, bytes]) -> Path:
    made = _missing_parents(folder.parent)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent)
        with _partial(folder.parent) as partial:
            for name, data in content.items():
                _write(partial, name, data)
            _sync_tree(partial)
            _publish(partial, folder)
            _sync(folder.parent)
    except OSError as error:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        text = f"expected to write the result to {folder}, found: {error}: make room there or choose another --out"
        raise HarnessError(text) from error
    return folder


def sweep(folder: Path) -> None:
    """Remove what writers that are dead left half-written in ``folder``, or in the folders in it.

    Where the file system has no locks, nobody can tell, and nothing is removed.
    """
    for left in [*folder.glob(f"{_PARTIAL}*"), *folder.glob(f"*/{_PARTIAL}*")]:
        with contextlib.suppress(OSError):
            handle = os.open(left, _FOLDER)
            try:
                if _lock(handle):
                    shutil.rmtree(left)
            finally:
                os.close(handle)


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders that creating ``folder`` would create, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


@contextlib.contextmanager
def _partial(parent: Path) -> Iterator[Path]:
    """Create a locked folder in ``parent``; whatever of it was not published is removed."""
    partial, lock = _create_locked(parent)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _create_locked(parent: Path) -> tuple[Path, int]:
    for _ in range(100):
        partial = parent / f"{_PARTIAL}{secrets.token_hex(8)}"
        partial.mkdir()
        # A sweep may come between creating and locking: then the folder is gone, or about to be.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(partial, _FOLDER)
            if _lock(lock) is not False and partial.is_dir():
                return partial, lock
            os.close(lock)
    text = f"expected to create a folder in {parent}, found each one removed at once: does something clean up there?"
    raise OSError(text)


def _lock(handle: int) -> bool | None:
    """Hold a folder exclusively until its handle or process ends: False when another does, None when none can."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _write(folder: Path, name: str, data: bytes) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or not relative.name:
        text = f"expected a relative path for a file beside {RESULT}, found {name!r}"
        raise HarnessError(text)
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _publish(partial: Path, folder: Path) -> None:
    if folder.exists():
        text = f"expected no result at {folder} yet, found one: results are never overwritten; choose another --out"
        raise HarnessError(text)
    # Atomic, and refused by the kernel should a result (a folder that is not empty) have appeared meanwhile.
    partial.rename(folder)


def _sync_tree(folder: Path) -> None:
    for path in [folder, *(below for below in folder.rglob("*") if below.is_dir())]:
        _sync(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
