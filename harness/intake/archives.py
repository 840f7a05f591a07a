"""Writes and reads ``.tar.gz`` archives of regular files; nothing is ever extracted to disk.

The reader is our own, and small, because the archive is hostile: ``tarfile`` follows extension headers, sparse maps
and links whose handling differs from one Python patch release to the next. :func:`read` knows plain files and PAX paths,
as :func:`write` makes them, and refuses everything else by name. :func:`entries` reads what other people's tools make as
well: folders, links and long names are told, not followed. Memory and time are bounded by ``Caps``, whatever the archive
says about itself.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, Protocol

from harness import names
from harness.errors import SubmissionError
from harness.model import SubmissionFile

_BLOCK = 512
_CHUNK = 64 * 1024
_MAX_EXTENSION_BYTES = 16 * 1024
_MAX_FOREIGN_EXTENSION_BYTES = 1024 * 1024
"""Those of a Mac hold what the file system knows of a file beside its content."""
_POSIX = b"ustar\0"
_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"5": "a folder",
    b"6": "a named pipe",
    b"7": "a contiguous file",
    b"S": "a sparse file",
    b"g": "a global header",
    b"K": "a GNU long link",
    b"L": "a GNU long name",
}
FOLDER = "a folder"
"""Kind of an :class:`Entry`."""
AGAIN = 'pack it again with "harness submit"'


Read = Callable[[int], bytes]


class Readable(Protocol):
    """Where packed bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; none only at the end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caps:
    """What an archive may hold at most."""

    bytes_unpacked: int
    """Of everything, headers and padding included."""
    members: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of an archive that somebody else's tool made."""

    path: str
    """As it stands there, without a leading ``./`` and the slash that ends a folder."""
    content: bytes = b""
    executable: bool = False
    kind: str = ""
    """Empty for a regular file, else what it is, in words."""


def write(files: Iterable[SubmissionFile]) -> bytes:
    """Return ``files`` as a ``.tar.gz``: the same files in the same order give the same bytes."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for file in files:
            member = tarfile.TarInfo(file.path)
            member.size = len(file.content)
            member.mode = 0o755 if file.executable else 0o644
            tar.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


def read(stream: Readable, caps: Caps) -> Iterator[SubmissionFile]:
    """Yield the files of a ``.tar.gz`` in order. Raises SubmissionError on anything but plain files within ``caps``.

    Names are checked (``names.fault``); that they don't collide is for the caller. Nothing that was yielded may be
    relied on before the iterator has ended: the end proves that the archive is whole.
    """
    unpacked = _Unpacked(stream, caps.bytes_unpacked)
    path = ""
    count = 0
    while (header := unpacked.take(_BLOCK)) != bytes(_BLOCK):
        size, kind = _header(header)
        if kind == b"x":
            path = _extended(unpacked.content(size, _MAX_EXTENSION_BYTES, "an extension header"), path)
            continue
        path = path or _plain_path(header)
        count += 1
        _accept(path, kind, count, caps)
        content = unpacked.content(size, caps.bytes_unpacked, names.shown(path))
        mode = _number(header[100:108], "mode")
        yield SubmissionFile(path=path, content=content, executable=bool(mode & 0o100))
        path = ""
    if path:
        _refuse("an extension header without a file")
    unpacked.expect_end()


def entries(stream: Readable, caps: Caps, *, packed: bool) -> Iterator[Entry]:
    """Yield what is in a tar of any maker in order, ``packed`` with gzip or not. Raises SubmissionError as :func:`read` does.

    Names are as they stand there, for the caller to judge. Files without content of their own are never filled in.
    """
    unpacked = _Unpacked(stream, caps.bytes_unpacked, packed=packed)
    path = ""
    count = 0
    while (header := unpacked.take(_BLOCK)) != bytes(_BLOCK):
        size, kind = _header(header)
        if kind in {b"x", b"g", b"K", b"L"}:
            told = unpacked.content(size, _MAX_FOREIGN_EXTENSION_BYTES, "an extension header")
            path = (_told_path(told) if kind == b"x" else _decoded(told.rstrip(b"\0")) if kind == b"L" else "") or path
            continue
        path = path or _plain_path(header)
        count += 1
        if count > caps.members:
            text = f"expected at most {caps.members} entries, found more: remove what was not asked for and {AGAIN}"
            raise SubmissionError(text)
        plain = kind in {b"0", b"\0", b"7"}
        if size and not plain:
            _refuse(f"{_KINDS.get(kind, 'a special member')} with content ({names.shown(path)})")
        content = unpacked.content(size, caps.bytes_unpacked, names.shown(path))
        executable = bool(_number(header[100:108], "mode") & 0o100)
        yield entry(path, content, executable=executable, kind="" if plain else _KINDS.get(kind, "a special file"))
        path = ""
    unpacked.expect_end()


def entry(path: str, content: bytes, *, executable: bool, kind: str) -> Entry:
    """Return an entry by the name that its maker gave it."""
    while path.startswith("./"):
        path = path[2:].lstrip("/")
    is_folder = path.endswith("/") or path in {"", "."}
    return Entry(path=path.rstrip("/"), content=content, executable=executable, kind=FOLDER if is_folder else kind)


def is_ours(stream: Readable, first: str) -> bool:
    """Whether a packed file begins as :func:`write` begins it when ``first`` is its first file; or is no tar at all."""
    try:
        header = _Unpacked(stream, 2 * _CHUNK).take(_BLOCK)
        _header(header)
        return _plain_path(header) == first and _number(header[136:148], "time") == 0
    except SubmissionError:
        return True


def _accept(path: str, kind: bytes, count: int, caps: Caps) -> None:
    if kind not in {b"0", b"\0"}:
        found = _KINDS.get(kind, f"a member of type {ascii(kind)[1:]}")
        text = f"{names.shown(path)} is {found}: expected regular files only. Replace it by the file itself and {AGAIN}"
        raise SubmissionError(text)
    wrong = names.fault(path)
    if wrong:
        text = f"the name {names.shown(path)} {wrong}: rename that file and {AGAIN}"
        raise SubmissionError(text)
    if count > caps.members:
        text = f"expected at most {caps.members} files, found more: remove what was not asked for and {AGAIN}"
        raise SubmissionError(text)


def _header(header: bytes) -> tuple[int, bytes]:
    if len(header) < _BLOCK:
        _refuse_truncated()
    stated = _number(header[148:156], "checksum")
    if stated != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        _refuse("a header whose checksum is wrong")
    if header[257:262] != b"ustar":
        _refuse("a header that is not of the POSIX format")
    return _number(header[124:136], "size"), header[156:157]


def _number(field: bytes, name: str) -> int:
    text = field.rstrip(b"\0 ").lstrip(b" ")
    if not text or text.strip(b"01234567"):
        _refuse(f"a {name} that is not octal ({ascii(field[:12])[1:]})")
    return int(text, 8)


def _plain_path(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    # GNU's own format has other things there.
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:263] == _POSIX else b""
    return _decoded(prefix + b"/" + name if prefix else name)


def _extended(records: bytes, path: str) -> str:
    """Return the path that PAX ``records`` give; only a path may stand in them."""
    if path:
        _refuse("two extension headers before one file")
    for keyword, value in _records(records):
        if keyword != b"path" or path:
            _refuse(f"an extension header for {ascii(keyword[:40])[1:]}")
        path = _decoded(value)
    if not path:
        _refuse("an empty extension header")
    return path


def _told_path(records: bytes) -> str:
    """Return the path that the PAX ``records`` of any maker give, if they give one. What would change a content is refused."""
    path = ""
    for keyword, value in _records(records):
        if keyword == b"size" or keyword.startswith(b"GNU.sparse"):
            _refuse(f"an extension header for {ascii(keyword[:40])[1:]}")
        path = _decoded(value) if keyword == b"path" else path
    return path


def _records(records: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keyword and value of every PAX record."""
    rest = records
    while rest:
        length, space, after = rest.partition(b" ")
        if not space or not length.isdigit() or len(length) > 6:  # noqa: PLR2004  digits of the cap and one more
            _refuse("an extension header that can't be read")
        end = int(length) - len(length) - 1
        record, rest = after[:end], after[max(end, 0) :]
        keyword, equals, value = record.partition(b"=")
        if not equals or end < 1 or not value.endswith(b"\n"):
            _refuse("an extension header that can't be read")
        yield keyword, value[:-1]


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError as error:
        text = f"the name {ascii(name[:80])[1:]} is not UTF-8: rename that file and {AGAIN}"
        raise SubmissionError(text) from error


