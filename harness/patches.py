"""What a submission changed of its starter, line by line: as values, and as text that people and ``git apply`` read.

A result folder keeps the text (:data:`FILE`), and reports point to its lines. Reading is strict: it takes what
:func:`render` writes, so that nobody points to a line that is not there.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.model import SubmissionFile

FILE = "diff.patch"
"""What a result folder calls it."""
_CONTEXT_LINES = 3
_MOST_STEPS = 50_000_000
"""What finding the fewest changed lines of all files may cost: seconds. A file that would cost more is shown as new text
in the place of the old, because whoever is graded must not choose how long that takes."""
_POPULAR_FROM, _POPULAR_SHARE = 200, 100
"""From so many lines on, difflib does not anchor on a line that is more than one in so many."""
_NO_NEWLINE = "\\ No newline at end of file"
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_MODES = {False: "100644", True: "100755"}


class Kind(enum.StrEnum):
    """What became of a file."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a hunk."""

    sign: str
    """`` `` in both, ``-`` in the starter only, ``+`` in the submission only."""
    text: str
    """Without its line end; whatever a candidate wrote."""
    old: int | None
    """Its number in the starter, from 1."""
    new: int | None
    """Its number in the submission, from 1."""
    ended: bool = True
    """False for a last line without a line end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hunk:
    """Lines that changed together, with a few around them."""

    old_start: int
    """Number of its first line in the starter; where it has none there, of the line before it."""
    new_start: int
    lines: tuple[Line, ...]

    @property
    def old_count(self) -> int:
        """How many lines it has in the starter."""
        return sum(line.sign != "+" for line in self.lines)

    @property
    def new_count(self) -> int:
        """How many lines it has in the submission."""
        return sum(line.sign != "-" for line in self.lines)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One file that is not as it was."""

    path: str
    kind: Kind
    hunks: tuple[Hunk, ...] = ()
    """None for an empty file, for one that changed in its executable bit alone, and for a binary one."""
    binary: bool = False
    """Not UTF-8, or with a null character in it: that it differs is all that is said."""
    executable: bool | None = None
    """Whether it may be executed: of an added or removed file, and of one where that changed; None: as it was."""

    @property
    def added(self) -> int:
        """How many lines are new."""
        return sum(line.sign == "+" for hunk in self.hunks for line in hunk.lines)

    @property
    def removed(self) -> int:
        """How many lines are gone."""
        return sum(line.sign == "-" for hunk in self.hunks for line in hunk.lines)


def compare(old: Iterable[SubmissionFile], new: Iterable[SubmissionFile]) -> tuple[Change, ...]:
    """Return what differs from ``old`` to ``new``, by path. A file with another name is one removed and one added."""
    before, after = ({file.path: file for file in files} for files in (old, new))
    steps = _MOST_STEPS
    found: list[Change] = []
    for path in sorted({*before, *after}):
        one, other = before.get(path), after.get(path)
        if one == other:
            continue
        change, used = _change(path, one, other, steps)
        steps -= used
        found.append(change)
    return tuple(found)


def render(changes: Iterable[Change]) -> bytes:
    """Return changes as ``git diff`` writes them; :func:`parse` reads it."""
    return "".join(f"{row}\n" for change in changes for row in _rows(change)).encode()


def parse(data: bytes, *, name: str) -> tuple[Change, ...]:
    """Return the changes in what :func:`render` wrote; ``name`` says in errors which file. Raises HarnessError."""
    try:
        return tuple(_Reader(data.decode().split("\n")).changes())
    except (ValueError, IndexError) as error:
        text = f"{name}: expected a patch as harness grade writes it, found a damaged file ({error}): restore it"
        raise HarnessError(text) from error


def _change(path: str, old: SubmissionFile | None, new: SubmissionFile | None, steps: int) -> tuple[Change, int]:
    kind = Kind.ADDED if old is None else Kind.REMOVED if new is None else Kind.CHANGED
    modes = [file.executable for file in (old, new) if file is not None]
    executable = modes[-1] if len(set(modes)) == len(modes) else None
    before, after = (_text(file) for file in (old, new))
    if before is None or after is None:
        return Change(path=path, kind=kind, binary=True, executable=executable), 0
    hunks, used = _hunks(_split(before), _split(after), steps)
    return Change(path=path, kind=kind, hunks=hunks, executable=executable), used


def _text(file: SubmissionFile | None) -> str | None:
    """Return a file as text; None when it is binary."""
    if file is None:
        return ""
    try:
        return None if b"\0" in file.content else file.content.decode()
    except UnicodeDecodeError:
        return None


def _split(text: str) -> list[str]:
    """Return the lines of ``text`` with their ends. Only a line feed ends one, as editors and ``git`` count."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _hunks(old: Sequence[str], new: Sequence[str], steps: int) -> tuple[tuple[Hunk, ...], int]:
    """Return the hunks from ``old`` to ``new``, and what finding them may have cost."""
    cost = _cost(old, new)
    if old == new:
        cost, groups = 0, []
    elif cost <= steps:
        groups = list(difflib.SequenceMatcher(None, old, new).get_grouped_opcodes(_CONTEXT_LINES))
    else:
        cost, groups = 0, [[("replace", 0, len(old), 0, len(new))]]
    return tuple(_hunk(group, old, new) for group in groups), cost


def _cost(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many steps difflib may take: it looks at all pairs of equal lines again for each block that it finds."""
    there = Counter(new)
    if len(new) >= _POPULAR_FROM:
        most = len(new) // _POPULAR_SHARE + 1
        there = Counter({line: count for line, count in there.items() if count <= most})
    return sum(there[line] for line in old) * min(len(old), len(new))


