"""``harness submit``: pack a workspace. Repeatable; nothing that was packed before is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

from harness import console, places
from harness.catalogue.finder import Catalogue
from harness.errors import ExitCode, HarnessError, SubmissionError
from harness.intake import folders, submission, workspace
from harness.model import Exercise

_LISTED = 8


def submit(root: Path, *, out: Path | None, as_json: bool, catalogue: Catalogue) -> ExitCode:
    """Pack the workspace at or above ``root`` into ``out`` (its own ``submissions/`` by default)."""
    space = workspace.find(root)
    exercise = catalogue.exercise(space.exercise_id)
    if exercise.version != space.version:
        text = (
            f"{space.root}: expected a workspace of {exercise.id} {exercise.version}, found one of {space.version}: "
            "pack it with the catalogue it was started from"
        )
        raise SubmissionError(text)
    folder = space.root / folders.PACKED_FOLDER if out is None else out
    places.probe(folder, "the packed file")
    claim = workspace.read_claim(space.root)
    packed = submission.pack(exercise, space.root, alias=space.alias, variant=space.variant, claim=claim)
    file = folder / f"{exercise.id}.{space.alias}.{packed.sha256[:12]}{submission.SUFFIX}"
    with places.writing("the packed file", folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not _is_there(file, packed.data):  # the name has the digest: same name, same content
        workspace.write(file, packed.data)
    for warning in submission.warnings(packed.files):
        console.notice(f"warning: {warning}")
    if as_json:
        facts = {"file": str(file), "sha256": packed.sha256, "bytes": len(packed.data), "files": len(packed.files)}
        console.line(json.dumps(facts, ensure_ascii=False))
    else:
        _report(exercise, file, packed)
    return ExitCode.PASSED


def _is_there(file: Path, content: bytes) -> bool:
    try:
        return places.read(file, len(content)) == content
    except HarnessError:
        return False


def _report(exercise: Exercise, file: Path, packed: submission.Packed) -> None:
    console.line(f"packed   {len(packed.files)} files of {exercise.id} {exercise.version}, {len(packed.data)} bytes")
    for entry in packed.files[:_LISTED]:
        console.line(f"         {entry.path}")
    if len(packed.files) > _LISTED:
        console.line(f"         and {len(packed.files) - _LISTED} more")
    if packed.left_behind:
        named = ", ".join(packed.left_behind[:_LISTED])
        more = len(packed.left_behind) - _LISTED
        console.line(f"left     {named}{f' and {more} more' if more > 0 else ''}  (not asked for)")
    console.line(f"file     {file}")
    console.line(f"sha256   {packed.sha256}")
    console.line("next     send that file to whoever invited you; nothing has left this machine.")
    console.line("         You can change things and submit again: the last one you send counts.")