class _Unpacked:
    """The bytes inside a gzip stream, or of a stream that is not ``packed``, never more than ``cap`` of them."""

    def __init__(self, stream: Readable, cap: int, *, packed: bool = True) -> None:
        self._stream = stream
        self._packed = packed
        self._gzip = zlib.decompressobj(wbits=31)
        self._left = cap
        self._cap = cap
        self._buffer = bytearray()

    def take(self, count: int) -> bytes:
        """Return the next ``count`` bytes. Raises when there are fewer."""
        while len(self._buffer) < count:
            more = self._more()
            if not more:
                _refuse_truncated()
            self._buffer += more
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def content(self, size: int, cap: int, what: str) -> bytes:
        """Return a member's bytes and skip its padding. The size it states is checked before anything is read."""
        if size > min(cap, self._left + len(self._buffer)):
            text = f"{what} says it has {size} bytes, more than may be sent: remove or shorten it and {AGAIN}"
            raise SubmissionError(text)
        content = self.take(size)
        if self.take(-size % _BLOCK).strip(b"\0"):
            _refuse("bytes between two files")
        return content

    def expect_end(self) -> None:
        """Raise unless only zero bytes are left, and the stream is whole with nothing after it."""
        while True:
            if self._buffer.strip(b"\0"):
                _refuse("bytes after its end")
            self._buffer.clear()
            more = self._more()
            if not more:
                break
            self._buffer += more
        if self._packed and not self._gzip.eof:
            _refuse_truncated()
        if self._gzip.unused_data or self._stream.read(1):
            _refuse("bytes after its end")

    def _more(self) -> bytes:
        if not self._packed:
            plain = self._stream.read(min(_CHUNK, self._left + 1))
            self._spend(len(plain))
            return plain
        while not self._gzip.eof:
            packed = self._gzip.unconsumed_tail or self._stream.read(_CHUNK)
            try:
                unpacked = self._gzip.decompress(packed, min(_CHUNK, self._left + 1))
            except zlib.error:
                _refuse("damaged compressed data")
            self._spend(len(unpacked))
            if unpacked or not packed:
                return unpacked
        return b""

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            text = f"expected at most {self._cap} bytes unpacked, found more: remove what was not asked for and {AGAIN}"
            raise SubmissionError(text)


def _refuse_truncated() -> NoReturn:
    text = f"expected a whole archive, found its end too early: send the file again, or {AGAIN}"
    raise SubmissionError(text)


def _refuse(found: str) -> NoReturn:
    text = f"expected an archive made by harness submit, found {found}: {AGAIN}"
    raise SubmissionError(text)