def _hunk(group: Iterable[tuple[str, int, int, int, int]], old: Sequence[str], new: Sequence[str]) -> Hunk:
    group = list(group)
    lines: list[Line] = []
    for tag, old_from, old_to, new_from, new_to in group:
        if tag == "equal":
            pairs = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
            lines += [_line(" ", old[one], one, other) for one, other in pairs]
        else:
            lines += [_line("-", old[one], one, None) for one in range(old_from, old_to)]
            lines += [_line("+", new[other], None, other) for other in range(new_from, new_to)]
    _, first_old, _, first_new, _ = group[0]
    _, _, last_old, _, last_new = group[-1]
    return Hunk(
        old_start=first_old + (last_old > first_old),
        new_start=first_new + (last_new > first_new),
        lines=tuple(lines),
    )


def _line(sign: str, text: str, old: int | None, new: int | None) -> Line:
    return Line(
        sign=sign,
        text=text.removesuffix("\n"),
        old=None if old is None else old + 1,
        new=None if new is None else new + 1,
        ended=text.endswith("\n"),
    )


def _rows(change: Change) -> Iterator[str]:
    path = change.path
    before, after = _name(f"a/{path}"), _name(f"b/{path}")
    yield f"diff --git {before} {after}"
    mode = _MODES[bool(change.executable)]
    if change.kind is Kind.ADDED:
        yield f"new file mode {mode}"
    elif change.kind is Kind.REMOVED:
        yield f"deleted file mode {mode}"
    elif change.executable is not None:
        yield f"old mode {_MODES[not change.executable]}"
        yield f"new mode {mode}"
    old = "/dev/null" if change.kind is Kind.ADDED else before
    new = "/dev/null" if change.kind is Kind.REMOVED else after
    if change.binary:
        yield f"Binary files {old} and {new} differ"
    if change.hunks:
        # As git has it: a name with a blank in it ends in a tab.
        end = "\t" if " " in path else ""
        yield f"--- {old}{end if change.kind is not Kind.ADDED else ''}"
        yield f"+++ {new}{end if change.kind is not Kind.REMOVED else ''}"
    for hunk in change.hunks:
        yield f"@@ -{hunk.old_start},{hunk.old_count} +{hunk.new_start},{hunk.new_count} @@"
        for line in hunk.lines:
            yield f"{line.sign}{line.text}"
            if not line.ended:
                yield _NO_NEWLINE


def _name(name: str) -> str:
    """Return a name as git has it: one with a quote in it is quoted, or git would not know where the second one begins."""
    if '"' not in name:
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Reader:
    """Reads rows, one after the other: a hunk says how many are its own, whatever they look like."""

    def __init__(self, rows: Sequence[str]) -> None:
        *self._rows, rest = rows
        self._at = 0
        if rest:
            text = "its last line has no end"
            raise ValueError(text)

    def changes(self) -> Iterator[Change]:
        """Yield each file's change."""
        while self._at < len(self._rows):
            yield self._change()

    def _next(self) -> str:
        row = self._rows[self._at]
        self._at += 1
        return row

    def _take(self, start: str) -> str | None:
        """Return the rest of the next row when it begins with ``start``, and go on after it."""
        if self._at < len(self._rows) and self._rows[self._at].startswith(start):
            return self._next().removeprefix(start)
        return None

    def _change(self) -> Change:
        path = _named_twice(self._take("diff --git "))
        added, removed = self._take("new file mode "), self._take("deleted file mode ")
        self._take("old mode ")
        mode = added or removed or self._take("new mode ")
        binary = self._take("Binary files ") is not None
        hunks: list[Hunk] = []
        if self._take("--- ") is not None:
            if self._take("+++ ") is None:
                text = f"line {self._at + 1}: no name after the starter's"
                raise ValueError(text)
            while self._at < len(self._rows) and self._rows[self._at].startswith("@@ "):
                hunks.append(self._hunk())
        return Change(
            path=path,
            kind=Kind.ADDED if added else Kind.REMOVED if removed else Kind.CHANGED,
            hunks=tuple(hunks),
            binary=binary,
            executable=None if mode is None else mode == _MODES[True],
        )

    def _hunk(self) -> Hunk:
        head = _HUNK.fullmatch(self._next())
        if head is None:
            text = f"line {self._at}: no head of a hunk"
            raise ValueError(text)
        old_start, old_count, new_start, new_count = (int(number or 1) for number in head.groups())
        old, new = old_start + (old_count == 0), new_start + (new_count == 0)
        last_old, last_new = old + old_count, new + new_count
        lines: list[Line] = []
        while old < last_old or new < last_new:
            row = self._next()
            sign = row[:1]
            if sign not in {" ", "-", "+"}:
                text = f"line {self._at}: no line of a hunk"
                raise ValueError(text)
            in_old, in_new = sign != "+", sign != "-"
            ended = self._take(_NO_NEWLINE) is None
            lines.append(
                Line(sign=sign, text=row[1:], old=old if in_old else None, new=new if in_new else None, ended=ended)
            )
            old, new = old + in_old, new + in_new
        return Hunk(old_start=old_start, new_start=new_start, lines=tuple(lines))


def _named_twice(rest: str | None) -> str:
    """Return the path in what follows ``diff --git``: the same one after ``a/`` and after ``b/``."""
    name = (rest or "")[: len(rest or "") // 2]
    path = re.sub(r"\\(.)", r"\1", name[3:-1]) if name.startswith('"') else name[2:]
    if not path or rest != f"{_name(f'a/{path}')} {_name(f'b/{path}')}":
        text = f"no file where one was to begin: {str(rest)[:80]!r}"
        raise ValueError(text)
    return path
