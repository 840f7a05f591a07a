"""What other gradings in a results folder say of one: how the same submission was decided before, whose code is nearly the same.

A report that lies in a folder outlives what is beside it, and is never changed; so what it says of others is what stays
true (an earlier grading), and the rest is read where somebody asks for the report.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import places, store
from harness.errors import HarnessError
from harness.model import Grading, Verdict
from harness.reports.text import listed

COHORT = "cohort.json"
"""What lies over all results: see docs/reference/cohort.md."""
_NEAREST = 3
_TOTALS = frozenset(map(str, (Verdict.PASSED, Verdict.FAILED)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """An earlier grading of the same submission that had a total."""

    grading: str
    started_at: str
    verdict: Verdict
    earned: float
    possible: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Others:
    """All of it."""

    decided: Decided | None = None
    """None where the grading itself is decided, too."""
    alike: str = ""
    """Whose code is nearly the same, with the shares; empty where nobody's is, and where that is not known."""


NOTHING = Others()


def of(file: Path, grading: Grading) -> Others:
    """Return what others say of the ``grading`` in ``file``; nothing where that does not lie in a results folder."""
    folder = file.resolve().parent
    if folder.name != store.folder_name(grading.id):
        return NOTHING
    results = folder.parent.parent
    return Others(
        decided=decided(results, grading), alike=_alike(results / COHORT, folder.relative_to(results).as_posix())
    )


def decided(results: Path, grading: Grading) -> Decided | None:
    """Return the last earlier grading in ``results`` of the same submission that had a total, if ``grading`` has none."""
    if grading.verdict is not Verdict.INCONCLUSIVE or not grading.submission_sha256:
        return None
    there, _ = store.stored(results)
    earlier = [
        one
        for one in there
        if (one.sha256, one.exercise) == (grading.submission_sha256, grading.exercise.id)
        and one.verdict in _TOTALS
        and one.started_at < grading.started_at
    ]
    for one in sorted(earlier, key=lambda each: each.when, reverse=True):
        with contextlib.suppress(HarnessError):  # damaged: the one before it says as much
            was = store.decode_file(one.file)
            return Decided(
                grading=was.id,
                started_at=was.started_at,
                verdict=was.verdict,
                earned=was.score.earned,
                possible=was.score.possible,
            )
    return None


def _alike(cohort: Path, folder: str) -> str:
    """Return whose code is nearly that of ``folder``, as the page over all results found when it was last made.

    It is a view that may be missing, of another version, or older than what lies beside it: then less is known.
    """
    try:
        pairs = list(_pairs(json.loads(places.read(cohort))))
    except (HarnessError, ValueError, RecursionError):
        return ""
    found = []
    for pair in pairs:
        sides = {str(pair.get(f"{side}_folder")): str(pair.get(side)) for side in ("one", "other")}
        share = pair.get("share")
        if sides.pop(folder, None) is not None and isinstance(share, float | int):
            found += [f"{name} ({int(100 * share)} %)" for where, name in sides.items() if _is_there(cohort, where)]
    return listed(found, _NEAREST)


def _pairs(cohort: object) -> Iterator[Mapping[str, object]]:
    exercises = cohort.get("exercises") if isinstance(cohort, dict) else None
    for exercise in exercises if isinstance(exercises, list) else ():
        pairs = exercise.get("alike") if isinstance(exercise, dict) else None
        yield from (pair for pair in (pairs if isinstance(pairs, list) else ()) if isinstance(pair, dict))


def _is_there(cohort: Path, folder: str) -> bool:
    return ".." not in Path(folder).parts and (cohort.parent / folder / store.RESULT).is_file()
