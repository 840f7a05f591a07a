"""Pages of reports: what every one of them promises, whatever it shows."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

import jinja2
import pytest

from harness.reports.html import pages

FOLDER = Path(pages.__file__).parent


def shown(source: str, **scope: object) -> str:
    """Return what a template of ours makes of a scope."""
    return pages.environment().from_string(source).render(scope)


def test_what_a_template_prints_is_text() -> None:
    """Markup in a value is shown, not obeyed, in text and in attributes."""
    hostile = "<script>alert(1)</script>\" onload='x'"
    expected = "&lt;script&gt;alert(1)&lt;/script&gt;&#34; onload=&#39;x&#39;"
    assert shown("{{ it }}", it=hostile) == expected
    assert shown('<p title="{{ it }}">', it=hostile) == f'<p title="{expected}">'


def test_what_is_not_plainly_printable_is_shown_as_an_escape() -> None:
    """Control characters, marks that turn the direction of writing and half a surrogate are seen; line ends stay."""
    assert shown("{{ it }}", it="a\x1b[31m\u202eb\ud800\nc") == "a\\x1b[31m\\u202eb\\ud800\nc"
    assert shown("{{ it }}", it="a\u202eb").encode()


def test_markup_of_our_own_macros_stays() -> None:
    """A macro's markup is not escaped; what it was given is."""
    text = shown('{% from "macros.html.j2" import mark %}{{ mark("bad", it) }}', it="<b>")
    assert '<span class="mark bad"><svg' in text
    assert "&lt;b&gt;" in text


def test_an_undefined_name_is_an_error() -> None:
    """A report with a hole in it is worse than none."""
    with pytest.raises(jinja2.UndefinedError):
        shown("{{ nothing }}")


@pytest.mark.parametrize("script", ["", "console.log(1);"])
def test_the_policy_allows_the_style_and_script_of_the_page_and_no_other(script: str) -> None:
    """By their digests; nothing else may be fetched, run, framed or sent."""
    digest = base64.b64encode(hashlib.sha256(b"p {}").digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in pages.policy("p {}", script).split("; "))
    assert rules.pop("style-src") == f"'sha256-{digest}'"
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert rules.pop("script-src", "") == (f"'sha256-{allowed}'" if script else "")
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_a_page_carries_the_very_style_that_its_policy_names() -> None:
    """Else a browser would show it bare."""
    page = pages.render("base.html.j2", title="<a title>", scope={})
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert pages.policy(style).replace("'", "&#39;") in page
    assert "<title>&lt;a title&gt;</title>" in page
    assert "<script" not in page


@pytest.mark.parametrize("path", sorted((*FOLDER.glob("*.css"), *FOLDER.glob("*.js"))), ids=lambda path: path.name)
def test_no_asset_can_end_its_element_or_name_another_place(path: Path) -> None:
    """Assets are put into pages as they are."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"</|<!--|@import|url\(|https?:|//\w", text) == []


def test_no_template_marks_text_as_safe_or_has_a_place_to_fetch() -> None:
    """``safe``, ``style=`` and event attributes, and addresses, have no use here: the policy would forbid most of them."""
    found = [
        (path.name, word)
        for path in sorted(FOLDER.glob("*.j2"))
        for word in re.findall(
            r"\|\s*safe\b|autoescape|\bstyle=|\bon\w+=|\bsrc=|https?:|Markup", path.read_text(encoding="utf-8")
        )
    ]
    assert found == []


def test_a_slug_names_one_place() -> None:
    """Unlike names stay unlike where they are ids and skills of an exercise, and hold nothing that could end an attribute."""
    assert pages.slug("safety/killed-mid charge") == "safety-killed-mid-charge"
    assert pages.slug("é'<\"") == "_e9_27_3c_22"
