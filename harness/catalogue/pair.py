"""An exercise and its grader as one frozen value: parsed once, read once, and digested over the very bytes that are used.

Whatever changes on disk afterwards changes nothing of a grading that has begun, and no digest says what was not graded.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from harness import droppings, places, settings
from harness.errors import ExerciseError
from harness.model import Check, Exercise, Gate, SubmissionFile

PAPERS = ("rubric.toml", "learn.toml")
"""What of a grader people read about a result: what they mark, and where a candidate is pointed to. It changes no verdict."""
NOT_DIGESTED = frozenset(
    {
        "validation.json",
        "references",
        "mutants",
        "mutants.toml",
        "cheats",
        "cheats.toml",
        "controls",
        "honest",
        "honest.toml",
        "README.md",
        *PAPERS,
        "references.toml",
    }
)
"""What may change in a grader without changing any verdict."""
SCRIPT = "up.py"
"""What ``harness up`` needs to know of an exercise, at its top: no grading gets it."""
_PROSE = ("title", "summary", "status", "minutes", "human")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One exercise, with its grader unless only the candidate's half was asked for."""

    exercise: Exercise
    """What a candidate may know."""
    home: Path
    """``exercises/<id>``."""
    files: tuple[SubmissionFile, ...]
    """All that is in it, by path."""
    grader: Path | None
    """``graders/<id>``; None: a candidate's machine has none."""
    grader_files: tuple[SubmissionFile, ...]
    """All that is in it and decides a verdict."""
    hidden: tuple[Check, ...]
    gates: tuple[Gate, ...]
    """Those of the exercise, with the hidden checks that close them. A score is computed with these."""
    seed: int
    """Of a grading for which nobody names another: the grader's, unknown to candidates; of a check, the exercise's."""
    digests: Mapping[str, str]
    """Of the bytes: ``exercise`` and ``grader`` -> sha256. ``verdict``: of all in both that may change a verdict."""
    papers: Mapping[str, bytes] = field(default_factory=dict)
    """Those of :data:`PAPERS` that the grader has; kept with each result. In no digest of a verdict."""

    @property
    def checks(self) -> tuple[Check, ...]:
        """Public and hidden checks, which fit each other and the exercise's points."""
        return (*self.exercise.checks, *self.hidden)

    @property
    def scored(self) -> Exercise:
        """The exercise with the gates that a score is computed with."""
        return replace(self.exercise, gates=self.gates)

    @property
    def sources(self) -> tuple[str, ...]:
        """The catalogues of exercise and grader: one, or two when the grader is elsewhere. ``harness`` is our own."""
        found = [folder.parent.parent.absolute() for folder in (self.home, self.grader) if folder]
        return tuple(dict.fromkeys(settings.OWN if one == settings.CHECKOUT else str(one) for one in found))

    def below(self, folder: str) -> tuple[SubmissionFile, ...]:
        """Return the exercise's files below ``folder``, with paths from there."""
        prefix = f"{folder}/"
        return tuple(
            replace(file, path=file.path.removeprefix(prefix)) for file in self.files if file.path.startswith(prefix)
        )

    def starter(self, language: str) -> tuple[SubmissionFile, ...]:
        """Return what a candidate begins with, in a language of the exercise where it has some."""
        return self.below(f"starter/{language}" if self.exercise.languages else "starter")

    def script(self) -> tuple[SubmissionFile, ...]:
        """Return the module for ``harness up``, nothing where the exercise has none."""
        return tuple(file for file in self.files if file.path == SCRIPT)

    def tests(self) -> tuple[SubmissionFile, ...]:
        """Return what a grader sandbox runs: public checks at the top, hidden ones, if any, under ``hidden/``."""
        hidden = (file for file in self.grader_files if file.path.endswith(".py") and "/" not in file.path)
        return (
            *self.below("checks"),
            *(replace(file, path=f"hidden/{file.path}", executable=False) for file in hidden),
        )


def read_folder(root: Path, leave_out: frozenset[str] = frozenset()) -> tuple[SubmissionFile, ...]:
    """Return the regular files under ``root`` by path; droppings are left out, and what ``leave_out`` names at its top.

    Raises ExerciseError on links and special files: what they point to could change without the digest changing.
    """
    try:
        found = [
            (path, relative) for relative, path in droppings.files(root) if relative.split("/")[0] not in leave_out
        ]
    except OSError as error:
        text = f"{root}: expected a folder that can be read, found: {error}. Correct its permissions"
        raise ExerciseError(text) from error
    return tuple(_file(path, relative) for path, relative in found)


def digest_of(files: Iterable[SubmissionFile]) -> str:
    """Return a sha256 over paths, executable bits and contents; the order of ``files`` is part of it."""
    total = hashlib.sha256()
    for file in files:
        mode = "x" if file.executable else "-"
        content = hashlib.sha256(file.content).hexdigest()
        total.update(f"{len(file.path.encode())} {file.path} {mode} {content}\n".encode())
    return total.hexdigest()


def digest_of_verdicts(
    half: Pair, hidden: Iterable[Check], gates: Iterable[Gate], grader_files: Iterable[SubmissionFile]
) -> str:
    """Return a sha256 over what a verdict hangs on: facts of both manifests as they were read, and all files but prose.

    Prose is what only people read: titles and the summary, status and minutes, what people mark, comments, briefs. What no grading gets is left out as well.
    """
    exercise, checks = asdict(half.exercise), [asdict(check) for check in hidden]
    for prose in _PROSE:
        del exercise[prose]
    for titled in (*exercise["checks"], *exercise["gates"], *exercise["timeouts"], *checks):
        del titled["title"]
    apart = {"exercise.toml", SCRIPT}
    files = [file for file in half.files if file.path not in apart and not _is_brief(file.path)]
    others = [file for file in grader_files if file.path != "checks.toml"]
    closed_by = {gate.id: gate.checks for gate in gates}
    facts = json.dumps([exercise, checks, closed_by, half.seed, digest_of(files), digest_of(others)], sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()


def _is_brief(path: str) -> bool:
    return path.endswith(".md.j2") and "/" not in path


def read_file(file: Path) -> bytes:
    """Return the bytes of one file of an exercise. Raises ExerciseError when it can't be read."""
    return places.read(file, refuse=ExerciseError)


def _file(path: Path, relative: str) -> SubmissionFile:
    if path.is_symlink() or not path.is_file():
        text = f"{path}: expected a regular file or folder, found a link or special file: replace it"
        raise ExerciseError(text)
    executable = bool(path.stat().st_mode & stat.S_IXUSR)
    return SubmissionFile(path=relative, content=read_file(path), executable=executable)
