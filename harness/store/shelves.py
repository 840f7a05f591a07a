"""Whose results lie where: a folder below OUT is one person's, as far as anybody can tell.

Aliases are what submissions call themselves. Two that call themselves the same get different folders, and what is
found in one folder is told apart by origin (the workspace it was packed in, else the path it came from) and sha256.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import names, patches, places
from harness.errors import HarnessError, UsageError
from harness.model import Grading
from harness.patches import Change
from harness.store.codec import RESULT, decode, plain
from harness.wording import visible

LOGS = "logs"
"""Folder in that of a grading."""
_SHORT = 8
"""Hex digits of a sha256 that tell two submissions of one cohort apart."""
_TELLING = re.compile(rf"-[0-9a-f]{{{_SHORT}}}(-[0-9]+)?$")
_GRADING = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4,}")
"""What the folder of a grading is called."""
_SECONDS = len("2026-11-26T14:15:00")
_LISTED = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What tells one stored grading from another."""

    file: Path
    """Its ``result.json``."""
    path: str
    """Where the submission came from, as given."""
    sha256: str
    packed_at: str
    """Empty for a folder."""
    started_at: str
    origin: str
    verdict: str
    reason: str = ""
    exercise: str = ""
    """Its id."""
    digests: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    variant: int = 0
    bar: float = 0.0

    @property
    def when(self) -> tuple[str, str, Path]:
        """What the last one is the greatest of: when it was packed (never after it was graded), then when graded."""
        graded = self.started_at[:_SECONDS]
        return min(self.packed_at[:_SECONDS] or graded, graded), graded, self.file


@dataclass(frozen=True, kw_only=True, slots=True)
class Company:
    """The other stored gradings of whoever one grading is of, by :attr:`Kept.when`."""

    submissions: tuple[Kept, ...]
    """The last grading of each submission, this one included."""
    submission: int
    """Which of them this one is, from 1."""
    gradings: int
    """How often this submission was graded."""
    grading: int
    """Which of those this one is, from 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """A stored grading, and what tells it from others."""

    kept: Kept
    grading: Grading


@dataclass(frozen=True, kw_only=True, slots=True)
class Damaged:
    """A ``result.json`` that can't be read."""

    file: Path
    why: str


def decode_file(path: Path) -> Grading:
    """Return the grading in a ``result.json``. Raises HarnessError when it can't be read."""
    return decode(places.read(path), name=str(path))


def load(path: Path) -> Grading:
    """Return the grading at ``path``: see :func:`find`. Raises HarnessError when it cannot be read."""
    return decode_file(find(path))


def changes(file: Path) -> tuple[Change, ...]:
    """Return what the submission of a stored ``result.json`` changed of its starter.

    Empty where that was not known, or not written yet by an older version. Raises HarnessError for a damaged file.
    """
    patch = file.parent / patches.FILE
    return patches.parse(places.read(patch), name=visible(str(patch))) if os.path.lexists(patch) else ()


def logs(file: Path) -> dict[str, bytes]:
    """Return the logs beside a stored ``result.json``: name of a sandbox -> the last of what it wrote."""
    return {path.stem: places.read(path) for path in sorted(file.parent.glob(f"{LOGS}/*.log"))}


def stored(out_dir: Path) -> tuple[tuple[Kept, ...], tuple[HarnessError, ...]]:
    """Return all gradings below ``out_dir``, and an error for each file there that should be one and can't be read."""
    found: list[Kept] = []
    damaged: list[HarnessError] = []
    for file in sorted(_visible(out_dir, f"*/*/{RESULT}")):
        try:
            found.append(_facts(file))
        except HarnessError as error:
            damaged.append(error)
    return tuple(found), tuple(damaged)


