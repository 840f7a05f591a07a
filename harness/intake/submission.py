"""Packs submissions, and takes in what strangers call one: a packed file or a folder, regular files only out.

A packed submission is a ``.tar.gz`` whose first member, ``harness-submission.json``, says for which exercise, version
and variant it is, by whom, and lists every file with its size and sha256; the files follow as ``files/<path>``.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness import names, places, wording
from harness.catalogue.finder import Catalogue
from harness.catalogue.service import FILE as SERVICE_FILE
from harness.catalogue.service import parse_service
from harness.errors import HarnessError, SubmissionError, UsageError
from harness.intake import archives, clock, digests, folders, foreign, packed, senders, workspace
from harness.model import Exercise, Service, Submission, SubmissionFile

_PACKED_SUFFIXES = (packed.SUFFIX, ".tgz", ".tar", ".zip", ".gz", ".7z", ".rar")
_MAX_PACKED_BYTES = packed.CAPS.bytes_unpacked + 1024 * 1024
_SNIFFED = 512
_PIECE = 1024 * 1024
_SIGNS = (
    (b"PK", "a part of a zip archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"Rar!", "a rar archive"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """A packed submission that is not on disk yet."""

    data: bytes
    sha256: str
    contents: folders.Contents
    """What was taken from the workspace, and what stayed behind."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Contents:
    """What an archive of other people's making holds, and what it says of itself."""

    exercise: Exercise
    files: tuple[SubmissionFile, ...]
    variant: int | None
    claim: Mapping[str, str] = field(default_factory=dict)
    invited: senders.Invited | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """A submission, and what it says of the pack that its author was given; None: nothing."""

    submission: Submission
    invited: senders.Invited | None


def read(exercise: Exercise, root: Path) -> folders.Contents:
    """Return what ``exercise`` asks for from ``root``, as it is now.

    Raises SubmissionError when something that was asked for can't travel, or ``service.toml`` is missing or wrong.
    """
    contents = folders.read(exercise, root)
    _service_of(exercise, contents.files)
    return contents


def pack(
    exercise: Exercise,
    contents: folders.Contents,
    *,
    sender: senders.Sender,
    variant: int,
    claim: Mapping[str, str],
    told: clock.Told | None = None,
    tried: bool | None = None,
) -> Packed:
    """Return ``contents`` (see :func:`read`) as one file: the same content and claims give the same bytes."""
    data = packed.write(exercise, contents.files, sender=sender, variant=variant, claim=claim, told=told, tried=tried)
    return Packed(data=data, sha256=digests.of(data), contents=contents)


def load(path: Path, *, catalogue: Catalogue, exercise_id: str | None = None, alias: str | None = None) -> Submission:
    """Return the submission at ``path``: see :func:`take`."""
    return take(path, catalogue=catalogue, exercise_id=exercise_id, alias=alias).submission


def take(path: Path, *, catalogue: Catalogue, exercise_id: str | None = None, alias: str | None = None) -> Handed:
    """Return the submission at ``path``, whatever it holds. Nothing is written to disk.

    ``exercise_id`` is needed for a folder that is no workspace, else it must agree. Raises SubmissionError when the
    candidate must act, UsageError when the caller must.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        text = f"{names.shown(str(path))}: expected a packed submission or a folder, found nothing readable: correct it"
        raise UsageError(text) from error
    if stat.S_ISDIR(mode):
        found = _from_folder(path, catalogue, exercise_id, alias)
    elif stat.S_ISREG(mode):
        found = _from_archive(path, catalogue, exercise_id, alias)
    else:
        text = f"{names.shown(str(path))}: expected a packed submission or a folder, found a special file"
        raise SubmissionError(text)
    return found


def looks_packed(path: Path) -> bool:
    """Whether the name of a file, or how it begins, says that something is packed in it. What can't be read does not."""
    try:
        if not path.is_file():
            return False  # a pipe or a device is not waited for
        if path.name.casefold().endswith(_PACKED_SUFFIXES):
            return True
        with path.open("rb") as stream:
            start = stream.read(_SNIFFED)
    except (OSError, ValueError):
        return False
    return _is_gzip(start) or start[257:262] == b"ustar" or start.startswith(tuple(sign for sign, _ in _SIGNS))


def fingerprint(path: Path) -> str:
    """Return the sha256 of a packed file as it came, empty for a folder, a special file, or more than would be read."""
    try:
        return digests.of(places.read(path, _MAX_PACKED_BYTES))
    except HarnessError:
        return ""


