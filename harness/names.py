"""Which file names a submission may hold, how a hostile one is shown, and what people may be called. Pure.

Names are data: they are compared and shown, never resolved. The rule is the same for archives and folders.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

MAX_PATH_BYTES = 1024
MAX_PART_BYTES = 255
MAX_DEPTH = 20
_SHOWN = 160
_DRIVE = re.compile(r"[A-Za-z]:")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories a reader can't see: controls, direction overrides, lone surrogates, line separators."""
MAX_ALIAS = 60
MAX_ALIAS_BYTES = 120
"""As a folder's name may hold 255, with room for what tells two of the same alias apart."""
_MAX_MARKS = 3
"""Accents on one letter: what scripts need, not a tower that covers the lines above."""
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
"""Letters and marks by category that show nothing."""
RESERVED = frozenset(
    {
        *("passed", "failed", "inconclusive", "refused", "held", "error"),
        *("index", "logs", "report", "result", "results", "submissions"),
        *("con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))),
    }
)
"""What nobody is called: a verdict would read like one in a row, and some systems have no such folder."""
_LOOKALIKES = str.maketrans(
    "\u0430\u0432\u0435\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abeijkmhopctyxsaeikvoptux",
)
"""Cyrillic and Greek letters that many fonts draw as a Latin one."""


def shown(path: str) -> str:
    """Return ``path`` in quotes, escaped where a terminal would act on it, shortened."""
    text = "".join(ascii(char)[1:-1] if _unseen(char) or not char.isprintable() else char for char in path[:_SHOWN])
    return f'"{text}..."' if len(path) > _SHOWN else f'"{text}"'


def fault(path: str) -> str:
    """Return what is wrong with ``path`` as a name in a submission, in words; empty when nothing is."""
    parts = path.split("/")
    rules = (
        ("is empty", not path),
        ("is absolute", path.startswith("/") or _DRIVE.match(path) is not None),
        ("has a backslash", "\\" in path),
        ('climbs out of its folder with ".."', ".." in parts),
        ('has an empty or "." part', "" in parts or "." in parts),
        ("has characters that can't be seen or are not Unicode", any(map(_unseen, path))),
        (f"is more than {MAX_DEPTH} folders deep", len(parts) > MAX_DEPTH),
        (f"is longer than {MAX_PATH_BYTES} bytes", _size(path) > MAX_PATH_BYTES),
        (f"has a part longer than {MAX_PART_BYTES} bytes", any(_size(part) > MAX_PART_BYTES for part in parts)),
    )
    return next((words for words, broken in rules if broken), "")


def key(path: str) -> str:
    """Return what two paths share when some file system takes them for one (case, Unicode normal form)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def collision(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return two of ``paths`` that can't both be files in one folder; None when there are none.

    That is: the same name (also when only case or Unicode normal form differ), or one below the other.
    """
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        own = key(path)
        if own in files:
            return files[own], path
        if own in folders:
            return path, folders[own]
        files[own] = path
        parts = own.split("/")
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            if above in files:
                return files[above], path
            folders.setdefault(above, path)
    return None


def alias_from(text: str) -> str:
    """Return ``text`` as an alias: letters and digits of any script, single hyphens between words. Never empty.

    Stable: an alias stays what it is. One that would be a word of the results (:data:`RESERVED`) is made another.
    """
    alias = _plain(text)[:MAX_ALIAS].encode()[:MAX_ALIAS_BYTES].decode(errors="ignore").strip("-") or "unnamed"
    return f"named-{alias}" if alias.casefold() in RESERVED else alias


def is_alias(text: str) -> bool:
    """Whether ``text`` may name a candidate; an alias is also the name of a folder."""
    return text == alias_from(text)


def is_name(text: str) -> bool:
    """Whether ``text`` is as an alias is, but for its length: an alias and what tells it from others."""
    return text == _plain(text) != "" and _size(text) <= MAX_PART_BYTES and text.casefold() not in RESERVED


def alike(alias: str) -> str:
    """Return what two aliases share that a file system, or a reader, may take for one."""
    return key(alias).translate(_LOOKALIKES)


def _plain(text: str) -> str:
    seen = "".join(char for char in unicodedata.normalize("NFC", text) if not _unseen(char) or char.isspace())
    words = "".join(char if _in_alias(char) else " " for char in _BLANK.sub("", seen)).split()
    return unicodedata.normalize("NFC", "-".join(filter(None, map(_bared, words))))


def _in_alias(char: str) -> bool:
    kind = unicodedata.category(char)
    return kind[0] in "LN" or kind in {"Mn", "Mc"}


def _bared(word: str) -> str:
    """Return ``word`` without accents that stand on no letter, or on too many others."""
    kept: list[str] = []
    marks = _MAX_MARKS
    for char in word:
        marks = marks + 1 if unicodedata.category(char)[0] == "M" else 0
        if marks <= _MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in _UNSEEN


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
