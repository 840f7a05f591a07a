"""Rows as CSV that a spreadsheet shows and never computes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

from harness.reports.text import number, one_line

_FORMULA = re.compile(r"""(^|;)([\s"']*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])""")
"""Where a spreadsheet could begin to calculate: at the front of a cell, or after a semicolon, which splits cells where
decimals have commas. Full-width signs are read like their narrow ones by some."""
_MAX_CELL = 2000


def rows(heading: Sequence[str], lines: Iterable[Sequence[str | float]]) -> str:
    """Return a heading and lines as CSV (RFC 4180, but each line ends as lines do here)."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heading)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return out.getvalue()


def text(value: str, limit: int) -> str:
    """Return a cell of at most about ``limit`` characters on one line; what would be computed has an apostrophe before it."""
    return _FORMULA.sub(r"\1\2'", one_line(value, limit))


def _cell(value: str | float) -> str:
    return text(value, _MAX_CELL) if isinstance(value, str) else number(value)
