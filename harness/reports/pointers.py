"""Which lines of a submission a finding points to: lines that it names, and new lines that speak of the same thing.

The first is certain; the second is a place to begin reading, and is called that. No line is ever said to be the cause.
"""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.patches import Change, Hunk, Line
from harness.reports.stopwords import COMMON

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
_NUMBER = re.compile(r"(?<![\w.:-])\d[\d_]*(?: \d{3})*(?![\w.:-]*\d|\.\d|\w| s\b| ms\b)")
_LEAST_NUMBER = 10
"""A smaller one is anywhere."""
_NAME = re.compile(r"\b[A-Za-z][a-z0-9]+(?:_[a-z0-9]+)+\b|\b[a-z]+[a-z0-9]*[A-Z]\w+\b")
_QUOTED = re.compile(r"\"([^\"\n]{4,80})\"|'([^'\n]{4,80})'")
_WHOLE = re.compile(r"\w+")
_WANTED = re.compile(r"\bexpected\b.*?(?=\bfound\b|$)", re.MULTILINE)
"""What a finding says should have been: lines that have it are those that are right."""
_MOST_OF_A_FINDING = 4000
_FEW = 4
"""A word that stands alone in a line, or a number, says where to look when no more lines of the program than these have it."""
_WEIGHTS = {"text": 6.0, "name": 4.0, "number": 3.0, "look": 2.0, "word": 1.0}
"""What a term is worth by its kind, before how rare it is."""


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


def speaking_of(text: str, changes: Sequence[Change], *, look: str = "", found: str = "") -> tuple[Pointer, ...]:
    """Return the new lines of program text that have the rarest of what was said, one of a hunk at most.

    What ``found`` quotes (numbers, texts, names) weighs most, then words of ``look``, where programs of any exercise do
    what ``text`` is about, then words of ``text``. How rare something is, is counted over all lines of the diff, those of
    the starter too. Nothing is returned rather than a line that has one common word with what was said.
    """
    terms = _terms(text, look, found)
    new = [
        (change, hunk, line, number)
        for change, hunk, line, number in new_lines(changes)
        if is_source(change.path) and is_code(line)
    ]
    often = Counter(term for one in _all_lines(changes) for term in _said_in(one, terms))
    best = dict[tuple[str, int], tuple[float, Pointer]]()
    for change, hunk, line, number in new:
        shared = sorted(
            (term for term in _said_in(line.text, terms) if often[term] <= _RARE),
            key=lambda term: (-_worth(term, often[term]), term.key),
        )
        if not _is_telling(shared, often):
            continue
        score = sum(_worth(term, often[term]) for term in shared) * (2 if _DEFINES.match(line.text) else 1)
        why = f"speaks of {' and '.join(_quoted(term.shown) for term in shared[:2])}"
        place = (change.path, hunk.new_start)
        if place not in best or score > best[place][0]:
            best[place] = (score, Pointer(path=change.path, line=number, why=why))
    ranked = sorted(best.values(), key=lambda one: (-one[0], one[1].path, one[1].line))
    return tuple(pointer for _, pointer in ranked[:MOST])


@dataclass(frozen=True, slots=True)
class _Term:
    """Something that was said, and that a line may have too."""

    kind: str
    """Of :data:`_WEIGHTS`."""
    key: str
    """What a line must have: a stem, a name or a number as a whole word, a text as it is."""
    shown: str


def _terms(text: str, look: str, found: str) -> Mapping[str, _Term]:
    """Return what was said, by its key; of two kinds the one that weighs more."""
    found = _WANTED.sub("", found[:_MOST_OF_A_FINDING])
    said = [
        *(_Term("word", _stem(word), word.lower()) for word in _words(text)),
        *(_Term("look", _stem(word), word) for word in look.split()),
        *(_Term("number", number, number) for number in _numbers(found)),
        *(_Term("name", name, name) for name in _NAME.findall(found)),
        *(_Term("text", quoted, quoted) for quoted in _quotes(found)),
    ]
    return {term.key: term for term in said}


def _quotes(found: str) -> Iterator[str]:
    return (one or other for one, other in _QUOTED.findall(found) if (one or other).lower() not in COMMON)


def _numbers(found: str) -> Iterator[str]:
    plain = (one.replace("_", "").replace(" ", "") for one in _NUMBER.findall(found))
    return (one for one in plain if int(one) >= _LEAST_NUMBER)


def _all_lines(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if is_source(change.path):
            yield from (line.text for hunk in change.hunks for line in hunk.lines if is_code(line))


def _said_in(line: str, terms: Mapping[str, _Term]) -> Iterator[_Term]:
    """Yield each term that a line has, once."""
    line = line[:_LONGEST]
    yield from (terms[key] for key in _keys(line) if key in terms)
    yield from (term for term in terms.values() if term.kind == "text" and term.key in line)


@functools.lru_cache(maxsize=20_000)
def _keys(line: str) -> frozenset[str]:
    """Return the stems, whole names and numbers of a line, which every gap of a report is compared with."""
    whole = [word.replace("_", "") if word[0].isdigit() else word for word in _WHOLE.findall(line)]
    return frozenset([*map(_stem, _words(line)), *whole])


def _is_telling(shared: Sequence[_Term], often: Mapping[_Term, int]) -> bool:
    """Whether what a line shares says that it is about the same: one word does when few lines have it, two do."""
    if len(shared) > 1:
        return True
    return bool(shared) and often[shared[0]] <= _FEW


def _worth(term: _Term, count: int) -> float:
    return _WEIGHTS[term.kind] * math.log(1 + _RARE / count)


def _quoted(words: str) -> str:
    return words if words.isdigit() else f'"{words}"'


def _words(text: str) -> Iterator[str]:
    """Yield words, those inside names too: ``newRef`` and ``new_ref`` are new and ref."""
    return (word for word in _WORD.findall(text) if word.lower() not in COMMON)


def _stem(word: str) -> str:
    """Return what forms of one word have in common: ``captures``, ``captured`` and ``capture`` are one."""
    stem = word.lower()
    for end in ("ing", "ed", "es", "s", "e"):
        if stem.endswith(end) and len(stem) - len(end) >= 4:  # noqa: PLR2004 - less is no word any more
            stem = stem.removesuffix(end)
            break
    return f"{stem[:-1]}i" if stem.endswith("y") else stem
