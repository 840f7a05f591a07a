"""A candidate's workspace: the folder ``harness start`` makes, and the few facts kept in its ``.harness``.

The facts are the candidate's to change, so they are read as a stranger's: checked, and never trusted for a score.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness import names, places, tables
from harness.errors import SubmissionError, UsageError
from harness.model import Json

FOLDER = ".harness"
FILE = "workspace.json"
CLAIM = "claim.json"
PACK = "pack"
"""Folder of ``.harness`` with the exercise as it was packed, where the workspace was started from a pack."""
_SCHEMA = 3
"""1 had no id, 2 no pack."""
_MAX_BYTES = 256 * 1024
PACK_LIST = "harness-pack.json"
"""What is in a pack, in its folder."""
BRIEF = "BRIEF.md"
_MOST_LOOKED_AT = 1000
_MOST_NAMED = 3


PackDigest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
WorkspaceId = Annotated[str, Field(pattern="^[0-9a-f]{0,32}$")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """Who works on what, since when."""

    root: Path
    exercise_id: str
    version: str
    variant: int
    language: str
    """Of the starter; empty when the exercise has none."""
    alias: str
    started_at: str
    """ISO 8601, UTC."""
    id: str = ""
    """Of this workspace and its copies, see :func:`identity`; empty in those of older versions."""
    pack: str = ""
    """What the pack is called by that it was started from; empty: it was started from a catalogue."""


class _Document(tables.Table):
    schema_: Annotated[int, Field(alias="schema", ge=1, le=_SCHEMA)]
    exercise: Annotated[str, Field(max_length=60)]
    version: Annotated[str, Field(max_length=20)]
    variant: Annotated[int, Field(ge=0, lt=2**63)]
    language: Annotated[str, Field(max_length=60)]
    alias: Annotated[str, Field(max_length=names.MAX_ALIAS_BYTES)]
    started_at: Annotated[str, Field(max_length=40)]
    id: WorkspaceId = ""
    pack: PackDigest = ""


class _Claim(tables.Table):
    checks: dict[Annotated[str, Field(max_length=120)], Annotated[str, Field(max_length=20)]]


def find(start: Path) -> Workspace:
    """Return the workspace that ``start`` is in. Raises UsageError when it is in none."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if os.path.isfile(folder / FOLDER / FILE):  # noqa: PTH113 - pathlib raises for a folder that can't be read
            return read(folder)
    lost = next((folder / FOLDER for folder in (here, *here.parents) if os.path.isdir(folder / FOLDER)), None)  # noqa: PTH112 - as above
    if lost is not None:
        text = (
            f"{start}: expected a workspace, found {lost} without its {FILE}: make a new one with "
            '"harness start ID --into DIR" and copy your files into it; what you wrote is not touched'
        )
        raise UsageError(text)
    text = f"{start}: expected a workspace, found none here or above{_nearest(here)}"
    raise UsageError(text)


def _nearest(here: Path) -> str:
    """Return what there is in place of a workspace, and what to do about it."""
    try:
        below = [one.name for one in itertools.islice(here.iterdir(), _MOST_LOOKED_AT) if is_workspace(one)]
    except (OSError, SubmissionError):
        below = []
    if below:
        named = ", ".join(names.shown(one) for one in sorted(below)[:_MOST_NAMED])
        return f", but below it ({named}): name it, or go there"
    if os.path.isfile(here / PACK_LIST):  # noqa: PTH113 - pathlib raises for a folder that can't be read
        return ', but a pack, which becomes one with "harness start ." here'
    if os.path.isfile(here / BRIEF):  # noqa: PTH113 - as above
        return (
            f', but a {BRIEF} whose {FOLDER} is gone: "harness start ID --into DIR", of what you began with, makes a new one in '
            f"DIR; copy DIR/{FOLDER} to here, and your files go on as they are. What is up of it ends by Ctrl-C where it runs"
        )
    return ': make one with "harness start ID", or name it'


def is_workspace(root: Path) -> bool:
    """Whether ``harness start`` made this folder. Raises SubmissionError when it can't be read."""
    try:
        return (root / FOLDER / FILE).is_file()
    except OSError as error:
        text = f"{names.shown(str(root))} can't be read ({error.strerror}): correct its permissions"
        raise SubmissionError(text) from error


