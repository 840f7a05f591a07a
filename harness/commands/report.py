"""``harness report``: show a stored result. Needs no engine."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import console, store
from harness.errors import ExitCode, UsageError
from harness.reports import named, terminal
from harness.reports.view import Audience, build


def report(path: Path, *, fmt: str = "terminal", audience: str = "assessor") -> ExitCode:
    """Print the result at ``path`` (see ``store.find``) and return 0.

    Colour is used when ``fmt`` is ``terminal`` and standard output is one. Raises UsageError when there is nothing
    at ``path`` or a name is unknown, HarnessError when the result can't be read.
    """
    render = named(fmt).render
    if audience not in {str(each) for each in Audience}:
        text = f"expected an audience of {', '.join(Audience)}, found {audience!r}"
        raise UsageError(text)
    file = store.find(path)
    view = build(store.decode_file(file), Audience(audience), store.company(file))
    if fmt == "terminal" and console.is_terminal():
        _print(terminal.render(view, terminal.ansi))
    else:
        _print(render(view))
    return ExitCode.PASSED


def _print(text: str) -> None:
    """Write ``text``; what the terminal's encoding does not have becomes an escape, not an error."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()
