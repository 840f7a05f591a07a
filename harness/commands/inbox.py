"""What was named to be graded, taken as what it is: a submission, or a folder of submissions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import droppings
from harness.catalogue.service import FILE as SERVICE_FILE
from harness.errors import SubmissionError
from harness.intake import submission, workspace

_DEPTH = 2
"""A folder of submissions may hold folders of people with their submissions in them: what learning platforms export."""


_Place = tuple[int, int] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox:
    """What there is to grade."""

    paths: tuple[str, ...]
    """As given where that is a submission, or nobody can tell; else what is in the folder."""
    strays: tuple[str, ...] = ()
    """What lies in such a folder and is no submission. What systems and editors leave is not named."""


def opened(given: Sequence[str]) -> Inbox:
    """Return what is at the paths ``given``. Never raises: what can't be read is said when it is graded."""
    paths: list[str] = []
    strays: list[str] = []
    for path in given:
        found = _below(path, _DEPTH, ()) if _is_folder(path) and not _is_submission(path) else None
        if found is None:
            paths.append(path)
            continue
        paths += found.paths
        strays += found.strays
    return Inbox(paths=tuple(paths), strays=tuple(strays))


def _below(folder: str, depth: int, above: tuple[_Place, ...]) -> Inbox | None:
    """Return what is in ``folder``, which is in those ``above``; None when it holds no submission.

    A link that leads back to one of them is a stray: else everything would be there twice.
    """
    here = (*above, _place(folder))
    paths: list[str] = []
    strays: list[str] = []
    for path in _entries(folder):
        if _is_submission(path):
            paths.append(path)
            continue
        further = depth > 1 and _is_folder(path) and _place(path) not in here
        found = _below(path, depth - 1, here) if further else None
        if found is None:
            strays.append(path)
            continue
        paths += found.paths
        strays += found.strays
    return Inbox(paths=tuple(paths), strays=tuple(strays)) if paths else None


def _place(folder: str) -> _Place:
    """Return what tells a folder from others, by whatever path it is reached."""
    try:
        found = os.stat(folder)  # noqa: PTH116 - pathlib raises for a path too long
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _entries(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = sorted(
                entry.name for entry in entries if not entry.name.startswith(".") and not droppings.is_entry(entry)
            )
    except OSError:
        return
    for name in found:
        yield str(Path(folder) / name)


def _is_folder(path: str) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - pathlib raises for a path too long


def _is_submission(path: str) -> bool:
    """Whether ``path`` says that it is one: a workspace, a folder with a service manifest, or something packed."""
    if not _is_folder(path):
        return submission.looks_packed(Path(path))
    try:
        return workspace.is_workspace(Path(path)) or os.path.isfile(f"{path}/{SERVICE_FILE}")  # noqa: PTH113
    except SubmissionError:
        return True  # it can't be looked into, which is said when it is to be graded
