"""The known submissions that prove an exercise: starters, references, honest designs, mutants, cheats and their controls."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import droppings, places, wording
from harness.catalogue import known
from harness.catalogue.finder import digest
from harness.catalogue.known import Cheat, Control, Expected, Honest
from harness.catalogue.pair import Pair
from harness.errors import ExerciseError, UsageError
from harness.grading import trust

KINDS = ("starter", "reference", "honest", "mutant", "control", "cheat")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One known submission and what is expected of it."""

    name: str
    """``KIND/NAME``."""
    title: str
    source: Path
    """Folder with the submission, or with what ``patches`` are applied to."""
    patches: tuple[Path, ...] = ()
    """Applied one after the other: those of what it is like, then its own."""
    expected: Expected = field(default_factory=Expected)
    control: str = ""
    """Subject whose score it must not exceed (a cheat)."""

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return self.name.partition("/")[0]

    @property
    def right(self) -> bool:
        """Whether it is a right solution: what it loses is our mistake, and its values are those of right services."""
        return self.kind in {"reference", "honest"}

    def lay_out(self, target: Path) -> None:
        """Copy the submission to ``target``, which must not exist, and apply its patches.

        Raises ExerciseError when a patch does not apply exactly.
        """
        shutil.copytree(self.source, target, ignore=_droppings)
        for patch in self.patches:
            _apply(patch, target)


def all_of(pair: Pair) -> tuple[Subject, ...]:
    """Return all subjects of an exercise, in the order of KINDS. Raises ExerciseError when one is not well-formed."""
    exercise, grader, starter = pair.exercise, trust.place(pair).parent, pair.home / "starter"
    found = [
        Subject(name=f"starter/{language}", title=f"the {language} starter as it is", source=starter / language)
        for language in exercise.languages
    ] or [Subject(name="starter/plain", title="the starter as it is", source=starter)]
    found += _references(grader)
    found += _honest(grader, {one.name: one for one in found})
    found += _mutants(grader)
    return (*found, *_cheats(grader, {one.name: one for one in found}))


def choose(subjects: tuple[Subject, ...], only: tuple[str, ...]) -> tuple[Subject, ...]:
    """Return the subjects that ``only`` names by ``KIND``, ``KIND/NAME`` or ``NAME``, all when it is empty.

    What a chosen one is compared with is chosen too. Raises UsageError for a name that nothing has.
    """
    if not only:
        return subjects
    chosen: set[str] = set()
    for wanted in only:
        found = [one for one in subjects if wanted in {one.name, one.kind, one.name.partition("/")[2]}]
        if not found:
            text = f"expected KIND/NAME of a known submission after --only, found {wanted!r}: there are "
            raise UsageError(text + ", ".join(one.name for one in subjects))
        chosen.update(name for one in found for name in (one.name, one.control) if name)
    return tuple(one for one in subjects if one.name in chosen)


def _droppings(folder: str, _: list[str]) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if droppings.is_entry(entry)]


def _references(grader: Path) -> list[Subject]:
    file = grader / "references.toml"
    declared = known.parse_references(places.read(file, refuse=ExerciseError), str(file)) if file.exists() else {}
    folders = {
        folder.name: folder
        for folder in sorted((grader / "references").glob("*"))
        if folder.is_dir() and not droppings.is_folder(folder.name)
    }
    for name in declared:
        if name not in folders:
            text = f"{file}: references.{name}: unknown reference, {wording.suggestion(name, folders)}"
            raise ExerciseError(text)
    return [
        Subject(
            name=f"reference/{name}",
            title="a complete solution",
            source=folder,
            expected=declared.get(name, Expected(permitted=())),
        )
        for name, folder in folders.items()
    ]


