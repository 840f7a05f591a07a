"""What lies in a results folder over all results in it: made anew whenever gradings were added, whole or not at all.

Nothing in these files is all that is known of something: they are views of the ``result.json`` below, and may be removed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from harness import places
from harness.reports.cohort import gather, machine
from harness.reports.cohort.model import Cohort

_BOM = "\ufeff"
"""What spreadsheets need to read UTF-8."""
_PARTIAL = ".index-{}.partial"
_PATIENCE_SECONDS = 30.0
"""Who holds the folder for longer was stopped, not busy."""


def _page(cohort: Cohort) -> str:
    from harness.reports.html import cohort as page  # a template engine, which whoever only counts does without

    return page.render(cohort)


FILES: Mapping[str, Callable[[Cohort], str]] = {
    "cohort.json": machine.as_json,
    "index.csv": lambda cohort: _BOM + machine.as_csv(cohort),
    "index.html": _page,
}
"""Name of a file beside the folders of people -> what makes it."""


def write_index(results: Path, *, always: bool = False) -> dict[str, Exception]:
    """Write the files of :data:`FILES` into ``results``; return why those that could not be made were not.

    They are there as soon as results of two people are: one alone compares with nobody, unless that is wanted ``always``.
    Several may write at once: each sees all results that were there when it began, and the last to begin is the last to
    write. Raises HarnessError when the folder can't be read or written; then each file is as it was, or new.
    """
    with places.writing("the overview of all results", results), _held(results):
        if not always and not _is_wanted(results):
            return {}
        cohort = gather.read(results)
        failed: dict[str, Exception] = {}
        for name, render in FILES.items():
            try:
                data = render(cohort).encode("utf-8", "backslashreplace")
            except Exception as error:  # noqa: BLE001 - handed back: what one file could not show is no reason to lose the others
                failed[name] = error
                continue
            _replace(results / name, data)
    return failed


def _is_wanted(results: Path) -> bool:
    people = [entry for entry in results.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    return len(people) > 1 or any((results / name).exists() for name in FILES)


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against others who write its overview, and remove what one who was killed left half-written."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _lock(handle):
            for left in folder.glob(_PARTIAL.format("*")):
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    """Hold a folder; False where the file system has no locks, or somebody keeps it."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EACCES} or time.monotonic() > end:
                return False
            time.sleep(0.05)
        else:
            return True


def _replace(file: Path, data: bytes) -> None:
    partial = file.with_name(_PARTIAL.format(secrets.token_hex(8)))
    try:
        with partial.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
