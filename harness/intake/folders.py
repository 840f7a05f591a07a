"""Reads what an exercise asks for out of a folder, and nothing else. The folder may be hostile.

No link is followed, nothing but regular files is opened, and how much is looked at and read is bounded. What the
allow-list does not name stays behind, and so do droppings; what it names but can't be taken is refused by name, never
left out silently.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import droppings, names
from harness.errors import SubmissionError
from harness.intake import workspace
from harness.model import Exercise, SubmissionFile

MAX_ENTRIES = 100_000
"""Entries of a folder that are looked at before it is refused."""
_TOLD = 20
"""Of what is wrong with a folder, so many things are said; the rest is only counted."""
_LISTED = 500
"""Of what stays behind, so many paths are kept to be named; the rest is only counted."""
PACKED_FOLDER = "submissions"
"""Top folder of a workspace that holds packed submissions; never part of one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What was taken from a folder."""

    files: tuple[SubmissionFile, ...]
    """By path."""
    left_behind: tuple[str, ...]
    """Files that no glob names, by path; at most a few hundred are listed."""
    more_left_behind: int
    """How many files no glob names beside those."""
    droppings: tuple[str, ...]
    """What systems, editors and tools made, by path, folders with a ``/``; at most a few hundred are listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Entry:
    path: str
    full: Path
    regular: bool


def read(exercise: Exercise, root: Path, *, listed: int = _LISTED) -> Contents:
    """Return what ``exercise`` asks for from ``root``, at most ``listed`` paths of what stays behind named.

    Raises SubmissionError naming every file that can't be taken.
    """
    wanted = matcher(exercise.submit)
    taken: list[_Entry] = []
    left: list[str] = []
    problems: list[str] = []
    entries, dropped = _walk(root)
    for entry in entries:
        below = f"{entry.path}/x"
        if wanted(entry.path) or (not entry.regular and wanted(below)):
            if wrong := _wrong(entry):
                problems.append(wrong)
            else:
                taken.append(entry)
        else:
            left.append(entry.path)
    problems += _together(taken, exercise)
    if problems:
        raise SubmissionError(_told(problems))
    files: list[SubmissionFile] = []
    room = exercise.max_bytes
    for entry in sorted(taken, key=lambda entry: entry.path):
        files.append(_read(entry, room, exercise))
        room -= len(files[-1].content)
    left.sort()
    return Contents(
        files=tuple(files),
        left_behind=tuple(left[:listed]),
        more_left_behind=len(left[listed:]),
        droppings=tuple(sorted(dropped)[:listed]),
    )


def snapshot(exercise: Exercise, root: Path) -> Mapping[str, tuple[int, int, int]]:
    """Return what changes when a file that travels is saved: path -> time, size and identity. Opens no file.

    Raises SubmissionError when a folder can't be read.
    """
    wanted = matcher(exercise.submit)
    found: dict[str, tuple[int, int, int]] = {}
    for entry in _walk(root)[0]:
        if wanted(entry.path):
            # What was there a moment ago may be on its way: an editor renames what it saves.
            with contextlib.suppress(OSError):
                facts = entry.full.lstat()
                found[entry.path] = (facts.st_mtime_ns, facts.st_size, facts.st_ino)
    return found


def count(folder: Path) -> tuple[int, bool]:
    """Return how many files are in ``folder`` and below, at most ``MAX_ENTRIES``, and whether that is all of them.

    No link is followed. What can't be looked into (another user's, or gone by now) is not counted.
    """
    found, whole, folders = 0, True, [folder]
    while folders and found < MAX_ENTRIES:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(Path(entry.path))
                    else:
                        found += 1
        except OSError:
            whole = False
    return min(found, MAX_ENTRIES), whole and found < MAX_ENTRIES


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """Return whether a path matches any glob. ``**`` is any number of folders, ``*`` and ``?`` stay in one name."""
    whole = re.compile("|".join(f"(?:{_regex(glob)})" for glob in globs), re.DOTALL)
    return lambda path: whole.fullmatch(path) is not None


