"""Text from elsewhere, made safe to show; numbers and counts as people read them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from harness import wording


def visible(text: str) -> str:
    """Return ``text`` with everything that is not plainly printable written as an escape; line ends stay.

    So nothing in it moves a cursor, changes a colour, reorders what follows or hides, and XML 1.0 can hold it.
    """
    return wording.visible(text, lines=True)


def one_line(text: str, limit: int) -> str:
    """Return ``text`` on one line, printable, and cut to ``limit`` characters with a mark that says so."""
    return cut(" ".join(text[: limit * 8].split()), limit)


def cut(line: str, limit: int) -> str:
    """Return one line printable, its spaces kept, and cut to ``limit`` characters with a mark that says so."""
    shown = visible(line[: limit * 2]).replace("\n", " ")
    return shown if len(shown) <= limit and len(line) <= limit * 2 else shown[: limit - 4].rstrip() + " ..."


def clipped(text: str, limit: int, where: str) -> str:
    """Return ``text`` printable, cut to about ``limit`` characters, saying how much more is to be found ``where``."""
    if len(text) <= limit:
        return visible(text)
    return f"{visible(text[:limit])} ... ({len(text) - limit} more characters in {where})"


def number(value: float) -> str:
    """Return points or seconds with at most two decimals and no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def count(amount: int, noun: str) -> str:
    """Return ``1 check``, ``2 checks``."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"


def wrapped(text: str, *, width: int, first: str = "", rest: str = "") -> list[str]:
    """Return ``text`` as lines of at most ``width``, the first after ``first``, the others after ``rest``.

    Line ends in ``text`` are kept; words longer than a line are broken.
    """
    lines: list[str] = []
    for part in text.split("\n"):
        lead = rest if lines else first
        lines += textwrap.wrap(part, width, initial_indent=lead, subsequent_indent=rest, break_on_hyphens=False) or [
            lead.rstrip()
        ]
    return lines


def listed(items: Iterable[str], limit: int = 4, separator: str = ", ") -> str:
    """Return items in a row, no more than ``limit`` of them, saying how many more there are."""
    all_items = list(items)
    more = len(all_items) - limit
    return separator.join(all_items) if more <= 0 else f"{separator.join(all_items[:limit])} and {more} more"
