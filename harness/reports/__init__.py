"""Reports: a view of a stored grading, and the formats it can be rendered in."""

from __future__ import annotations

from harness.reports import junit, terminal
from harness.reports.formats import FORMATS, Format, named
from harness.reports.view import Audience, View, build

__all__ = ["FORMATS", "Audience", "Format", "View", "build", "junit", "named", "terminal"]
