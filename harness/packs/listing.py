"""``harness-pack.json``: for whom a pack is, of what, and every file in it with its size and sha256.

A pack is called by the sha256 of this file: the same whether it is zipped, unpacked or zipped again by somebody's mail.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from harness import __version__, names, tables, wording
from harness.errors import UsageError
from harness.intake import workspace
from harness.model import Json, SubmissionFile

FILE = workspace.PACK_LIST
MAX_BYTES = 2 * 1024 * 1024
MAX_DELIVER = 500
_MAX_FILES = 20_000
AGAIN = "ask whoever invited you for another"


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """For whom a pack is, and of what."""

    exercise_id: str
    version: str
    variant: int
    alias: str
    language: str
    """The one that it was packed for; empty: all that the exercise has."""
    deliver: str = ""
    """Where what was made is to be sent, in the company's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """What the list says of one file."""

    size: int
    sha256: str
    executable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A list that was read."""

    invitation: Invitation
    files: dict[str, Listed]
    """By path."""
    digest: str
    """What the pack is called by."""


class _File(tables.Table):
    path: Annotated[str, Field(max_length=names.MAX_PATH_BYTES)]
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    executable: bool


class _Document(tables.Table):
    schema_: Annotated[Literal[1], Field(alias="schema")]
    exercise: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]
    version: Annotated[str, Field(max_length=20)]
    variant: Annotated[int, Field(ge=0, lt=2**63)]
    alias: Annotated[str, Field(max_length=names.MAX_ALIAS_BYTES)]
    language: Annotated[str, Field(max_length=60)]
    deliver: Annotated[str, Field(max_length=MAX_DELIVER)]
    harness: Annotated[str, Field(max_length=60)]
    files: Annotated[tables.Many[_File], Field(max_length=_MAX_FILES)]


def write(invitation: Invitation, files: Iterable[SubmissionFile]) -> SubmissionFile:
    """Return the list of ``files``: equal for the same invitation and files, in whatever order they come."""
    document: dict[str, Json] = {
        "schema": 1,
        "exercise": invitation.exercise_id,
        "version": invitation.version,
        "variant": invitation.variant,
        "alias": invitation.alias,
        "language": invitation.language,
        "deliver": invitation.deliver,
        "harness": __version__,
        "files": [_entry(file) for file in sorted(files, key=lambda one: one.path)],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return SubmissionFile(path=FILE, content=text.encode() + b"\n")


def read(content: bytes, where: str) -> Listing:
    """Return what a list says. Raises UsageError when it can't be read: whoever sent the pack must send it again."""
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        text = f"{where}: expected JSON, found {wording.quoted(content[:40])}: {AGAIN}"
        raise UsageError(text) from error
    try:
        found = tables.validate(_Document, document, where, UsageError)
    except UsageError as error:
        text = f"{error}, or {AGAIN}"
        raise UsageError(text) from error
    wrong = next(
        (f"the name {names.shown(one.path)} {fault}" for one in found.files if (fault := names.fault(one.path))), ""
    )
    if wrong or not names.is_alias(found.alias):
        text = f"{where}: {wrong or f'{names.shown(found.alias)} is no alias'}: {AGAIN}"
        raise UsageError(text)
    return Listing(
        invitation=Invitation(
            exercise_id=found.exercise,
            version=found.version,
            variant=found.variant,
            alias=found.alias,
            language=found.language,
            deliver=found.deliver,
        ),
        files={one.path: Listed(size=one.size, sha256=one.sha256, executable=one.executable) for one in found.files},
        digest=digest(content),
    )


def digest(content: bytes) -> str:
    """Return what a pack is called by whose list is ``content``."""
    return hashlib.sha256(content).hexdigest()


def _entry(file: SubmissionFile) -> dict[str, Json]:
    return {
        "path": file.path,
        "size": len(file.content),
        "sha256": digest(file.content),
        "executable": file.executable,
    }
