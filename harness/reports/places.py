"""Where in a submission a finding is shown: a check judges behaviour, and no check knows the line that is to blame.

Machines want a line all the same. It is the one that the check's own words name (a stack trace does) where that is a line
that the candidate changed; else the longest stretch that they changed; else the first line of the file that every submission
has. What is shown says which of the three it is: nobody is led to believe in a line that was guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.patches import Change

EVERYBODYS = "service.toml"
"""The file that no submission is without."""
_NAMED = re.compile(r"(?<![\w./-])([\w./-]*[\w-])(?::|\", line )(\d{1,7})\b")
"""``app/main.py:12``, or ``File "app/main.py", line 12``. From where a name begins only: else a row of slashes takes its square."""
_MOST = 50
"""How many names of a flood of words are looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Lines of a submission that its starter does not have, one after the other."""

    path: str
    """Relative to the submission, ``/``-separated."""
    first: int
    """From 1."""
    last: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a finding is shown, and why there."""

    path: str
    first: int
    last: int
    why: str


def stretches(changes: Iterable[Change]) -> tuple[Stretch, ...]:
    """Return the lines that are new, those next to each other together, file by file."""
    found: list[Stretch] = []
    for change in changes:
        new = [line.new for hunk in change.hunks for line in hunk.lines if line.sign == "+" and line.new is not None]
        begin = 0
        for n, line in enumerate(new):
            if n + 1 == len(new) or new[n + 1] != line + 1:
                found.append(Stretch(path=change.path, first=new[begin], last=line))
                begin = n + 1
    return tuple(found)


def place(words: Iterable[str], changed: Sequence[Stretch]) -> Place:
    """Return where to show what was said in ``words``, given what the candidate ``changed``."""
    for path, line in _named(words):
        for stretch in changed:
            if (path == stretch.path or path.endswith(f"/{stretch.path}")) and stretch.first <= line <= stretch.last:
                return Place(path=stretch.path, first=line, last=line, why="The check names this line")
    if not changed:
        return Place(path=EVERYBODYS, first=1, last=1, why="The check judges behaviour and names no line")
    longest = max(changed, key=lambda one: one.last - one.first)
    other = len(changed) - 1
    why = "The check judges behaviour and names no line: this is " + (
        f"the longest of {other + 1} stretches that differ from the starter"
        if other
        else "all that differs from the starter"
    )
    return Place(path=longest.path, first=longest.first, last=longest.last, why=why)


def _named(words: Iterable[str]) -> list[tuple[str, int]]:
    found = [(name, int(line)) for text in words for name, line in _NAMED.findall(text[:20_000])[:_MOST]]
    return found[:_MOST]
