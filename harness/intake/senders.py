"""Who a submission says it is from. All of it is a claim: shown beside path and digest, which are ours, never trusted."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from harness import names
from harness.intake.workspace import Workspace, identity

PACKED, WORKSPACE = "the packed file", "its workspace"
"""Who names an alias and also the exercise that a submission is for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """Who packs, and when: what the packed file says of itself."""

    alias: str
    workspace: str = ""
    """Its identity."""
    packed_at: str = ""
    """ISO 8601 to the second, UTC, ending in Z."""
    pack: str = ""
    """What the pack is called by that the workspace was started from; empty: from none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Invited:
    """What a submission says of the pack that its author was given."""

    alias: str
    version: str
    """Of the exercise."""
    variant: int
    pack: str
    """What the pack is called by; empty: it does not say, or was started from a catalogue."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claims:
    """What a submission says of itself before anything else of it was read."""

    alias: str
    alias_from: str
    """Who says so, in words."""
    origin: str
    """The same for two submissions of one workspace; without one, of one path."""
    packed_at: str = ""


def of_folder(path: Path, known: Workspace | None) -> Claims:
    """Return what a folder says, ``known`` being the workspace that it is."""
    if known is None:
        alias = names.alias_from(path.resolve().name)
        return Claims(alias=alias, alias_from="the folder's name", origin=_origin(path))
    return Claims(alias=known.alias, alias_from=WORKSPACE, origin=_origin(path, identity(known)))


def invited_to(known: Workspace) -> Invited:
    """Return what a workspace says of the pack that it was started from."""
    return Invited(alias=known.alias, version=known.version, variant=known.variant, pack=known.pack)


def of_packed(path: Path, sender: Sender) -> Claims:
    """Return what a packed file says, whose manifest names ``sender``."""
    return Claims(
        alias=names.alias_from(sender.alias),
        alias_from=PACKED,
        origin=_origin(path, sender.workspace),
        packed_at=sender.packed_at,
    )


def of_file(path: Path, suffixes: tuple[str, ...]) -> Claims:
    """Return what the name of a file says that can't be read."""
    name = path.resolve().name
    plain = next((name.removesuffix(end) for end in suffixes if name.endswith(end)), name)
    return Claims(alias=names.alias_from(plain), alias_from="the file's name", origin=_origin(path))


def named(said: Claims, alias: str | None) -> Claims:
    """Return ``said`` with the alias that whoever grades it gave, if any."""
    return replace(said, alias=names.alias_from(alias), alias_from="whoever graded it") if alias else said


def _origin(path: Path, workspace_id: str = "") -> str:
    if workspace_id:
        return f"workspace-{workspace_id}"
    return f"path-{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:16]}"
