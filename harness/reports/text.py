"""Text from elsewhere, made safe to show; numbers and counts as people read them."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

from harness import wording

WIDTH = 80
"""Columns of whatever is read by people: a terminal nobody changed, a mail, a printed page."""
WHOLE = 2000
"""Characters that hold any title of a manifest: what people read is wrapped, not cut."""
SENTENCE = 600
"""Characters that hold any sentence of a check, whatever else a service had it say."""
EVIDENCE_LINE = 300
"""Characters that a line of evidence has at most."""
_CUT = " ..."


def visible(text: str) -> str:
    """Return ``text`` with everything that is not plainly printable written as an escape; line ends stay.

    So nothing in it moves a cursor, changes a colour, reorders what follows or hides, and XML 1.0 can hold it.
    """
    return wording.visible(text, lines=True)


def one_line(text: str, limit: int) -> str:
    """Return ``text`` on one line, printable, and cut to ``limit`` characters with a mark that says so."""
    return cut(" ".join(text[: limit * 8].split()), limit)


def cut(line: str, limit: int) -> str:
    """Return one line printable, its spaces kept, and cut to ``limit`` columns with a mark that says so."""
    shown = visible(line[: limit * 2]).replace("\n", " ")
    if columns(shown) <= limit and len(line) <= limit * 2:
        return shown
    return f"{shown[: _fitting(shown, limit - len(_CUT))].rstrip()}{_CUT}"


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


def wrapped(text: str, *, width: int = WIDTH, first: str = "", rest: str = "") -> list[str]:
    """Return ``text`` as lines of at most ``width`` columns, the first after ``first``, the others after ``rest``.

    Line ends in ``text`` are kept; words longer than a line are broken.
    """
    lines: list[str] = []
    for part in text.split("\n"):
        lines += _filled(part, width, rest if lines else first, rest)
    return lines


def columns(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes: letters of some scripts take two, accents none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, width: int) -> str:
    """Return ``text`` with spaces up to ``width`` columns."""
    return text + " " * max(0, width - columns(text))


def _filled(part: str, width: int, first: str, rest: str) -> list[str]:
    lines: list[str] = []
    line, bare = first, True
    for chunk in re.findall(r"\s+|\S+", part):
        if columns(line) + columns(chunk) <= width:
            if not (chunk.isspace() and bare and lines):
                line, bare = line + chunk, False
            continue
        if not bare:
            lines.append(line)
            line, bare = rest, True
        if chunk.isspace():
            continue
        while columns(line) + columns(chunk) > width:
            room = max(1, _fitting(chunk, width - columns(line)))
            lines.append(line + chunk[:room])
            line, chunk = rest, chunk[room:]  # noqa: PLW2901 - what is left of a word that is longer than a line
        line, bare = line + chunk, not chunk
    return [one.rstrip() for one in ([*lines, line] if not bare or not lines else lines)]


def _fitting(text: str, width: int) -> int:
    """Return how many characters of ``text`` fit into ``width`` columns."""
    taken = itertools.accumulate(map(_columns, text))
    return sum(1 for _ in itertools.takewhile(lambda so_far: so_far <= width, taken))


def _columns(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def listed(items: Iterable[str], limit: int = 4, separator: str = ", ") -> str:
    """Return items in a row, no more than ``limit`` of them, saying how many more there are."""
    all_items = list(items)
    more = len(all_items) - limit
    return separator.join(all_items) if more <= 0 else f"{separator.join(all_items[:limit])} and {more} more"
