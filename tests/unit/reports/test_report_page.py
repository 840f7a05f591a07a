"""The page of one grading: what stands on it, and that it holds together."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from lxml import html
from lxml.html import HtmlElement

from harness import patches, store
from harness.model import Grading, Mark, Status, SubmissionFile, Verdict
from harness.patches import Change
from harness.reports.html import report
from harness.reports.view import build
from harness.scoring import Report
from tests.unit.factories import failed, grading, heron, refused, reports
from tests.unit.reports.test_terminal import hostile

CHECKOUT = Path(__file__).resolve().parents[3]
HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(2)>\" onclick='x' \u202e\x1b[31m {{ 7*7 }}"
OLD = "def charge(key):\n    return call(key)\n"
NEW = "import uuid\n\n\ndef charge(key):\n    ref = uuid.uuid4()\n    return call(key, ref)\n"


def changes(text: str = NEW, *, name: str = "app.py") -> tuple[Change, ...]:
    """Return one changed file."""
    return patches.compare(
        [SubmissionFile(path=name, content=OLD.encode())], [SubmissionFile(path=name, content=text.encode())]
    )


def page(made: Grading, changed: tuple[Change, ...] = ()) -> HtmlElement:
    """Return the page of a grading, read by a parser that is not a browser's."""
    return html.document_fromstring(report.render(build(made), changed))


def example(alias: str) -> Grading:
    """Return one of the examples of the documentation."""
    return store.load(CHECKOUT / "docs" / "examples" / alias)


def unproven() -> Grading:
    """Return a grading with a gate that is not shown, and one that is not decided."""
    return grading(
        reports(
            Report(check="safety/killed-mid-charge", status="unproven", credit=0.0, feedback="It did not come back."),
            Report(check="safety/webhook-before-answer", status="inconclusive", credit=0.0, feedback="Ours."),
        )
    )


def text(one: HtmlElement, path: str) -> str:
    """Return the text of the element at ``path``, with single spaces."""
    (found,) = one.xpath(path)
    return words(found)


def words(one: HtmlElement) -> str:
    """Return the text in an element, each piece of it apart from the next, with single spaces."""
    return " ".join(" ".join(one.itertext()).split()).replace(" ,", ",")


ALL = [example("heron"), example("otter"), heron(), grading(), refused(), unproven(), hostile(HOSTILE)]
NAMES = ["heron", "otter", "small", "passed", "refused", "unproven", "hostile"]


@pytest.mark.parametrize("made", ALL, ids=NAMES)
def test_every_link_leads_to_a_place_on_the_page_and_every_place_is_one(made: Grading) -> None:
    """No id twice, no link to nothing, none out of the page."""
    one = page(made, changes(HOSTILE + "\n", name=f"{HOSTILE[:40].replace('/', '')}.py"))
    ids = one.xpath("//@id")
    assert len(ids) == len(set(ids))
    links = one.xpath("//a/@href")
    assert [link for link in links if not link.startswith("#") or link[1:] not in ids] == []


@pytest.mark.parametrize("made", ALL, ids=NAMES)
def test_nothing_on_a_page_can_run_or_fetch(made: Grading) -> None:
    """Whatever a submission says: no element and no attribute of that kind comes of it."""
    one = page(made, changes(HOSTILE))
    assert one.xpath("//script | //iframe | //img | //object | //form | //style/following::style") == []
    assert [name for each in one.iter() for name in each.attrib if name in {"src", "style"} or name[:2] == "on"] == []
    assert one.xpath("//link/@href") == ["data:,"]


def test_hostile_text_is_shown_as_it_was_written() -> None:
    """In the text, with what is not printable as an escape, and never read as a template."""
    one = page(hostile(HOSTILE), changes(HOSTILE))
    shown = one.text_content()
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in shown
    assert "\\u202e\\x1b[31m {{ 7*7 }}" in shown
    assert "\u202e" not in report.render(build(hostile(HOSTILE)), changes(HOSTILE))


@pytest.mark.parametrize("made", ALL, ids=NAMES)
def test_no_mark_is_a_colour_alone(made: Grading) -> None:
    """Each has a shape and a word."""
    marks = page(made).xpath("//*[contains(@class, 'mark ') or contains(@class, 'verdict ')]")
    assert marks
    assert all(len(mark.xpath("./svg/path | ./svg/circle")) and mark.text_content().strip() for mark in marks)


@pytest.mark.parametrize("made", ALL, ids=NAMES)
def test_every_mark_of_a_picture_says_what_it_is(made: Grading) -> None:
    """To who points at it; and behind each picture there is a table with as many rows."""
    one = page(made)
    pictures = one.xpath("//svg[@role='img']")
    assert all(picture.xpath("./title[@id = ../@aria-labelledby]") for picture in pictures)
    for drawn in one.xpath("//svg[contains(@class, 'sequence')]//g | //svg[contains(@class, 'timeline')]//g"):
        assert drawn.xpath("./title/text()")[0].strip()
    tables = one.xpath("//table[contains(@class, 'steps') or contains(@class, 'times')]")
    assert len(tables) == len(pictures)
    steps = one.xpath("count(//svg[contains(@class, 'sequence')]/g)")
    assert steps == one.xpath("count(//table[contains(@class, 'steps')]/tbody/tr)")


