"""What every machine format says of a grading as a whole, under the same names."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from harness import store
from harness.model import Grading, Json
from harness.reports import words
from harness.reports.text import number, one_line
from harness.reports.view import Audience, View

_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


def facts(view: View) -> dict[str, Json]:
    """Return verdict, points, and what the result is of."""
    grading, score = view.grading, view.grading.score
    return {
        "verdict": grading.verdict.value,
        "exitCode": grading.exit_code,
        "score": score.earned,
        "decided": score.decided,
        "possible": score.possible,
        "bar": grading.bar,
        "why": list(why(view)),
        "gates": [f"{hit.gate.id}: {hit.state}, cap {number(hit.cap)}" for hit in score.gates],
        "grading": grading.id,
        "exercise": f"{grading.exercise.id} {grading.exercise.version}",
        "submission": {
            "name": grading.name,
            "sha256": grading.submission_sha256,
            "packedAt": grading.submission_packed_at,
        },
        "variant": grading.variant,
        **({"seed": grading.seed, "posture": list(grading.posture)} if view.audience is Audience.ASSESSOR else {}),
    }


def why(view: View) -> tuple[str, ...]:
    """Return the reasons of the verdict, a line each, with checks by their ids: machines have no numbered list of them."""
    losses = [loss.outcome for loss in view.losses]
    names = {outcome.check.id: one_line(outcome.check.id, 200) for outcome in losses}
    return tuple(one_line(text, 2000) for text in words.why(view.grading, losses, names))


def document(value: Json) -> str:
    """Return ``value`` as indented ASCII JSON: valid whatever text a submission put into it, and ended by a line end."""
    return json.dumps(store.plain(value), indent=1, allow_nan=False) + "\n"


def began(grading: Grading) -> datetime | None:
    """Return when a grading began; None when what is recorded is no time."""
    found = _SECONDS.match(grading.started_at)
    try:
        return datetime.fromisoformat(found[0]).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def ended(grading: Grading) -> datetime | None:
    """Return when it ended; None where that is not known."""
    start = began(grading)
    try:
        return None if start is None else start + timedelta(seconds=grading.seconds)
    except (OverflowError, ValueError):
        return None


def stamp(when: datetime) -> str:
    """Return a time as machines write it: UTC, to the second."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
