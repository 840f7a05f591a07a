"""The formats a grading can be written in: one table, from which every command that writes one draws."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness import store
from harness.errors import UsageError
from harness.reports import junit, terminal
from harness.reports.view import View


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One way to write a grading down."""

    render: Callable[[View], str]
    """Pure. A view is already what its audience may see, so that no format can show more than another."""
    media_type: str
    about: str
    """What reads it, in a few words."""


FORMATS: Mapping[str, Format] = {
    "terminal": Format(render=terminal.render, media_type="text/plain", about="people"),
    "json": Format(
        render=lambda view: store.encode(view.grading).decode(),
        media_type="application/json",
        about="programs: all there is",
    ),
    "junit": Format(render=junit.render, media_type="application/xml", about="build servers"),
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
