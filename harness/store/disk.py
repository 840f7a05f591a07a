"""Writes result folders.

A folder appears whole or not at all, is never changed and never overwritten: failed attempts are evidence, and a
re-grading adds a folder. That of a person appears with the first result in it, so that two who write at once and are
called the same never share one. A writer that was killed leaves a ``.partial-*`` folder that :func:`sweep` (and the next
:func:`save`) removes; one that is still being written is locked and left alone.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError
from harness.model import Grading
from harness.store.codec import RESULT, encode
from harness.store.shelves import folder_name, is_of

Seal = Callable[[Mapping[str, bytes]], Mapping[str, bytes]]
_PARTIAL = ".partial-"
_IS_PARTIAL = re.compile(rf"{re.escape(_PARTIAL)}[0-9a-f]{{16}}")
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class TakenError(HarnessError):
    """The folder that a result was to lie in holds what is not of its submission. Act: name it again."""


def save(grading: Grading, out_dir: Path, files: Mapping[str, bytes] | None = None, seal: Seal | None = None) -> Path:
    """Write a grading and return its folder.

    ``files`` are relative paths (``report.txt``, ``logs/app.log``) and their bytes, kept beside ``result.json``; ``seal``
    is given all of these, ``result.json`` among them, and returns what is kept beside them in turn.
    Raises HarnessError when that cannot be written in full; then nothing of it is left. Raises TakenError when the
    folder that :func:`name_for` found free, or theirs, is somebody else's by now.
    """
    home, content = out_dir / folder_name(grading.name), {**(files or {}), RESULT: encode(grading)}
    content |= seal(content) if seal else {}
    made = _missing_parents(out_dir)
    try:
        return _keep(home, grading, content)
    except OSError as error:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        text = f"expected to write the result to {home}, found: {error}: make room there or choose another --out"
        raise HarnessError(text) from error


def _keep(home: Path, grading: Grading, content: Mapping[str, bytes]) -> Path:
    name = folder_name(grading.id)
    home.parent.mkdir(parents=True, exist_ok=True)
    sweep(home.parent)
    if _is_new(home):
        with contextlib.suppress(FileExistsError):
            _publish(home, content, below=name)
            return home / name
    if not is_of(home, grading):
        text = (
            f"expected {home} to be free, or to hold results of this submission only, found something else: grade again"
        )
        raise TakenError(text)
    home.mkdir(exist_ok=True)
    try:
        _publish(home / name, content)
    except FileExistsError as error:
        text = (
            f"expected no result at {home / name} yet, found one: results are never overwritten; choose another --out"
        )
        raise HarnessError(text) from error
    return home / name


def sweep(folder: Path) -> None:
    """Remove what writers that are dead left half-written in ``folder``, or in the folders in it.

    Where the file system has no locks, nobody can tell, and nothing is removed.
    """
    for left in [*folder.glob(f"{_PARTIAL}*"), *folder.glob(f"*/{_PARTIAL}*")]:
        if not _IS_PARTIAL.fullmatch(left.name):
            continue
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


def _publish(folder: Path, content: Mapping[str, bytes], below: str = "") -> None:
    """Make ``folder`` with ``content`` (in ``below`` it) in one step. Raises FileExistsError when it holds something."""
    with _partial(folder.parent) as partial:
        for name, data in content.items():
            _write(partial / below, name, data)
        _sync_tree(partial)
        try:
            # Atomic, and refused by the kernel where there is a folder that is not empty.
            partial.rename(folder)
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
                raise FileExistsError(*error.args) from error
            raise
        _sync(folder.parent)


def _is_new(home: Path) -> bool:
    """Whether nothing is there yet, or an empty folder, which a whole one can take the place of."""
    if home.is_symlink() or not home.is_dir():
        return not os.path.lexists(home)
    return not any(home.iterdir())


def _sync_tree(folder: Path) -> None:
    for path in [folder, *(below for below in folder.rglob("*") if below.is_dir())]:
        _sync(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
