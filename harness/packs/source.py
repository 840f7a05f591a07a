"""A pack as a candidate has it: the file that was sent, or the folder that came out of it. Read whole, held against its list.

Mail, file managers and people unpack and zip again: the folder around it, and what systems leave beside it, do not matter.
Nothing is unpacked to disk here, no link is followed, and what is read is bounded. Wheels are not looked into.
"""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from harness import droppings, names, places
from harness.errors import UsageError
from harness.model import SubmissionFile
from harness.packs import listing
from harness.packs.listing import AGAIN, Invitation, Listed
from harness.wording import visible

WHEELS = "wheels"
SUFFIX = ".zip"
_MAX_BYTES = 64 * 1024 * 1024
"""Of an exercise; wheels apart."""
_MAX_ENTRIES = 20_000
_AROUND = 2
"""So many folders may be around a pack, one in the other."""
_MOST_FOLDERS = 100
_ZIP = b"PK\x03\x04"
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What reading a zip raises that is none, or not whole any more."""
_Reader = Callable[[str, int], bytes]
"""Path in the pack, most bytes -> content. Raises KeyError or OSError where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """A pack that is whole."""

    invitation: Invitation
    digest: str
    """What it is called by."""
    files: tuple[SubmissionFile, ...]
    """All but the wheels, its list included, by path."""

    def below(self, folder: str) -> tuple[SubmissionFile, ...]:
        """Return the files below ``folder``, with paths as in the pack."""
        return tuple(file for file in self.files if file.path.startswith(f"{folder}/"))


def is_pack(path: Path) -> bool:
    """Whether somebody who names ``path`` means a pack: a folder with a list in it, what is called a zip, or is one."""
    try:
        return path.name.lower().endswith(SUFFIX) or _root(path) is not None or _is_zip(path)
    except (OSError, ValueError):
        return False


def _is_zip(path: Path) -> bool:
    """Whether a file begins as a zip does: browsers add words to names. A pipe or a device is not waited for."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_ZIP)) == _ZIP


def read(path: Path) -> Pack:
    """Return the pack at ``path``. Raises UsageError when there is none, or when it is not as it was packed."""
    shown = visible(str(path))
    try:
        with _opened(path) as (where, reader):
            content = reader(listing.FILE, listing.MAX_BYTES)
            found = listing.read(content, where)
            files = [SubmissionFile(path=listing.FILE, content=content)]
            room = _MAX_BYTES
            for name, one in sorted(found.files.items()):
                if name.startswith(f"{WHEELS}/"):
                    continue
                files.append(_file(name, one, reader, room))
                room -= one.size
    except KeyError as error:
        text = f"{shown}: expected a whole pack, found one without {names.shown(str(error.args[0]))}: {AGAIN}"
        raise UsageError(text) from error
    except _DAMAGED as error:
        text = f"{shown}: expected a pack, found something else ({error}): {AGAIN}"
        raise UsageError(text) from error
    except OSError as error:
        text = (
            f"{shown}: expected a pack that can be read, found: {error.strerror or error}: correct the path, or {AGAIN}"
        )
        raise UsageError(text) from error
    return Pack(invitation=found.invitation, digest=found.digest, files=tuple(sorted(files, key=lambda one: one.path)))


def _file(name: str, one: Listed, reader: _Reader, room: int) -> SubmissionFile:
    if one.size > room:
        text = f"expected at most {_MAX_BYTES} bytes of exercise, found more with {names.shown(name)}: {AGAIN}"
        raise UsageError(text)
    content = reader(name, one.size)
    if (len(content), listing.digest(content)) != (one.size, one.sha256):
        raise _changed(name)
    return SubmissionFile(path=name, content=content, executable=one.executable)


def _changed(name: str) -> UsageError:
    return UsageError(f"{names.shown(name)} is not as it was packed: {AGAIN}, or unpack the file again")


@contextmanager
def _opened(path: Path) -> Iterator[tuple[str, _Reader]]:
    root = _root(path)
    if root is not None:
        yield str(root / listing.FILE), lambda name, most: _from_folder(root, name, most)
        return
    if path.is_dir():
        raise KeyError(listing.FILE)
    # A pipe is not waited for, and is no file that can be read in any order.
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file, zipfile.ZipFile(file) as archive:  # noqa: PTH123 - a descriptor
        members = archive.infolist()
        if len(members) > _MAX_ENTRIES:
            text = f"expected at most {_MAX_ENTRIES} entries, found {len(members)}"
            raise ValueError(text)
        # Some tools of Windows write the separator of their own system.
        by_path = {info.filename.replace("\\", "/"): info for info in members}
        dropped = droppings.among(by_path)
        lists = [name for name in by_path if name.split("/")[-1] == listing.FILE and name not in dropped]
        if not lists:
            _expect_no_inner(by_path)
        top = min((name.removesuffix(listing.FILE) for name in lists), key=len, default="")
        yield f"{path}: {listing.FILE}", lambda name, most: _from_zip(archive, by_path[f"{top}{name}"], most)


def _expect_no_inner(paths: Iterable[str]) -> None:
    """Raise UsageError where there is a zip in the zip, as gateways of mail make it: the pack may be that one."""
    inner = [path for path in paths if path.lower().endswith(SUFFIX)]
    if len(inner) == 1:
        text = (
            f"expected a pack, found a zip around one ({names.shown(inner[0])}): unpack it once, and name what is in it"
        )
        raise UsageError(text)


def _root(path: Path) -> Path | None:
    """Return the folder that a pack was unpacked to: ``path``, the one folder in it, or the one in those."""
    if not path.is_dir():
        return None
    folders = [path]
    for _ in range(_AROUND + 1):
        found = [folder for folder in folders if os.path.lexists(folder / listing.FILE)]
        if found:
            return found[0] if len(found) == 1 else None
        folders = list(islice((below for folder in folders for below in _folders(folder)), _MOST_FOLDERS))
    return None


def _folders(folder: Path) -> Iterator[Path]:
    """Yield the folders in one, but for what tools left, and what can't be read."""
    with suppress(OSError):
        yield from (entry for entry in folder.iterdir() if entry.is_dir() and not droppings.is_folder(entry.name))


def _from_folder(root: Path, name: str, most: int) -> bytes:
    file = root / name
    if not os.path.lexists(file):
        raise KeyError(name)
    if name != listing.FILE and file.is_file() and file.stat().st_size > most:
        raise _changed(name)  # by another's line ends, say
    return places.read(file, most, refuse=UsageError)


def _from_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    # One byte more than there may be is enough to tell.
    with archive.open(info) as stream:
        return stream.read(most + 1)
