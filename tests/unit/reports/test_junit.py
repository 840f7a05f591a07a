"""JUnit XML: valid against a schema of ours, and the same meaning for every build server."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from harness.model import Grading
from harness.reports import Audience, build, junit
from harness.scoring import Report
from tests.unit.factories import checks, failed, grading, heron, passed, refused, reports

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "junit.xsd"))


def parsed(made: Grading, audience: Audience = Audience.ASSESSOR) -> etree._Element:
    """Return the parsed report of ``made`` after it was found valid."""
    root = etree.fromstring(junit.render(build(made, audience)).encode())
    SCHEMA.assertValid(root)
    return root


def results(made: Grading) -> dict[str, str]:
    """Return check id -> the element its case ends with, empty for a pass."""
    found = {}
    for case in parsed(made).iter("testcase"):
        name = case.get("name", "").removeprefix("heron ").partition(":")[0]
        found[name] = next((str(child.tag) for child in case if child.tag in {"failure", "error", "skipped"}), "")
    return found


def test_render_of_points_lost_is_a_failure() -> None:
    """Whole and partial losses and an unmet requirement are failures; the rest passed."""
    said = (failed("safety/concurrent-duplicates"), failed("own-tests/tell-good-from-starter", credit=0.9))

    found = results(grading(reports(*said)))

    assert {name for name, kind in found.items() if kind == "failure"} == {
        "safety/concurrent-duplicates",
        "own-tests/tell-good-from-starter",
        "throughput/ratio",
    }
    assert set(found.values()) == {"", "failure"}


def test_render_of_missing_evidence_is_a_failure_when_the_service_gave_none() -> None:
    """Unproven costs points: a failure."""
    said = Report(check="recovery/retry-storm", status="unproven", credit=0.0)

    assert results(grading(reports(said)))["recovery/retry-storm"] == "failure"


def test_render_of_inconclusive_is_an_error() -> None:
    """What is ours to repeat is an error, never a failure and never skipped."""
    said = Report(check="recovery/retry-storm", status="inconclusive", credit=0.0)

    assert results(grading(reports(said)))["recovery/retry-storm"] == "error"


@pytest.mark.parametrize(
    ("check_id", "status", "kind"),
    [
        ("recovery/retry-storm", "failed", "skipped"),
        ("recovery/retry-storm", "inconclusive", "skipped"),
        ("recovery/retry-storm", "passed", ""),
        ("safety/killed-at-commit", "failed", "failure"),
        ("safety/killed-at-commit", "inconclusive", "error"),
    ],
)
def test_render_skips_only_what_is_worth_nothing(check_id: str, status: str, kind: str) -> None:
    """A check without points that closes no gate can't fail a build."""
    free = tuple(dataclasses.replace(c, points=0.0) if c.id == check_id else c for c in checks())
    said = Report(check=check_id, status=status, credit=1.0 if status == "passed" else 0.0)

    assert results(grading(reports(said), declared=free))[check_id] == kind


def test_render_of_a_refused_submission_is_one_failure() -> None:
    """A build server shows a refused submission as red, with the reason."""
    (case,) = parsed(refused()).iter("testcase")

    failure = case.find("failure")
    assert failure is not None
    assert case.get("name") == "heron intake"
    assert "gzip-compressed" in failure.get("message", "")


def test_render_of_a_held_result_is_an_error_beside_its_checks() -> None:
    """A held result is red even where every check passed."""
    root = parsed(grading([*reports(), passed("safety/made-up")]))

    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("13", "0", "1")


@pytest.mark.parametrize("made", [heron(), refused(), grading()], ids=["failed", "refused", "passed"])
@pytest.mark.parametrize("audience", Audience)
def test_render_starts_names_with_the_alias(made: Grading, audience: Audience) -> None:
    """Reports of a cohort can be read together: every suite, case and class begins with the alias."""
    for element in parsed(made, audience).iter("testsuites", "testsuite", "testcase"):
        assert element.get("name", "").startswith("heron")
        assert element.get("classname", "heron").startswith("heron")


def test_render_counts_what_is_there() -> None:
    """The counts of a suite are those of its elements."""
    said = Report(check="recovery/retry-storm", status="inconclusive", credit=0.0)
    root = parsed(grading(reports(said, failed("throughput/ratio"))))

    assert [root.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["12", "1", "1", "0"]


def test_render_keeps_points_as_properties() -> None:
    """JUnit has no points; a reader that wants them finds them on each case."""
    case = next(c for c in parsed(heron()).iter("testcase") if "throughput/ratio" in c.get("name", ""))

    found = {each.get("name"): each.get("value") for each in case.iter("property")}
    assert found == {
        "status": "failed",
        "points": "20",
        "earned": "14",
        "skill": "throughput",
        "visibility": "public",
    }


ANYTHING = st.text(st.characters(), max_size=60) | st.sampled_from(
    ["\x00\x1b[2J", "\ud800", "\ufffe", "]]>", "<a b='&'>"]
)


@settings(deadline=None, derandomize=True)
@given(ANYTHING, ANYTHING)
def test_render_is_valid_whatever_text_came(text: str, alias: str) -> None:
    """Control characters, half characters and markup from a submission never break the document."""
    said = failed("safety/killed-mid-charge", text, detail=text, evidence=(text,))

    parsed(grading(reports(said), submission_alias=alias, started_at=text, reason=text, language=text, id=text))


def test_render_cuts_a_flood() -> None:
    """A megabyte of feedback doesn't make a megabyte of XML that a build server then drops whole."""
    text = junit.render(
        build(grading(reports(failed("throughput/ratio", "x" * 1_000_000, evidence=("y" * 99_999,) * 10))))
    )

    assert len(text) < 40_000
    assert "more characters in result.json" in text


def test_schema_refuses_what_readers_would_guess_at() -> None:
    """The schema is no rubber stamp: two results in one case, counts in words and unknown elements are refused."""
    good = junit.render(build(heron()))
    for broken in (
        good.replace('tests="12"', 'tests="twelve"'),
        good.replace("</testcase>", "<skipped message='x'/></testcase>"),
        good.replace("<testsuite ", "<suite/><testsuite "),
        good.replace('time="0.500"', 'time="0,5"'),
    ):
        assert broken != good
        assert not SCHEMA.validate(etree.fromstring(broken.encode()))


def test_together_is_one_valid_document() -> None:
    """Several gradings, a refused one too: a suite each, as each has it alone, and sums above them."""
    made = (heron(), grading(), refused())

    root = etree.fromstring(junit.together([build(one) for one in made]).encode())

    SCHEMA.assertValid(root)
    alone = [parsed(one) for one in made]
    assert [etree.tostring(suite).strip() for suite in root] == [etree.tostring(one[0]).strip() for one in alone]
    for name in ("tests", "failures", "errors", "skipped"):
        assert int(root.get(name, "")) == sum(int(one.get(name, "")) for one in alone)