def claims(path: Path) -> senders.Claims:
    """Return what the submission at ``path`` says of itself; what can't be read is named by its file. Never raises."""
    try:
        if path.is_dir():
            return senders.of_folder(path, workspace.read(path) if workspace.is_workspace(path) else None)
        if not path.is_file():
            return senders.of_file(path, _PACKED_SUFFIXES)  # a pipe or a device is not waited for
        return senders.of_packed(path, packed.sender_of(_listing(path)))
    except (OSError, ValueError, SubmissionError):
        # What is wrong with it is said when it is graded.
        return senders.of_file(path, _PACKED_SUFFIXES)


def listing(file: Path) -> packed.Manifest:
    """Return what the list of a packed ``file`` says; the files themselves are not read. Raises SubmissionError."""
    try:
        return _listing(file)
    except OSError as error:
        text = f"{wording.visible(str(file))}: expected a readable file, found: {error.strerror}"
        raise SubmissionError(text) from error


def _listing(file: Path) -> packed.Manifest:
    with file.open("rb") as stream:
        first = archives.Caps(bytes_unpacked=packed.MAX_MANIFEST_BYTES + packed.HEADERS_PER_FILE, members=1)
        return packed.manifest(next(archives.read(stream, first), None))


def service(exercise: Exercise, submission: Submission) -> Service:
    """Return the service manifest of a submission. Raises SubmissionError when it is missing or wrong."""
    return _service_of(exercise, submission.files)


def _from_folder(path: Path, catalogue: Catalogue, exercise_id: str | None, alias: str | None) -> Handed:
    known = workspace.read(path) if workspace.is_workspace(path) else None
    if known is None and exercise_id is None:
        text = f"{wording.visible(str(path))}: a folder that harness start did not make: say which exercise it is for, with --exercise ID"
        raise UsageError(text)
    if known is not None:
        exercise = packed.find_exercise(catalogue, known.exercise_id, known.version, exercise_id)
    else:
        exercise = catalogue.exercise(exercise_id or "")
    contents = folders.read(exercise, path)
    files = contents.files
    _expect_at_top((*(file.path for file in files), *contents.left_behind))
    said = senders.named(senders.of_folder(path, known), alias)
    found = Submission(
        alias=said.alias,
        exercise_id=exercise.id,
        exercise_version=exercise.version,
        variant=known.variant if known else 0,
        claimed_variant=known.variant if known else None,
        path=str(path),
        sha256=digests.of_files(files),
        files=files,
        claim=workspace.read_claim(path) if known else {},
        notes=(*_clock_of(path, exercise, known), *foreign.left_out(contents.droppings)),
        alias_from=said.alias_from,
        origin=said.origin,
    )
    return Handed(submission=found, invited=senders.invited_to(known) if known else None)


def _clock_of(root: Path, exercise: Exercise, known: workspace.Workspace | None) -> tuple[str, ...]:
    """Return what the clock of a workspace says, as it stands there: nothing is written into what is graded."""
    file = root / workspace.FOLDER / clock.FILE
    if known is None or not os.path.isfile(file):  # noqa: PTH113 - pathlib raises for a folder that can't be read
        return ()
    with contextlib.suppress(SubmissionError):
        return (clock.sentence(clock.kept(root), exercise.minutes),)
    return ()


def _from_archive(path: Path, catalogue: Catalogue, exercise_id: str | None, alias: str | None) -> Handed:
    _hold_size(path)
    try:
        with path.open("rb") as stream:
            start = stream.read(_SNIFFED)
            stream.seek(0)
            hashing = digests.Hashing(stream.read)
            if _is_gzip(start) and archives.is_ours(stream, packed.MANIFEST):
                stream.seek(0)
                return _packed(path, hashing, catalogue, exercise_id, alias)
            stream.seek(0)
            with _or_unpack():
                found = _foreign(start, hashing)
                contents = _contents(found, catalogue, exercise_id)
    except OSError as error:
        text = (
            f"{wording.visible(str(path))}: expected a readable file, found: {error.strerror}. Correct its permissions"
        )
        raise UsageError(text) from error
    except SubmissionError as error:
        text = f"{wording.visible(str(path))}: {error}"
        raise SubmissionError(text) from error
    said = senders.named(claims(path), alias)
    made = Submission(
        alias=said.alias,
        exercise_id=contents.exercise.id,
        exercise_version=contents.exercise.version,
        variant=contents.variant or 0,
        claimed_variant=contents.variant,
        path=str(path),
        sha256=hashing.sha256(),
        files=contents.files,
        claim=contents.claim,
        notes=(*contents.notes, *found.notes()),
        alias_from=said.alias_from,
        packed_at=said.packed_at,
        origin=said.origin,
    )
    return Handed(submission=made, invited=contents.invited)


def _hold_size(path: Path) -> None:
    size = path.stat().st_size
    if size > _MAX_PACKED_BYTES:
        text = f"{wording.visible(str(path))}: expected at most {_MAX_PACKED_BYTES} bytes, found {size}: send only what was asked for, or {foreign.UNPACK}"
        raise SubmissionError(text)


