"""A report as JUnit XML, for build servers. docs/reference/junit.md says what becomes what.

A ``failure`` is points lost (partial credit and an unmet requirement included) or a gate closed; an ``error`` is
inconclusive, or a result that is held; ``skipped`` is only ever a check that is worth nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET  # only writes: nothing is parsed

from harness import scoring
from harness.model import Grading, Outcome, Status, Verdict
from harness.reports.fold import fold
from harness.reports.redact import HELD_OUT
from harness.reports.text import clipped, count, number, one_line, visible
from harness.reports.view import Audience, View
from harness.reports.words import cap_note

_MAX_TEXT = 8000
_COUNTS = {
    "tests": "testcase",
    "failures": "testcase/failure",
    "errors": "testcase/error",
    "skipped": "testcase/skipped",
}
"""What a suite counts, and where that is."""


def render(view: View) -> str:
    """Return the report as one JUnit XML document, valid whatever bytes the grading holds."""
    suite = _suite(view)
    root = ET.Element("testsuites", {name: suite.attrib[name] for name in ("name", *_COUNTS, "time")})
    root.append(suite)
    return _document(root)


def together(views: Iterable[View]) -> str:
    """Return several reports as one JUnit XML document, a suite each."""
    suites = [_suite(view) for view in views]
    counts = {name: str(sum(int(suite.attrib[name]) for suite in suites)) for name in _COUNTS}
    seconds = f"{sum(float(suite.attrib['time']) for suite in suites):.3f}"
    root = ET.Element("testsuites", {"name": count(len(suites), "grading"), **counts, "time": seconds})
    root.extend(suites)
    return _document(root)


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(view: View) -> ET.Element:
    grading = view.grading
    suite = ET.Element("testsuite")
    ET.SubElement(suite, "properties").extend(_property(*pair) for pair in _facts(view))
    folded = fold([_foldable(outcome) for outcome in grading.outcomes])
    for outcome, one in zip(grading.outcomes, folded, strict=True):
        like = "" if one.like is None else grading.outcomes[one.like].check.id
        words = _words(one.text, like) if like else outcome.feedback
        suite.append(_case(outcome, words, view))
    if grading.verdict in {Verdict.REFUSED, Verdict.HELD} or not grading.outcomes:
        suite.append(_whole(view))
    suite.set("name", one_line(f"{grading.name} {grading.exercise.id} {grading.exercise.version}", 250))
    for name, where in _COUNTS.items():
        suite.set(name, str(len(suite.findall(where))))
    suite.attrib.update({"time": f"{grading.seconds:.3f}", **_timestamp(grading)})
    return suite


def _facts(view: View) -> list[tuple[str, str]]:
    grading, score = view.grading, view.grading.score
    return [
        ("verdict", grading.verdict),
        ("score", number(score.earned)),
        ("score.decided", number(score.decided)),
        ("score.possible", number(score.possible)),
        ("bar", number(grading.bar)),
        *([("seed", str(grading.seed))] if view.audience is Audience.ASSESSOR else []),
        ("variant", str(grading.variant)),
        ("grading", grading.id),
        ("submission.alias", grading.submission_alias),
        ("submission.path", grading.submission_path),
        ("submission.sha256", grading.submission_sha256),
        ("submission.packed_at", grading.submission_packed_at),
        *((f"gate.{hit.gate.id}", f"{hit.gate.title} ({hit.state}, cap {number(hit.cap)})") for hit in score.gates),
        ("why", " ".join(view.why)),
        *([("claim", view.claim)] if view.claim else []),
    ]


def _foldable(outcome: Outcome) -> str | None:
    apart = outcome.status is Status.PASSED or outcome.check.id.startswith(f"{HELD_OUT}/")
    return None if apart else outcome.feedback


def _words(text: str, like: str) -> str:
    """Return what a check says, and where to read what another said before it."""
    return f"{text}\nThe rest is as in {like}." if text else f"The same as in {like}."


def _case(outcome: Outcome, words: str, view: View) -> ET.Element:
    grading, check = view.grading, outcome.check
    case = _testcase(grading, check.id.partition("/")[0], f"{check.id}: {check.title}", outcome.seconds)
    earned = scoring.earned_points(outcome)
    ET.SubElement(case, "properties").extend(
        _property(*pair)
        for pair in (
            ("status", outcome.status),
            ("points", number(check.points)),
            ("earned", number(earned)),
            ("skill", check.skill),
            ("visibility", "public" if check.public else "hidden"),
        )
    )
    kind = _result(outcome, grading)
    if kind:
        message = f"{_lost(outcome, earned, grading)}: {words}"
        said = message if kind == "failure" else f"{outcome.status}: {words}"
        result = ET.SubElement(case, kind, {"message": one_line(said, 500)})
        if kind != "skipped":
            result.set("type", outcome.status)
            result.text = _text(outcome, words, view)
    if outcome.evidence:
        ET.SubElement(case, "system-out").text = clipped("\n".join(outcome.evidence), _MAX_TEXT, "result.json")
    return case


def _lost(outcome: Outcome, earned: float, grading: Grading) -> str:
    """Return what a check cost: its points, and the gates that it closed."""
    points, id_ = outcome.check.points, outcome.check.id
    cap = cap_note(id_, grading.score)
    texts = [f"{number(points - earned)} of {number(points)} points lost"] if points or not cap else []
    return ", ".join(filter(None, (*texts, cap)))


def _result(outcome: Outcome, grading: Grading) -> str:
    """Return the element a check that did not simply pass ends with, empty when it did."""
    gated = any(outcome.check.id in gate.checks for gate in grading.exercise.gates)
    if outcome.status is Status.PASSED:
        return ""
    if outcome.check.points == 0 and not gated:
        return "skipped"
    return "error" if outcome.status is Status.INCONCLUSIVE else "failure"


def _whole(view: View) -> ET.Element:
    """Return the case that stands for the grading itself, where no check can say what is wrong."""
    refused = view.grading.verdict is Verdict.REFUSED
    case = _testcase(view.grading, "grading", "intake" if refused else "whole grading", 0.0)
    message = " ".join(view.why)
    kind = "failure" if refused else "error"
    result = ET.SubElement(case, kind, {"message": one_line(message, 500), "type": view.grading.verdict})
    result.text = clipped(message, _MAX_TEXT, "result.json")
    return case


def _testcase(grading: Grading, family: str, title: str, seconds: float) -> ET.Element:
    alias = grading.name
    return ET.Element(
        "testcase",
        {
            "name": one_line(f"{alias} {title}", 250),
            "classname": one_line(".".join(filter(None, (alias, grading.exercise.id, family))), 250),
            "time": f"{seconds:.3f}",
        },
    )


def _text(outcome: Outcome, words: str, view: View) -> str:
    parts = [words if outcome.feedback else f"Did not hold: {outcome.check.title}."]
    if view.audience is Audience.ASSESSOR and outcome.detail:
        # What was said to everybody is often the reason of what is said to the assessor alone.
        known = {line for one in view.grading.outcomes for line in one.feedback.split("\n")}
        parts += [line for line in outcome.detail.split("\n") if line not in known]
    return clipped("\n".join(parts), _MAX_TEXT, "result.json")


def _property(name: str, value: str) -> ET.Element:
    return ET.Element("property", {"name": visible(name), "value": one_line(str(value), 2000)})


def _timestamp(grading: Grading) -> dict[str, str]:
    """Return the start as build servers read it: UTC without a zone; nothing when it is no time."""
    found = re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", grading.started_at)
    return {"timestamp": found[0]} if found else {}
