"""A report as CTRF (Common Test Report Format), one test per check. docs/reference/formats.md says what becomes what."""

from __future__ import annotations

import uuid
from collections import Counter

from harness import scoring
from harness.model import Grading, Json, Outcome, Status, Verdict
from harness.reports.facts import began, document, facts, stamp, why
from harness.reports.findings import WHOLE
from harness.reports.text import clipped, one_line, visible
from harness.reports.view import Audience, View

SPECIFICATION = "0.0.0"
_MAX_TEXT = 8000
_STATUSES = ("passed", "failed", "skipped", "pending", "other")
_OURS = uuid.UUID("6f0b8f0e-8d4a-4c55-9d5e-3f6b6f0b7a11")
"""Names reports of ours: the same grading is the same report, however often it is rendered."""


def render(view: View) -> str:
    """Return the report as one CTRF document."""
    grading = view.grading
    tests = [_test(outcome, view) for outcome in grading.outcomes]
    if grading.verdict in {Verdict.REFUSED, Verdict.HELD} or not grading.outcomes:
        tests.append(_whole(view))
    start = began(grading)
    first = int(start.timestamp() * 1000) if start else 0
    counts = Counter(str(test["status"]) for test in tests)
    summary: dict[str, Json] = {"tests": len(tests), **{status: counts[status] for status in _STATUSES}}
    made: dict[str, Json] = {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "reportId": str(
            uuid.uuid5(_OURS, f"{view.audience} {visible(grading.id)} {visible(grading.submission_sha256)}")
        ),
        "generatedBy": f"harness {grading.harness_version}".strip(),
        "results": {
            "tool": {"name": "harness", **({"version": grading.harness_version} if grading.harness_version else {})},
            "summary": {**summary, "start": first, "stop": first + round(grading.seconds * 1000)},
            "tests": list(tests),
            "environment": _environment(view),
            "extra": facts(view),
        },
    }
    return document({**made, **({"timestamp": stamp(start)} if start else {})})


def _test(outcome: Outcome, view: View) -> dict[str, Json]:
    check = outcome.check
    made: dict[str, Json] = {
        "name": one_line(f"{check.id}: {check.title}", 250),
        "status": _status(outcome, view.grading),
        "rawStatus": outcome.status.value,
        "duration": round(outcome.seconds * 1000),
        "suite": [one_line(view.grading.exercise.id, 120) or "unknown", one_line(check.id.partition("/")[0], 120)],
        "testId": one_line(check.id, 250),
        "tags": [one_line(check.skill, 120)],
        "extra": {
            "points": check.points,
            "earned": scoring.earned_points(outcome),
            "visibility": "public" if check.public else "hidden",
        },
    }
    if outcome.feedback:
        made["message"] = clipped(outcome.feedback, _MAX_TEXT, "result.json")
    if outcome.detail and view.audience is Audience.ASSESSOR:
        made["trace"] = clipped(outcome.detail, _MAX_TEXT, "result.json")
    if outcome.evidence:
        made["stdout"] = list(clipped("\n".join(outcome.evidence), _MAX_TEXT, "result.json").split("\n"))
    return made


def _status(outcome: Outcome, grading: Grading) -> str:
    """Return the nearest of CTRF's words: ``failed`` lost points or closed a gate, ``other`` is ours."""
    gated = any(outcome.check.id in gate.checks for gate in grading.exercise.gates)
    if outcome.status is Status.PASSED:
        return "passed"
    if outcome.check.points == 0 and not gated:
        return "skipped"
    return "other" if outcome.status is Status.INCONCLUSIVE else "failed"


def _whole(view: View) -> dict[str, Json]:
    """Return the test that stands for the grading itself, where no check can say what is wrong."""
    refused = view.grading.verdict is Verdict.REFUSED
    return {
        "name": "intake" if refused else "whole grading",
        "status": "failed" if refused else "other",
        "rawStatus": view.grading.verdict.value,
        "duration": 0,
        "testId": WHOLE,
        "message": clipped(" ".join(why(view)), _MAX_TEXT, "result.json"),
    }


def _environment(view: View) -> Json:
    exercise = view.grading.exercise
    known = {
        "reportName": one_line(view.grading.name, 250),
        "appName": one_line(exercise.id, 250),
        "appVersion": one_line(exercise.version, 120),
        "testEnvironment": one_line(view.grading.engine, 250),
    }
    return {key: value for key, value in known.items() if value}