def _mutants(grader: Path) -> list[Subject]:
    file = grader / "mutants.toml"
    declared = known.parse_mutants(places.read(file, refuse=ExerciseError), str(file)) if file.exists() else ()
    found = []
    for mutant in declared:
        patch, reference = grader / "mutants" / f"{mutant.name}.patch", grader / "references" / mutant.reference
        if not patch.is_file() or not reference.is_dir():
            missing = patch if not patch.is_file() else reference
            text = f"{file}: mutant {mutant.name}: expected {missing} to exist, found nothing: add it"
            raise ExerciseError(text)
        found.append(
            Subject(
                name=f"mutant/{mutant.name}",
                title=mutant.title,
                source=reference,
                patches=(patch,),
                expected=mutant.expected,
            )
        )
    return found


def _honest(grader: Path, others: Mapping[str, Subject]) -> list[Subject]:
    file = grader / "honest.toml"
    declared = known.parse_honest(places.read(file, refuse=ExerciseError), str(file)) if file.exists() else ()
    found = []
    for one in declared:
        name, folder = f"honest/{one.name}", grader / "honest" / one.name
        if one.like:
            found.append(_patched(name, one, file, others))
            continue
        if not folder.is_dir():
            text = f"{file}: honest {one.name}: expected {folder} to exist, found nothing: add it, or name what it is a patch on with like"
            raise ExerciseError(text)
        found.append(Subject(name=name, title=one.title, source=folder, expected=one.expected))
    return found


def _cheats(grader: Path, others: Mapping[str, Subject]) -> list[Subject]:
    file = grader / "cheats.toml"
    declared = (
        known.parse_cheats(places.read(file, refuse=ExerciseError), str(file)) if file.exists() else known.Cheats()
    )
    controls = [_patched(f"control/{one.name}", one, file, others) for one in declared.controls]
    others = {**others, **{one.name: one for one in controls}}
    cheats = []
    for cheat in declared.cheats:
        made = _patched(f"cheat/{cheat.name}", cheat, file, others)
        if cheat.control not in others:
            text = (
                f"{file}: cheat {cheat.name}: control: unknown submission, {wording.suggestion(cheat.control, others)}"
            )
            raise ExerciseError(text)
        cheats.append(replace(made, control=cheat.control))
    return [*controls, *cheats]


def _patched(name: str, one: Honest | Control | Cheat, file: Path, others: Mapping[str, Subject]) -> Subject:
    """Return what is declared in ``file`` as a patch on another one. Raises ExerciseError when either is not there."""
    kind, _, own = name.partition("/")
    folder = {"cheat": "cheats", "control": "controls", "honest": "honest"}[kind]
    like, patch = others.get(one.like), file.parent / folder / f"{own}.patch"
    if like is None:
        text = f"{file}: {kind} {own}: like: unknown submission, {wording.suggestion(one.like, others)}"
        raise ExerciseError(text)
    if not patch.is_file():
        there = "a folder" if patch.with_suffix("").is_dir() else "nothing"
        text = f"{file}: {kind} {own}: expected {patch} to exist, found {there}: add what differs from {one.like}"
        raise ExerciseError(text)
    return Subject(
        name=name, title=one.title, source=like.source, patches=(*like.patches, patch), expected=one.expected
    )


def _apply(patch: Path, target: Path) -> None:
    """Apply a patch without fuzz. ``git`` is the tool that refuses anything that does not fit exactly."""
    before = digest(target)
    try:
        done = subprocess.run(  # noqa: S603 - our own files
            ["git", "apply", "-p1", "--whitespace=nowarn", str(patch.resolve())],  # noqa: S607 - found on PATH like any
            cwd=target,
            # Inside a repository git would look for the files at its top, and skip what is not there without a word.
            # Only an absolute path keeps it from looking for one.
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
                "GIT_CEILING_DIRECTORIES": str(target.resolve().parent),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    except OSError as error:
        text = f"expected git to apply {patch.name}, found {error}: install git"
        raise ExerciseError(text) from error
    if done.returncode != 0:
        text = f"{patch}: expected a patch that applies exactly to what it is for, found: {done.stderr.strip()}"
        raise ExerciseError(text)
    if digest(target) == before:
        text = (
            f"{patch}: expected a patch that changes what it is for, found the same files afterwards: see what is in it"
        )
        raise ExerciseError(text)