def test_the_verdict_and_why_come_first_and_skills_before_the_total() -> None:
    """In business words, as the report in plain text has them."""
    one = page(example("heron"))
    view = build(example("heron"))
    assert text(one, "//section[@id='verdict']").startswith("failed 43 of 100 automatic points (bar 70).")
    assert all(" ".join(line.split()) in text(one, "//section[@id='verdict']") for line in view.why)
    sections = one.xpath("//main/section/@id")
    assert sections == [
        "verdict",
        "skills",
        "gates",
        "timeline",
        "counterexample",
        "gaps",
        "strengths",
        "interview",
        "human",
        "checks",
        "trust",
    ]
    rows = one.xpath("//section[@id='skills']//tr/th[@scope='row']/text()")
    assert rows == [*(skill.name for skill in view.skills), "total"]


def test_gates_are_shown_in_their_states() -> None:
    """Seen broken, not shown, not decided, earned: each with what follows and where to read on."""
    states = "//section[@id='gates']//tbody/tr"
    broken = [words(row) for row in page(example("heron")).xpath(states)]
    assert broken[0] == (
        "seen broken A customer can be charged twice, or a charge can be lost cap 45, which the exercise sets for this "
        "gate; the total does not reach it gap 1, gap 2, gap 3, gap 4"
    )
    assert broken[1].startswith("seen broken The ledger can differ")
    assert "cap 60, which the exercise sets for this gate; of several the lowest applies, 45" in broken[1]
    assert broken[3] == "earned Amounts can be inexact every check of it passed"
    shown = [words(row) for row in page(unproven()).xpath(states)]
    assert shown[0].startswith(
        "not shown A customer can be charged twice, or a charge can be lost caps the total at 45"
    )
    assert shown[1].startswith(
        "not decided The ledger can differ from what the provider captured our evidence is missing"
    )


def test_the_smallest_counterexample_of_what_decided_is_drawn() -> None:
    """Of the gaps behind the first gate, the one with the fewest steps."""
    one = page(example("heron"))
    assert "safety/ambiguous-outcomes" in text(one, "//section[@id='counterexample']")
    lanes = one.xpath("//section[@id='counterexample']//svg/text[@class='lane']/text()")
    assert lanes == ["client", "service", "provider"]


def test_what_passed_there_and_failed_here_is_said() -> None:
    """With the ids, as a claim that changes no points."""
    claimed = heron(claim={"safety/killed-mid-charge": "passed", "contract/create-then-read": "passed"})
    assert "Passed there, failed here. safety/killed-mid-charge." in text(page(claimed), "//section[@id='verdict']")
    assert "Passed there" not in text(page(heron(claim={})), "//section[@id='verdict']")


def test_gaps_and_questions_lead_to_lines_of_the_changes() -> None:
    """And the line is there, with its number."""
    one = page(example("heron"), changes(name="payments/charges.py"))
    links = one.xpath("//section[@id='interview']//a[starts-with(@href, '#f')]")
    assert [link.text for link in links if link.text] == ["payments/charges.py:5"] * len(links)
    (row,) = one.xpath(f"//*[@id='{links[0].get('href')[1:]}']")
    assert words(row) == "5 + ref = uuid.uuid4()"


def test_how_to_repeat_it_and_how_far_to_trust_it_are_said() -> None:
    """The command as a shell takes it, validation and posture in a line each."""
    trust = text(page(example("heron")), "//section[@id='trust']")
    assert "harness grade --exercise idempotent-payments --seed 730291445 \\ results/demo/submissions/heron" in trust
    assert "validated 2026-11-27: 3 references 100-100" in trust
    assert "Posture weaker here than the standard class: sandboxes share" in trust
    assert "Posture standard class" in text(page(grading()), "//section[@id='trust']")


def test_a_submission_that_was_never_graded_has_its_reason_and_nothing_of_a_score() -> None:
    """What to do next is all there is to read."""
    one = page(refused())
    assert one.xpath("//main/section/@id") == ["verdict", "trust"]
    assert "pack it again" in text(one, "//section[@id='verdict']")
    assert one.xpath("//nav") == []


def test_inconclusive_checks_stand_apart_from_the_total() -> None:
    """With their points and why."""
    made = dataclasses.replace(unproven(), verdict=Verdict.INCONCLUSIVE)
    assert "inconclusive safety/webhook-before-answer (8 points): Ours." in text(
        page(made), "//section[@id='skills']/ul"
    )


def test_a_large_change_is_shown_as_far_as_there_is_room() -> None:
    """And the rest is said to be in the file; what cannot be shown is not linked to."""
    many = "".join(f"row_{n} = uuid.uuid4()\n" for n in range(9000))
    one = page(example("heron"), changes(many, name="big.py"))
    assert "more lines in diff.patch" in text(one, "//section[@id='changes']")
    assert len(one.xpath("//table[@class='diff']//tr")) < 4100
    questions = text(one, "//section[@id='interview']")
    assert "big.py:1" in questions
    assert one.xpath("//section[@id='interview']//a[contains(., 'big.py')]") == []


def test_many_marks_make_no_larger_page() -> None:
    """A grading of two hours is a page still."""
    marks = tuple(Mark(start_seconds=float(n), end_seconds=n + 1.0, kind="answered", label="9/10") for n in range(7200))
    assert len(report.render(build(heron(timeline=marks)))) < 400_000


def test_a_check_that_failed_without_words_still_has_some() -> None:
    """Nothing on the page is blank where something failed."""
    made = grading(reports(failed("contract/create-then-read", "")))
    gap = text(page(made), "//article[@id='gap-1']")
    assert "no words were recorded" in gap
    assert {one.status for one in made.outcomes} == {Status.PASSED, Status.FAILED}