def find(path: Path) -> Path:
    """Return the ``result.json`` at ``path``: the file, its folder, or the folder of one person (the last in it).

    The last is that of the submission packed last. Raises UsageError when there is none, or they are of several people.
    """
    if path.is_file():
        return path
    if (path / RESULT).is_file() or is_a_gradings(path):
        return path / RESULT
    if not path.is_dir():
        raise UsageError(_nothing_at(path))
    below = _kept(path)
    if below:
        if len({one.origin for one in below}) > 1:
            raise UsageError(_mixed(path, below))
        return max(below, key=lambda one: one.when).file
    people = sorted({found.parent.parent.name for found in _visible(path, f"*/*/{RESULT}")})
    if people:
        named = ", ".join(map(visible, people[:_LISTED]))
        more = f" and {len(people) - _LISTED} more" if len(people) > _LISTED else ""
        text = f"expected the results of one submission, found {named}{more} in {visible(str(path))}: name one of them"
        raise UsageError(text)
    shown = visible(str(path))
    text = f"expected a result in {shown}, found none: grade something into it with 'harness grade PATH --out {shown}'"
    raise UsageError(text)


def name_for(grading: Grading, out_dir: Path, *, shared: bool) -> str:
    """Return what results of a submission are called in ``out_dir``: its alias where that is nobody else's there.

    Else the alias and the beginning of its sha256; so too when ``shared`` says that others of now have that alias.
    """
    alias = grading.submission_alias
    short = (grading.submission_sha256 or hashlib.sha256(grading.submission_origin.encode()).hexdigest())[:_SHORT]
    numbered = (f"{alias}-{short}-{n}" for n in itertools.count(2))
    there = {names.alike(entry.name): entry for entry in _folders(out_dir)}
    for name in itertools.chain(() if shared else (alias,), (f"{alias}-{short}",), numbered):
        taken = there.get(names.alike(folder_name(name)))
        if taken is None:
            return name
        if is_of(taken, grading):
            return name if taken.name == folder_name(name) else taken.name
    raise AssertionError  # there is always a next number


def company(file: Path) -> Company | None:
    """Return the company of the grading in ``file`` in its folder and in those of the same alias beside it.

    None where its folder is not one of results, or somebody removed or damaged one of them meanwhile.
    """
    home = file.resolve().parent.parent
    try:
        (own,) = (one for one in _kept(home) if one.file.parent.name == file.resolve().parent.name)
        beside = [folder for folder in _folders(home.parent) if _stem(folder.name) == _stem(home.name)]
        found = [one for folder in beside for one in _kept(folder) if one.origin == own.origin]
    except (ValueError, HarnessError, OSError):
        return None
    last: dict[str, Kept] = {}
    for one in sorted(found, key=lambda each: each.when):
        last[one.sha256] = one
    submissions = sorted(last.values(), key=lambda each: each.when)
    mine = sorted((one for one in found if one.sha256 == own.sha256), key=lambda each: each.when)
    return Company(
        submissions=tuple(submissions),
        submission=[one.sha256 for one in submissions].index(own.sha256) + 1,
        gradings=len(mine),
        grading=mine.index(own) + 1,
    )


def is_of_many(path: Path) -> bool:
    """Whether ``path`` is a folder of people: results lie two folders below it, and none nearer."""
    if not path.is_dir() or (path / RESULT).is_file():
        return False
    return not any(_visible(path, f"*/{RESULT}")) and any(_visible(path, f"*/*/{RESULT}"))


def everybody(out_dir: Path) -> tuple[tuple[tuple[Stored, ...], ...], tuple[Damaged, ...]]:
    """Return all that is stored below ``out_dir``, of each sender together by :attr:`Kept.when`, and what can't be read.

    Who is one sender is told as :func:`company` does: by origin, in folders of the same alias.
    """
    senders: dict[tuple[str, str], list[Stored]] = {}
    damaged: list[Damaged] = []
    for file in _results(out_dir, "*/*"):
        try:
            grading = decode_file(file)
        except HarnessError as error:
            damaged.append(Damaged(file=file, why=str(error)))
            continue
        kept = kept_of(grading, file)
        senders.setdefault((_stem(file.parent.parent.name), kept.origin), []).append(Stored(kept=kept, grading=grading))
    people = (tuple(sorted(found, key=lambda one: one.kept.when)) for found in senders.values())
    return tuple(people), tuple(damaged)


def kept_of(grading: Grading, file: Path) -> Kept:
    """Return what tells ``grading``, whose result is in ``file``, from others."""
    return Kept(
        file=file,
        path=grading.submission_path,
        sha256=grading.submission_sha256,
        packed_at=grading.submission_packed_at,
        started_at=grading.started_at,
        origin=_origin(grading.submission_origin, grading.submission_alias, grading.submission_path),
        verdict=str(grading.verdict),
        reason=grading.reason,
        exercise=grading.exercise.id,
        digests=grading.digests,
        seed=grading.seed,
        variant=grading.variant,
        bar=grading.bar,
    )


