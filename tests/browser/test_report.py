"""The page of one grading, as a reader has it."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from harness import patches, store
from harness.model import Grading, SubmissionFile
from harness.reports.html import report
from harness.reports.view import build
from tests.browser.opened import Open, Scheme
from tests.unit.factories import refused
from tests.unit.reports.test_terminal import hostile

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
HOSTILE = (
    "</title></style></svg><img src=https://example.org/x onerror=alert(1)><script>alert(2)</script>"
    "<style>*{display:none}</style><a href='javascript:alert(3)'>here</a> 1.00 s \u202e"
)
NEW = "import uuid\n\n\ndef charge(key):\n    ref = uuid.uuid4()\n    return call(key, ref)\n" * 30


def page(made: Grading, text: str = NEW) -> str:
    """Return the page of a grading that changed two files."""
    old = [SubmissionFile(path="app.py", content=b"import this\n")]
    new = [
        SubmissionFile(path="app.py", content=text.encode()),
        SubmissionFile(path="tests/test_app.py", content=b"def test_it():\n    assert True\n"),
    ]
    return report.render(build(made), patches.compare(old, new))


@pytest.fixture(scope="module")
def heron() -> str:
    """The page of the example that everybody knows."""
    return page(store.load(EXAMPLES / "heron"))


@pytest.fixture(scope="module")
def hostile_page() -> str:
    """A page where every text of a submission, its grader and its machine tries to be more than text."""
    return page(hostile(HOSTILE), f"{HOSTILE}\n" * 3)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility_rules_hold_with_everything_open(opened: Open, heron: str, scheme: Scheme) -> None:
    """Contrast, names, tables, headings and what scrolls, in the pictures and tables behind them too."""
    made = opened(heron, scheme=scheme)
    made.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert made.axe() == []
    made.require_quiet()


@pytest.mark.parametrize("alias", ["otter", "refused"])
def test_accessibility_rules_hold_where_there_is_less(opened: Open, alias: str) -> None:
    """Without gaps, and without anything graded."""
    made = opened(page(refused() if alias == "refused" else store.load(EXAMPLES / alias)))
    assert made.axe() == []
    made.require_quiet()


@pytest.mark.parametrize("script", [True, False])
def test_hostile_content_stays_text(opened: Open, hostile_page: str, script: bool) -> None:  # noqa: FBT001 - of the test
    """Read as it was written, in the heading, in gaps, pictures and lines of the diff; nothing of it runs or loads."""
    made = opened(hostile_page, script=script)
    shown = made.page.locator("main").inner_text()
    assert "<script>alert(2)</script>" in shown
    assert "\\u202e" in shown
    assert made.page.locator("main script, main style, main img, a[href^='javascript']").count() == 0
    made.require_quiet()


def test_a_link_to_a_line_opens_the_file_it_is_in(opened: Open, heron: str) -> None:
    """Changes are folded, and a finding leads to its line all the same."""
    made = opened(heron).page
    link = made.locator("#interview a[href^='#f']").first
    target = str(link.get_attribute("href"))
    assert not made.locator(target).is_visible()
    link.click()
    assert made.locator(target).is_visible()
    assert "uuid" in made.locator(target).inner_text()


def test_what_is_folded_opens_by_the_keyboard(opened: Open, heron: str) -> None:
    """Tab to a summary, and the space bar."""
    made = opened(heron).page
    made.locator("#timeline summary").focus()
    assert made.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    made.keyboard.press("Space")
    assert made.locator("#timeline table").is_visible()


def test_every_control_is_reached_by_the_keyboard_in_the_order_of_the_page(opened: Open, heron: str) -> None:
    """Links, summaries and what scrolls: nothing is out of reach, nothing holds the focus."""
    made = opened(heron).page
    wanted = made.locator("a[href], summary, [tabindex='0']").filter(visible=True).count()
    places = []
    for _ in range(wanted):
        made.keyboard.press("Tab")
        places.append(made.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
    assert made.evaluate("document.activeElement !== document.body")
    # The skip link comes from outside the page, and the parts of the page stay in sight.
    after = [place for place in places if place > 400]
    assert len(after) > wanted / 2
    assert after == sorted(after) or max(a - b for a, b in itertools.pairwise(after)) < 60


def test_nothing_needs_a_script(opened: Open, heron: str) -> None:
    """All that is to be read is there without one; what is folded opens."""
    made = opened(heron, script=False).page
    assert "A customer can be charged twice" in made.locator("#verdict").inner_text()
    made.locator("#counterexample summary").click()
    assert made.locator("#counterexample table").is_visible()


def test_a_tooltip_tells_each_mark_of_the_timeline(opened: Open, heron: str) -> None:
    """The browser shows the title of what it is pointed at."""
    titles = opened(heron).page.locator("#timeline svg title").all_text_contents()
    timeline = store.load(EXAMPLES / "heron").timeline
    kills = [span for span in timeline if span.kind == "fault" and span.label == "kill"]
    assert kills
    assert len([title for title in titles if re.fullmatch(r"kill: [\d.]+ to [\d.]+ s", title)]) == len(kills)
    answered = r"(\d+) of (\d+) answered rightly \(\d+ %\): [\d.]+ to [\d.]+ s"
    columns = [found.groups() for title in titles if (found := re.fullmatch(answered, title))]
    counts = [tuple(span.label.split("/")) for span in timeline if span.kind == "answered"]
    assert [sum(int(one[at]) for one in columns) for at in (0, 1)] == [sum(int(c[at]) for c in counts) for at in (0, 1)]


def test_a_narrow_screen_scrolls_downwards_only(opened: Open, heron: str) -> None:
    """Pictures and tables scroll in themselves."""
    made = opened(heron, width=360, height=740).page
    tall = made.locator("#skills tbody tr").evaluate_all("rows => rows.map(row => row.getBoundingClientRect().height)")
    assert max(tall) < 400, "words stand above each other, letter by letter"
    made.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert made.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_skill_table_fits_a_phone(opened: Open, heron: str) -> None:
    """It is what everybody reads: nothing of it lies to the right of the screen."""
    table = opened(heron, width=360, height=740).page.locator("#skills table")
    assert table.evaluate("one => one.scrollWidth - one.parentElement.clientWidth") <= 0
    assert table.locator("tbody tr").first.is_visible()


def test_a_printed_page_has_what_is_folded_once_and_no_way_about(opened: Open, heron: str) -> None:
    """Paper can't be opened: evidence and sequences are printed. What repeats a picture, second by second, fills no sheets."""
    made = opened(heron).page
    assert not made.locator("#gap-1 svg.sequence").is_visible()
    made.emulate_media(media="print", color_scheme="dark")
    assert made.locator("#timeline svg").is_visible()
    assert made.locator("#gap-1 svg.sequence").is_visible()
    assert made.locator("article pre").first.is_visible()
    assert [made.locator(f"{place} table").is_visible() for place in ("#timeline", "#counterexample", "#gap-1")] == [
        False
    ] * 3
    assert not made.locator("nav.places").is_visible()
    assert made.locator(".notes").first.is_visible()
    paper = made.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
