"""Packs submissions, and takes in what strangers call one: a packed file or a folder, regular files only out.

A packed submission is a ``.tar.gz`` whose first member, ``harness-submission.json``, says for which exercise, version
and variant it is, by whom, and lists every file with its size and sha256; the files follow as ``files/<path>``.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness import droppings, names, places, tables, wording
from harness.catalogue.finder import Catalogue
from harness.catalogue.manifest import MAX_SUBMISSION_BYTES, MAX_SUBMISSION_FILES
from harness.catalogue.service import FILE as SERVICE_FILE
from harness.catalogue.service import parse_service
from harness.errors import HarnessError, SubmissionError, UsageError
from harness.intake import archives, folders, senders, workspace
from harness.intake.workspace import WorkspaceId
from harness.model import Exercise, Json, Service, Submission, SubmissionFile

MANIFEST = "harness-submission.json"
SUFFIX = ".tar.gz"
_PACKED_SUFFIXES = (SUFFIX, ".tgz", ".tar", ".zip", ".gz")
_PREFIX = "files/"
_SCHEMA = 2
"""1 had neither time nor workspace."""
_MAX_MANIFEST_BYTES = 2 * 1024 * 1024
_HEADERS_PER_FILE = 2560  # header, PAX header and its content, padding
_CAPS = archives.Caps(
    bytes_unpacked=MAX_SUBMISSION_BYTES + _MAX_MANIFEST_BYTES + MAX_SUBMISSION_FILES * _HEADERS_PER_FILE,
    members=MAX_SUBMISSION_FILES + 1,
)
_MAX_PACKED_BYTES = _CAPS.bytes_unpacked + 1024 * 1024
_SIGNS = (
    (b"PK", "a zip archive"),
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


class _File(tables.Table):
    path: str
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    executable: bool


class _Manifest(tables.Table):
    schema_: Annotated[Literal[1, 2], Field(alias="schema")]
    exercise: Annotated[str, Field(max_length=60)]
    version: Annotated[str, Field(max_length=20)]
    variant: Annotated[int, Field(ge=0, lt=2**63)]
    alias: Annotated[str, Field(max_length=names.MAX_ALIAS_BYTES)]
    workspace: WorkspaceId = ""
    packed_at: Annotated[str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$")] = ""
    files: tables.Many[_File]
    claim: dict[Annotated[str, Field(max_length=120)], Annotated[str, Field(max_length=20)]]


def pack(exercise: Exercise, root: Path, *, sender: senders.Sender, variant: int, claim: Mapping[str, str]) -> Packed:
    """Return what ``exercise`` asks for from ``root`` as one file: the same content and sender give the same bytes.

    Raises SubmissionError when something that was asked for can't travel, or ``service.toml`` is missing or wrong.
    """
    contents = folders.read(exercise, root)
    _service_of(exercise, contents.files)
    document: dict[str, Json] = {
        "schema": _SCHEMA,
        "exercise": exercise.id,
        "version": exercise.version,
        "variant": variant,
        "alias": sender.alias,
        "workspace": sender.workspace,
        "packed_at": sender.packed_at,
        "files": [
            {
                "path": file.path,
                "size": len(file.content),
                "sha256": _sha256(file.content),
                "executable": file.executable,
            }
            for file in contents.files
        ],
        "claim": dict(sorted(claim.items())),
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    listing = SubmissionFile(path=MANIFEST, content=text.encode("utf-8", "backslashreplace") + b"\n")
    members = [
        SubmissionFile(path=_PREFIX + f.path, content=f.content, executable=f.executable) for f in contents.files
    ]
    data = archives.write([listing, *members])
    return Packed(data=data, sha256=_sha256(data), contents=contents)


def load(path: Path, *, catalogue: Catalogue, exercise_id: str | None = None, alias: str | None = None) -> Submission:
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


def fingerprint(path: Path) -> str:
    """Return the sha256 of a packed file as it came, empty for a folder, a special file, or more than would be read."""
    try:
        return _sha256(places.read(path, _MAX_PACKED_BYTES))
    except HarnessError:
        return ""


def claims(path: Path) -> senders.Claims:
    """Return what the submission at ``path`` says of itself; what can't be read is named by its file. Never raises."""
    try:
        if path.is_dir():
            return senders.of_folder(path, workspace.read(path) if workspace.is_workspace(path) else None)
        if not path.is_file():
            return senders.of_file(path, _PACKED_SUFFIXES)  # a pipe or a device is not waited for
        with path.open("rb") as stream:
            _expect_gzip(stream.read(8))
            stream.seek(0)
            first = archives.Caps(bytes_unpacked=_MAX_MANIFEST_BYTES + _HEADERS_PER_FILE, members=1)
            return senders.of_packed(path, _sender(_manifest(next(archives.read(stream, first), None))))
    except (OSError, ValueError, SubmissionError):
        # What is wrong with it is said when it is graded.
        return senders.of_file(path, _PACKED_SUFFIXES)