def folder_name(name: str) -> str:
    """Return ``name`` where it is safe as the name of a folder, else a safe one that no other name shares."""
    if names.is_name(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_SHORT]
    return f"{names.alias_from(name)}-{digest}"


def _stem(folder: str) -> str:
    """Return what ``heron`` and ``heron-6c6c6c6c`` have in common."""
    return names.alike(_TELLING.sub("", folder))


def _nothing_at(path: Path) -> str:
    near = [
        folder.name for folder in _folders(path.parent) if names.alike(folder.name).startswith(names.alike(path.name))
    ]
    where = f"did you mean {', '.join(sorted(near)[:_LISTED])}?" if near else "see where 'harness grade' wrote it"
    return f"expected a result folder or a {RESULT}, found nothing at {visible(str(path))}: {where}"


def _mixed(path: Path, found: Sequence[Kept]) -> str:
    """Return what to name instead of a folder that holds results of people who have only the alias in common."""
    count = len({(one.origin, one.sha256) for one in found})
    lines = [f"expected the results of one submission, found {count} submissions in {visible(str(path))}: name one"]
    for one in sorted(found, key=lambda each: each.when)[-_LISTED:]:
        packed = f", packed {one.packed_at}" if one.packed_at else ""
        lines.append(f"  {visible(str(path / one.file.parent.name))}  {visible(one.verdict)}")
        lines.append(f"      {visible(one.path)}  sha256 {visible(one.sha256[:12])}{visible(packed)}")
    return "\n".join(lines)


def is_of(folder: Path, grading: Grading) -> bool:
    """Whether ``folder`` may take a grading: it is empty, or holds results of the same origin only."""
    try:
        found = _kept(folder)
        if not found:
            return not any(_visible(folder, "*"))
    except (HarnessError, OSError):
        return False
    said = (plain(text) for text in (grading.submission_origin, grading.submission_alias, grading.submission_path))
    return {one.origin for one in found} == {_origin(*map(str, said))}


def _kept(folder: Path) -> list[Kept]:
    return [_facts(file) for file in _results(folder, "*")]


def _results(folder: Path, pattern: str) -> list[Path]:
    """Return each result below a folder, and where one is missing: a grading is written whole, so somebody lost it."""
    there = set(_visible(folder, f"{pattern}/{RESULT}"))
    return sorted(there | {one / RESULT for one in _visible(folder, pattern) if is_a_gradings(one)})


def is_a_gradings(folder: Path) -> bool:
    """Whether ``folder`` is called as that of a grading is."""
    return _GRADING.fullmatch(folder.name) is not None and folder.is_dir()


def _facts(file: Path) -> Kept:
    """Return what tells a grading from others without believing the rest of it yet."""
    try:
        raw = json.loads(places.read(file))
        path, alias = str(raw["submission_path"]), str(raw["submission_alias"])
        return Kept(
            file=file,
            path=path,
            sha256=str(raw["submission_sha256"]),
            packed_at=str(raw.get("submission_packed_at", "")),
            started_at=str(raw["started_at"]),
            origin=_origin(str(raw.get("submission_origin", "")), alias, path),
            verdict=str(raw["verdict"]),
            reason=str(raw["reason"]),
            exercise=str(raw["exercise"]["id"]),
            digests={str(name): str(digest) for name, digest in raw["digests"].items()},
            seed=int(raw["seed"]),
            variant=int(raw["variant"]),
            bar=float(raw["bar"]),
        )
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError, OverflowError) as error:
        text = f"{file}: expected a result, found a damaged file: name the folder of another grading to read that"
        raise HarnessError(text) from error


def _origin(said: str, alias: str, path: str) -> str:
    """Return who a result is from; where it does not say so, as those of older versions, by what it was called."""
    return said or f"{alias} at {path}"


def _folders(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _visible(folder: Path, pattern: str) -> Iterator[Path]:
    for found in folder.glob(pattern):
        if not any(part.startswith(".") for part in found.relative_to(folder).parts):
            yield found
