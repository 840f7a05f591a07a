"""Rows as CSV that a spreadsheet shows and never computes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from harness.reports.text import number, one_line

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
_MAX_CELL = 2000


def rows(heading: Sequence[str], lines: Iterable[Sequence[str | float]]) -> str:
    """Return a heading and lines as CSV (RFC 4180, but each line ends as lines do here)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return out.getvalue()


def _cell(value: str | float) -> str:
    """Return a cell on one line; text that would be computed begins with an apostrophe, as spreadsheets write it."""
    if not isinstance(value, str):
        return number(value)
    shown = one_line(value, _MAX_CELL)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
