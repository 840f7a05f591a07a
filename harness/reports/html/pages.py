"""One self-contained HTML file from a template of this folder: nothing is fetched, and nothing in it can run.

A template prints text, never markup: all it prints is escaped, and what is not plainly printable (control characters,
marks that turn the direction of writing) is shown as an escape, as in every other report. A policy in the file itself
forbids requests, forms, frames and any script but the page's own, by its digest.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness import wording
from harness.reports.text import count, number, one_line

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent


def render(template: str, *, title: str, style: str = "", script: str = "", scope: Mapping[str, object]) -> str:
    """Return the page that ``template`` makes of ``scope``; it extends ``base.html.j2``.

    ``style`` is the name of a file of this folder with what this page alone needs beside the style of all pages.
    ``script`` is one that the page runs: for comfort only, a page must be readable without.
    """
    from markupsafe import Markup

    rules = asset("style.css") + (asset(style) if style else "")
    code = asset(script) if script else ""
    shown = {
        "title": title,
        "policy": policy(rules, code),
        # Files of ours, which hold no '</': see the test.
        "style": Markup(rules),  # noqa: S704 - a file of this folder
        "script": Markup(code),  # noqa: S704 - a file of this folder
    }
    return environment().get_template(template).render({**scope, **shown})


@functools.cache
def environment() -> Environment:
    """Return where templates are rendered: escaped, printable, and an undefined name is an error."""
    import jinja2  # where a page is made, and not by whoever only reads a result

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"number": number, "one_line": one_line, "slug": slug}
    made.globals |= {"count": count}
    return made


def prepare() -> None:
    """Make what every page needs once, so that nobody waits for it later."""
    for name in environment().list_templates(extensions=["j2"]):
        environment().get_template(name)


@functools.cache
def asset(name: str) -> str:
    """Return the text of a file of this folder."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def policy(style: str, script: str = "") -> str:
    """Return the content security policy of a page with this style and this script, and nothing else."""
    rules = [
        "default-src 'none'",
        f"style-src {_digest(style)}",
        *([f"script-src {_digest(script)}"] if script else []),
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join(rules)


def slug(text: str) -> str:
    """Return ``text`` as the name of a place in a page: what is no ASCII letter or digit is a dash or its number."""
    return "".join(
        char if char.isascii() and char.isalnum() else "-" if char in "/ ._-" else f"_{ord(char):x}" for char in text
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _printable(value: object) -> object:
    """Return what a template prints as it is shown; markup of our own macros stays."""
    return wording.visible(value, lines=True) if type(value) is str else value
