"""Reports: a view of a stored grading, and the formats it can be rendered in."""

from __future__ import annotations

from harness.model import Grading
from harness.reports import junit, terminal
from harness.reports.formats import FORMATS, Format, named
from harness.reports.view import Audience, View, build

__all__ = ["FORMATS", "Audience", "Format", "View", "build", "files", "named"]


def files(grading: Grading) -> dict[str, bytes]:
    """Return what a result folder holds beside ``result.json`` and the logs: path -> bytes."""
    assessor = build(grading)
    return {
        "report.txt": terminal.render(assessor).encode(),
        "junit.xml": junit.render(assessor).encode(),
        "candidate.txt": terminal.render(build(grading, Audience.CANDIDATE)).encode(),
    }
