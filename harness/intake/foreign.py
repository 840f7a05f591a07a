"""Archives that ``harness submit`` did not make: zip and tar, as file managers and people make them.

They are taken where nothing is ambiguous: what is in them is arranged as a folder would be, without droppings and without
the one folder that all of it lies in, and then judged as a folder is. Nothing is extracted to disk, no link is followed,
names are data, and what is read is bounded whatever an archive says about itself.
"""

from __future__ import annotations

import contextlib
import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from harness import droppings, names
from harness.catalogue.service import FILE as SERVICE_FILE
from harness.errors import SubmissionError
from harness.intake import archives, folders, workspace
from harness.intake.archives import Caps, Entry
from harness.intake.packed import MANIFEST
from harness.model import Exercise, SubmissionFile

UNPACK = "unpack it and name the folder, with --exercise ID"
MAX_ENTRIES = 20_000
_MAX_DIRECTORY_BYTES = 4 * 1024 * 1024
"""Of a zip's list of entries: it is read as a whole."""
_END = struct.Struct("<4s4H2LH")
_END_SIGN, _LONG_END_SIGN = b"PK\5\6", b"PK\6\7"
_MAX_COMMENT = 65535
_PIECE = 64 * 1024
_UTF8 = 0x800
_ENCRYPTED = 0x1
_WINDOWS = frozenset({0, 10, 11})
"""Makers (FAT, NTFS) whose names have backslashes between folders, if they have any."""
_UNIX = frozenset({3, 19})
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_PACKED = f"{folders.PACKED_FOLDER}/"
_LISTED = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """What is in an archive, arranged as a folder."""

    what: str
    """``a zip archive``."""
    files: Mapping[str, SubmissionFile]
    """Regular files by path."""
    others: Mapping[str, str]
    """Path -> what it is, for whatever is neither a regular file nor a folder."""
    facts: Mapping[str, SubmissionFile]
    """Files of the workspace's ``.harness`` by path."""
    dropped: tuple[str, ...]
    top: str
    """The folder that all of it lay in and that was taken off; empty when there is none."""

    def notes(self) -> tuple[str, ...]:
        """Return in sentences what an assessor should know of it."""
        top = f" The folder {names.shown(self.top)} around all of it was taken off." if self.top else ""
        return (f"It came as {self.what} that harness submit did not make.{top}", *left_out(self.dropped))


def left_out(dropped: tuple[str, ...]) -> tuple[str, ...]:
    """Return a sentence on what systems, editors and tools made, none when there is nothing."""
    if not dropped:
        return ()
    named = ", ".join(names.shown(path)[1:-1] for path in dropped[:_LISTED])
    more = len(dropped) - _LISTED
    return (f"Left out, as made by a system, an editor or a tool: {named}{f' and {more} more' if more > 0 else ''}.",)


def from_tar(stream: archives.Readable, caps: Caps, *, packed: bool) -> Foreign:
    """Return what is in a tar. Raises SubmissionError on what is damaged, too large or hostile."""
    found = list(archives.entries(stream, Caps(bytes_unpacked=caps.bytes_unpacked, members=MAX_ENTRIES), packed=packed))
    return _arranged("a tar archive", found)


def from_zip(data: bytes, caps: Caps) -> Foreign:
    """Return what is in a zip. Raises SubmissionError on what is damaged, too large, encrypted or hostile."""
    _expect_small_directory(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _arranged("a zip archive", list(_zipped(archive, caps.bytes_unpacked)))
    except NotImplementedError as error:
        text = f"expected a zip archive of the usual kind, found a zip archive of another ({error}): {archives.AGAIN}"
        raise SubmissionError(text) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, OSError, struct.error) as error:
        text = f"expected a whole archive, found a zip archive that is damaged ({error}): {archives.AGAIN}"
        raise SubmissionError(text) from error


def wanted_of(found: Foreign, exercise: Exercise) -> tuple[SubmissionFile, ...]:
    """Return what ``exercise`` asks for, by path. Raises SubmissionError naming what can't be taken, as for a folder."""
    wanted = folders.matcher(exercise.submit)
    for path, what in found.others.items():
        if wanted(path) or wanted(f"{path}/x"):
            text = f"{names.shown(path)} is {what}: replace it by the file itself, or remove it"
            raise SubmissionError(text)
    taken = [file for path, file in sorted(found.files.items()) if wanted(path)]
    for file in taken:
        wrong = names.fault(file.path)
        if wrong:
            text = f"the name {names.shown(file.path)} {wrong}: rename that file"
            raise SubmissionError(text)
    size = sum(len(file.content) for file in taken)
    if size > exercise.max_bytes or len(taken) > exercise.max_files:
        text = (
            f"expected at most {exercise.max_bytes} bytes in {exercise.max_files} files, found {size} in {len(taken)}: "
            "send less"
        )
        raise SubmissionError(text)
    clash = names.collision(file.path for file in taken)
    if clash:
        text = f"{names.shown(clash[0])} and {names.shown(clash[1])} are one name on some file systems: rename one"
        raise SubmissionError(text)
    return tuple(taken)


