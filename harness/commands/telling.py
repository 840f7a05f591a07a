"""How gradings are said as they end: to whom, in which format, and where a page gets its summary."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import console, crashes, patches, places
from harness.errors import HarnessError, UsageError
from harness.grading.runner import Graded
from harness.model import Grading
from harness.reports import Audience, Format, build, markdown, named, redact, summary, terminal
from harness.reports.text import one_line

_SUMMARY = "the summary (--summary)"
_MORE = b"\nMore was graded than there is room for here: the results have all of it.\n"
"""Ends a summary that is full, once: a grading that is left out is not left out in silence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Telling:
    """What is said of gradings. Whoever reads it is the audience: results in their folders hold everything all the same."""

    audience: Audience = Audience.ASSESSOR
    as_json: bool = False
    format: Format | None = None
    """None: a report of one grading, a row of several."""
    summary: Path | None = None
    """A file of Markdown that a platform shows; what is there stays."""
    errors: str = ""
    """Folder where errors of ours are kept whose words are not for the audience."""

    def shown(self, grading: Grading) -> Grading:
        """Return what the audience may see of a grading."""
        return redact.for_candidate(grading) if self.audience is Audience.CANDIDATE else grading

    def line(self, grading: Grading, folder: str, *, kept: bool = False) -> str:
        """Return the object of ``--json``."""
        return summary.line(summary.summary(self.shown(grading), folder, kept=kept))

    def report(self, grading: Grading) -> str:
        """Return the report, in colour where somebody sees it."""
        style = terminal.ansi if console.is_terminal() else terminal.plain
        return terminal.render(build(grading, self.audience), style)

    def write(self, graded: Graded) -> None:
        """Write a grading in the format that was asked for."""
        if self.format is not None:
            changes = patches.parse(graded.patch, name=patches.FILE) if self.format.lines else ()
            text = self.format.render(build(graded.grading, self.audience), changes)
            console.whole(text, commands=self.format.commands)

    def error(self, error: HarnessError) -> HarnessError:
        """Return what the audience may read of an error."""
        return crashes.withheld(error, self.errors) if self.audience is Audience.CANDIDATE else error

    def summarize(self, grading: Grading) -> None:
        """Add the sections of a grading that still fit to the summary. Raises HarnessError when it can't be written."""
        self._add(lambda room: markdown.within(build(grading, self.audience), room))

    def summarize_error(self, path: str, error: HarnessError) -> None:
        """Add why there is no grading."""
        text = f"## {markdown.text(one_line(path, 200))}: no result\n\n{markdown.text(one_line(str(error), 2000))}\n"
        self._add(lambda room: text if len(text.encode()) <= room else "")

    def _add(self, make: markdown.Cut) -> None:
        if self.summary is None:
            return
        with places.writing(_SUMMARY, self.summary), self.summary.open("ab") as file:
            before = file.seek(0, os.SEEK_END)
            room = markdown.SUMMARY_BYTES - before - len(_MORE)
            gap = "\n" if before else ""
            text = make(room - len(gap))
            if text:
                file.write(f"{gap}{text}".encode("utf-8", "backslashreplace"))
            elif room >= 0 and not _ends_with(self.summary, _MORE):
                file.write(_MORE)


def _ends_with(file: Path, words: bytes) -> bool:
    with file.open("rb") as stream:
        stream.seek(-min(len(words), file.stat().st_size), os.SEEK_END)
        return stream.read() == words


def told(
    *, paths: Sequence[str], audience: str, as_json: bool, fmt: str, summary_file: Path | None, out: str
) -> Telling:
    """Return how ``paths`` are told. Raises UsageError for what does not go together, before anything is graded."""
    found = named(fmt) if fmt else None
    if found is not None and as_json:
        text = (
            f"expected --json or --format, found both: --json is one line for each submission; leave out --format {fmt}"
        )
        raise UsageError(text)
    if found is not None and len(paths) > 1 and not found.joins:
        text = (
            f"expected one submission with --format {fmt}, which is one document, found {len(paths)}: "
            f"leave it out, and run 'harness report {out}/NAME --format {fmt}' for each"
        )
        raise UsageError(text)
    if summary_file is not None:
        with places.writing(_SUMMARY, summary_file), summary_file.open("ab"):
            pass
    return Telling(audience=Audience(audience), as_json=as_json, format=found, summary=summary_file, errors=out)
