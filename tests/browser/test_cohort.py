"""The page over all results in a browser: read without script, sorted, filtered and compared with it, and fluent at 200."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import pytest

from harness.model import Grading
from harness.reports.cohort.model import Unreadable
from harness.reports.html import cohort
from tests.browser.opened import Open, Opened, Scheme
from tests.unit import cohorts
from tests.unit.factories import heron, refused

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
"""Ends the data beside the page, were it not escaped."""


@functools.cache
def page(amount: int = 14, seed: int = 3) -> str:
    """Return the page of a synthetic cohort."""
    return cohort.render(cohorts.of(cohorts.gradings(amount, seed=seed)))


def column(opened: Opened, place: int, *, table: str = "#e1-candidates") -> list[str]:
    """Return what is shown in a column, from above."""
    cells = f"{table} tbody tr:not([hidden]) > :nth-child({place})"
    found: list[str] = opened.page.eval_on_selector_all(cells, "all => all.map(one => one.innerText.split('\\n')[0])")
    return found


def hostile(made: Grading, n: int) -> Grading:
    """Return a grading of which every text that somebody else wrote is hostile."""
    return dataclasses.replace(
        made,
        submission_name=f"{HOSTILE}{n}",
        language=HOSTILE,
        exercise=dataclasses.replace(
            made.exercise,
            title=HOSTILE,
            skills={f"{HOSTILE}{name}": points for name, points in made.exercise.skills.items()},
        ),
        score=dataclasses.replace(
            made.score,
            by_skill={f"{HOSTILE}{name}": points for name, points in made.score.by_skill.items()},
            gates=tuple(
                dataclasses.replace(hit, gate=dataclasses.replace(hit.gate, title=HOSTILE)) for hit in made.score.gates
            ),
        ),
        outcomes=tuple(
            dataclasses.replace(one, check=dataclasses.replace(one.check, title=HOSTILE)) for one in made.outcomes
        ),
    )


def counter(opened: Opened) -> Callable[[], Mapping[str, float]]:
    """Return what tells how much the browser has done for the page since this was asked for."""
    session = opened.page.context.new_cdp_session(opened.page)
    session.send("Performance.enable")  # it counts from here on, for this session

    def counted() -> Mapping[str, float]:
        opened.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}

    return counted


@pytest.mark.parametrize("script", [True, False])
def test_it_is_read_with_and_without_script(opened: Open, script: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Candidates, skills, checks are there; controls that need a script are there with it only."""
    made = opened(page(), script=script)

    text = made.page.locator("main").inner_text()
    for words in ("2 passed, 11 failed, 1 refused", "marten", "money safety", "it does not build", "discrimination"):
        assert words in text
    assert made.page.locator(".filters").is_visible() is script
    assert made.page.locator(".compare").is_visible() is script
    assert (made.page.locator("button").count() > 0) is script
    made.require_quiet()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility_rules_hold(opened: Open, scheme: Scheme) -> None:
    """axe-core finds nothing: contrast, names of controls, headings, regions."""
    made = opened(page(40, 9), scheme=scheme)
    made.page.locator("summary").click()

    assert made.axe() == []


def test_a_narrow_screen_scrolls_downwards_only(opened: Open) -> None:
    """Tables scroll in themselves; the page is as wide as the phone."""
    made = opened(page(), width=360, height=700)

    assert made.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_usual_window_shows_every_column(opened: Open) -> None:
    """Nobody has to find out that a table goes on to the right."""
    made = opened(page(40, 3), width=1280)

    over = made.page.locator("#e1-candidates").evaluate("one => one.scrollWidth - one.parentElement.clientWidth")
    assert over <= 0
    assert "percentile" in made.page.locator("#e1-candidates tbody tr").first.inner_text()


def test_a_printed_page_is_no_wider_than_its_sheet(opened: Open) -> None:
    """On the short side of the two usual papers, lying, with our margins; without controls that paper does not have.

    Heads of tables are repeated on each sheet, and Chromium paints no button in one: words of a heading are no button there.
    """
    sheet = int((27.94 - 2 * 1.2) / 2.54 * 96)
    made = opened(page(40, 3), width=sheet)
    made.page.emulate_media(media="print", color_scheme="dark")

    for table in ("#e1-candidates", "#e1-checks table.checks", "#e1-checks table.matrix"):
        width = made.page.locator(table).evaluate("one => one.scrollWidth")
        assert width <= sheet, table
        assert made.page.locator(table).is_visible()
    assert not made.page.locator("#e1-two").is_visible()
    assert not made.page.locator(".filters").is_visible()
    display = made.page.locator("button.sort").evaluate_all("all => all.map(one => getComputedStyle(one).display)")
    assert set(display) == {"contents"}
    tall = made.page.locator("table.matrix thead").evaluate("one => one.getBoundingClientRect().height")
    assert tall < 0.25 * (20.99 - 2 * 1.2) / 2.54 * 96, "heads taller than a quarter of a sheet are not repeated"


def test_sorting_by_a_skill(opened: Open) -> None:
    """The largest first, then the smallest; the heading says which; the median stays below."""
    made = opened(page())
    button = made.page.get_by_role("button", name="recovery of 20")
    heading = made.page.locator("#e1-candidates th", has=button)

    button.click()
    down = [float(text) for text in column(made, 6)]
    assert heading.get_attribute("aria-sort") == "descending"
    button.click()
    up = [float(text) for text in column(made, 6)]

    assert heading.get_attribute("aria-sort") == "ascending"
    assert down == sorted(down, reverse=True)
    assert up == sorted(up)
    assert made.page.locator("#e1-candidates [aria-sort]").count() == 1
    assert made.page.locator("#e1-candidates tfoot").inner_text().startswith("median")


