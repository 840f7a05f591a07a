"""What several checks say alike stands once, in every report."""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree as ET

import pytest

from harness.model import OWN_TESTS_PRINTED, Grading
from harness.reports import Audience, build, junit, local, terminal
from harness.reports.again import Caller
from harness.reports.fold import fold, ranges
from harness.reports.text import WIDTH, columns
from harness.scoring import Report
from tests.unit.factories import checks, exercise, failed, grading, reports

GONE = "The service's process ended with exit code 7."
LOG = ("last lines of the service's log:", "no config found")


def dead() -> Grading:
    """Return the grading of a service that ends at once: every check says so, the first one with its log."""
    said = [
        Report(check=one.id, status="unproven", credit=0.0, feedback=GONE, evidence=LOG if n == 0 else ())
        for n, one in enumerate(checks())
    ]
    return grading(said)


def test_fold_keeps_what_is_new() -> None:
    """Whole texts, and sentences at the end, are said once; what only looks alike is left alone."""
    texts = ["a", f"b\n{GONE}", "a", f"c\n{GONE}", GONE, "found 201", "x\nfound 201", "", None]
    found = fold(texts)
    assert [one.text for one in found] == ["a", f"b\n{GONE}", "", "c", "", "found 201", "x\nfound 201", "", ""]
    assert [one.like for one in found] == [None, None, 0, 1, 1, None, None, None, None]
    assert [one.others for one in found[:2]] == [(2,), (4,)]


def test_fold_says_all_sentences_whatever_text_had_them_first() -> None:
    """A text is like one other: of two sentences that two others said first, only the last one is left out."""
    ports = "The service did not start on port 8080."
    texts = [ports, GONE, f"{ports}\n{GONE}", f"x\n{ports}\n{GONE}"]
    found = fold(texts)
    assert [(one.text, one.like) for one in found[2:]] == [(ports, 1), (f"x\n{ports}", 1)]
    assert [one.others for one in found] == [()] * 4


def test_ranges() -> None:
    """Runs of numbers are written as runs."""
    assert ranges([2, 3, 4, 7, 9, 10]) == "2-4, 7, 9-10"


@pytest.mark.parametrize("audience", Audience)
def test_terminal_report_says_it_once(audience: Audience) -> None:
    """Twelve checks of a service that does not start are one finding with its cause and its log."""
    text = terminal.render(build(dead(), audience))
    assert text.count("ended with exit code 7") == 1
    assert text.count("no config found") == (1 if audience is Audience.ASSESSOR else 0)
    assert "more checks): the same" in text
    if audience is Audience.ASSESSOR:
        # With the first that says it, though it was seen in another.
        assert text.index("\n1 safety") < text.index("no config found") < text.index("\n2 safety")
    assert f"): the same as {1 if audience is Audience.ASSESSOR else 2}\n" in text
    assert max(map(columns, text.splitlines())) <= WIDTH


def test_junit_says_it_once() -> None:
    """A build server shows the cause with the first test case, and where to find it with the others."""
    text = junit.render(build(dead()))
    suite = ET.fromstring(text)
    bodies = [element.text or "" for element in suite.iter("failure")]
    assert sum("exit code 7" in body for body in bodies) == 1
    assert sum("The same as in contract/create-then-read." in body for body in bodies) == len(bodies) - 2
    assert text.count("no config found") == 1


def test_check_says_it_once() -> None:
    """So does what a candidate sees at home; each check still says how to run it alone."""
    lines = local.render(dead(), Caller(), local.About())
    text = "\n".join(lines)
    assert text.count("ended with exit code 7") == 1
    assert text.count("no config found") == 1
    assert text.count("The same as in contract/create-then-read.") == len(checks()) - 2
    assert text.count("again: harness check --only") == len(checks())
    assert max(map(columns, lines)) <= WIDTH


def test_check_shows_how_evidence_ends() -> None:
    """The end of a log names the cause, so it is never what is cut off."""
    lines = tuple(f"line {n} {'x' * 90}" for n in range(40))
    made = grading(reports(failed("contract/create-then-read", evidence=lines)))
    shown = local.render(made, Caller(path="my work"), local.About(logs="my work/.harness/logs"))
    assert max(map(columns, shown)) <= WIDTH
    assert any(line.endswith("line 0") for line in shown)
    assert any(line.endswith("line 39") for line in shown)
    assert any("(12 more)" in line for line in shown)
    assert any(line.endswith("again: harness check --only contract/create-then-read 'my work'") for line in shown)


def test_candidate_sees_what_their_own_tests_printed() -> None:
    """And nothing else of the evidence, in the report of a grading as at home."""
    printed = (f"{OWN_TESTS_PRINTED} against your service, its end:", "NameError: name 'jsn' is not defined")
    said = failed("own-tests/tell-good-from-starter", "Your tests fail.", evidence=("our history", *printed))
    text = terminal.render(build(grading(reports(said)), Audience.CANDIDATE))
    assert "jsn" in text
    assert "our history" not in text
    hidden = failed("safety/killed-at-commit", "Lost.", evidence=printed)
    assert "jsn" not in terminal.render(build(grading(reports(hidden)), Audience.CANDIDATE))


def test_one_reason_of_ours_is_said_once() -> None:
    """Checks that are inconclusive for one reason stand together."""
    why = "expected the engine to freeze the service, found it busy three times"
    said = [
        Report(check=one.id, status="inconclusive", credit=0.0, detail=why)
        for one in checks()
        if one.skill == "recovery"
    ]
    text = " ".join(terminal.render(build(grading(reports(*said)))).split())
    assert text.count("found it busy three times") == 1
    assert (
        "? 3 checks, one reason: recovery/database-restart (10), recovery/nothing-stays-pending (6), recovery/retry-storm (4): exp"
        in text
    )


def test_none_is_inconclusive_is_not_said_above_what_is_without_evidence() -> None:
    """A check for which the submission gave no evidence is counted where the reader looks for it."""
    silent = Report(check="recovery/retry-storm", status="unproven", credit=0.0, feedback="No answer.")
    text = terminal.render(build(grading(reports(silent))))
    assert "1 without evidence" in text
    assert "inconclusive  0 checks; in 1 check the submission gave no evidence" in text
    assert "none" not in text.split("inconclusive  ")[1].split("\n")[0]


@pytest.mark.parametrize("name", ["money safety", "x" * 90, "李" * 40])
def test_wide_counts_leave_room_for_words(name: str) -> None:
    """A skill with every kind of outcome, and a long name, still fits."""
    kinds = ("failed", "unproven", "inconclusive", "passed")
    declared = [dataclasses.replace(one, skill=name, title=one.title * 5) for one in checks()]
    said = [
        Report(check=one.id, status=kinds[n % 4], credit=1.0 if n % 4 == 3 else 0.5 if n == 4 else 0.0)
        for n, one in enumerate(declared)
    ]
    made = grading(said, declared=declared, made_of=exercise(skills={name: 100.0}))
    text = terminal.render(build(made))
    assert "1 in part" in text
    assert max(map(columns, text.splitlines())) <= WIDTH