@contextlib.contextmanager
def _or_unpack() -> Iterator[None]:
    """Add what an assessor can do where a candidate could pack it again."""
    try:
        yield
    except SubmissionError as error:
        text = str(error)
        if text.endswith(archives.AGAIN):
            text += f", or {foreign.UNPACK}"
        raise SubmissionError(text) from error


def _packed(
    path: Path, hashing: digests.Hashing, catalogue: Catalogue, exercise_id: str | None, alias: str | None
) -> Handed:
    manifest, exercise, files = packed.unpack(archives.read(hashing, packed.CAPS), catalogue, exercise_id)
    said = senders.named(senders.of_packed(path, packed.sender_of(manifest)), alias)
    found = Submission(
        alias=said.alias,
        exercise_id=exercise.id,
        exercise_version=exercise.version,
        variant=manifest.variant,
        claimed_variant=manifest.variant,
        path=str(path),
        sha256=hashing.sha256(),
        files=files,
        claim=manifest.claim,
        notes=packed.notes_of(manifest, exercise),
        alias_from=said.alias_from,
        packed_at=said.packed_at,
        origin=said.origin,
    )
    return Handed(submission=found, invited=packed.invited_of(manifest))


def _foreign(start: bytes, stream: archives.Readable) -> foreign.Foreign:
    """Return what is in an archive that harness submit did not make. Raises SubmissionError for what can't be read."""
    if _is_gzip(start) or start[257:262] == b"ustar":
        return foreign.from_tar(stream, packed.CAPS, packed=_is_gzip(start))
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return foreign.from_zip(_all(stream), packed.CAPS)
    found = next(
        (name for sign, name in _SIGNS if start.startswith(sign)), "something else" if start else "an empty file"
    )
    text = f"expected a packed submission ({packed.SUFFIX}), found {found}: {archives.AGAIN}"
    raise SubmissionError(text)


def _contents(found: foreign.Foreign, catalogue: Catalogue, exercise_id: str | None) -> _Contents:
    if packed.MANIFEST in found.files:
        manifest, exercise, files = packed.unpack(packed.again(found.files, found.others), catalogue, exercise_id)
        notes = packed.notes_of(manifest, exercise)
        return _Contents(
            exercise=exercise,
            files=files,
            variant=manifest.variant,
            claim=manifest.claim,
            invited=packed.invited_of(manifest),
            notes=notes,
        )
    facts = found.facts.get(f"{workspace.FOLDER}/{workspace.FILE}")
    invited = None
    if facts is not None:
        known = workspace.parse(facts.content, facts.path)
        exercise = packed.find_exercise(catalogue, known.exercise_id, known.version, exercise_id)
        invited = senders.invited_to(known)
    elif exercise_id is not None:
        exercise = catalogue.exercise(exercise_id)
    else:
        raise SubmissionError(_unnamed(found))
    _expect_at_top(found.files)
    return _Contents(
        exercise=exercise,
        files=foreign.wanted_of(found, exercise),
        variant=invited.variant if invited else None,
        invited=invited,
    )


def _expect_at_top(paths: Iterable[str]) -> None:
    """Raise SubmissionError when a submission begins in a folder of what was given, and not at its top."""
    known = set(paths)
    deeper = sorted(path for path in known if path.endswith(f"/{SERVICE_FILE}"))
    if deeper and SERVICE_FILE not in known:
        text = (
            f"{SERVICE_FILE}: expected it at the top of the submission, found {names.shown(deeper[0])}: name the folder "
            "that it is in, with --exercise ID"
        )
        raise SubmissionError(text)


def _unnamed(found: foreign.Foreign) -> str:
    inner = next(iter(found.files), "")
    if len(found.files) == 1 and inner.endswith(packed.SUFFIX):
        return f"expected a packed submission, found {found.what} around one: unpack it and grade {names.shown(inner)}"
    return (
        f"expected a packed submission, found {found.what} that harness submit did not make, and in it neither a "
        f"{packed.MANIFEST} nor a workspace that says for which exercise it is: name that with --exercise ID; or pack it "
        f"with harness submit; or {foreign.UNPACK}"
    )


def _all(stream: archives.Readable) -> bytes:
    data = bytearray()
    while piece := stream.read(min(_PIECE, _MAX_PACKED_BYTES + 1 - len(data))):
        data += piece
    return bytes(data)


def _service_of(exercise: Exercise, files: tuple[SubmissionFile, ...]) -> Service:
    for file in files:
        if file.path == SERVICE_FILE:
            return parse_service(exercise, file.content)
    text = f"{SERVICE_FILE}: expected it at the top of the submission, found none: add it (the starter has one)"
    raise SubmissionError(text)


def _is_gzip(start: bytes) -> bool:
    return start[:2] == b"\x1f\x8b"