def test_sorting_by_keyboard_and_by_words(opened: Open) -> None:
    """A heading is a button: Tab reaches it, Enter presses it."""
    made = opened(page())
    button = made.page.get_by_role("button", name="candidate")

    button.focus()
    made.page.keyboard.press("Enter")

    assert column(made, 1) == sorted(column(made, 1))
    assert made.page.evaluate("document.activeElement.textContent") == "candidate"


def test_what_has_no_value_is_last_either_way(opened: Open) -> None:
    """A check without a discrimination is below those that have one."""
    made = opened(page())
    button = made.page.get_by_role("button", name="discrimination")

    for _ in range(2):
        button.click()
        assert column(made, 10, table=".checks")[-1] == "not defined"


def test_filters_hold_together_and_say_how_many(opened: Open) -> None:
    """Verdict, language, gate and name: all that are set hold, and the number shown is said."""
    made = opened(page(200, 1))
    said = made.page.locator(".filters output")
    whole = len(column(made, 1))

    made.page.get_by_label("Verdict").select_option("failed")
    failed = len(column(made, 1))
    assert set(column(made, 2)) == {"failed"}
    made.page.get_by_label("Gate").select_option("none closed")
    assert len(column(made, 1)) < failed < whole
    assert {text for text in column(made, 10) if text} == set()
    made.page.get_by_label("Gate").select_option("")
    made.page.get_by_label("Verdict").select_option("")
    made.page.get_by_label("Name").fill("HERON")
    assert all(name.startswith("heron") for name in column(made, 1))
    assert said.inner_text() == f"{len(column(made, 1))} of {whole} shown"


def test_what_differs_between_two(opened: Open) -> None:
    """Only what differs, of verdict, points, gate, skills and checks, under both names."""
    made = opened(page())
    first, second = (made.page.locator(".compare select").nth(n) for n in range(2))

    first.select_option("wren")
    second.select_option("lynx")

    table = made.page.locator(".compare table")
    assert table.locator("thead").inner_text().split() == ["of", "wren", "lynx"]
    rows = [row.split("\t") for row in table.locator("tbody").inner_text().splitlines()]
    assert rows[0] == ["verdict", "passed", "failed"]
    assert all(one != other for _, one, other in rows)
    assert ["own tests (of 5)", "5", "0"] in rows
    second.select_option("wren")
    assert table.locator("tbody tr").count() == 0
    assert made.page.locator(".compare output").inner_text() == "0 of 18 checks differ"


@pytest.mark.parametrize("script", [True, False])
def test_hostile_content_stays_text(opened: Open, script: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Names, languages, titles, reasons: read as written, also where the script puts them; nothing runs or loads."""
    people = [hostile(made, n) for n, made in enumerate(cohorts.gradings(8, seed=3, plain=True))]
    people.append(dataclasses.replace(refused(), submission_origin="r", exercise=people[0].exercise, reason=HOSTILE))
    found = dataclasses.replace(cohorts.of(people), unreadable=(Unreadable(file=HOSTILE, why=HOSTILE),))

    opened_ = opened(cohort.render(found), script=script)

    text = opened_.page.locator("main").inner_text()
    assert text.count(HOSTILE) >= 40
    assert opened_.page.locator("img, iframe").count() == 0
    assert opened_.page.locator("script:not([type])").count() == 1
    opened_.require_quiet()
    if script:
        opened_.page.locator(".compare select").first.select_option(index=1)
        assert opened_.page.locator(".compare thead").inner_text().count(HOSTILE) == 2
        opened_.require_quiet()


def test_links_lead_to_reports_of_any_name(opened: Open) -> None:
    """A name that is not ASCII is a link all the same, and stays below the folder."""
    found = cohorts.of([dataclasses.replace(heron(), submission_name="Jürgen", submission_alias="Jürgen")])
    (exercise_,) = found.exercises
    (one,) = exercise_.candidates
    named = dataclasses.replace(one, report="Jürgen/2026 #1/report.html")
    shown = dataclasses.replace(found, exercises=(dataclasses.replace(exercise_, candidates=(named,)),))

    made = opened(cohort.render(shown))

    link = made.page.get_by_role("link", name="Jürgen")
    assert link.get_attribute("href") == "J%C3%BCrgen/2026%20%231/report.html"


def test_two_hundred_are_fluent(opened: Open) -> None:
    """A click costs what it must, however many rows: the whole table moves at once, and the browser lays it out once.

    Counted, not timed: a machine that is busy takes longer, but it does not lay out more often. benchmarks/ has seconds.
    """
    made = opened(page(200, 1))
    clicks: Mapping[str, Callable[[], object]] = {
        "sort": lambda: made.page.get_by_role("button", name="throughput of 20").click(),
        "filter": lambda: made.page.get_by_label("Verdict").select_option("failed"),
        "compare": lambda: made.page.locator(".compare select").first.select_option(index=7),
    }
    made.page.evaluate(
        "() => { window.moved = 0; new MutationObserver(all => { window.moved += all.length; })"
        ".observe(document.querySelector('#e1-candidates tbody'), {childList: true, attributes: true, subtree: true}); }"
    )

    counted = counter(made)
    for name, click in clicks.items():
        before = counted()
        click()
        after = counted()
        # One for what changed, seen; hover and focus may change how a control looks, and that costs one too.
        assert 1 <= after["LayoutCount"] - before["LayoutCount"] <= 3, name
        assert after["Nodes"] - before["Nodes"] <= 1_000, name

    rows = made.page.locator("#e1-candidates tbody tr").count()
    assert rows > 180
    assert made.page.evaluate("window.moved") <= 3 * rows
