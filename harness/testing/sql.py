"""Just enough SQL to know what a statement does to a transaction: its words outside quotes and comments. Pure."""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<skip>\s++|--[^\n]*+)
    | (?P<comment>/\*)
    | (?P<string>[eE]'(?:[^'\\]++|\\.|'')*+'|'(?:[^']++|'')*+')
    | (?P<name>"(?:[^"]++|"")*+")
    | (?P<dollar>\$(?:[A-Za-z_]\w*+)?\$)
    | (?P<number>\$?\d[\w.]*+)
    | (?P<word>[^\W\d]\w*+)
    | (?P<end>;)
    | (?P<other>.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
MAX_LEXED_CHARS = 64 * 1024
"""Statements longer than this are judged by their beginning."""
MAX_CACHED_CHARS = 4096
MAX_TEXT_CHARS = 1000


class Effect(enum.Enum):
    """What one statement does to its transaction."""

    BEGIN = "begin"
    COMMIT = "commit"
    COMMIT_AND_CHAIN = "commit and chain"
    ROLLBACK = "rollback"
    PREPARE_TRANSACTION = "prepare transaction"
    COMMIT_PREPARED = "commit prepared"
    WRITE = "write"
    """Changes data or schema, or may (DO, CALL, EXECUTE)."""
    READ = "read"
    """Changes nothing that we can see; a SELECT of a function that writes can't be known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement."""

    effect: Effect
    text: str
    """Upper-case words with literals masked: equal for equal statements with other values."""


_WRITES = frozenset(
    [
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "TRUNCATE",
        "CREATE",
        "ALTER",
        "DROP",
        "GRANT",
        "REVOKE",
        "COMMENT",
        "REINDEX",
        "REFRESH",
        "DO",
        "CALL",
        "EXECUTE",
    ]
)
_INSIDE_WITH = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})


def statements(sql: str) -> tuple[Statement, ...]:
    """Return the statements of a query string; empty ones are left out."""
    return _cached(sql) if len(sql) <= MAX_CACHED_CHARS else _read(sql)


def _read(sql: str) -> tuple[Statement, ...]:
    return tuple(
        Statement(effect=_effect(tokens), text=" ".join(tokens)[:MAX_TEXT_CHARS])
        for tokens in _split(sql[:MAX_LEXED_CHARS])
        if tokens
    )


_cached = functools.lru_cache(maxsize=1024)(_read)


def _split(sql: str) -> list[list[str]]:
    """Return the tokens of each statement, literals masked as ``?``."""
    parts: list[list[str]] = [[]]
    position = 0
    while position < len(sql):
        match = _TOKEN.match(sql, position)
        if match is None:
            break
        position = match.end()
        kind = match.lastgroup
        if kind == "comment":
            position = _after_comment(sql, position)
        elif kind == "dollar":
            close = sql.find(match[0], position)
            position = len(sql) if close < 0 else close + len(match[0])
            parts[-1].append("?")
        elif kind in {"string", "number"}:
            parts[-1].append("?")
        elif kind == "end":
            parts.append([])
        elif kind == "word":
            parts[-1].append(match[0].upper())
        elif kind in {"name", "other"}:
            parts[-1].append(match[0])
    return parts


def _after_comment(sql: str, position: int) -> int:
    """Return where the block comment that was just opened ends; they nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(sql, position):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)


def _effect(tokens: list[str]) -> Effect:
    first = tokens[0]
    second = tokens[1] if len(tokens) > 1 else ""
    if first == "BEGIN" or (first == "START" and second == "TRANSACTION"):
        return Effect.BEGIN
    if first in {"COMMIT", "END"}:
        return _commit(tokens, second)
    if first in {"ROLLBACK", "ABORT"}:
        return _rollback(tokens)
    if first == "PREPARE" and second == "TRANSACTION":
        return Effect.PREPARE_TRANSACTION
    return Effect.WRITE if _writes(tokens) else Effect.READ


def _commit(tokens: list[str], second: str) -> Effect:
    if second == "PREPARED":
        return Effect.COMMIT_PREPARED
    chained = tokens[-2:] == ["AND", "CHAIN"]
    return Effect.COMMIT_AND_CHAIN if chained else Effect.COMMIT


def _rollback(tokens: list[str]) -> Effect:
    """``ROLLBACK TO`` a savepoint stays in the transaction, ``AND CHAIN`` begins the next, PREPARED is elsewhere."""
    if "TO" in tokens or "PREPARED" in tokens:
        return Effect.READ
    return Effect.BEGIN if tokens[-2:] == ["AND", "CHAIN"] and "NO" not in tokens else Effect.ROLLBACK


def _writes(tokens: list[str]) -> bool:
    first = tokens[0]
    if first in _WRITES:
        return True
    if first == "COPY":
        return "FROM" in tokens
    if first == "SELECT":
        return "INTO" in tokens
    if first == "EXPLAIN":
        return "ANALYZE" in tokens and any(word in _INSIDE_WITH for word in tokens)
    if first != "WITH":
        return False
    return any(word in _INSIDE_WITH and tokens[number - 1] not in {"FOR", "KEY"} for number, word in enumerate(tokens))
