"""What ``harness submit`` says: all that travels and what stays behind, what to look at, and where to send it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import console, settings, wording
from harness.catalogue import service
from harness.commands.trial import FAILED
from harness.errors import HarnessError, SubmissionError
from harness.intake import cautions, folders, workspace
from harness.intake.submission import Packed
from harness.model import Exercise, Grading, Json, Status
from harness.packs import home
from harness.reports import again
from harness.reports.again import Caller
from harness.reports.text import count, listed, visible, wrapped

_LISTED = 8
_WARNED = 20
_LABEL = " " * 9


@dataclass(frozen=True, kw_only=True, slots=True)
class Handed:
    """A workspace that was packed."""

    exercise: Exercise
    space: workspace.Workspace
    file: Path
    packed: Packed


def listing(exercise: Exercise, root: Path, *, as_json: bool) -> None:
    """Show everything that travels and what stays behind; nothing is packed."""
    contents = folders.read(exercise, root, listed=folders.MAX_ENTRIES)
    warned = [*_unfit(exercise, contents), *_warnings(contents, root)]
    if as_json:
        files: list[Json] = [
            {"path": file.path, "bytes": len(file.content), "executable": file.executable} for file in contents.files
        ]
        console.document({"files": files, **_left_as_json(contents), "warnings": list(warned)})
        return
    for n, file in enumerate(contents.files):
        mode = ", executable" if file.executable else ""
        console.line(f"{_label('' if n else 'travels')}{file.path}  ({len(file.content)} bytes{mode})")
    for path in contents.left_behind:
        console.line(f"left     {wording.visible(path)}  (not asked for)")
    for path in contents.droppings:
        console.line(f"left     {_counted(root, path)}  (made by a system, an editor or a tool)")
    size = sum(len(file.content) for file in contents.files)
    _say(
        f"{count(len(contents.files), 'file')} of at most {exercise.max_files}, {size} bytes of at most "
        f"{exercise.max_bytes}. With them go, as your word, your alias, variant and pack, when it was packed and whether it was "
        "tried, how your last checks ended, what your clock says, and what tells this workspace from others. "
        "This is the list alone: what you packed before is as it was."
    )
    _warn(warned)


def warn(handed: Handed) -> None:
    """Say what the candidate may not have meant to send, or what will not work elsewhere."""
    _warn(_warnings(handed.packed.contents, handed.space.root))


@contextlib.contextmanager
def one_object(*, wanted: bool) -> Iterator[None]:
    """Say a refusal as JSON as well, where that is wanted, before it ends the command."""
    try:
        yield
    except SubmissionError as error:
        if wanted:
            _refused_as_json(str(error))
        raise


def refused(grading: Grading, *, as_json: bool) -> None:
    """Say why nothing was packed."""
    text = (
        f"{grading.reason.rstrip()}\nNothing was packed: a grading would refuse it. --no-check packs it all the same."
    )
    if as_json:
        _refused_as_json(grading.reason)
    console.notice(visible(f"refused: {text}"))


def _refused_as_json(reason: str) -> None:
    console.document({"file": "", "tried": "refused", "reason": reason})


def document(handed: Handed, grading: Grading | None, why: HarnessError | None) -> None:
    """Write the facts as one line of JSON."""
    packed = handed.packed
    tried = str(grading.verdict) if grading else "error" if why else "no"
    facts: dict[str, Json] = {
        "file": str(handed.file),
        "sha256": packed.sha256,
        "bytes": len(packed.data),
        "files": len(packed.contents.files),
        **_left_as_json(packed.contents),
        "warnings": list(_warnings(packed.contents, handed.space.root)),
        "tried": tried,
        "checks": {one.check.id: str(one.status) for one in grading.outcomes} if grading else {},
        "deliver": home.deliver(handed.space),
    }
    console.document(facts)


def report(
    handed: Handed,
    grading: Grading | None,
    why: HarnessError | None,
    before: Mapping[str, str],
    caller: Caller,
) -> None:
    """Say what was packed, how it fared elsewhere, and what to do with it."""
    packed, exercise = handed.packed, handed.exercise
    files = packed.contents.files
    console.line(f"packed   {len(files)} files of {exercise.id} {exercise.version}, {len(packed.data)} bytes")
    for entry in files[:_LISTED]:
        console.line(f"{_LABEL}{entry.path}")
    if len(files) > _LISTED:
        whole = again.one_line(again.command(caller, "submit", "--list"))
        console.line(f"{_LABEL}and {len(files) - _LISTED} more: {whole}")
    for text in _left(handed.space.root, packed.contents):
        _say(text, "left")
    _tried(grading, why, before, caller)
    # What is copied is never broken over lines.
    console.line(f"file     {handed.file}")
    console.line(f"sha256   {packed.sha256}")
    console.line(f"size     {len(packed.data)} bytes")
    # The company's words may hold an address to copy: none of them is broken.
    deliver = home.deliver(handed.space) or "send that file to whoever invited you"
    console.paragraph(deliver, first=_label("hand in"), rest=_LABEL)
    _say(
        "Nothing has left this machine. You can change things and submit again: the last one you send counts, and file "
        "names are in the order of time.",
        "next",
    )


def _tried(grading: Grading | None, why: HarnessError | None, before: Mapping[str, str], caller: Caller) -> None:
    if grading is None:
        reason = "it could not be, see below" if why else "--no-check"
        _say(f"no ({reason}): nobody knows whether it builds and runs from the packed file", "tried")
        return
    bad = [one for one in grading.outcomes if one.status in FAILED]
    held = [one for one in grading.outcomes if one.status is Status.PASSED]
    owed = len(grading.outcomes) - len(bad) - len(held)
    _say(
        f"unpacked elsewhere, built, and public checks run from it alone: {len(held)} passed, {len(bad)} failed, {owed} "
        f"not measurable here, in {grading.seconds:.0f} s",
        "tried",
    )
    if grading.reason:
        _say(grading.reason, "")
    for outcome in bad:
        worse = before.get(outcome.check.id) == Status.PASSED
        _say(f"failed: {outcome.check.id}{', which passed in your last check' if worse else ''}", "")
    if any(before.get(one.check.id) == Status.PASSED for one in bad):
        _say("What passed before and fails from the packed file may need what stays behind: see left, above.", "")
    if bad:
        words = again.command(caller, "check", catalogue=grading.catalogue)
        console.line(f"{_LABEL}see why: {again.one_line(words)}")


def _warnings(contents: folders.Contents, root: Path) -> Sequence[str]:
    return cautions.of(contents.files, (settings.home(os.environ), root))


def _unfit(exercise: Exercise, contents: folders.Contents) -> list[str]:
    """Return why a grading would refuse it, as far as its service.toml says."""
    try:
        for file in contents.files:
            if file.path == service.FILE:
                service.parse_service(exercise, file.content)
    except SubmissionError as error:
        return [f"a grading would refuse it: {error}"]
    return []


def _warn(warned: Sequence[str]) -> None:
    for text in warned[:_WARNED]:
        console.notice(f"warning: {text}")
    if len(warned) > _WARNED:
        console.notice(f"warning: and {len(warned) - _WARNED} more of the kind")


def _left_as_json(contents: folders.Contents) -> dict[str, Json]:
    return {"not_asked_for": list(contents.left_behind), "droppings": list(contents.droppings)}


def _left(root: Path, contents: folders.Contents) -> list[str]:
    """Return a text for what no glob names, and one for what systems, editors and tools made, where there is any."""
    texts = []
    if contents.left_behind:
        named = ", ".join(map(wording.visible, contents.left_behind[:_LISTED]))
        more = len(contents.left_behind[_LISTED:]) + contents.more_left_behind
        texts.append(f"{named}{f' and {more} more' if more else ''}  (not asked for)")
    if contents.droppings:
        named = listed((_counted(root, path) for path in contents.droppings), _LISTED)
        texts.append(f"{named}  (made by a system, an editor or a tool)")
    return texts


def _counted(root: Path, path: str) -> str:
    """Return a dropping as it is named: a folder with how many files are in it."""
    if not path.endswith("/"):
        return wording.visible(path)
    found, whole = folders.count(root / path)
    at_least = "" if whole else "at least "
    return f"{wording.visible(path)} ({at_least}{found} file{'' if found == 1 else 's'})"


def _label(label: str) -> str:
    return label.ljust(len(_LABEL))


def _say(text: str, label: str | None = None) -> None:
    """Write a text wrapped after its label; without one it begins at the margin."""
    first, rest = ("", "") if label is None else (_label(label), _LABEL)
    for row in wrapped(visible(text), first=first, rest=rest):
        console.line(row)
