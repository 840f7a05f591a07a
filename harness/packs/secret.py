"""The company's secret, from which each candidate's variant follows. Read and made here; printed and packed nowhere."""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path

from harness import places
from harness.errors import UsageError

FILE = "secret"
_BYTES = 32
_MAX_BYTES = 1024
_FORM = re.compile(r"[0-9a-f]{32,}")


def is_there(folder: Path) -> bool:
    """Whether there is one in ``folder``, or something that stands in its place."""
    return os.path.lexists(folder / FILE)


def is_open(folder: Path) -> bool:
    """Whether others than its owner may read the one in ``folder``; False where nobody can tell."""
    try:
        return bool((folder / FILE).stat().st_mode & 0o077)
    except OSError:
        return False


def obtain(folder: Path) -> bytes:
    """Return the secret kept in ``folder``, made at the first call. Whoever calls holds the lock of the folder.

    Raises UsageError when what is there is none: another one would give everybody another variant.
    """
    file = folder / FILE
    if not is_there(folder):
        _make(file)
    text = places.read(file, _MAX_BYTES, refuse=UsageError).decode(errors="replace").strip()
    if not _FORM.fullmatch(text):
        text = (
            f"{file}: expected the secret that variants follow from, {_BYTES * 2} digits of 0-9 and a-f, found something "
            "else: restore it, or remove it and everybody who is packed from then on gets another variant"
        )
        raise UsageError(text)
    return bytes.fromhex(text[: len(text) // 2 * 2])


def _make(file: Path) -> None:
    """Write a new secret whole or not at all, for its owner's eyes."""
    with places.writing("the secret of variants", file.parent):
        places.write_whole(file, secrets.token_hex(_BYTES).encode() + b"\n", mode=0o600)
