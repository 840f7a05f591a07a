"""``harness submit``: pack a workspace. Repeatable; nothing that was packed before is overwritten."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

from harness import console, places, wording
from harness.catalogue.finder import Catalogue
from harness.errors import ExitCode, HarnessError, SubmissionError
from harness.intake import folders, senders, submission, workspace
from harness.intake.packed import SUFFIX
from harness.intake.workspace import Workspace
from harness.model import Exercise
from harness.packs import home

_LISTED = 8
_TIME = "%Y-%m-%dT%H:%M:%SZ"


def submit(root: Path, *, out: Path | None, as_json: bool, catalogue: Catalogue) -> ExitCode:
    """Pack the workspace at or above ``root`` into ``out`` (its own ``submissions/`` by default)."""
    space = workspace.find(root)
    exercise = home.catalogue_of(space, catalogue).exercise(space.exercise_id)
    if exercise.version != space.version:
        text = (
            f"{space.root}: expected a workspace of {exercise.id} {exercise.version}, found one of {space.version}: "
            "pack it with the catalogue it was started from"
        )
        raise SubmissionError(text)
    folder = space.root / folders.PACKED_FOLDER if out is None else out
    places.probe(folder, "the packed file")
    claim = workspace.read_claim(space.root)

    def pack(packed_at: str) -> submission.Packed:
        sender = senders.Sender(
            alias=space.alias, workspace=workspace.identity(space), packed_at=packed_at, pack=space.pack
        )
        return submission.pack(exercise, space.root, sender=sender, variant=space.variant, claim=claim)

    now = _now()
    packed, file = _again(folder, exercise, space.alias, pack) or (pack(now), None)
    if file is None:
        file = folder / _name(exercise, space.alias, now, packed)
        with places.writing("the packed file", folder):
            folder.mkdir(parents=True, exist_ok=True)
        workspace.write(file, packed.data)
    for warning in submission.warnings(packed.contents.files):
        console.notice(f"warning: {warning}")
    if as_json:
        facts = {
            "file": str(file),
            "sha256": packed.sha256,
            "bytes": len(packed.data),
            "files": len(packed.contents.files),
            "not_asked_for": list(packed.contents.left_behind),
            "droppings": list(packed.contents.droppings),
        }
        console.document(facts)
    else:
        _report(exercise, space, file, packed)
    return ExitCode.PASSED


def _is_there(file: Path, content: bytes) -> bool:
    try:
        return places.read(file, len(content)) == content
    except HarnessError:
        return False


def _now() -> str:
    return dt.datetime.now(dt.UTC).strftime(_TIME)


def _name(exercise: Exercise, alias: str, packed_at: str, packed: submission.Packed) -> str:
    """Return a name that sorts by time and tells the content; nothing else has it."""
    time = re.sub(r"[:-]", "", packed_at)
    return f"{exercise.id}.{alias}.{time}.{packed.sha256[:12]}{SUFFIX}"


def _again(
    folder: Path, exercise: Exercise, alias: str, pack: Callable[[str], submission.Packed]
) -> tuple[submission.Packed, Path] | None:
    """Return the file that was packed last, where nothing has changed since: packing it again would make another."""
    stamp = re.compile(r"\.(\d{4})(\d\d)(\d\dT\d\d)(\d\d)(\d\dZ)\.[0-9a-f]{12}$")
    start = f"{exercise.id}.{alias}."
    last = max((file for file in folder.glob(f"*{SUFFIX}") if file.name.startswith(start)), default=None)
    found = stamp.search(last.name.removesuffix(SUFFIX)) if last else None
    if last is None or found is None:
        return None
    packed = pack(f"{found[1]}-{found[2]}-{found[3]}:{found[4]}:{found[5]}")
    return (packed, last) if _is_there(last, packed.data) else None


def _report(exercise: Exercise, space: Workspace, file: Path, packed: submission.Packed) -> None:
    files = packed.contents.files
    console.line(f"packed   {len(files)} files of {exercise.id} {exercise.version}, {len(packed.data)} bytes")
    for entry in files[:_LISTED]:
        console.line(f"         {entry.path}")
    if len(files) > _LISTED:
        console.line(f"         and {len(files) - _LISTED} more")
    for line in _left(space.root, packed.contents):
        console.line(line)
    console.line(f"file     {file}")
    console.line(f"sha256   {packed.sha256}")
    deliver = home.deliver(space)
    how = f"hand that file in: {deliver}; nothing" if deliver else "send that file to whoever invited you; nothing"
    console.line(f"next     {how} has left this machine.")
    console.line("         You can change things and submit again: the last one you send counts.")


def _left(root: Path, contents: folders.Contents) -> list[str]:
    """Return a line for what no glob names, and one for what systems, editors and tools made, where there is any."""
    lines = []
    if contents.left_behind:
        named = ", ".join(map(wording.visible, contents.left_behind[:_LISTED]))
        more = len(contents.left_behind[_LISTED:]) + contents.more_left_behind
        lines.append(f"left     {named}{f' and {more} more' if more else ''}  (not asked for)")
    if contents.droppings:
        named = ", ".join(_counted(root, path) for path in contents.droppings[:_LISTED])
        more = len(contents.droppings[_LISTED:])
        lines.append(f"left     {named}{f' and {more} more' if more else ''}  (made by a system, an editor or a tool)")
    return lines


def _counted(root: Path, path: str) -> str:
    """Return a dropping as it is named: a folder with how many files are in it."""
    if not path.endswith("/"):
        return wording.visible(path)
    found = folders.count(root / path)
    at_least = "at least " if found == folders.MAX_ENTRIES else ""
    return f"{wording.visible(path)} ({at_least}{found} file{'' if found == 1 else 's'})"
