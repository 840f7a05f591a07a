"""Words that error texts share: what was found, what to write instead, all problems of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.errors import HarnessError

_SHOWN = 60
_BYTE, _PLANE = 0xFF, 0xFFFF


def refusal(refuse: type[HarnessError], where: str, problems: Sequence[str]) -> HarnessError:
    """Return the error that lists ``problems`` of the file ``where``, one a line."""
    if len(problems) == 1:
        return refuse(f"{where}: {problems[0]}")
    return refuse(f"{where}: {len(problems)} problems\n" + "\n".join(f"  {problem}" for problem in problems))


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return what to write instead of ``word``: the nearest known word, or all of them."""
    import difflib  # only where something is wrong

    words = sorted(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{near[0]}"?'
    return f"known here: {', '.join(words)}" if words else "nothing is known here: remove it"


def quoted(value: object) -> str:
    """Return ``value`` as a reader can see it: escaped, on one line, short."""
    text = ascii(value) if not isinstance(value, str) else '"' + ascii(value)[1:-1] + '"'
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def visible(text: str, *, lines: bool = False) -> str:
    """Return ``text`` with everything that is not plainly printable written as an escape; ``lines`` keeps line ends.

    So nothing in it moves a cursor, changes a colour, reorders what follows, hides, or begins a line of its own.
    """
    if text.isprintable():
        return text
    shown = text.expandtabs(4) if lines else text
    return "".join(char if char.isprintable() or (lines and char == "\n") else _escaped(char) for char in shown)


def _escaped(char: str) -> str:
    code = ord(char)
    if char in "\n\r\t":
        return repr(char)[1:-1]
    if code <= _BYTE:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _PLANE else f"\\U{code:08x}"


def json_text(value: object) -> str:
    """Return ``value`` as JSON on one line, readable, with what is not plainly printable as JSON's own escapes."""
    import json  # only where it is asked for

    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    # Outside its strings JSON is plain ASCII, so every other character may be written as JSON escapes it.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
