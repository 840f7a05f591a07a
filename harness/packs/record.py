"""Which packs were given out: a line of JSON for each, only ever added to, beside the catalogue of the grader.

A pack is recorded before its file has its name, so whatever a candidate holds is in here. A writer that is killed leaves
half a line at most, of a pack that nobody got: the next one begins a line of its own, and a reader passes over it.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness import journal, names, places, tables
from harness.catalogue.pair import Pair
from harness.errors import HarnessError, UsageError
from harness.packs import secret
from harness.wording import visible

FOLDER = "packs"
FILE = "record.jsonl"
_IGNORED = b"# The secret that variants follow from is not for a repository.\n/secret\n"
_WORDLESS_SECONDS, _READING_SECONDS, _LOOK_SECONDS = 2.0, 10.0, 0.05
"""A pack takes seconds to make, and its record is held meanwhile."""
_GIVEN = ("exercises", "docker")
"""Folders of a catalogue of which candidates get some."""
_IGNORING = frozenset({b"/secret", b"secret", b"/*", b"*"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """One pack that was given out."""

    packed_at: str
    """ISO 8601, UTC."""
    exercise: str
    version: str
    variant: int
    chosen: bool
    """Whether somebody named the variant; else it follows from the secret."""
    alias: str
    language: str
    """Empty: all that the exercise has."""
    pack: str
    """What the pack is called by: the sha256 of its list."""
    sha256: str
    """Of the file."""
    size: int
    harness: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """All packs that were given out from one catalogue."""

    given: tuple[Given, ...] = ()
    unreadable: int = 0
    """Lines that say nothing: half-written, or of another version."""

    def of(self, exercise_id: str) -> tuple[Given, ...]:
        """Return the packs of one exercise, the oldest first."""
        return tuple(one for one in self.given if one.exercise == exercise_id)


class _Line(tables.Table):
    schema_: Annotated[Literal[1], Field(alias="schema")]
    packed_at: Annotated[str, Field(max_length=40)]
    exercise: Annotated[str, Field(max_length=60)]
    version: Annotated[str, Field(max_length=20)]
    variant: Annotated[int, Field(ge=0, lt=2**63)]
    chosen: bool
    alias: Annotated[str, Field(max_length=names.MAX_ALIAS_BYTES)]
    language: Annotated[str, Field(max_length=60)]
    pack: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]
    harness: Annotated[str, Field(max_length=60)]

    def value(self) -> Given:
        return Given(**{name: getattr(self, name) for name in type(self).model_fields if name != "schema_"})


def place(pair: Pair, named: Path | None) -> Path:
    """Return the folder of secret and record: the one that settings name, else that beside the grader's catalogue.

    Raises UsageError for one among the files of which candidates get some.
    """
    if named is not None:
        catalogue = pair.home.parent.parent.resolve()
        if any(named.resolve().is_relative_to(catalogue / part) for part in _GIVEN):
            text = (
                f"{visible(str(named))}: expected a folder for the record of packs outside of what candidates get, found one "
                f"in {' or '.join(_GIVEN)} of {visible(str(catalogue))}: name another with HARNESS_PACKS, and move what is in it"
            )
            raise UsageError(text)
        return named
    if pair.grader is None:
        text = f"{pair.exercise.id}: expected a grader, found only what candidates see: add its repository with --catalogue DIR"
        raise UsageError(text)
    return pair.grader.parent.parent / FOLDER


def read(folder: Path) -> Record:
    """Return what is recorded in ``folder``, nothing where there is no record. Raises HarnessError when it can't be read.

    A writer is waited for, but not for ever: of one that stands still there is nothing to read that a candidate has.
    """
    file = folder / FILE
    if not os.path.lexists(file):
        return Record()
    try:
        with _opened(folder) as handle:
            _locks(handle, fcntl.LOCK_SH, _READING_SECONDS)
            return parsed(places.read(file))
    except OSError as error:
        raise places.failure(error, f"read the record of packs in {visible(str(folder))}") from error


def parsed(content: bytes) -> Record:
    """Return what the content of a record says."""
    found = [_given(line) for line in content.split(b"\n") if line.strip()]
    known = tuple(one for one in found if one is not None)
    return Record(given=known, unreadable=len(found) - len(known))


class Book:
    """The record while nobody else may change it. Made by :func:`opened`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file = folder / FILE

    def secret(self) -> bytes:
        """Return the company's secret, made at the first call ever."""
        return secret.obtain(self._folder)

    def secret_is_open(self) -> bool:
        """Whether others than its owner may read the secret."""
        return secret.is_open(self._folder)

    def alike(self, alias: str) -> str:
        """Return another alias that a pack was given to and that reads like ``alias``, the last one; empty: there is none."""
        known = parsed(places.read(self.file)).given if os.path.lexists(self.file) else ()
        same = (one.alias for one in reversed(known) if names.alike(one.alias) == names.alike(alias))
        return next((one for one in same if one != alias), "")

    def orphans(self) -> int:
        """Return how many packs are recorded whose variant follows from a secret that is not here (any more)."""
        if secret.is_there(self._folder) or not os.path.lexists(self.file):
            return 0
        return sum(not one.chosen for one in parsed(places.read(self.file)).given)

    def add(self, given: Given) -> None:
        """Add a line, whole and on disk when this returns; an error leaves the record as it was, where that can be."""
        line = json.dumps({"schema": 1, **asdict(given)}, ensure_ascii=False).encode() + b"\n"
        with places.writing("the record of packs", self._folder):
            journal.append(self.file, line)


@contextmanager
def opened(folder: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[Book]:
    """Give the record and the secret of ``folder``, which is made where it is missing, to one process at a time.

    ``waiting`` is called once where another one has had it for seconds.
    """
    with ExitStack() as stack:
        with places.writing("the record of packs", folder):
            folder.mkdir(parents=True, exist_ok=True)
            handle = stack.enter_context(_opened(folder))
            if not _locks(handle, fcntl.LOCK_EX, _WORDLESS_SECONDS):
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            _keep_out_of_repositories(folder / ".gitignore")
        yield Book(folder)


def _keep_out_of_repositories(file: Path) -> None:
    """Have the secret ignored, also by a file that somebody else began."""
    before = places.read(file) if os.path.lexists(file) else b""
    if not _IGNORING & set(map(bytes.strip, before.splitlines())):
        gap = b"\n" if before and not before.endswith(b"\n") else b""
        with file.open("ab") as stream:
            stream.write(gap + _IGNORED)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield handle
    finally:
        os.close(handle)


def _locks(handle: int, how: int, seconds: float) -> bool:
    """Lock what ``handle`` is of; return whether that could be within ``seconds``."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(_LOOK_SECONDS)
        else:
            return True


def _given(line: bytes) -> Given | None:
    """Return what a line says, None when it says nothing that can be read."""
    try:
        document: object = json.loads(line)
        return tables.validate(_Line, document, "a line", HarnessError).value()
    except (ValueError, RecursionError, HarnessError):
        return None
