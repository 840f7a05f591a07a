"""Finds exercises and their graders in one or more folders, pairs them, and fingerprints both.

A catalogue folder holds ``exercises/<id>`` (all a candidate may see), ``graders/<id>`` (all they may not), or both:
a company may keep graders in a repository of their own.
"""

from __future__ import annotations

import builtins
import hashlib
import os
import stat
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import droppings, places, wording
from harness.catalogue import rules
from harness.errors import ExerciseError, UsageError
from harness.model import Check, Exercise, Gate

if TYPE_CHECKING:
    from harness.catalogue.manifest import Hidden

NOT_DIGESTED = frozenset(
    {"validation.json", "references", "mutants", "mutants.toml", "cheats", "cheats.toml", "README.md", "rubric.toml"}
)
"""What may change in a grader without changing any verdict."""


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
    """The exercises of some folders. Reads lazily and keeps nothing: files may change while it lives."""

    def __init__(self, dirs: Sequence[Path], *farther: Sequence[Path]) -> None:
        """Look in ``dirs``, each of which holds ``exercises/``, ``graders/`` or both, then in each group of ``farther``.

        An exercise in a nearer group hides one with its id, and that one's grader, in a farther one; a grader does the
        same with a grader. An id that one group has twice is an error.
        """
        self._groups = (tuple(dirs), *map(tuple, farther))
        self._dirs = tuple(folder for group in self._groups for folder in group)

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
        from harness.catalogue import manifest  # pydantic, which a list of titles can do without

        file = self.exercise_dir(exercise_id) / "exercise.toml"
        exercise = manifest.parse_exercise(_read(file), str(file))
        if exercise.id != exercise_id:
            text = (
                f"{file}: id: expected the name of its folder, {exercise_id}, found {exercise.id}: rename one of them"
            )
            raise ExerciseError(text)
        return exercise

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

    def sources(self, exercise_id: str) -> tuple[str, ...]:
        """Return the catalogue folders of an exercise and its grader: one, or two when the grader is elsewhere."""
        found = (self.exercise_dir(exercise_id), self._find("graders", exercise_id))
        return tuple(dict.fromkeys(str(folder.parent.parent.absolute()) for folder in found if folder))

    def hidden_checks(self, exercise_id: str) -> tuple[Check, ...]:
        """Return the checks that only assessors may see."""
        return self._hidden(exercise_id).checks

    def all_checks(self, exercise_id: str) -> tuple[Check, ...]:
        """Return public and hidden checks, proven to fit each other and the exercise's points."""
        return (*self._pair(exercise_id).checks, *self.hidden_checks(exercise_id))

    def seed(self, exercise_id: str) -> int:
        """Return the seed of a grading for which nobody names another: equal for a cohort, unknown to candidates.

        A grader that declares none has one that follows from its files. Raises ExerciseError when candidates know it.
        """
        declared = self._hidden(exercise_id).seed
        if declared is None:
            files = digest(self.grader_dir(exercise_id), NOT_DIGESTED)
            return int.from_bytes(hashlib.sha256(f"grade {exercise_id} {files}".encode()).digest()[:4], "big")
        if declared == self.exercise(exercise_id).seed:
            text = (
                f"{self.grader_dir(exercise_id) / 'checks.toml'}: seed: expected another than that of exercise.toml, "
                f"which candidates can read, found {declared} in both: change one of them"
            )
            raise ExerciseError(text)
        return declared

    def gates(self, exercise_id: str) -> tuple[Gate, ...]:
        """Return the gates with the hidden checks that close them. A score is computed with these."""
        hidden = self._hidden(exercise_id).gates
        return tuple(
            Gate(id=gate.id, title=gate.title, cap=gate.cap, checks=(*gate.checks, *hidden.get(gate.id, ())))
            for gate in self._pair(exercise_id).gates
        )

    def digests(self, exercise_id: str) -> dict[str, str]:
        """Return what a grading depends on: ``exercise`` and ``grader`` -> sha256.

        Neither depends on where the catalogue is, on file times, or on what NOT_DIGESTED names.
        """
        return {
            "exercise": digest(self.exercise_dir(exercise_id)),
            "grader": digest(self.grader_dir(exercise_id), NOT_DIGESTED),
        }

    def problems(self, exercise_id: str) -> builtins.list[str]:
        """Return what is missing or wrong in the files of a pair, beyond its manifests; none means it can be graded."""
        exercise = self._pair(exercise_id)
        self.seed(exercise_id)
        home, grader = self.exercise_dir(exercise_id), self.grader_dir(exercise_id)
        wanted = [home / "brief.md.j2", grader / "checks.toml"]
        wanted += [home / "starter" / language for language in exercise.languages or ("",)]
        found = [f"{home / 'exercise.toml'}: {leak}" for leak in rules.leaks(exercise)]
        found += [f"{path}: expected it to exist, found nothing: add it" for path in wanted if not path.exists()]
        if any(check.public for check in exercise.checks) and not _tests(home / "checks"):
            found.append(f"{home / 'checks'}: expected test_*.py for the public checks, found none: add one")
        if self.hidden_checks(exercise_id) and not _tests(grader):
            found.append(f"{grader}: expected test_*.py for the hidden checks, found none: add one")
        return found

    def _pair(self, exercise_id: str) -> Exercise:
        exercise, hidden = self.exercise(exercise_id), self._hidden(exercise_id)
        problems = rules.of_pair(exercise, hidden.checks, hidden.gates)
        if problems:
            raise wording.refusal(ExerciseError, f"{exercise_id} and its grader", problems)
        return exercise

    def _hidden(self, exercise_id: str) -> Hidden:
        from harness.catalogue import manifest

        file = self.grader_dir(exercise_id) / "checks.toml"
        return manifest.parse_hidden(_read(file), str(file))

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
        facts = tomllib.loads(_read(folder / "exercise.toml").decode("utf-8-sig"))
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


def digest(root: Path, leave_out: frozenset[str] = frozenset()) -> str:
    """Return a sha256 over sorted relative paths, executable bits and contents of the regular files under ``root``.

    ``leave_out`` names entries at its top; droppings never count. Raises ExerciseError on links and special files: what they point to
    could change without the digest changing.
    """
    total = hashlib.sha256()
    for path, relative in _files(root, leave_out):
        content = _read(path)
        mode = "x" if path.stat().st_mode & stat.S_IXUSR else "-"
        total.update(f"{len(relative.encode())} {relative} {mode} {hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def _files(root: Path, leave_out: frozenset[str]) -> Iterator[tuple[Path, str]]:
    try:
        found = [
            (path, relative) for relative, path in droppings.files(root) if relative.split("/")[0] not in leave_out
        ]
    except OSError as error:
        text = f"{root}: expected a folder that can be read, found: {error}. Correct its permissions"
        raise ExerciseError(text) from error
    for path, relative in found:
        if path.is_symlink() or not path.is_file():
            text = f"{path}: expected a regular file or folder, found a link or special file: replace it"
            raise ExerciseError(text)
        yield path, relative


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


def _read(file: Path) -> bytes:
    return places.read(file, refuse=ExerciseError)
