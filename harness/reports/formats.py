"""The formats a grading can be written in: one table, from which every command that writes one draws."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness import store
from harness.errors import UsageError
from harness.patches import Change
from harness.reports import codequality, ctrf, github, gradescope, junit, markdown, sarif, sheet, terminal
from harness.reports.view import Audience, View

Writer = Callable[[View, Sequence[Change]], str]
"""Pure: what a view says, and what its submission changed of the starter, as one text that ends with a line end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One way to write a grading down."""

    writer: Writer
    media_type: str
    about: str
    """What reads it, in a few words."""
    joins: bool = False
    """Whether those of several gradings can follow each other in one stream."""
    lines: bool = False
    """Whether it points to lines of the submission."""
    commands: bool = False
    """Whether a platform acts on its lines, and so on nothing else that is written beside them."""

    def render(self, view: View, changes: Sequence[Change] = ()) -> str:
        """Return the text. A view is already what its audience may see, so that no format can show more than another."""
        return self.writer(view, changes)


def _of_a_view(render: Callable[[View], str]) -> Writer:
    """Return the writer of a format that names no lines."""
    return lambda view, changes: render(view)  # noqa: ARG005 - as writers are called


def _page(view: View, changes: Sequence[Change]) -> str:
    from harness.reports.html import candidate, report  # with a template engine

    return candidate.render(view) if view.audience is Audience.CANDIDATE else report.render(view, changes)


FORMATS: Mapping[str, Format] = {
    "terminal": Format(writer=_of_a_view(terminal.render), media_type="text/plain", about="people", joins=True),
    "html": Format(writer=_page, media_type="text/html", about="people, in a browser", lines=True),
    "markdown": Format(
        writer=_of_a_view(markdown.render),
        media_type="text/markdown",
        about="people, in a page or a comment",
        joins=True,
    ),
    "json": Format(
        writer=_of_a_view(lambda view: store.encode(view.grading).decode()),
        media_type="application/json",
        about="programs: all there is, as result.json",
    ),
    "csv": Format(writer=_of_a_view(sheet.render), media_type="text/csv", about="spreadsheets: a line per check"),
    "junit": Format(writer=_of_a_view(junit.render), media_type="application/xml", about="build servers"),
    "ctrf": Format(writer=_of_a_view(ctrf.render), media_type="application/json", about="test dashboards"),
    "sarif": Format(
        writer=sarif.render, media_type="application/sarif+json", about="code review: SARIF 2.1.0", lines=True
    ),
    "codequality": Format(
        writer=codequality.render, media_type="application/json", about="GitLab merge requests", lines=True
    ),
    "github": Format(
        writer=github.render,
        media_type="text/plain",
        about="GitHub Actions: annotations in a log",
        joins=True,
        lines=True,
        commands=True,
    ),
    "gradescope": Format(
        writer=_of_a_view(gradescope.render),
        media_type="application/json",
        about="Gradescope: results.json, which candidates read",
    ),
}
"""Name of a format -> what it is. A new one is a module with a pure ``render`` and an entry here."""


def named(name: str) -> Format:
    """Return the format that is called ``name``. Raises UsageError, with the names there are, when none is."""
    found = FORMATS.get(name)
    if found is None:
        near = difflib.get_close_matches(name, FORMATS, n=1)
        hint = f": did you mean {near[0]}?" if near else ""
        text = f"expected a format of {', '.join(FORMATS)}, found {name!r}{hint}"
        raise UsageError(text)
    return found
