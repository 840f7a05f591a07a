"""Which lines of a submission a finding points to: lines that it names, and new lines that speak of the same thing.

The first is certain; the second is a place to begin reading, and is called that. No line is ever said to be the cause.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.patches import Change, Hunk, Line

MOST = 3
_RARE = 14
"""A word in more new lines than this says nothing about where to look."""
_LONGEST = 400
_REFERENCE = re.compile(r"(?<![\w./-])([\w./-]{1,200}\.[A-Za-z]{1,6})[:(](\d{1,6})\b")
_WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{3,}")
_DEFINES = re.compile(
    r"^\s*(?:async )?(?:def|class|func|public|private|protected|static|CREATE|ALTER)\b", re.IGNORECASE
)
_COMMENT = re.compile(r"^\s*(?:#|//|--|\*|/\*|\"\"\"|'''|import\b|from \S+ import\b|package\b|using\b)")
_CODE = re.compile(r"[(){}\[\]=;]|\b[A-Z]{4,}\b")
"""What prose in a docstring has none of."""
_SOURCE = re.compile(r"\.(?:c|cc|cpp|cs|ex|go|java|js|kt|php|py|rb|rs|scala|sh|sql|ts)$")
_TEST = re.compile(r"(?:^|[/_.])(?:tests?|spec)(?:[/_.]|$)|Tests?\.\w+$")
_COMMON = frozenset(
    [
        "about",
        "after",
        "again",
        "also",
        "and",
        "another",
        "any",
        "are",
        "around",
        "before",
        "being",
        "cannot",
        "does",
        "each",
        "every",
        "exactly",
        "fail",
        "fails",
        "first",
        "for",
        "from",
        "gets",
        "have",
        "holds",
        "into",
        "its",
        "late",
        "leads",
        "leave",
        "may",
        "missing",
        "must",
        "new",
        "nobody",
        "none",
        "not",
        "nothing",
        "one",
        "once",
        "only",
        "order",
        "other",
        "own",
        "out",
        "over",
        "pass",
        "same",
        "service",
        "stays",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "this",
        "through",
        "true",
        "twice",
        "two",
        "until",
        "when",
        "where",
        "which",
        "while",
        "with",
        "within",
        "without",
        "works",
        "you",
        "your",
    ]
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """One line of the submission that is new."""

    path: str
    line: int
    """Its number in the submission."""
    why: str
    """``named by it``, or the words that both have."""


def is_source(path: str) -> bool:
    """Whether a file is program text that is not a test."""
    return is_program(path) and not is_test(path)


def is_program(path: str) -> bool:
    """Whether a file is program text, a test or not."""
    return _SOURCE.search(path) is not None


def is_test(path: str) -> bool:
    """Whether a file is a test, as its name says."""
    return _TEST.search(path) is not None


def new_lines(changes: Iterable[Change]) -> Iterator[tuple[Change, Hunk, Line, int]]:
    """Yield every line that the submission added, with its number there."""
    for change in changes:
        for hunk in change.hunks:
            for line in hunk.lines:
                if line.sign == "+" and line.new is not None:
                    yield change, hunk, line, line.new


def is_code(line: Line) -> bool:
    """Whether a line looks like something that is done: no remark, no prose, no import."""
    text = line.text[:_LONGEST]
    return _COMMENT.match(text) is None and _CODE.search(text) is not None


def named(texts: Iterable[str], changes: Sequence[Change]) -> tuple[Pointer, ...]:
    """Return the lines that texts name as ``file:line``, where a change has them."""
    there = {(change.path, line.new) for change in changes for hunk in change.hunks for line in hunk.lines}
    found = dict[tuple[str, int], Pointer]()
    for text in texts:
        for path, digits in _REFERENCE.findall(text):
            number = int(digits)
            for change in changes:
                mine = change.path == path or change.path.endswith(f"/{path}") or path.endswith(f"/{change.path}")
                if mine and (change.path, number) in there:
                    found[change.path, number] = Pointer(path=change.path, line=number, why="named by it")
    return tuple(found.values())[:MOST]


def speaking_of(text: str, changes: Sequence[Change], *, look: str = "") -> tuple[Pointer, ...]:
    """Return the new lines of program text that have the rarest words of ``text``, one of a hunk at most.

    Words of ``look`` count twice: they are where programs of any exercise do what ``text`` is about.
    """
    wanted = {_stem(word): word.lower() for word in (*_words(text), *look.split())}
    twice = {_stem(word) for word in look.split()}
    lines = [
        (change, hunk, line, number, {_stem(word) for word in _words(line.text[:_LONGEST])})
        for change, hunk, line, number in new_lines(changes)
        if is_source(change.path) and is_code(line)
    ]
    often = Counter(stem for *_, stems in lines for stem in stems if stem in wanted)
    worth = {
        stem: math.log(1 + _RARE / count) * (2 if stem in twice else 1)
        for stem, count in often.items()
        if count <= _RARE
    }
    best = dict[tuple[str, int], tuple[float, Pointer]]()
    for change, hunk, line, number, stems in lines:
        shared = sorted((stem for stem in stems if stem in worth), key=lambda stem: (-worth[stem], stem))
        if not shared:
            continue
        score = sum(worth[stem] for stem in shared) * (2 if _DEFINES.match(line.text) else 1)
        quoted = " and ".join(f'"{wanted[stem]}"' for stem in shared[:2])
        pointer = Pointer(path=change.path, line=number, why=f"speaks of {quoted}")
        place = (change.path, hunk.new_start)
        if place not in best or score > best[place][0]:
            best[place] = (score, pointer)
    ranked = sorted(best.values(), key=lambda one: (-one[0], one[1].path, one[1].line))
    return tuple(pointer for _, pointer in ranked[:MOST])


def _words(text: str) -> Iterator[str]:
    """Yield words, those inside names too: ``newRef`` and ``new_ref`` are new and ref."""
    return (word for word in _WORD.findall(text) if word.lower() not in _COMMON)


def _stem(word: str) -> str:
    """Return what forms of one word have in common: ``captures``, ``captured`` and ``capture`` are one."""
    stem = word.lower()
    for end in ("ing", "ed", "es", "s", "e"):
        if stem.endswith(end) and len(stem) - len(end) >= 4:  # noqa: PLR2004 - less is no word any more
            stem = stem.removesuffix(end)
            break
    return f"{stem[:-1]}i" if stem.endswith("y") else stem
