"""What a submission wrote, as fingerprints by which two can be compared: winnowing, the method of MOSS.

S. Schleimer, D. S. Wilkerson, A. Aiken, "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD 2003, 76-85:
program text becomes a row of symbols without what is easily changed; every stretch of ``k`` symbols is hashed, and of each
window of ``w`` hashes in a row the smallest is kept. Two texts with ``w + k - 1`` symbols in common then share a fingerprint,
wherever these stand, and none is shared over fewer than ``k``. What the starter has as well is left out, as a base file is
there. Pure, and linear in the text.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence

from harness.patches import Change, Line
from harness.reports import pointers

NOISE = 16
"""``k``: what is shorter is in any two programs of one language."""
WINDOW = 8
"""``w``: so that whatever has 23 symbols in a row in common, about three lines, is always seen."""
_MOST_SYMBOLS = 30_000
"""Of one submission, about 3 000 lines: more is not read, because whoever is graded must not choose how long that takes."""
_LONGEST_LINE = 400
_TOKEN = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|\d[\w.]*|\w+|[^\s\w]")


def of(changes: Iterable[Change]) -> frozenset[int]:
    """Return the fingerprints of the program text, tests included, that is new in ``changes``; none where nothing is."""
    fresh, kept = set[int](), set[int]()
    room = _MOST_SYMBOLS
    for change in sorted(changes, key=lambda one: (pointers.is_test(one.path), one.path)):
        if not pointers.is_program(change.path):
            continue
        lines = [line for hunk in change.hunks for line in hunk.lines]
        new = _symbols((line for line in lines if line.sign == "+"), room)
        old = _symbols((line for line in lines if line.sign != "+"), room)
        room -= max(len(new), len(old))
        fresh.update(_winnowed(_hashes(new)))
        kept.update(_hashes(old))
    return frozenset(fresh - kept)


def _symbols(lines: Iterable[Line], most: int) -> str:
    """Return program text as a row of symbols, one a character; remarks, prose and imports are left out."""
    row: list[str] = []
    for line in lines:
        if len(row) >= most:
            break
        if pointers.is_code(line):
            row += map(_symbol, _TOKEN.findall(line.text[:_LONGEST_LINE]))
    return "".join(row[:most])


def _symbol(token: str) -> str:
    """Return what is left of a token: names, numbers and texts are changed without changing what a program does."""
    first = token[0]
    if first in "'\"" and len(token) > 1:
        return "s"
    if first.isdigit():
        return "n"
    return "w" if first.isalpha() or first == "_" else first


def _hashes(row: str) -> list[int]:
    data = row.encode("utf-32-le", "surrogatepass")
    # The same in every process, which Python's own hash of a text is not.
    return [zlib.crc32(data[4 * start : 4 * (start + NOISE)]) for start in range(len(row) - NOISE + 1)]


def _winnowed(hashes: Sequence[int]) -> Iterator[int]:
    """Yield the smallest of each window; of a row that is shorter than one, its smallest."""
    for start in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        yield min(hashes[start : start + WINDOW])