def read(root: Path) -> Workspace:
    """Return the facts of the workspace at ``root``. Raises SubmissionError when they were damaged."""
    file = root / FOLDER / FILE
    return _workspace(_json(file), str(file), root)


def parse(content: bytes, where: str) -> Workspace:
    """Return the facts in the ``content`` of a ``workspace.json`` that is on no disk. Raises SubmissionError as :func:`read`."""
    if len(content) > _MAX_BYTES:
        text = f"{where}: expected at most {_MAX_BYTES} bytes, found more: restore it"
        raise SubmissionError(text)
    return _workspace(_parsed(content, where), where, Path())


def _workspace(raw: object, where: str, root: Path) -> Workspace:
    document = tables.validate(_Document, raw, where, SubmissionError)
    return Workspace(
        root=root,
        exercise_id=document.exercise,
        version=document.version,
        variant=document.variant,
        language=document.language,
        alias=names.alias_from(document.alias),
        started_at=document.started_at,
        id=document.id,
        pack=document.pack,
    )


def identity(workspace: Workspace) -> str:
    """Return what tells a workspace from every other, a copy of it elsewhere included; empty for those without an id."""
    if not workspace.id:
        return ""
    place = os.fsencode(workspace.root.resolve())
    return hashlib.sha256(f"{workspace.id} ".encode() + place).hexdigest()[:16]


def facts(workspace: Workspace) -> bytes:
    """Return the content of ``.harness/workspace.json``."""
    document: dict[str, Json] = {
        "schema": _SCHEMA,
        "exercise": workspace.exercise_id,
        "version": workspace.version,
        "variant": workspace.variant,
        "language": workspace.language,
        "alias": workspace.alias,
        "started_at": workspace.started_at,
        "id": workspace.id,
        "pack": workspace.pack,
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


@contextlib.contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold what is in ``.harness`` while it is read and written again: two commands at once lose nothing of each other.

    Raises UsageError or HarnessError when that can't be. The kernel frees it when the process dies.
    """
    folder = root / FOLDER
    with places.writing("what is known of the workspace", folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A file system that has no locks (some network shares) is done without: then the last one to write counts.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def save_claim(root: Path, statuses: Mapping[str, str]) -> None:
    """Remember how the candidate's last local check went: check id -> status. Shown by reports, never scored."""
    write(root / FOLDER / CLAIM, json.dumps({"checks": dict(statuses)}, indent=2).encode() + b"\n")


def add_to_claim(root: Path, statuses: Mapping[str, str]) -> None:
    """Remember how some checks went; what was remembered of the others stays, whoever else writes at the same time."""
    with locked(root):
        save_claim(root, {**read_claim(root), **statuses})


def read_claim(root: Path) -> dict[str, str]:
    """Return what ``save_claim`` remembered; nothing when there is none or it was damaged, since it counts for nothing."""
    file = root / FOLDER / CLAIM
    if not os.path.isfile(file):  # noqa: PTH113 - pathlib raises for a folder that can't be read
        return {}
    try:
        return dict(tables.validate(_Claim, _json(file), str(file), SubmissionError).checks)
    except SubmissionError:
        return {}


def write(file: Path, content: bytes) -> None:
    """Write ``file`` whole or not at all: a full disk or a kill leaves the old one.

    Raises UsageError or HarnessError with the place and what to do.
    """
    partial = file.with_name(f".{secrets.token_hex(8)}")  # the name may already be as long as a name can be
    with places.writing(file.name, file.parent):
        try:
            with partial.open("wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            partial.replace(file)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def _json(file: Path) -> object:
    return _parsed(places.read(file, _MAX_BYTES, refuse=SubmissionError), str(file))


def _parsed(data: bytes, where: str) -> object:
    try:
        document: object = json.loads(data)
    except (ValueError, RecursionError) as error:
        text = f"{where}: expected JSON, found something else: restore it, or start anew and copy your files over"
        raise SubmissionError(text) from error
    return document
