"""``candidate.html``: what a candidate may know of their result, and nothing else.

It is a view of what :mod:`harness.reports.redact` left, so a template here can't show more. That is: points by skill, which
rule did not hold and what was seen of it for public checks, held-out checks by skill alone, what people said without their
names, and one thing to learn from for each gap.
"""

from __future__ import annotations

from harness.reports import words
from harness.reports.html import pages
from harness.reports.redact import HELD_OUT
from harness.reports.text import WHOLE, clipped, cut, one_line
from harness.reports.view import Audience, View

_MAX_FEEDBACK = 4000
_MAX_LINES, _MAX_LINE = 60, 300


def render(view: View) -> str:
    """Return the page. Raises AssertionError for a view that is not a candidate's: it would show what is not theirs."""
    if view.audience is not Audience.CANDIDATE:
        text = "expected the view of a candidate"
        raise AssertionError(text)
    grading = view.grading
    title = f"{one_line(grading.exercise.title or 'Result', 120)}: {one_line(grading.name, 80)}"
    scope = {"view": view, "gaps": _gaps(view), "appeal": words.APPEAL}
    return pages.render("candidate.html.j2", title=title, scope=scope) + "\n"


def _gaps(view: View) -> list[dict[str, object]]:
    """Return what is said of each gap, shortened to what somebody reads."""
    return [
        {
            "loss": loss,
            "held_out": loss.outcome.check.id.startswith(f"{HELD_OUT}/"),
            "title": one_line(loss.outcome.check.title, WHOLE),
            "said": clipped(loss.said, _MAX_FEEDBACK, "candidate.txt"),
            "evidence": [cut(line, _MAX_LINE) for line in loss.evidence[-_MAX_LINES:]],
        }
        for loss in view.losses
    ]