def _arranged(what: str, entries: list[Entry]) -> Foreign:
    present = [entry for entry in entries if entry.path and entry.kind != archives.FOLDER]
    for entry in present:
        if entry.path.startswith("/") or ".." in entry.path.split("/"):
            text = f"the name {names.shown(entry.path)} leads out of the archive: {archives.AGAIN}"
            raise SubmissionError(text)
    top = _top([entry.path for entry in present])
    inside: dict[str, Entry] = {}
    for entry in present:
        path = entry.path.removeprefix(top)
        if path in inside:
            text = f"{names.shown(path)} is there twice: {archives.AGAIN}"
            raise SubmissionError(text)
        inside[path] = entry
    facts = {path for path in inside if path.startswith(f"{workspace.FOLDER}/")}
    dropped = _dropped(inside) - facts
    kept = {path: one for path, one in inside.items() if path not in dropped | facts and not path.startswith(_PACKED)}
    return Foreign(
        what=what,
        files={path: _file(path, one) for path, one in kept.items() if not one.kind},
        others={path: one.kind for path, one in kept.items() if one.kind},
        facts={path: _file(path, inside[path]) for path in facts if not inside[path].kind},
        dropped=tuple(sorted(set(map(_short, dropped)))),
        top=top.rstrip("/"),
    )


def _top(paths: list[str]) -> str:
    """Return the folders, with a slash at the end, that all of ``paths`` but droppings lie in, when a submission begins there."""
    dropped = droppings.among(paths)
    real = [path for path in paths if path not in dropped]
    top = ""
    while real and not {SERVICE_FILE, MANIFEST} & set(real):
        folder, slash, _ = real[0].partition("/")
        if not slash or not all(path.startswith(f"{folder}/") for path in real):
            return ""
        top += f"{folder}/"
        real = [path.removeprefix(f"{folder}/") for path in real]
    return top


def _dropped(inside: Mapping[str, Entry]) -> set[str]:
    """Return paths of droppings; a link is one by either name, as in a folder."""
    links = {path for path, one in inside.items() if one.kind and droppings.is_folder(path.rpartition("/")[2])}
    return {*droppings.among(inside), *links}


def _short(path: str) -> str:
    """Return a dropping, or the folder of a tool that it lies in."""
    parts = path.split("/")
    end = next((number for number, part in enumerate(parts[:-1], start=1) if droppings.is_folder(part)), 0)
    return "/".join(parts[:end]) + "/" if end else path


def _file(path: str, one: Entry) -> SubmissionFile:
    return SubmissionFile(path=path, content=one.content, executable=one.executable)


def _expect_small_directory(data: bytes) -> None:
    """Refuse a zip whose list of entries would not fit, before anything reads it; ``zipfile`` looks in the same places."""
    place = len(data) - _END.size
    if place < 0 or data[place : place + 4] != _END_SIGN or data[-2:] != b"\0\0":
        place = data.rfind(_END_SIGN, max(0, place - _MAX_COMMENT))
    if place < 0 or place + _END.size > len(data):
        text = f"expected a whole archive, found a zip archive without its end: {archives.AGAIN}"
        raise SubmissionError(text)
    size = int(_END.unpack_from(data, place)[5])
    if size > _MAX_DIRECTORY_BYTES or data[max(0, place - 20) :].startswith(_LONG_END_SIGN):
        text = f"expected a zip archive of at most {MAX_ENTRIES} entries, found more: remove what was not asked for and {archives.AGAIN}"
        raise SubmissionError(text)


def _zipped(archive: zipfile.ZipFile, room: int) -> Iterator[Entry]:
    infos = archive.infolist()
    if len(infos) > MAX_ENTRIES:
        text = f"expected at most {MAX_ENTRIES} entries, found {len(infos)}: remove what was not asked for and {archives.AGAIN}"
        raise SubmissionError(text)
    from_windows = not any("/" in info.orig_filename for info in infos)
    for info in infos:
        path = _name(info, from_windows=from_windows)
        mode = info.external_attr >> 16 if info.create_system in _UNIX else 0
        found = archives.entry(path, b"", executable=bool(mode & stat.S_IXUSR), kind=_kind(mode))
        if found.kind or (droppings.among([found.path]) and workspace.FOLDER not in found.path.split("/")):
            yield found
            continue
        content = _content(archive, info, room)
        room -= len(content)
        yield replace(found, content=content)


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, room: int) -> bytes:
    shown = names.shown(info.orig_filename)
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
        found = "it encrypted" if info.flag_bits & _ENCRYPTED else f"method {info.compress_type}"
        text = f"{shown}: expected a file packed in the usual way, found {found}: {archives.AGAIN}"
        raise SubmissionError(text)
    content = bytearray()
    with archive.open(info) as stream:
        while piece := stream.read(_PIECE):
            content += piece
            if len(content) > room:
                text = f"{shown}: expected less to be in the archive, found too much with it: remove what was not asked for and {archives.AGAIN}"
                raise SubmissionError(text)
    return bytes(content)


def _name(info: zipfile.ZipInfo, *, from_windows: bool) -> str:
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        # Macs write UTF-8 and do not say so; what is no UTF-8 is what zip's own code page makes of it.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/") if from_windows or info.create_system in _WINDOWS else name


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    return "" if stat.S_IFMT(mode) in {0, stat.S_IFREG, stat.S_IFDIR} else "a special file"
