"""The one-line object of ``harness grade --json``: what scripts rely on. docs/reference/result.md lists its keys."""

from __future__ import annotations

import json

from harness import scoring, store
from harness.errors import ExitCode
from harness.model import SCHEMA, Grading, Json, Outcome

ERROR = "error"
"""The verdict where there is no result."""


def summary(grading: Grading, folder: str = "", *, kept: bool = False) -> dict[str, Json]:
    """Return the summary of a grading, refused and held ones included, whose result lies in ``folder``.

    ``kept``: it was there before, and answers for what was named now.
    """
    known = bool(grading.exercise.id)
    score = grading.score
    made: dict[str, Json] = {
        "schema": SCHEMA,
        "grading": grading.id,
        "exercise": {"id": grading.exercise.id, "version": grading.exercise.version},
        "folder": folder,
        "kept": kept,
        "submission": {
            "name": grading.name,
            "alias": grading.submission_alias,
            "path": grading.submission_path,
            "sha256": grading.submission_sha256,
            "packed_at": grading.submission_packed_at,
        },
        "seed": grading.seed if known else None,
        "variant": grading.variant if known else None,
        "verdict": grading.verdict.value,
        "exit_code": int(grading.exit_code),
        "reason": grading.reason,
        "bar": grading.bar if known else None,
        "score": {"earned": score.earned, "decided": score.decided, "possible": score.possible},
        "outcomes": [_outcome(outcome) for outcome in grading.outcomes],
        "gates": [
            {
                "id": hit.gate.id,
                "title": hit.gate.title,
                "state": hit.state.value,
                "cap": hit.cap,
                "checks": list(hit.checks),
                "unshown": list(hit.unshown),
            }
            for hit in score.gates
        ],
        "posture": list(grading.posture),
        "catalogue": list(grading.catalogue),
        "notes": list(grading.notes),
        "phases": [{"name": phase.name, "seconds": phase.seconds} for phase in grading.phases],
    }
    clean = store.plain(made)
    assert isinstance(clean, dict)  # noqa: S101 - for the type checker: a dict stays one
    return clean


def error(path: str, reason: str, exit_code: ExitCode, *, exercise_id: str = "") -> dict[str, Json]:
    """Return the summary of a submission of which no result could be made: wrong usage, or an error of ours."""
    made: dict[str, Json] = {
        "schema": SCHEMA,
        "grading": "",
        "exercise": {"id": exercise_id, "version": ""},
        "folder": "",
        "kept": False,
        "submission": {"name": "", "alias": "", "path": path, "sha256": "", "packed_at": ""},
        "seed": None,
        "variant": None,
        "verdict": ERROR,
        "exit_code": int(exit_code),
        "reason": reason,
        "bar": None,
        "score": {"earned": 0.0, "decided": 0.0, "possible": 0.0},
        "outcomes": [],
        "gates": [],
        "posture": [],
        "catalogue": [],
        "notes": [],
        "phases": [],
    }
    clean = store.plain(made)
    assert isinstance(clean, dict)  # noqa: S101 - for the type checker: a dict stays one
    return clean


def line(made: dict[str, Json]) -> str:
    """Return a summary as one line of ASCII JSON without its line end."""
    return json.dumps(made, separators=(",", ":"), allow_nan=False)


def _outcome(outcome: Outcome) -> dict[str, Json]:
    return {
        "id": outcome.check.id,
        "title": outcome.check.title,
        "skill": outcome.check.skill,
        "points": outcome.check.points,
        "earned": scoring.earned_points(outcome),
        "status": outcome.status.value,
        "credit": outcome.credit,
        "feedback": outcome.feedback,
    }
