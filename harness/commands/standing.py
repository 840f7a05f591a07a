"""Where the person stands: how they called us, so that the commands we print run as they are, from there."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from harness.reports.again import Caller

_NAME = "harness"


def caller(path: str, engine: str = "") -> Caller:
    """Return how to call us again for the workspace at ``path``, with the ``engine`` that was named, if any."""
    return Caller(program=program(sys.argv[0]), path=path, engine=engine)


def program(started: str) -> tuple[str, ...]:
    """Return the words that start this program from here, ``started`` being what it was started as."""
    if Path(started).parts[-2:] == (_NAME, "__main__.py"):
        return (sys.executable, "-m", _NAME)
    found = shutil.which(_NAME)
    on_the_path = os.sep not in started or (found is not None and _is_one(found, started))
    # What was started under another name (by a test, by somebody's own program) takes no words of ours.
    return (_NAME,) if on_the_path or Path(started).name != _NAME else (started,)


def program_from(folder: Path) -> tuple[str, ...]:
    """Return the words that start this program from ``folder``."""
    first, *others = program(sys.argv[0])
    if os.sep in first:
        place = os.path.abspath(first)  # noqa: PTH100 - resolve() would follow links, and a link may be what was called
        first = min(os.path.relpath(place, folder), place, key=len)
    return (first, *others)


def seen(place: Path) -> str:
    """Return ``place`` as it is called from here, in the shorter of both ways."""
    return min(os.path.relpath(place, Path.cwd()), str(place), key=len)


def _is_one(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)  # noqa: PTH121 - two paths as text
    except OSError:
        return False
