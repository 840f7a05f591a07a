"""Bytes that go into sandboxes, as uncompressed tars of regular files owned by the sandbox user.

A tar made here holds only what intake (or our own checkout) accepted, so no name in it can leave ``/box``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness import droppings, places
from harness.engines.base import SANDBOX_UID
from harness.errors import ExerciseError
from harness.model import SubmissionFile


def tar_of(files: Iterable[SubmissionFile]) -> bytes:
    """Return a tar of ``files`` with their parent folders, fixed times, owned by the sandbox user."""
    buffer = io.BytesIO()
    folders: set[str] = set()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for file in files:
            for folder in reversed(_parents(file.path)):
                if folder not in folders:
                    folders.add(folder)
                    tar.addfile(_member(folder, tarfile.DIRTYPE, 0o755))
            member = _member(file.path, tarfile.REGTYPE, 0o755 if file.executable else 0o644)
            member.size = len(file.content)
            tar.addfile(member, io.BytesIO(file.content))
    return buffer.getvalue()


def with_files(files: Iterable[SubmissionFile], extra: Mapping[str, bytes]) -> tuple[SubmissionFile, ...]:
    """Return ``files`` with ``extra`` in place of whatever stands in its way: no submission can keep an input out."""
    taken = {*extra, *(parent for path in extra for parent in _parents(path))}
    kept = [file for file in files if file.path not in taken and not set(_parents(file.path)) & set(extra)]
    return (*kept, *(SubmissionFile(path=path, content=content) for path, content in extra.items()))


def files_below(folder: Path, *, prefix: str = "", suffixes: tuple[str, ...] = ()) -> tuple[SubmissionFile, ...]:
    """Return the regular files of a folder of ours, sorted, with ``prefix`` before each path.

    ``suffixes`` limits them to names that end so. Droppings are left out. Symbolic links are not followed.
    """
    found = []
    for relative, path in droppings.files(folder) if folder.is_dir() else ():
        if path.is_symlink() or not path.is_file():
            continue
        if suffixes and not path.name.endswith(suffixes):
            continue
        executable = bool(path.stat().st_mode & 0o100)
        content = places.read(path, refuse=ExerciseError)
        found.append(SubmissionFile(path=prefix + relative, content=content, executable=executable))
    return tuple(found)


def grader_files(exercise_dir: Path, grader_dir: Path | None) -> tuple[SubmissionFile, ...]:
    """Return what a grader sandbox runs: public checks at the top, hidden ones under ``hidden/`` (None: left out)."""
    public = files_below(exercise_dir / "checks")
    if grader_dir is None:
        return public
    hidden = tuple(
        SubmissionFile(path=f"hidden/{path.name}", content=places.read(path, refuse=ExerciseError))
        for path in sorted(grader_dir.glob("*.py"))
        if path.is_file() and not droppings.is_file(path.name)
    )
    return public + hidden


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = mode
    member.uid = member.gid = SANDBOX_UID
    return member
