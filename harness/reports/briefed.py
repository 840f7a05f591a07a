"""What a brief says is judged and no public check shows: rows of its tables that end with ``graded only``.

Only the brief can say it: a candidate's machine knows no held-out check. docs/reference/exercise-format.md says it to authors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MARK = "graded only"
_EMPHASIS = re.compile(r"[*`]")
_END = re.compile(r"(?<=\w)(?:\s\(|[:;]\s).*", re.DOTALL)
"""Where the name of a rule ends and what is said of it begins."""


def graded_only(briefs: Iterable[str]) -> tuple[str, ...]:
    """Return the rules that only a grading judges, by their names, as the briefs list them."""
    return tuple(name for text in briefs for line in text.splitlines() if (name := _rule(line)))


def _rule(line: str) -> str:
    """Return the name of the rule in a row of a table that ends with the mark; empty for any other line."""
    if not line.startswith("|"):
        return ""
    cells = [_EMPHASIS.sub("", cell).strip() for cell in line.strip().strip("|").split("|")]
    *others, last = cells
    if last.lower() != MARK or not others:
        return ""
    return _END.sub("", others[-1]).rstrip(".")
