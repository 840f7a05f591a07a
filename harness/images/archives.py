"""Images of ours in a file: written by one engine, read by another that reaches no registry.

The file is what ``docker save`` writes, compressed. Before an engine sees it, it is read here to its end: it must be whole,
hold images of present recipes only, and for the engine's processor. An engine would take any image of any name out of it;
some go by ``manifest.json``, others by ``index.json`` (of OCI) where there is one, so a name in either counts.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import posixpath
import secrets
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from harness import places
from harness.errors import EngineError, UsageError
from harness.images import building, registry
from harness.wording import quoted, visible

if TYPE_CHECKING:
    from harness.engines.docker.connect import Link
    from harness.images.recipes import Recipe
    from harness.images.transfers import Event
    from harness.model import Json

_PIECE = 1 << 20
_SMALL = 4 << 20
"""No description of an image comes near."""
_ALL_SMALL = 64 << 20
"""Nor do all of a file together."""
_SAVE_SECONDS = 900
"""The engine lays an archive out on its disk before it sends the first byte."""
_LISTS = ("manifest.json", "index.json")
"""What engines go by."""
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Annotations of ``index.json`` that engines take a name from, the first that is there."""
_DEFAULTS = ("docker.io/", "library/")
"""What a whole name begins with where a short one leaves it out."""
_MAGIC = b"\x1f\x8b"
_COMPRESSION = 1
"""Most of the gain; more would be minutes on a laptop."""
_DAMAGED = (
    *(tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile),
    *(ValueError, LookupError, TypeError, AttributeError, RecursionError),
)
"""What reading a file raises that is no archive, or no description of an image."""


class _Untyped(Protocol):
    """What docker-py's stubs leave untyped."""

    def load_image(self, data: Iterator[bytes]) -> Iterable[Event]: ...


class _Saving(Protocol):
    """The part of docker-py's client that asks for several images at once; its own method asks for one."""

    def _url(self, path: str) -> str: ...

    def _get(self, url: str, *, params: Mapping[str, Sequence[str]], stream: bool, timeout: int) -> object: ...

    def _stream_raw_result(self, response: object, chunk_size: int, decode: bool) -> Iterator[bytes]: ...  # noqa: FBT001


def save(link: Link, sources: Sequence[Recipe], file: Path, progress: Callable[[str], None]) -> int:
    """Write the images of ``sources``, which must be on the engine, to the new ``file``; return its size in bytes.

    Raises UsageError when ``file`` is there or an image is not. What failed leaves no file.
    """
    if os.path.lexists(file):
        text = f"{visible(str(file))}: expected a new file, found one: name another, or remove it"
        raise UsageError(text)
    processor, client = registry.architecture(link), link.api()
    for source in sources:
        if wrong := registry.mismatch(building.present(client, source.tag), source, processor):
            text = f"{source.tag}: expected it on the engine, found {wrong}: `harness images build {source.name}` first"
            raise UsageError(text)
    with places.writing("images", file), _whole(file) as raw, building.heartbeat(f"saving to {file}", progress) as beat:
        beat(f"{len(sources)} images")
        with gzip.GzipFile(fileobj=raw, mode="wb", filename="", compresslevel=_COMPRESSION, mtime=0) as packed:
            for piece in _archive(link, [source.tag for source in sources]):
                packed.write(piece)
        return raw.tell()


def load(
    link: Link, sources: Iterable[Recipe], file: Path, progress: Callable[[str], None]
) -> list[tuple[Recipe, bool]]:
    """Give the engine the images in ``file``; return the recipe of each, and whether the engine had it already.

    Raises UsageError, before the engine sees anything, when the file is damaged or holds anything but images of
    ``sources`` for the engine's processor; EngineError when the engine does not take them.
    """
    processor, client = registry.architecture(link), link.api()
    with _opened(file) as raw, building.heartbeat(f"loading {file}", progress) as beat:
        beat("reading it")
        inside = _inside(raw, file, sources, processor)
        found = [
            (source, not registry.mismatch(building.present(client, source.tag), source, processor))
            for source in inside
        ]
        if all(had for _, had in found):
            return found
        beat("giving it to the engine")
        raw.seek(0)
        with building.explained(f"loading {file}"):
            # A generator, so that it is sent in chunks: for a file both lengths would be announced and be refused.
            answer = cast("_Untyped", client).load_image(iter(lambda: raw.read(_PIECE), b""))
            errors = [str(event["error"]) for event in answer if event.get("error")]
    for source in inside:
        if wrong := registry.mismatch(building.present(client, source.tag), source, processor):
            said = f"{wrong}; it said: {errors[-1]}" if errors else wrong
            text = (
                f"{file}: expected the engine to take {source.tag}, found {said}. What to do: {building.advice(said)}."
            )
            raise EngineError(text)
    return found


