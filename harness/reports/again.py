"""Commands to copy: what is printed runs in a shell as it stands, from the folder it was printed in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import settings
from harness.intake import senders
from harness.model import Grading, Verdict
from harness.reports.text import WIDTH, columns, number

_BYTE = re.compile(r"\\udc([89a-f][0-9a-f])")
"""How a stored result writes a byte of a path that is no UTF-8."""
_PACKED = re.compile(r"\.(tar\.gz|tgz)$")
"""What older results, which do not say what they are of, say by their path."""
_MORE = " \\"
_ENGINED = frozenset({"check", "submit"})
"""Verbs on a workspace that take an engine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """How somebody called us from where they stand."""

    program: tuple[str, ...] = ("harness",)
    path: str = "."
    """The workspace, or a folder in it, as they named it."""
    engine: str = ""
    """Where they named one."""


def grade(grading: Grading) -> tuple[str, ...]:
    """Return the words of the command that grades the same submission in the same way."""
    options = [] if _says_its_exercise(grading) else ["--exercise", grading.exercise.id]
    if grading.verdict is not Verdict.REFUSED:
        options += ["--seed", str(grading.seed)]
    if grading.variant:
        options += ["--variant", str(grading.variant)]
    if grading.bar != grading.exercise.pass_mark:
        options += ["--bar", number(grading.bar)]
    return ("harness", *named(grading.catalogue), "grade", *options, *_operand(grading.submission_path))


def command(caller: Caller, verb: str, *options: str, catalogue: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the words of the command that does ``verb`` to the caller's workspace."""
    here = () if caller.path == "." else _operand(caller.path)
    engine = ("--engine", caller.engine) if caller.engine and verb in _ENGINED else ()
    return (*caller.program, *named(catalogue), verb, *options, *engine, *here)


def one_line(words: Iterable[str]) -> str:
    """Return a command on one line, for a shell."""
    return " ".join(map(quoted, words))


def on(verb: str, path: str, catalogue: Sequence[str] = ()) -> str:
    """Return the command that does ``verb`` to what is at ``path``, on one line."""
    return one_line(("harness", *named(catalogue), verb, *_operand(path)))


def lines(words: Iterable[str], *, width: int = WIDTH, first: str = "", rest: str = "") -> list[str]:
    """Return a command as lines of at most ``width`` columns, each but the last ended by a backslash.

    A word that is longer than a line is broken as shells allow it: at the margin, in parts that are quoted each.
    """
    made: list[str] = []
    line, bare = first, True
    for word in words:
        shown = quoted(word)
        gap = "" if bare else " "
        if columns(line + gap + shown + _MORE) <= width:
            line, bare = f"{line}{gap}{shown}", False
            continue
        if not bare or line.strip():
            made.append(f"{line}{'' if bare else ' '}\\")
        too_long = columns(rest + shown + _MORE) > width
        *parts, last = _parts(word, width) if too_long else [shown]
        made += [f"{part}\\" for part in parts]
        line, bare = f"{'' if too_long else rest}{last}", False
    return [*made, line]


def quoted(word: str) -> str:
    """Return ``word`` for a shell, on one line, without anything that a terminal would act on."""
    if word.isprintable():
        return shlex.quote(word)
    # As bash, zsh and ksh read it; the plain quotes of other shells can't say a line end visibly.
    data = word.encode("utf-8", "surrogateescape" if _escaped_bytes_only(word) else "surrogatepass")
    text = "".join(chr(one) if 0x20 <= one < 0x7F and one not in b"\\'" else f"\\x{one:02x}" for one in data)  # noqa: PLR2004 - printable ASCII
    return f"$'{text}'"


def _says_its_exercise(grading: Grading) -> bool:
    """Whether a submission itself says which exercise it is for, or nobody knows."""
    packed = grading.submission_alias_from or (senders.PACKED if _PACKED.search(grading.submission_path) else "")
    graded = grading.verdict is not Verdict.REFUSED
    return not grading.exercise.id or (graded and packed in {senders.PACKED, senders.WORKSPACE})


def named(catalogue: Sequence[str]) -> tuple[str, ...]:
    """Return the options that name a catalogue; none for the one that comes with the harness."""
    named = [folder for folder in catalogue if folder != settings.OWN and Path(folder) != settings.CHECKOUT]
    return tuple(word for folder in named for word in ("--catalogue", folder))


def _operand(path: str) -> tuple[str, ...]:
    """Return ``path`` as words that are never taken for an option."""
    real = _BYTE.sub(lambda found: chr(0xDC00 + int(found[1], 16)), path)
    return ("--", real) if real.startswith("-") else (real,)


def _parts(word: str, width: int) -> Sequence[str]:
    parts: list[str] = []
    rest = word
    while rest or not parts:
        size = min(len(rest), width)
        while columns(quoted(rest[:size])) > width - len(_MORE):
            size -= 1
        parts.append(quoted(rest[:size]))
        rest = rest[size:]
    return parts


def _escaped_bytes_only(word: str) -> bool:
    return not any("\ud800" <= char < "\udc80" or "\udcff" < char <= "\udfff" for char in word)
