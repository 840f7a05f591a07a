"""A report as Gradescope's ``results.json``. docs/reference/formats.md says what becomes what.

Students read it there, so it is always what its candidate may see, whoever asked for it, and all text is plain. What is
inconclusive or held has no score at all: the platform then says that the autograder failed, which is so, and not that somebody
has no points.
"""

from __future__ import annotations

from harness import scoring
from harness.model import Json, Outcome, Status, Verdict
from harness.reports.facts import document, facts, why
from harness.reports.text import clipped, number, one_line
from harness.reports.view import Audience, View, build

_MAX_TEXT = 8000
_SCORED = frozenset({Verdict.PASSED, Verdict.FAILED, Verdict.REFUSED})


def render(view: View) -> str:
    """Return the report as one ``results.json``."""
    if view.audience is not Audience.CANDIDATE:
        view = build(view.grading, Audience.CANDIDATE)
    grading = view.grading
    scored = grading.verdict in _SCORED
    told = [view.verdict, *(f"- {text}" for text in why(view))]
    made: dict[str, Json] = {
        "output": clipped("\n".join(told), _MAX_TEXT, "the report"),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(grading.seconds, 3),
        "tests": [_test(outcome, scored=scored) for outcome in grading.outcomes],
        "extra_data": facts(view),
    }
    # Over the sum of its tests: a gate caps the total.
    return document({**({"score": grading.score.earned} if scored else {}), **made})


def _test(outcome: Outcome, *, scored: bool) -> Json:
    check = outcome.check
    earned = scoring.earned_points(outcome)
    words = [
        f"{outcome.status}, {number(earned)} of {number(check.points)} points",
        outcome.feedback,
        *outcome.evidence,
    ]
    made: dict[str, Json] = {
        "name": one_line(f"{check.id}: {check.title}", 250),
        "max_score": check.points,
        "output": clipped("\n".join(filter(None, words)), _MAX_TEXT, "the report"),
        "tags": [one_line(check.skill, 120)],
    }
    if outcome.status is not Status.INCONCLUSIVE:
        made["status"] = "passed" if outcome.status is Status.PASSED else "failed"
    return {**made, **({"score": earned} if scored else {})}
