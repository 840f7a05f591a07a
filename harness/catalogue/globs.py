"""Globs that name checks. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable


def matches(check_id: str, globs: Iterable[str]) -> bool:
    """Whether one of ``globs`` names the check."""
    return any(fnmatch.fnmatchcase(check_id, glob) for glob in globs)
