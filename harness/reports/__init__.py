"""Reports: a view of a stored grading, and the formats it can be rendered in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness import store
from harness.model import Grading
from harness.reports import junit, terminal
from harness.reports.view import Audience, View, build

__all__ = ["FORMATS", "Audience", "View", "build", "files"]

FORMATS: Mapping[str, Callable[[View], str]] = {
    "terminal": terminal.render,
    "json": lambda view: store.encode(view.grading).decode(),
    "junit": junit.render,
}
"""Name of a format -> what renders a view in it. A new one is a module and a line here."""


def files(grading: Grading) -> dict[str, bytes]:
    """Return what a result folder holds beside ``result.json`` and the logs: path -> bytes."""
    assessor = build(grading)
    return {
        "report.txt": terminal.render(assessor).encode(),
        "junit.xml": junit.render(assessor).encode(),
        "candidate.txt": terminal.render(build(grading, Audience.CANDIDATE)).encode(),
    }
