"""Text that may hold a candidate's bytes, made safe to print, store and count on."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

FEEDBACK_CHARS = 2000
DETAIL_CHARS = 8000
EVIDENCE_LINES = 40
EVIDENCE_CHARS = 300
_CONTROL = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def clean(text: str, *, keep: str = "\n\t") -> str:
    """Replace control, format (bidi, zero width) and surrogate characters by visible escapes, except ``keep``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if char in keep or unicodedata.category(char) not in _CONTROL else f"<U+{ord(char):04X}>" for char in text
    )


def block(text: object, limit: int) -> str:
    """Return ``text`` cleaned, at most ``limit`` characters, saying what was cut."""
    raw = str(text).replace("\r\n", "\n")
    cleaned = clean(raw[: 2 * limit])
    if len(cleaned) <= limit and len(raw) <= 2 * limit:
        return cleaned
    tail = f" [cut, {len(raw)} characters]"
    return cleaned[: limit - len(tail)] + tail


def line(value: object, limit: int = EVIDENCE_CHARS) -> str:
    """Return ``value`` as one cleaned line of at most ``limit`` characters."""
    text = value if isinstance(value, str) else repr(value)
    return block(clean(text[: 4 * limit].replace("\n", " "), keep=""), limit)


def lines(values: Iterable[object]) -> tuple[str, ...]:
    """Return evidence: at most 40 cleaned lines of at most 300 characters, the last one saying what was left out."""
    every = list(values)
    if len(every) <= EVIDENCE_LINES:
        return tuple(line(value) for value in every)
    kept = [line(value) for value in every[: EVIDENCE_LINES - 1]]
    return (*kept, f"... and {len(every) - len(kept)} more")
