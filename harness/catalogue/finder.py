"""Finds exercises and their graders in one or more folders, pairs them, and fingerprints both.

A catalogue folder holds ``exercises/<id>`` (all a candidate may see), ``graders/<id>`` (all they may not), or both:
a company may keep graders in a repository of their own.
"""

from __future__ import annotations

import builtins
import hashlib
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import wording
from harness.catalogue.pair import (
    NOT_DIGESTED,
    PAPERS,
    SCRIPT,
    Pair,
    digest_of,
    digest_of_verdicts,
    read_file,
    read_folder,
)
from harness.errors import ExerciseError, UsageError
from harness.model import Exercise, SubmissionFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Headline:
    """What a list says of an exercise, whether or not the rest of its manifest is right."""

    id: str
    version: str
    status: str
    title: str
    minutes: int
    languages: tuple[str, ...]
    problem: str = ""
    """Why the other fields are empty."""


class Catalogue:
    """The exercises of some folders. Each is read when it is first asked for, and stays as it was then."""

    def __init__(self, dirs: Sequence[Path], *farther: Sequence[Path]) -> None:
        """Look in ``dirs``, each of which holds ``exercises/``, ``graders/`` or both, then in each group of ``farther``.

        An exercise in a nearer group hides one with its id, and that one's grader, in a farther one; a grader does the
        same with a grader. An id that one group has twice is an error.
        """
        self._groups = (tuple(dirs), *map(tuple, farther))
        self._dirs = tuple(folder for group in self._groups for folder in group)
        self._exercises: dict[str, Exercise] = {}
        self._homes: dict[str, tuple[SubmissionFile, ...]] = {}
        self._pairs: dict[tuple[str, bool], Pair] = {}

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders that are looked in, nearest first."""
        return self._dirs

    def ids(self) -> builtins.list[str]:
        """Return the ids of all exercises, sorted."""
        return sorted({name for folder in self._dirs for name in _folders(folder / "exercises")})

    def headlines(self) -> builtins.list[Headline]:
        """Return what a list shows, by id. Fast, and one broken manifest does not hide the others."""
        return [_headline(exercise_id, self.exercise_dir(exercise_id)) for exercise_id in self.ids()]

    def list(self) -> tuple[Exercise, ...]:
        """Return all exercises by id. Raises ExerciseError when one is not well-formed."""
        return tuple(self.exercise(exercise_id) for exercise_id in self.ids())

    def exercise(self, exercise_id: str) -> Exercise:
        """Return what a candidate may know. Raises UsageError when there is no such exercise."""
        if exercise_id not in self._exercises:
            self._exercises[exercise_id] = _exercise(exercise_id, self.exercise_dir(exercise_id))
        return self._exercises[exercise_id]

    def pair(self, exercise_id: str, *, whole: bool = True) -> Pair:
        """Return an exercise with its grader, proven to fit each other; not ``whole``: as if there were no grader.

        Raises UsageError when one of them is not there, ExerciseError when something in them is wrong.
        """
        key = (exercise_id, whole)
        if key not in self._pairs:
            self._pairs[key] = self._whole(exercise_id) if whole else self._half(exercise_id)
        return self._pairs[key]

    def exercise_dir(self, exercise_id: str) -> Path:
        """Return ``exercises/<id>``. Raises UsageError when there is no such exercise."""
        found = self._find("exercises", exercise_id)
        if found is None:
            raise UsageError(self._unknown(exercise_id))
        return found

    def grader_dir(self, exercise_id: str) -> Path:
        """Return ``graders/<id>``. Raises UsageError when there is none: it may be in another repository."""
        self.exercise_dir(exercise_id)
        found = self._find("graders", exercise_id)
        if found is None:
            where = ", ".join(str(folder / "graders") for folder in self._dirs)
            text = f"{exercise_id}: expected a grader in {where}, found none: add its repository with --catalogue DIR"
            raise UsageError(text)
        return found

    def problems(self, exercise_id: str) -> builtins.list[str]:
        """Return what is missing or wrong in the files of a pair, beyond its manifests; none means it can be graded."""
        from harness.catalogue import rules

        pair = self.pair(exercise_id)
        exercise, home, grader = pair.exercise, pair.home, self.grader_dir(exercise_id)
        wanted = [home / "brief.md.j2", grader / "checks.toml"]
        wanted += [home / "starter" / language for language in exercise.languages or ("",)]
        found = [f"{home / 'exercise.toml'}: {leak}" for leak in rules.leaks(exercise)]
        found += [f"{path}: expected it to exist, found nothing: add it" for path in wanted if not path.exists()]
        if any(check.public for check in exercise.checks) and not _tests(home / "checks"):
            found.append(f"{home / 'checks'}: expected test_*.py for the public checks, found none: add one")
        if (home / "checks" / SCRIPT).exists():
            text = (
                f'{home / "checks" / SCRIPT}: expected no module of checks of that name, which "harness up" imports from '
                f"{home / SCRIPT}: move it there, or call it otherwise"
            )
            found.append(text)
        if pair.hidden and not _tests(grader):
            found.append(f"{grader}: expected test_*.py for the hidden checks, found none: add one")
        return found

    def _half(self, exercise_id: str) -> Pair:
        exercise, home = self.exercise(exercise_id), self.exercise_dir(exercise_id)
        if exercise_id not in self._homes:
            self._homes[exercise_id] = read_folder(home)
        files = self._homes[exercise_id]
        return Pair(
            exercise=exercise,
            home=home,
            files=files,
            grader=None,
            grader_files=(),
            hidden=(),
            gates=exercise.gates,
            seed=exercise.seed,
            digests={"exercise": digest_of(files)},
        )

    def _whole(self, exercise_id: str) -> Pair:
        from harness.catalogue import manifest, rules

        half, grader = self.pair(exercise_id, whole=False), self.grader_dir(exercise_id)
        file = grader / "checks.toml"
        hidden = manifest.parse_hidden(read_file(file), str(file))
        problems = rules.of_pair(half.exercise, hidden.checks, hidden.gates)
        if problems:
            raise wording.refusal(ExerciseError, f"{exercise_id} and its grader", problems)
        files = read_folder(grader, NOT_DIGESTED)
        found = digest_of(files)
        gates = tuple(
            replace(gate, checks=(*gate.checks, *hidden.gates.get(gate.id, ()))) for gate in half.exercise.gates
        )
        return replace(
            half,
            grader=grader,
            grader_files=files,
            hidden=hidden.checks,
            gates=gates,
            seed=_seed(half.exercise, hidden.seed, found, file),
            papers={name: read_file(grader / name) for name in PAPERS if os.path.lexists(grader / name)},
            digests={**half.digests, "grader": found, "verdict": digest_of_verdicts(half, hidden.checks, gates, files)},
        )

    def _find(self, kind: str, exercise_id: str) -> Path | None:
        exercise_seen = False
        for group in self._groups:
            is_here = any(exercise_id in _folders(folder / "exercises") for folder in group)
            if exercise_seen and is_here:
                continue  # hidden by the nearer one, with its grader
            exercise_seen = exercise_seen or is_here
            found = [folder / kind / exercise_id for folder in group if exercise_id in _folders(folder / kind)]
            if len(found) > 1:
                text = f"{exercise_id}: expected it in one catalogue, found {found[0]} and {found[1]}: rename or remove one"
                raise ExerciseError(text)
            if found:
                return found[0]
        return None

    def _unknown(self, exercise_id: str) -> str:
        if not self._dirs:
            return f"no catalogue here, so no exercise {wording.quoted(exercise_id)}: pass --catalogue DIR"
        return f"no exercise {wording.quoted(exercise_id)}: {wording.suggestion(exercise_id, self.ids())}"


def _headline(exercise_id: str, folder: Path) -> Headline:
    try:
        facts = tomllib.loads(read_file(folder / "exercise.toml").decode("utf-8-sig"))
        languages = facts["languages"]
        return Headline(
            id=exercise_id,
            version=str(facts["version"]),
            status=str(facts["status"]),
            title=str(facts["title"]),
            minutes=int(facts["minutes"]),
            languages=tuple(str(language) for language in languages),
        )
    except (ExerciseError, ValueError, TypeError, KeyError, RecursionError):
        problem = f"its manifest is wrong: harness show {exercise_id}"
        return Headline(id=exercise_id, version="", status="", title="", minutes=0, languages=(), problem=problem)


def _exercise(exercise_id: str, folder: Path) -> Exercise:
    from harness.catalogue import manifest  # pydantic, which a list of titles can do without

    file = folder / "exercise.toml"
    exercise = manifest.parse_exercise(read_file(file), str(file))
    if exercise.id != exercise_id:
        text = f"{file}: id: expected the name of its folder, {exercise_id}, found {exercise.id}: rename one of them"
        raise ExerciseError(text)
    return exercise


def _seed(exercise: Exercise, declared: int | None, files: str, where: Path) -> int:
    """Return the seed of a grading: equal for a cohort, unknown to candidates. ``files`` is the grader's digest.

    A grader that declares none has one that follows from its files. Raises ExerciseError when candidates know it.
    """
    if declared is None:
        return int.from_bytes(hashlib.sha256(f"grade {exercise.id} {files}".encode()).digest()[:4], "big")
    if declared == exercise.seed:
        text = (
            f"{where}: seed: expected another than that of exercise.toml, which candidates can read, "
            f"found {declared} in both: change one of them"
        )
        raise ExerciseError(text)
    return declared


def digest(root: Path) -> str:
    """Return the digest of a folder of ours, as :func:`harness.catalogue.pair.digest_of` makes it."""
    return digest_of(read_folder(root))


def _folders(parent: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(parent) if entry.is_dir() and not entry.name.startswith((".", "_"))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        text = f"{parent}: expected a folder that can be read, found: {error.strerror}. Correct its permissions"
        raise ExerciseError(text) from error


def _tests(folder: Path) -> bool:
    return any(folder.glob("test_*.py"))