@contextlib.contextmanager
def _whole(file: Path) -> Iterator[IO[bytes]]:
    """Yield a file beside ``file`` that takes its place once it is whole, and is removed when that fails."""
    partial = file.with_name(f".{secrets.token_hex(8)}")  # the name may already be as long as a name can be
    try:
        with partial.open("xb") as raw:
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        partial.rename(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _archive(link: Link, tags: Sequence[str]) -> Iterator[bytes]:
    client = cast("_Saving", link.api())
    doing = "reading images from the engine"
    with building.explained(doing):
        answer = client._get(  # noqa: SLF001
            client._url("/images/get"),  # noqa: SLF001
            params={"names": tags},
            stream=True,
            timeout=_SAVE_SECONDS,
        )
        pieces = client._stream_raw_result(answer, _PIECE, False)  # noqa: FBT003, SLF001
    while True:
        # Only what the engine does is the engine's: a full disk of ours is met by whoever takes the piece.
        with building.explained(doing):
            piece = next(pieces, None)
        if piece is None:
            return
        yield piece


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        handle = file.open("rb")
    except OSError as error:
        text = f"{visible(str(file))}: expected a file that `harness images save` wrote, found: {error.strerror}: correct the path"
        raise UsageError(text) from error
    with handle:
        yield handle


def _inside(raw: IO[bytes], file: Path, sources: Iterable[Recipe], processor: str) -> list[Recipe]:
    """Return the recipes of the images in an archive. Raises UsageError unless all of it is what we look for."""
    try:
        described, indexed = _described(raw)
    except OSError as error:
        if not isinstance(error, gzip.BadGzipFile):
            raise places.failure(error, f"read {visible(str(file))}") from error
        raise _damaged(file, error) from error
    except _DAMAGED as error:
        raise _damaged(file, error) from error
    if not described:
        raise _damaged(file, "no image")
    known = {source.tag: source for source in sources}
    inside = []
    for tag, present in described:
        source = known.get(tag)
        wrong = registry.mismatch(present, source, processor) if source else _stranger(tag, known)
        if source is None or wrong:
            text = f"{visible(str(file))}: {visible(tag)}: expected an image of a present recipe, found {wrong}. Nothing was loaded"
            raise UsageError(text)
        inside.append(source)
    for name in indexed:
        if name not in {one.tag for one in inside}:
            text = f"{visible(str(file))}: {visible(name)}: expected in {_LISTS[1]} what {_LISTS[0]} names, found another image. Nothing was loaded"
            raise UsageError(text)
    return inside


def _damaged(file: Path, found: object) -> UsageError:
    what = str(found) or type(found).__name__
    text = (
        f"{visible(str(file))}: expected a whole file that `harness images save` wrote, found {quoted(what)}: get it again. "
        "Nothing was loaded"
    )
    return UsageError(text)


def _stranger(tag: str, known: Mapping[str, Recipe]) -> str:
    name = tag.partition(":")[0]
    ours = next((one for one in known if one.partition(":")[0] == name), "")
    if not ours:
        return "one that no recipe here makes"
    return f"one of another version; this harness has {ours}: save it again with the same version"


def _described(raw: IO[bytes]) -> tuple[list[tuple[str, building.Present]], list[str]]:
    """Return name and description of every image in an archive, which is read to its end, and each name in its other list."""
    magic = raw.read(len(_MAGIC))
    raw.seek(0)
    plain = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if magic == _MAGIC else raw
    small: dict[str, bytes] = {}
    room = _ALL_SMALL
    with tarfile.open(fileobj=plain, mode="r|") as archive:
        for member in archive:
            # As an engine unpacks it: of one name the last counts, however it is written.
            name = posixpath.normpath(f"/{member.name}")[1:]
            content = archive.extractfile(member) if member.isreg() and member.size <= _SMALL else None
            if content is None and name in _LISTS:
                text = f"{name} that is no file of a usual size"
                raise ValueError(text)
            # Layers are large or under names of their own; what is JSON is small.
            if content is not None and (name.endswith(".json") or name.startswith("blobs/")):
                data = content.read()
                if data[:1] in {b"{", b"["} or name in _LISTS:
                    small[name] = data
                    room -= len(data)
            if room < 0:
                text = "descriptions without an end"
                raise ValueError(text)
    while plain.read(_PIECE):
        pass  # the check sum of a compressed file is at its end
    entries = [one for entry in json.loads(small[_LISTS[0]]) for one in _entry(entry, small)]
    return entries, list(_indexed(small))


def _indexed(small: Mapping[str, bytes]) -> Iterator[str]:
    """Yield the name of each image in the list of OCI, where there is one."""
    if _LISTS[1] not in small:
        return
    for one in json.loads(small[_LISTS[1]])["manifests"]:
        said = one.get("annotations") or {}
        name = str(next((said[key] for key in _NAMES if key in said), "an image without a name"))
        for default in _DEFAULTS:
            name = name.removeprefix(default)
        yield name


def _entry(entry: Mapping[str, Json], small: Mapping[str, bytes]) -> Iterator[tuple[str, building.Present]]:
    described = json.loads(small[str(entry["Config"])])
    labels = described["config"].get("Labels") or {}
    present = building.Present(
        size_mb=0.0,
        labels={str(name): str(value) for name, value in labels.items()},
        architecture=str(described.get("architecture", "")),
    )
    tags = entry["RepoTags"]
    if not isinstance(tags, list) or not tags:
        text = "an image without a name"
        raise ValueError(text)
    for tag in tags:
        yield str(tag), present
