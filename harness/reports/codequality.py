"""A report as GitLab reads code quality: a list of findings with a severity, a line and a fingerprint."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import Json
from harness.patches import Change
from harness.reports.facts import document
from harness.reports.findings import Finding, Weight, findings, owed
from harness.reports.places import EVERYBODYS
from harness.reports.sarif import fingerprint
from harness.reports.view import View

_SEVERITIES = {Weight.GATE: "blocker", Weight.POINTS: "major", Weight.PART: "minor"}


def render(view: View, changes: Sequence[Change] = ()) -> str:
    """Return the findings; what is inconclusive or held is told with the least severity, as it is nobody's fault."""
    found = [_entry(one, view) for one in findings(view, changes)]
    ours: list[Json] = [
        _made(one.id, f"{one.title}: not known, which is not the submission's doing. {one.words}", "info", view)
        for one in owed(view)
    ]
    return document([*found, *ours])


def _entry(one: Finding, view: View) -> Json:
    place: Json = {"path": one.place.path, "lines": {"begin": one.place.first, "end": one.place.last}}
    text = f"{one.title}: did not hold ({one.cost}). {one.words}"
    return _made(one.id, text, _SEVERITIES[one.weight], view, place)


def _made(check_id: str, text: str, severity: str, view: View, place: Json = None) -> Json:
    return {
        "check_name": check_id,
        "description": " ".join(text.split()),
        "severity": severity,
        "fingerprint": fingerprint(view.grading, check_id),
        "location": place or {"path": EVERYBODYS, "lines": {"begin": 1}},
    }
