"""A grading as CSV, a line per check. Those of several gradings can be put below each other: each says whose it is."""

from __future__ import annotations

from harness import scoring
from harness.reports import cells
from harness.reports.facts import why
from harness.reports.findings import WHOLE
from harness.reports.view import View

HEADING = (
    *("name", "exercise", "version", "verdict", "total", "possible", "bar"),
    *("check", "title", "skill", "visibility", "status", "points", "earned", "seconds", "said"),
)


def render(view: View) -> str:
    """Return the table; a grading without checks (refused, held) is one line with its reason."""
    grading = view.grading
    about = (
        *(grading.name, grading.exercise.id, grading.exercise.version, grading.verdict.value),
        *(grading.score.earned, grading.score.possible, grading.bar),
    )
    lines: list[tuple[str | float, ...]] = []
    for outcome in grading.outcomes:
        check = outcome.check
        visibility = "public" if check.public else "hidden"
        judged = (outcome.status.value, check.points, scoring.earned_points(outcome), outcome.seconds, outcome.feedback)
        lines.append((*about, check.id, check.title, check.skill, visibility, *judged))
    if not lines:
        lines = [(*about, WHOLE, "", "", "", grading.verdict.value, 0.0, 0.0, grading.seconds, " ".join(why(view)))]
    return cells.rows(HEADING, lines)
