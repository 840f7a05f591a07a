"""What every page has of the base that all extend, in a browser."""

from __future__ import annotations

import pytest
from markupsafe import Markup

from harness.reports.html import pages
from tests.browser.opened import Open, Scheme

HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script><style>* {display: none}</style>"
SOURCE = """
{%- extends "base.html.j2" %}
{% from "macros.html.j2" import bar, command, mark, outcome, places, verdict, wide with context %}
{% block top %}<h1>A page</h1>{{ verdict("failed") }}{% endblock %}
{% block places %}{{ places([("one", "First part"), ("two", "Second part")]) }}{% endblock %}
{% block main %}
<section id="one"><h2>First</h2><p>{{ it }}</p>
<p>{{ outcome("failed", 0.5) }} {{ outcome("unproven", 0) }} {{ outcome("passed", 1) }} {{ outcome("inconclusive", 0) }}</p>
{% call wide("Points") %}<table><tr><th scope="row">points</th><td>{{ bar(3, 4, at=2) }}</td></tr></table>{% endcall %}
</section>
<section id="two"><h2>Second</h2>{{ command(["harness grade", "  " ~ it]) }}</section>
{% endblock %}
"""


def page(body: str) -> str:
    """Return a page of the base that shows ``body``, and each macro once."""
    style = pages.asset("style.css")
    template = pages.environment().from_string(SOURCE)
    return template.render(title=body, policy=pages.policy(style), style=Markup(style), script="", it=body)


@pytest.mark.parametrize("script", [True, False])
def test_hostile_content_stays_text(opened: Open, script: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """It is read as it was written; nothing of it runs, loads, or changes how the page looks."""
    made = opened(page(HOSTILE), script=script)
    assert HOSTILE in made.page.locator("#one").inner_text()
    assert made.page.title() == HOSTILE
    assert made.page.locator("main script, main style, main img").count() == 0
    made.require_quiet()


def test_the_policy_stops_what_escaping_would_have_to_let_through(opened: Open) -> None:
    """Were there a hole in a template, the browser still runs and fetches nothing."""
    made = opened(page("HERE").replace("HERE", f"{HOSTILE}<img src='https://example.org/x.png'>"))
    assert made.dialogs == []
    assert len(made.requests) > 1
    assert sorted(made.stopped) == sorted(f"csp {url}" for url in made.requests)
    assert any("Content Security Policy" in line for line in made.said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility_rules_hold(opened: Open, scheme: Scheme) -> None:
    """axe-core finds nothing, colour contrast included."""
    assert opened(page("text"), scheme=scheme).axe() == []


def test_axe_sees_what_is_wrong(opened: Open) -> None:
    """The rules are on: a page that breaks two is told so."""
    broken = page("text").replace("</main>", '<input><p><font color="#999">pale</font></p></main>')
    found = " ".join(opened(broken).axe())
    assert "label:" in found
    assert "color-contrast:" in found


def test_everything_is_reached_by_the_keyboard(opened: Open) -> None:
    """Skip link first, then the parts of the page, then what scrolls; each shows that it has the focus."""
    page_ = opened(page("text")).page
    reached = []
    for _ in range(5):
        page_.keyboard.press("Tab")
        reached.append(page_.evaluate("document.activeElement.textContent.trim() || document.activeElement.className"))
        assert page_.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert reached[:3] == ["Skip to the content", "First part", "Second part"]
    page_.keyboard.press("Shift+Tab")
    page_.goto(page_.url.partition("#")[0])
    page_.keyboard.press("Tab")
    page_.keyboard.press("Enter")
    assert page_.url.endswith("#main")


def test_a_narrow_screen_scrolls_downwards_only(opened: Open) -> None:
    """Long words and wide parts do not make the page wider than a phone."""
    page_ = opened(page("x" * 400), width=360, height=700).page
    assert page_.evaluate("document.documentElement.scrollWidth") <= 360