def service(exercise: Exercise, submission: Submission) -> Service:
    """Return the service manifest of a submission. Raises SubmissionError when it is missing or wrong."""
    return _service_of(exercise, submission.files)


def warnings(files: tuple[SubmissionFile, ...]) -> list[str]:
    """Return what is allowed but will surprise: scripts whose first line a Linux kernel can't read."""
    return [
        f"{names.shown(file.path)} starts with a #! line that ends in CRLF: Linux won't find its interpreter when it "
        "is run by name. Save it with LF line ends"
        for file in files
        if file.content.startswith(b"#!") and file.content.split(b"\n", 1)[0].endswith(b"\r")
    ]


def _from_folder(path: Path, catalogue: Catalogue, exercise_id: str | None, alias: str | None) -> Submission:
    known = workspace.read(path) if workspace.is_workspace(path) else None
    if known is None and exercise_id is None:
        text = f"{wording.visible(str(path))}: a folder that harness start did not make: say which exercise it is for, with --exercise ID"
        raise UsageError(text)
    if known is not None:
        exercise = _exercise(catalogue, known.exercise_id, known.version, exercise_id)
    else:
        exercise = catalogue.exercise(exercise_id or "")
    files = folders.read(exercise, path).files
    said = senders.named(senders.of_folder(path, known), alias)
    return Submission(
        alias=said.alias,
        exercise_id=exercise.id,
        exercise_version=exercise.version,
        variant=known.variant if known else 0,
        claimed_variant=known.variant if known else None,
        path=str(path),
        sha256=_content_sha256(files),
        files=files,
        claim=workspace.read_claim(path) if known else {},
        alias_from=said.alias_from,
        origin=said.origin,
    )


def _from_archive(path: Path, catalogue: Catalogue, exercise_id: str | None, alias: str | None) -> Submission:
    size = path.stat().st_size
    if size > _MAX_PACKED_BYTES:
        text = f"{wording.visible(str(path))}: expected at most {_MAX_PACKED_BYTES} bytes, found {size}: send only what was asked for"
        raise SubmissionError(text)
    try:
        with path.open("rb") as stream:
            _expect_gzip(stream.read(8))
            stream.seek(0)
            hashing = _Hashing(stream.read)
            manifest, exercise, files = _unpack(archives.read(hashing, _CAPS), catalogue, exercise_id)
    except OSError as error:
        text = (
            f"{wording.visible(str(path))}: expected a readable file, found: {error.strerror}. Correct its permissions"
        )
        raise UsageError(text) from error
    except SubmissionError as error:
        text = f"{wording.visible(str(path))}: {error}"
        raise SubmissionError(text) from error
    said = senders.named(senders.of_packed(path, _sender(manifest)), alias)
    return Submission(
        alias=said.alias,
        exercise_id=exercise.id,
        exercise_version=exercise.version,
        variant=manifest.variant,
        claimed_variant=manifest.variant,
        path=str(path),
        sha256=hashing.sha256(),
        files=files,
        claim=manifest.claim,
        alias_from=said.alias_from,
        packed_at=said.packed_at,
        origin=said.origin,
    )


def _unpack(
    members: Iterator[SubmissionFile], catalogue: Catalogue, exercise_id: str | None
) -> tuple[_Manifest, Exercise, tuple[SubmissionFile, ...]]:
    manifest = _manifest(next(members, None))
    exercise = _exercise(catalogue, manifest.exercise, manifest.version, exercise_id)
    wanted = folders.matcher(exercise.submit)
    files: list[SubmissionFile] = []
    room = exercise.max_bytes
    for member in members:
        path = member.path.removeprefix(_PREFIX)
        if path == member.path:
            text = f"{names.shown(path)} is not below {_PREFIX}: {archives.AGAIN}"
            raise SubmissionError(text)
        if not wanted(path):
            text = f"{names.shown(path)} was not asked for (asked for: {', '.join(exercise.submit)}): {archives.AGAIN}"
            raise SubmissionError(text)
        room -= len(member.content)
        if room < 0 or len(files) == exercise.max_files:
            text = f"expected at most {exercise.max_bytes} bytes in {exercise.max_files} files, found more: send less"
            raise SubmissionError(text)
        files.append(SubmissionFile(path=path, content=member.content, executable=member.executable))
    _expect_no_clash(files)
    _expect_listed(manifest, files)
    dropped = droppings.among(file.path for file in files)
    kept = [file for file in files if file.path not in dropped]
    return manifest, exercise, tuple(sorted(kept, key=lambda file: file.path))


