"""Tars on their way into a sandbox."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

from harness.errors import SandboxError

if TYPE_CHECKING:
    from harness.engines.docker.users import User


def owned(tar: bytes, user: User) -> bytes:
    """Return ``tar`` with every member owned by ``user``. Raises SandboxError for other than files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as source, tarfile.open(fileobj=out, mode="w") as target:
        for member in source:
            if not (member.isreg() or member.isdir()):
                text = f"expected regular files and directories to put, found {member.name!r}: leave it out"
                raise SandboxError(text)
            member.uid = member.gid = user.id
            member.uname = member.gname = ""
            target.addfile(member, source.extractfile(member) if member.isreg() else None)
    return out.getvalue()
