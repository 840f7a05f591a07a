"""What a candidate receives. Built from an allow-list, never by leaving things out: nothing of a grader can slip in.

The list: the rendered briefs, the starter in the candidate's language, and the facts in ``.harness``.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from harness import droppings, names, places, wording
from harness.catalogue import briefs
from harness.errors import ExerciseError, UsageError
from harness.intake import workspace
from harness.intake.workspace import Workspace
from harness.model import Exercise, SubmissionFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """An exercise as one candidate gets it."""

    exercise: Exercise
    reader: briefs.Reader
    files: tuple[SubmissionFile, ...]
    """By path; the facts in ``.harness`` are added when it is laid out."""
    pack: str = ""
    """What the pack is called by that it came in."""
    kept: tuple[SubmissionFile, ...] = ()
    """Files of the pack that are kept in ``.harness``, by path: what the exercise's verbs need."""


def build(exercise: Exercise, folder: Path, reader: briefs.Reader) -> Bundle:
    """Return the bundle of ``exercise``, which lives in ``folder``. Raises ExerciseError when it is incomplete."""
    starter = folder / "starter" / reader.language
    if not starter.is_dir():
        text = f"{starter}: expected the starter, found none: add it, or take the language out of exercise.toml"
        raise ExerciseError(text)
    files = {path: SubmissionFile(path=path, content=text.encode()) for path, text in _briefs(exercise, folder, reader)}
    for file in _files(starter):
        if file.path in files:
            text = f"{starter / file.path}: expected no file with the name of a brief, found one: rename it"
            raise ExerciseError(text)
        files[file.path] = file
    return Bundle(exercise=exercise, reader=reader, files=tuple(files[path] for path in sorted(files)))


def choose_language(exercise: Exercise, wanted: str | None) -> str:
    """Return the language to start in. Raises UsageError when there is a choice and none, or a wrong one, was made."""
    if not exercise.languages:
        if wanted:
            text = f"{exercise.id} has no languages to choose from, found --language {wanted}: leave it out"
            raise UsageError(text)
        return ""
    if wanted is None:
        if len(exercise.languages) == 1:
            return exercise.languages[0]
        text = f"{exercise.id} can be done in {', '.join(exercise.languages)}: choose one with --language"
        raise UsageError(text)
    if wanted not in exercise.languages:
        text = f"unknown language {wording.quoted(wanted)}: {wording.suggestion(wanted, exercise.languages)}"
        raise UsageError(text)
    return wanted


def expect_alias(alias: str) -> str:
    """Return ``alias`` where it may name a candidate. Raises UsageError with one that may."""
    if not names.is_alias(alias):
        text = (
            "expected an alias of letters, digits and single hyphens that is no word of the results, "
            f"found {names.shown(alias)}: {names.alias_from(alias)}?"
        )
        raise UsageError(text)
    return alias


def lay_out(bundle: Bundle, target: Path, *, started_at: str) -> Workspace:
    """Write ``bundle`` to the new folder ``target``: whole or not at all. Raises UsageError when something is there.

    An empty folder is taken; any other existing path is left as it is.
    """
    with places.writing("the workspace", target):
        if target.is_symlink() or (target.exists() and not (target.is_dir() and not any(target.iterdir()))):
            text = f"{target}: expected a new or empty folder, found something there: choose another with --into DIR"
            raise UsageError(text)
    space = Workspace(
        root=target,
        exercise_id=bundle.exercise.id,
        version=bundle.exercise.version,
        variant=bundle.reader.variant,
        language=bundle.reader.language,
        alias=bundle.reader.alias,
        started_at=started_at,
        id=secrets.token_hex(8),
        pack=bundle.pack,
    )
    kept = [replace(one, path=f"{workspace.FOLDER}/{workspace.PACK}/{one.path}") for one in bundle.kept]
    with places.writing("the workspace", target):
        _write((*bundle.files, *kept, _facts(space)), target)
    return space


def _write(files: Iterable[SubmissionFile], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{secrets.token_hex(8)}")  # the name may already be as long as a name can be
    try:
        for file in files:
            path = partial / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(file.content)
            path.chmod(0o755 if file.executable else 0o644)
        partial.rename(target)  # takes the place of an empty folder, and fails on one that was filled meanwhile
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _briefs(exercise: Exercise, folder: Path, reader: briefs.Reader) -> list[tuple[str, str]]:
    return list(briefs.render(exercise, folder, reader).items())


def _facts(space: Workspace) -> SubmissionFile:
    return SubmissionFile(path=f"{workspace.FOLDER}/{workspace.FILE}", content=workspace.facts(space))


def _files(root: Path) -> list[SubmissionFile]:
    found = []
    for relative, path in droppings.files(root):
        if path.is_symlink():
            text = f"{path}: expected a regular file, found a link: replace it by the file itself"
            raise ExerciseError(text)
        if path.suffix == ".pyc":
            continue
        wrong = names.fault(relative)
        if wrong:
            text = f"{path}: the name {wrong}: rename it"
            raise ExerciseError(text)
        executable = bool(path.stat().st_mode & 0o100)
        found.append(
            SubmissionFile(path=relative, content=places.read(path, refuse=ExerciseError), executable=executable)
        )
    return found
