"""``harness new``: an exercise and its grader that work, to change step by step."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from harness import console, places, wording
from harness.catalogue.finder import Catalogue
from harness.errors import ExitCode, HarnessError, UsageError
from harness.reports import again

PLACEHOLDER = b"EXERCISE-ID"
SEED = b"SEED-OF-GRADINGS"
_TEMPLATES = Path(__file__).resolve().parent.parent / "templates" / "skeleton"
_SUFFIX = ".tmpl"
"""Templates are not what they become: nothing imports, lints or packs them as Python."""
_PARTS = {"exercise": "exercises", "grader": "graders"}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_ID = 60
_FIRST_SEED = 10**8


def new(exercise_id: str, *, into: Path) -> ExitCode:
    """Write ``exercises/ID`` and ``graders/ID`` below ``into``. Nothing that exists is touched."""
    if len(exercise_id) > _MAX_ID or not _ID.fullmatch(exercise_id):
        text = f"expected an id of a-z, 0-9 and single hyphens, found {wording.quoted(exercise_id)}: choose another"
        raise UsageError(text)
    targets = {part: into / folder / exercise_id for part, folder in _PARTS.items()}
    for target in targets.values():
        places.probe(target.parent, "the new exercise")
        if target.exists() or target.is_symlink():
            text = f"{target}: expected a new exercise, found something there: choose another id"
            raise UsageError(text)
    for part, target in targets.items():
        _write(dict(skeleton(part, exercise_id)), target)
    problems = Catalogue([into]).problems(exercise_id)
    if problems:
        raise wording.refusal(HarnessError, f"the skeleton {exercise_id}", problems)
    console.line(f"{targets['exercise']}  all a candidate may see: exercise.toml, brief, starter, public checks")
    console.line(f"{targets['grader']}  all they may not: hidden checks, reference, mutant, cheat")
    again_ = again.on("validate", exercise_id, (str(into.absolute()),))
    console.line(f"next: {again_}  (it holds now; change one thing at a time and run it again)")
    return ExitCode.PASSED


def skeleton(part: str, exercise_id: str, seed: int | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield path and content of every file of the ``exercise`` or ``grader`` part of a skeleton, by path.

    Gradings have ``seed``, else one that was drawn: who knows these templates must not know it.
    """
    drawn = str(_FIRST_SEED + secrets.randbelow(_FIRST_SEED) if seed is None else seed).encode()
    root = _TEMPLATES / part
    for path in sorted(root.rglob(f"*{_SUFFIX}")):
        name = path.relative_to(root).as_posix().removesuffix(_SUFFIX)
        yield name, path.read_bytes().replace(PLACEHOLDER, exercise_id.encode()).replace(SEED, drawn)


def _write(files: dict[str, bytes], target: Path) -> None:
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with places.writing("the new exercise", target):
        try:
            for path, content in files.items():
                file = partial / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
