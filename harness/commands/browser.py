"""``harness report --open``: a page of results in the browser of whoever sits here."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from harness import console, store
from harness.errors import ExitCode, UsageError
from harness.reports import cohort_files
from harness.wording import visible

_PAGES = {"assessor": "report.html", "candidate": "candidate.html"}
_OVERVIEW = "index.html"


def open_(path: Path, *, audience: str) -> ExitCode:
    """Show the page of the result at ``path``, or of all below it, made anew, and return 0.

    Raises UsageError where there is no page or no browser; HarnessError where the page over all results can't be written.
    """
    page = _of_many(path) if store.is_of_many(path) else _of_one(path, audience)
    console.line(f"page      {page}")
    if not webbrowser.open(page.resolve().as_uri()):
        text = (
            f"expected a browser that opens {visible(str(page))}, found none: open it yourself, or name one in BROWSER"
        )
        raise UsageError(text)
    return ExitCode.PASSED


def _of_many(results: Path) -> Path:
    failed = cohort_files.write_index(results, always=True)
    if _OVERVIEW in failed:
        raise failed[_OVERVIEW]
    return results / _OVERVIEW


def _of_one(path: Path, audience: str) -> Path:
    page = store.find(path).parent / _PAGES[audience]
    if not page.is_file():
        text = f"expected {visible(str(page))}, found none: an older version graded this; read it without --open"
        raise UsageError(text)
    return page
