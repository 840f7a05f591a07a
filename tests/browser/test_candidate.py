"""The candidate's page in a browser: what somebody wrote stays text, and everybody can read it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.catalogue.learning import Pointer, Pointers
from harness.marking import Mark, Standing, stand
from harness.model import Grading, Status, Verdict
from harness.reports.html import candidate
from harness.reports.view import Audience, build
from tests.browser.opened import Open, Scheme
from tests.unit.factories import failed, grading, heron, refused, reports
from tests.unit.marking.test_book import RUBRIC

HOSTILE = "</pre></script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202e"


def marked(evidence: str) -> Standing:
    """Return how it stands when two have marked everything."""
    given = [
        Mark(marker=marker, item=item.id, mark=4, evidence=evidence, at=f"2026-11-24T10:0{n}:00Z")
        for n, marker in enumerate(("mia", "tom"))
        for item in RUBRIC.items
    ]
    return stand(RUBRIC.items, given)


def page(made: Grading, *, evidence: str = "charges.go holds it", read: str = "a book") -> str:
    """Return the page of ``made``."""
    pointers = Pointers(skills={skill: Pointer(read=read, why="chapter 3") for skill in made.exercise.skills})
    return candidate.render(build(made, Audience.CANDIDATE, standing=marked(evidence), pointers=pointers))


def hostile() -> Grading:
    """Return a grading in which everybody wrote markup."""
    made = heron(submission_alias=HOSTILE, submission_name=HOSTILE, submission_path=f"inbox/{HOSTILE}")
    outcomes = tuple(
        replace(
            outcome,
            feedback=f"{HOSTILE}\n{outcome.feedback}",
            evidence=("what your tests printed:", HOSTILE),
            check=replace(outcome.check, title=HOSTILE),
        )
        for outcome in made.outcomes
    )
    return replace(made, outcomes=outcomes)


@pytest.mark.parametrize("script", [True, False])
def test_hostile_content_stays_text(opened: Open, script: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Whatever a service, a file name, a marker or a paper says."""
    made = opened(page(hostile(), evidence=HOSTILE, read=HOSTILE), script=script)
    shown = made.page.locator("#gaps").inner_text()
    assert "<script>alert(1)</script>" in shown
    assert "\u202e" not in shown
    assert made.page.locator("main script, main img").count() == 0
    made.require_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "made",
    [
        heron(),
        grading(),
        refused(),
        grading(reports(failed("safety/concurrent-duplicates", status="inconclusive"))),
        heron(verdict=Verdict.HELD, exit_code=6),
    ],
    ids=["failed", "passed", "refused", "inconclusive", "held"],
)
def test_accessibility_rules_hold(opened: Open, made: Grading, scheme: Scheme) -> None:
    """axe-core finds nothing, and no page is wider than a phone."""
    assert opened(page(made), scheme=scheme).axe() == []
    narrow = opened(page(made), scheme=scheme, width=360, height=700).page
    assert narrow.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_gap_says_what_it_is_and_where_to_learn(opened: Open) -> None:
    """In words, with points, evidence of the own tests only, and one pointer."""
    made = opened(page(heron())).page
    gap = made.locator("#gap-1").inner_text()
    assert "Charge k-17 was captured twice" in gap
    assert "-12 points" in gap
    assert "Learn: a book." in gap
    assert made.locator("article").count() == made.get_by_text("Learn:").count() == 4
    assert made.locator("#people").inner_text().count("charges.go holds it") == 4
    assert [status for status in Status if f"status={status}" in made.content()] == []
