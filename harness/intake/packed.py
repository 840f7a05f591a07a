"""What a packed submission is: ``harness-submission.json``, which lists every file, and the files as ``files/<path>``.

The list says for which exercise, version and variant it is, by whom, and of every file its size and sha256.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from harness import droppings, names, tables, wording
from harness.catalogue.finder import Catalogue
from harness.catalogue.manifest import MAX_SUBMISSION_BYTES, MAX_SUBMISSION_FILES
from harness.errors import SubmissionError, UsageError
from harness.intake import archives, clock, folders, senders
from harness.intake.clock import ToldTable
from harness.intake.workspace import PackDigest, WorkspaceId
from harness.model import Exercise, Json, SubmissionFile

MANIFEST = "harness-submission.json"
SUFFIX = ".tar.gz"
PREFIX = "files/"
_SCHEMA = 3
"""1 had neither time nor workspace, 2 no pack, no clock, and not whether it was tried."""
MAX_MANIFEST_BYTES = 2 * 1024 * 1024
HEADERS_PER_FILE = 2560
"""Header, PAX header and its content, padding."""
CAPS = archives.Caps(
    bytes_unpacked=MAX_SUBMISSION_BYTES + MAX_MANIFEST_BYTES + MAX_SUBMISSION_FILES * HEADERS_PER_FILE,
    members=MAX_SUBMISSION_FILES + 1,
)


def _time(text: str) -> str:
    """Return ``text`` where it is a time or empty. Raises ValueError with what was expected."""
    if text:
        try:
            datetime.fromisoformat(text)
        except ValueError as error:
            expected = "a time such as 2026-11-26T14:15:00Z"
            raise ValueError(expected) from error
    return text


class _File(tables.Table):
    path: str
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    executable: bool


class Manifest(tables.Table):
    schema_: Annotated[Literal[1, 2, 3], Field(alias="schema")]
    exercise: Annotated[str, Field(max_length=60)]
    version: Annotated[str, Field(max_length=20)]
    variant: Annotated[int, Field(ge=0, lt=2**63)]
    alias: Annotated[str, Field(max_length=names.MAX_ALIAS_BYTES)]
    workspace: WorkspaceId = ""
    pack: PackDigest = ""
    packed_at: Annotated[
        str, Field(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)?$"), AfterValidator(_time)
    ] = ""
    files: tables.Many[_File]
    claim: dict[Annotated[str, Field(max_length=120)], Annotated[str, Field(max_length=20)]]
    clock: ToldTable | None = None
    tried: bool | None = None
    """Whether its public checks were run from the packed files themselves; older ones do not say."""


def write(
    exercise: Exercise,
    files: Iterable[SubmissionFile],
    *,
    sender: senders.Sender,
    variant: int,
    claim: Mapping[str, str],
    told: clock.Told | None = None,
    tried: bool | None = None,
) -> bytes:
    """Return a packed submission: the same content and sender give the same bytes."""
    known = tuple(files)
    document: dict[str, Json] = {
        "schema": _SCHEMA,
        "exercise": exercise.id,
        "version": exercise.version,
        "variant": variant,
        "alias": sender.alias,
        "workspace": sender.workspace,
        "packed_at": sender.packed_at,
        "pack": sender.pack,
        "files": [
            {
                "path": file.path,
                "size": len(file.content),
                "sha256": _sha256(file.content),
                "executable": file.executable,
            }
            for file in known
        ],
        "claim": dict(sorted(claim.items())),
        "clock": None if told is None else clock.document(told),
        "tried": tried,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    listing = SubmissionFile(path=MANIFEST, content=text.encode("utf-8", "backslashreplace") + b"\n")
    members = [SubmissionFile(path=PREFIX + f.path, content=f.content, executable=f.executable) for f in known]
    return archives.write([listing, *members])


def unpack(
    members: Iterator[SubmissionFile], catalogue: Catalogue, exercise_id: str | None
) -> tuple[Manifest, Exercise, tuple[SubmissionFile, ...]]:
    listing = manifest(next(members, None))
    exercise = find_exercise(catalogue, listing.exercise, listing.version, exercise_id)
    wanted = folders.matcher(exercise.submit)
    files: list[SubmissionFile] = []
    room = exercise.max_bytes
    for member in members:
        path = member.path.removeprefix(PREFIX)
        if path == member.path:
            text = f"{names.shown(path)} is not below {PREFIX}: {archives.AGAIN}"
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
    _expect_listed(listing, files)
    dropped = droppings.among(file.path for file in files)
    kept = [file for file in files if file.path not in dropped]
    return listing, exercise, tuple(sorted(kept, key=lambda file: file.path))


def _expect_no_clash(files: list[SubmissionFile]) -> None:
    clash = names.collision(file.path for file in files)
    if clash:
        text = (
            f"{names.shown(clash[0])} and {names.shown(clash[1])} are one name twice, or a file below a file: "
            f"rename or remove one and {archives.AGAIN}"
        )
        raise SubmissionError(text)


def again(files: Mapping[str, SubmissionFile], others: Mapping[str, str]) -> Iterator[SubmissionFile]:
    """Yield the members of a packed submission that somebody unpacked and packed in another way.

    Whether a file is executable is what the list says: not every tool keeps it, and the list has its content's digest.
    """
    for path, what in others.items():
        text = f"{names.shown(path)} is {what}: expected regular files only. Replace it by the file itself and {archives.AGAIN}"
        raise SubmissionError(text)
    listed = {PREFIX + entry.path: entry.executable for entry in manifest(files.get(MANIFEST)).files}
    yield files[MANIFEST]
    for path, file in files.items():
        if path != MANIFEST:
            yield replace(file, executable=listed.get(path, file.executable))


def manifest(first: SubmissionFile | None) -> Manifest:
    if first is None or first.path != MANIFEST:
        found = names.shown(first.path) if first else "nothing"
        text = (
            f"expected {MANIFEST} as the first member, found {found}: an archive that harness submit did not make. "
            "Pack it with harness submit; or unpack it and name the folder, with --exercise ID"
        )
        raise SubmissionError(text)
    if len(first.content) > MAX_MANIFEST_BYTES:
        text = f"{MANIFEST}: expected at most {MAX_MANIFEST_BYTES} bytes, found {len(first.content)}"
        raise SubmissionError(text)
    try:
        document: object = json.loads(first.content)
    except (ValueError, RecursionError) as error:
        text = f"{MANIFEST}: expected JSON, found {wording.quoted(first.content[:40])}: {archives.AGAIN}"
        raise SubmissionError(text) from error
    return tables.validate(Manifest, document, MANIFEST, SubmissionError)


def notes_of(manifest: Manifest, exercise: Exercise) -> tuple[str, ...]:
    """Return what a packed submission says of how it was made, a sentence each: claims."""
    told = clock.from_table(manifest.clock)
    notes = (
        "It was packed without being tried: nobody ran its public checks from the packed file."
        if manifest.tried is False
        else "",
        clock.sentence(told, exercise.minutes) if told else "",
    )
    return tuple(note for note in notes if note)


def sender_of(manifest: Manifest) -> senders.Sender:
    return senders.Sender(
        alias=manifest.alias, workspace=manifest.workspace, packed_at=manifest.packed_at, pack=manifest.pack
    )


def invited_of(manifest: Manifest) -> senders.Invited:
    return senders.Invited(
        alias=names.alias_from(manifest.alias), version=manifest.version, variant=manifest.variant, pack=manifest.pack
    )


def find_exercise(catalogue: Catalogue, found_id: str, version: str, wanted_id: str | None) -> Exercise:
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


def _expect_listed(manifest: Manifest, files: list[SubmissionFile]) -> None:
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