def _regex(glob: str) -> str:
    parts = glob.split("/")
    text = ""
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if part == "**":
            text += ".+" if last else "(?:[^/]+/)*"
        else:
            text += "".join({"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char)) for char in part)
            text += "" if last else "/"
    return text


def _wrong(entry: _Entry) -> str:
    """Return why a file that was asked for can't be taken; empty when it can."""
    if not entry.regular:
        return f"{names.shown(entry.path)} is a link or a special file: replace it by the file itself, or remove it"
    wrong = names.fault(entry.path)
    return f"the name {names.shown(entry.path)} {wrong}: rename that file" if wrong else ""


def _together(taken: Sequence[_Entry], exercise: Exercise) -> Iterator[str]:
    """Yield why files that could be taken one by one can't be taken together."""
    if clash := names.collision(entry.path for entry in taken):
        yield f"{names.shown(clash[0])} and {names.shown(clash[1])} are one name on some file systems: rename one"
    if len(taken) > exercise.max_files:
        more = names.shown(taken[exercise.max_files].path)
        yield (
            f"expected at most {exercise.max_files} files, found {len(taken)} ({more} is one too many): remove what was not "
            "asked for"
        )


def _told(problems: Sequence[str]) -> str:
    """Return all that is wrong in a folder as one text, so that nobody mends one thing to hear of the next."""
    if len(problems) == 1:
        return problems[0]
    more = len(problems) - _TOLD
    lines = [*problems[:_TOLD], *([f"and {more} more"] if more > 0 else [])]
    return "\n  ".join((f"{len(problems)} things keep these files from travelling", *lines))


def _walk(root: Path) -> tuple[list[_Entry], list[str]]:
    """Return what is below ``root`` and no folder, and the droppings there, which are not looked into."""
    found: list[_Entry] = []
    dropped: list[str] = []
    folders = [(root, "")]
    seen = 0
    while folders:
        folder, prefix = folders.pop()
        for entry in _listed(folder, prefix):
            seen += 1
            if seen > MAX_ENTRIES:
                text = f"expected a folder with at most {MAX_ENTRIES} entries, found more: is {root} the workspace?"
                raise SubmissionError(text)
            path = prefix + entry.name
            if entry.name == workspace.FOLDER or path == PACKED_FOLDER:
                continue
            if droppings.is_entry(entry):
                dropped.append(f"{path}/" if entry.is_dir(follow_symlinks=False) else path)
            elif entry.is_dir(follow_symlinks=False):
                # One level more than a name may have, so that what is too deep is refused and not overlooked.
                if path.count("/") <= names.MAX_DEPTH:
                    folders.append((Path(entry.path), f"{path}/"))
            else:
                found.append(_Entry(path=path, full=Path(entry.path), regular=entry.is_file(follow_symlinks=False)))
    return found, dropped


def _listed(folder: Path, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        text = f"{names.shown(prefix or str(folder))} can't be read ({error.strerror}): correct its permissions"
        raise SubmissionError(text) from error


def _read(entry: _Entry, room: int, exercise: Exercise) -> SubmissionFile:
    try:
        # What was a file a moment ago may be a link or a pipe by now: neither is followed, and a pipe does not block.
        descriptor = os.open(entry.full, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            content = file.read(room + 1) if stat.S_ISREG(status.st_mode) else None
    except OSError as error:
        text = f"{names.shown(entry.path)} can't be read ({error.strerror}): correct its permissions"
        raise SubmissionError(text) from error
    if content is None:
        text = f"{names.shown(entry.path)} changed into a special file while it was read: try again"
        raise SubmissionError(text)
    if len(content) > room:
        text = (
            f"expected at most {exercise.max_bytes} bytes in all, found more with {names.shown(entry.path)} "
            f"({status.st_size} bytes): remove what was not asked for"
        )
        raise SubmissionError(text)
    return SubmissionFile(path=entry.path, content=content, executable=bool(status.st_mode & stat.S_IXUSR))
