"""What lies over all results of a folder, made anew. What can't be is said: it is a view of results that are kept already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import console, crashes
from harness.errors import HarnessError
from harness.wording import visible


def renew(out: Path) -> None:
    """Make it anew below ``out``: also when nothing was added, since who was killed may have added something."""
    if not out.is_dir():
        return
    from harness.reports import cohort_files

    try:
        failed: Mapping[str, Exception] = cohort_files.write_index(out)
    except (HarnessError, OSError, MemoryError) as error:
        failed = {"what lies over all results": error}
    for name, why in failed.items():
        console.notice(f"{visible(str(out))}: {name} was not renewed: {crashes.explained(why)}")


def renew_if_there(out: Path) -> None:
    """Make it anew where it is already: ``out`` may be any folder, and nobody wants new files in one that has none."""
    from harness.reports import cohort_files

    if any((out / name).is_file() for name in cohort_files.FILES):
        renew(out)