def _expect_no_clash(files: list[SubmissionFile]) -> None:
    clash = names.collision(file.path for file in files)
    if clash:
        text = (
            f"{names.shown(clash[0])} and {names.shown(clash[1])} are one name twice, or a file below a file: "
            f"rename or remove one and {archives.AGAIN}"
        )
        raise SubmissionError(text)


def _manifest(first: SubmissionFile | None) -> _Manifest:
    if first is None or first.path != MANIFEST:
        found = names.shown(first.path) if first else "nothing"
        text = (
            f"expected {MANIFEST} as the first member, found {found}: an archive that harness submit did not make. "
            "Pack it with harness submit; or unpack it and name the folder, with --exercise ID"
        )
        raise SubmissionError(text)
    if len(first.content) > _MAX_MANIFEST_BYTES:
        text = f"{MANIFEST}: expected at most {_MAX_MANIFEST_BYTES} bytes, found {len(first.content)}"
        raise SubmissionError(text)
    try:
        document: object = json.loads(first.content)
    except (ValueError, RecursionError) as error:
        text = f"{MANIFEST}: expected JSON, found {wording.quoted(first.content[:40])}: {archives.AGAIN}"
        raise SubmissionError(text) from error
    return tables.validate(_Manifest, document, MANIFEST, SubmissionError)


def _sender(manifest: _Manifest) -> senders.Sender:
    return senders.Sender(alias=manifest.alias, workspace=manifest.workspace, packed_at=manifest.packed_at)


def _exercise(catalogue: Catalogue, found_id: str, version: str, wanted_id: str | None) -> Exercise:
    if wanted_id is not None and wanted_id != found_id:
        text = f"expected a submission for {wanted_id}, found one for {wording.quoted(found_id)}: grade it as that"
        raise SubmissionError(text)
    try:
        exercise = catalogue.exercise(found_id)
    except UsageError as error:
        text = f"it is for an exercise that is not here: {error}"
        raise SubmissionError(text) from error
    if exercise.version != version:
        text = (
            f"expected a submission for {exercise.id} {exercise.version}, found one for version {wording.quoted(version)}: "
            "grade it with the catalogue that has that version"
        )
        raise SubmissionError(text)
    return exercise


def _expect_listed(manifest: _Manifest, files: list[SubmissionFile]) -> None:
    listed = {entry.path: entry for entry in manifest.files}
    if len(listed) != len(manifest.files):
        text = f"{MANIFEST} lists a file twice: {archives.AGAIN}"
        raise SubmissionError(text)
    for file in files:
        entry = listed.pop(file.path, None)
        same = entry is not None and (entry.size, entry.sha256, entry.executable) == (
            len(file.content),
            _sha256(file.content),
            file.executable,
        )
        if not same:
            text = f"{names.shown(file.path)} is not the file that {MANIFEST} lists: {archives.AGAIN}"
            raise SubmissionError(text)
    if listed:
        text = f"{names.shown(next(iter(listed)))} is listed in {MANIFEST} and missing: {archives.AGAIN}"
        raise SubmissionError(text)


def _service_of(exercise: Exercise, files: tuple[SubmissionFile, ...]) -> Service:
    for file in files:
        if file.path == SERVICE_FILE:
            return parse_service(exercise, file.content)
    text = f"{SERVICE_FILE}: expected it at the top of the submission, found none: add it (the starter has one)"
    raise SubmissionError(text)


def _expect_gzip(start: bytes) -> None:
    if start[:2] == b"\x1f\x8b":
        return
    found = next(
        (name for sign, name in _SIGNS if start.startswith(sign)), "something else" if start else "an empty file"
    )
    text = f"expected a packed submission ({SUFFIX}), found {found}: {archives.AGAIN}"
    raise SubmissionError(text)


class _Hashing:
    """A stream that knows the sha256 of what was read from it."""

    def __init__(self, read: archives.Read) -> None:
        self._read = read
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._read(size)
        self._hash.update(data)
        return data

    def sha256(self) -> str:
        return self._hash.hexdigest()


def _content_sha256(files: tuple[SubmissionFile, ...]) -> str:
    lines = (f"{len(f.path.encode())} {f.path} {'x' if f.executable else '-'} {_sha256(f.content)}\n" for f in files)
    return _sha256("".join(lines).encode())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
