"""Zip archives whose bytes follow from what is in them: the same files give the same archive, whoever makes it and when."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterable

from harness.model import SubmissionFile

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first time that a zip can say."""
_UNIX = 3
_STORED = (".whl", ".zip", ".gz")
"""Packed already: trying again costs seconds and gains nothing."""


def write(files: Iterable[SubmissionFile], top: str = "") -> bytes:
    """Return ``files`` as a zip, sorted by path, below the folder ``top`` where one is named."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in sorted(files, key=lambda one: one.path):
            info = zipfile.ZipInfo(f"{top}/{file.path}" if top else file.path, _EPOCH)
            info.create_system = _UNIX  # else it is that of whoever packs
            info.external_attr = (stat.S_IFREG | (0o755 if file.executable else 0o644)) << 16
            info.compress_type = zipfile.ZIP_STORED if file.path.endswith(_STORED) else zipfile.ZIP_DEFLATED
            archive.writestr(info, file.content, compresslevel=9)
    return buffer.getvalue()
