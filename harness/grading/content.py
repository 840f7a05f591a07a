"""Bytes that go into sandboxes, as uncompressed tars of regular files. Whose they are there is the engine's to say.

A tar made here holds only what intake (or our own checkout) accepted, so no name in it can leave ``/box``.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Mapping

from harness.model import SubmissionFile


def tar_of(files: Iterable[SubmissionFile]) -> bytes:
    """Return a tar of ``files`` with their parent folders and fixed times."""
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


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts), 0, -1)]


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.mode = mode
    return member
