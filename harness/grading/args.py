"""Arguments of a broker request, checked one by one: the grader is ours, and still a sandbox with bugs of its own."""

from __future__ import annotations

import base64
import binascii
import math
import re

from harness.errors import GraderError
from harness.model import Json

_MAX_ARGV = 64
_MAX_TEXT = 4096
_MAX_PATH = 200
_PATH_SAFE = re.compile(r"[A-Za-z0-9._/-]+")
MAX_FILES = 100
MAX_FILE_BYTES = 8 * 1024 * 1024
"""Of all files of one run together."""


class RequestError(GraderError):
    """A grader asked for something that cannot be: a bug of the check's author."""


class Args:
    """Named arguments of one request. Every getter raises RequestError with what was expected and found."""

    def __init__(self, verb: str, values: dict[str, Json], sandboxes: frozenset[str]) -> None:
        self._verb = verb
        self._values = values
        self._sandboxes = sandboxes

    def sandbox(self, *, default: str | None = None) -> str:
        """Return the name of a sandbox the grader may drive; ``default`` when none is named."""
        return self._known(self._values.get("sandbox", default))

    def peers(self, name: str) -> tuple[str, ...]:
        """Return names of sandboxes; ``grader`` may be among them."""
        found = self._values.get(name)
        if not isinstance(found, list):
            raise self._wrong(name, "a list of sandboxes", found)
        return tuple("grader" if one == "grader" else self._known(one) for one in found)

    def text(self, name: str) -> str:
        """Return a short string."""
        found = self._values.get(name)
        if not isinstance(found, str) or len(found) > _MAX_TEXT:
            raise self._wrong(name, f"a string of at most {_MAX_TEXT} characters", found)
        return found

    def argv(self, name: str, *, optional: bool = False) -> tuple[str, ...]:
        """Return a command; empty only when it is optional."""
        found = self._values.get(name)
        if optional and not found:
            return ()
        if not isinstance(found, list) or not 0 < len(found) <= _MAX_ARGV:
            raise self._wrong(name, f"a list of 1 to {_MAX_ARGV} strings", found)
        words = tuple(word for word in found if isinstance(word, str) and len(word) <= _MAX_TEXT and "\0" not in word)
        if len(words) < len(found):
            raise self._wrong(name, "strings without NUL", found)
        return words

    def env(self, name: str) -> dict[str, str]:
        """Return environment variables; empty when the argument is absent."""
        found = self._values.get(name) or {}
        if not isinstance(found, dict):
            raise self._wrong(name, "an object of strings", found)
        pairs = {key: value for key, value in found.items() if isinstance(value, str)}
        if len(pairs) < len(found):
            raise self._wrong(name, "an object of strings", found)
        return pairs

    def number(self, name: str, default: float, *, most: float) -> float:
        """Return a number in (0, most]."""
        found = self._values.get(name, default)
        if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
            raise self._wrong(name, "a number", found)
        if not 0 <= found <= most:
            raise self._wrong(name, f"a number from 0 to {most:g}", found)
        return float(found)

    def seconds(self, name: str, most: float) -> float:
        """Return a required time in seconds."""
        if name not in self._values:
            raise self._wrong(name, "a time in seconds", None)
        return self.number(name, 0, most=most)

    def data(self, name: str) -> bytes:
        """Return bytes that travelled as base64; empty when the argument is absent."""
        found = self._values.get(name) or ""
        if not isinstance(found, str):
            raise self._wrong(name, "base64", found)
        try:
            return base64.b64decode(found, validate=True)
        except binascii.Error as error:
            raise self._wrong(name, "base64", found) from error

    def files(self, name: str) -> dict[str, bytes]:
        """Return files that travelled as base64: relative path -> content; empty when the argument is absent."""
        found = self._values.get(name) or {}
        if not isinstance(found, dict) or len(found) > MAX_FILES:
            raise self._wrong(name, f"an object of at most {MAX_FILES} files", found)
        files = {path: self._content(path, content) for path, content in found.items()}
        total = sum(len(content) for content in files.values())
        if total > MAX_FILE_BYTES:
            raise self._wrong(name, f"files of at most {MAX_FILE_BYTES} bytes together", f"{total} bytes")
        return files

    def _content(self, path: str, content: Json) -> bytes:
        parts = path.split("/")
        if len(path) > _MAX_PATH or not _PATH_SAFE.fullmatch(path) or {"", ".", ".."} & set(parts):
            raise self._wrong("files", "relative paths of letters, digits, dots, hyphens and underscores", path)
        try:
            return base64.b64decode(content if isinstance(content, str) else "?", validate=True)
        except binascii.Error as error:
            raise self._wrong("files", f"base64 of {path}", content) from error

    def _known(self, found: Json) -> str:
        if not isinstance(found, str) or found not in self._sandboxes:
            raise self._wrong("sandbox", f"one of {', '.join(sorted(self._sandboxes))}", found)
        return found

    def _wrong(self, name: str, expected: str, found: Json) -> RequestError:
        return RequestError(f"{self._verb}: expected {expected} as {name!r}, found {str(found)[:80]!r}")
