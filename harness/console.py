"""How commands talk: results on stdout, everything else on stderr, nothing that a terminal would act on.

Whatever is written passes here, so names and texts of others need no care elsewhere: what is not plainly printable
becomes an escape, and no text begins a line that is not its own.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Sequence

from harness.wording import json_text, visible

PLAIN = "HARNESS_PLAIN"
"""Variable that says, when it is neither empty nor 0, that nobody sees the terminal as a picture; --plain sets it."""
WIDTH = 80
"""Columns of a terminal that nobody changed."""
_ROOM = 16
"""Columns in which words can still be read."""
_ACTIONS = "GITHUB_ACTIONS"
_READERS = (_ACTIONS, "TF_BUILD", "TEAMCITY_VERSION")
"""Variables of jobs (GitHub, Azure, TeamCity) whose log is read for commands, whoever wrote them into it."""
_COMMAND = re.compile(r"^(?P<blank>\s*)::|##(?=(?:vso|teamcity)?\[)", re.MULTILINE | re.IGNORECASE)
_COLOUR = re.compile(r"(\x1b\[\d+m)")


def line(text: str = "") -> None:
    """Write one line of the result; a line end in it is shown as an escape."""
    _out(visible(text))


def entry(text: str) -> None:
    """Write one thing of the result that may have several lines: all but the first are indented."""
    _out(_indented(text))


def report(text: str) -> None:
    """Write a whole rendered report: its lines and its colours are ours, anything else is escaped."""
    parts = _COLOUR.split(text)
    _out("".join(part if n % 2 else visible(part, lines=True) for n, part in enumerate(parts)))


def document(value: object) -> None:
    """Write ``value`` as one line of JSON."""
    _out(json_text(value))


def whole(text: str, *, commands: bool = False) -> None:
    """Write a text that was rendered to be written as it is; ``commands`` says that a platform is to act on its lines.

    What the terminal's encoding does not have becomes an escape, not an error.
    """
    encoding = sys.stdout.encoding or "utf-8"
    meant = commands and os.environ.get(_ACTIONS) == "true"
    shown = (text if meant else _inert(text)).encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(shown)
    sys.stdout.flush()


def notice(text: str) -> None:
    """Write something that is not part of the result; of several lines all but the first are indented."""
    sys.stderr.write(f"{_inert(_indented(text))}\n")
    sys.stderr.flush()


def is_terminal() -> bool:
    """Whether somebody sees the result on a terminal and did not ask for plain text."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ and not is_plain()


def is_one_place() -> bool:
    """Whether results and notices come out at the same place: what the one has said need not be said by the other."""
    try:
        return os.path.samestat(os.fstat(sys.stdout.fileno()), os.fstat(sys.stderr.fileno()))
    except (OSError, ValueError):  # closed, or none of the system's
        return False


def is_plain() -> bool:
    """Whether somebody wants text alone: no colour, and nothing that moves or is written over."""
    return os.environ.get(PLAIN, "") not in {"", "0"} or os.environ.get("TERM") == "dumb"


def table(rows: Sequence[Sequence[str]]) -> None:
    """Write rows as columns two spaces apart; the first row is the heading. No trailing spaces.

    The last column goes on below itself where it would end beyond the width that everybody has.
    """
    shown = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    margin = sum(widths[:-1]) + 2 * (len(widths) - 1)
    for *cells, last in shown:
        first = "".join(f"{cell.ljust(width)}  " for cell, width in zip(cells, widths, strict=False))
        if WIDTH - margin < _ROOM:
            line(f"{first}{last}".rstrip())
        else:
            paragraph(last, first=first, rest=" " * margin)


def paragraph(text: str, *, first: str = "", rest: str = "") -> None:
    """Write ``text`` in lines of at most ``WIDTH``, after ``first`` and then ``rest``; words are never broken."""
    made = textwrap.wrap(
        visible(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for row in made or [first]:
        line(row.rstrip())


def _out(text: str) -> None:
    sys.stdout.write(f"{_inert(text)}\n")
    sys.stdout.flush()


def _inert(text: str) -> str:
    """Return ``text`` so that no build server takes anything in it for a command: a submission may have written it.

    The escapes are those of JSON, which stays what it was.
    """
    if all(os.environ.get(name, "").lower() in {"", "0", "false"} for name in _READERS):
        return text
    return _COMMAND.sub(lambda found: "\\u0023#" if found["blank"] is None else f"{found['blank']}\\u003a:", text)


def _indented(text: str) -> str:
    first, *rest = visible(text, lines=True).split("\n")
    return "\n".join([first, *(part if not part or part.startswith("  ") else f"  {part}" for part in rest)])
