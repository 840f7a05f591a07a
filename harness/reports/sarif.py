"""A report as SARIF 2.1.0, for code review platforms. docs/reference/formats.md says what becomes what.

A result is a finding (points lost, a gate closed). What is inconclusive or held is a notification of the tool's execution,
which SARIF has for exactly this: the tool could not say. Lines are those of :mod:`harness.reports.places`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import quote

from harness.model import Check, Grading, Json, Verdict
from harness.patches import Change
from harness.reports.facts import began, document, ended, facts, stamp
from harness.reports.findings import WHOLE, Finding, Owed, Weight, findings, owed
from harness.reports.text import one_line
from harness.reports.view import View

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Weight.GATE: "error", Weight.POINTS: "error", Weight.PART: "warning"}
_TITLE = 200


def render(view: View, changes: Sequence[Change] = ()) -> str:
    """Return the report as one SARIF log with one run."""
    grading = view.grading
    found = findings(view, changes)
    rules = _rules(grading)
    places = {str(rule["id"]): number for number, rule in enumerate(rules)}
    run: dict[str, Json] = {
        "tool": {
            "driver": {
                "name": "harness",
                **({"version": grading.harness_version} if grading.harness_version else {}),
                "rules": list(rules),
            }
        },
        "automationDetails": {"id": f"harness/{grading.exercise.id}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(view, places)],
        "results": [_result(one, grading, places) for one in found],
        "properties": facts(view),
    }
    return document({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rules(grading: Grading) -> list[dict[str, Json]]:
    whole: dict[str, Json] = {
        "id": WHOLE,
        "shortDescription": {"text": "The submission can be graded, and its result relied on."},
    }
    return [whole, *(_rule(outcome.check) for outcome in grading.outcomes)]


def _rule(check: Check) -> dict[str, Json]:
    return {
        "id": one_line(check.id, _TITLE),
        "shortDescription": {"text": _plain(one_line(check.title, _TITLE)) or check.id},
        "properties": {
            "skill": one_line(check.skill, _TITLE),
            "points": check.points,
            "visibility": "public" if check.public else "hidden",
            "tags": ["harness", one_line(check.skill, _TITLE)],
        },
    }


def _result(one: Finding, grading: Grading, places: dict[str, int]) -> Json:
    where: dict[str, Json] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(one.place.path, errors="backslashreplace")},
            "region": {"startLine": one.place.first, "endLine": one.place.last},
        },
        "message": {"text": f"{one.place.why}."},
    }
    return {
        "ruleId": one.id,
        "ruleIndex": places[one.id],
        "level": _LEVELS[one.weight],
        "message": {"text": _plain(f"{one.words}\n{one.title}: did not hold ({one.cost}).")},
        "locations": [where],
        # The same check in the next submission is the same alert, wherever its code went meanwhile.
        "partialFingerprints": {"check/v1": fingerprint(grading, one.id)},
    }


def fingerprint(grading: Grading, check_id: str) -> str:
    """Return what tells a finding from others of its exercise, and is the same in the next submission."""
    return hashlib.sha256(f"{grading.exercise.id}\0{check_id}".encode("utf-8", "backslashreplace")).hexdigest()


def _invocation(view: View, places: dict[str, int]) -> Json:
    grading = view.grading
    start, end = began(grading), ended(grading)
    said = owed(view)
    made: dict[str, Json] = {
        "executionSuccessful": grading.verdict not in {Verdict.INCONCLUSIVE, Verdict.HELD},
        "exitCode": grading.exit_code,
        "exitCodeDescription": grading.verdict.value,
        "toolExecutionNotifications": [_notification(one, places) for one in said],
    }
    return {
        **made,
        **({"startTimeUtc": stamp(start)} if start else {}),
        **({"endTimeUtc": stamp(end)} if end else {}),
    }


def _notification(one: Owed, places: dict[str, int]) -> Json:
    return {
        "level": "error" if one.id == WHOLE else "warning",
        "message": {"text": _plain(f"{one.words}\n{one.title}: not known; that is not the submission's doing.")},
        "associatedRule": {"id": one.id, "index": places[one.id]},
    }


def _plain(text: str) -> str:
    """Return ``text`` without links: a reader of SARIF makes one of ``[words](target)``, whoever wrote it."""
    return text.replace("](", "] (")
