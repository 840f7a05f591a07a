"""Which file names a submission may hold, and how a hostile one is shown. Pure.

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
ALIAS = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
MAX_ALIAS = 60


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
    """Return ``text`` as an alias: lower case letters, digits and single hyphens. Never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_ALIAS].strip("-") or "candidate"


def is_alias(text: str) -> bool:
    """Whether ``text`` may name a candidate; an alias is also the name of a folder."""
    return len(text) <= MAX_ALIAS and ALIAS.fullmatch(text) is not None


def _unseen(char: str) -> bool:
    return unicodedata.category(char) in _UNSEEN


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
