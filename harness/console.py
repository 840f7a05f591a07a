"""How commands talk: results on stdout, everything else on stderr, nothing that a terminal would act on."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def line(text: str = "") -> None:
    """Write a line of the result."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def notice(text: str) -> None:
    """Write a line that is not part of the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def is_terminal() -> bool:
    """Whether somebody sees the result on a terminal and did not ask for plain text."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def table(rows: Sequence[Sequence[str]]) -> None:
    """Write rows as columns two spaces apart; the first row is the heading. No trailing spaces."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
