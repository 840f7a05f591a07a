"""What two statements have in common when only their values differ: their text with literals masked. Pure."""

from __future__ import annotations

import functools
import re

MAX_CHARS = 8 * 1024
"""Statements longer than this are known by their beginning."""
MAX_TEXT_CHARS = 1000
_MASKED = re.compile(
    r"""
      (?P<comment>--[^\n]*+|/\*(?:[^*]++|\*(?!/))*+\*/)
    | [eE]'(?:[^'\\]++|\\.|'')*+'
    | '(?:[^']++|'')*+'
    | (?P<tag>\$(?:[A-Za-z_]\w*+)?\$).*?(?P=tag)
    | \$?\d[\w.]*+
    """,
    re.DOTALL | re.VERBOSE,
)
_LIST = re.compile(r"\?(?:\s*+,\s*+\?)++")
_ROWS = re.compile(r"\(\?\)(?:\s*+,\s*+\(\?\))++")


@functools.lru_cache(maxsize=1024)
def _mask(sql: str) -> str:
    text = _MASKED.sub(lambda match: "?" if match["comment"] is None else " ", sql)
    text = _ROWS.sub("(?)", _LIST.sub("?", text))
    return " ".join(text.upper().split())[:MAX_TEXT_CHARS]


def masked(sql: str) -> str:
    """Return a query string in upper case with ``?`` for literals and for lists of them: equal for other values.

    Numbers in names are masked as well: a service may keep what it has in tables that it counts.
    """
    return _mask(sql[:MAX_CHARS])
