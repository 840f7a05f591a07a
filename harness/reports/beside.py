"""What lies in result folders beside ``result.json``: one table, name of a file -> what makes it.

To add a file of a grading, write a renderer and a line in :data:`FILES`; to add one over all results of a folder, in
:data:`OVERVIEW`. Nothing else needs to know: ``harness grade`` writes what these tables name, beside ``result.json``,
``diff.patch`` and ``logs/``. A renderer

- gets values and returns the whole text; it reads no file, no clock and no environment, and changes nothing;
- never fails on what a candidate wrote: names, feedback, logs and lines of a diff are hostile, and its format escapes them;
- takes what may not be there (no changes, no logs, no outcomes: a refused submission has files too) as it is;
- for a candidate, begins with ``build(grading, Audience.CANDIDATE)`` and never looks at ``context``: what lies there
  is not redacted;
- imports what is heavy (a template engine) inside itself: other commands import this package too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness import patches
from harness.errors import HarnessError
from harness.marking import RUBRIC, Standing, unmarked
from harness.model import Grading
from harness.patches import Change
from harness.reports import junit, terminal
from harness.reports.view import Audience, build
from harness.store import LOGS, Company


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What is kept beside a grading, for reports about it. For an assessor's eyes only."""

    changes: tuple[Change, ...] = ()
    """What it changed of the starter: files, hunks, numbered lines. Empty also where that is not known."""
    logs: Mapping[str, bytes] = field(default_factory=dict)
    """Name of a sandbox (also ``control-*``, ``*-runs``) -> the last of what it wrote."""
    standing: Standing | None = None
    """How it stands with the people who mark it, and what they are asked; None where the exercise asks them nothing."""
    company: Company | None = None
    """What else is stored of its sender; None where the files of a folder are made, which outlive what is beside it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One submission among others: its last grading, and where that lies."""

    grading: Grading
    folder: str
    """``NAME/GRADING-ID``, relative to where the overview lies: a page links to files in it."""
    files: frozenset[str] = frozenset()
    """What lies in it, by relative path: an older version wrote less."""
    standing: Standing | None = None
    """As in :class:`Context`, with the marks there are."""


Renderer = Callable[[Grading, Context], str]
Overview = Callable[[Sequence[Entry]], str]


def _report(grading: Grading, context: Context) -> str:
    return terminal.render(build(grading, company=context.company, standing=context.standing))


def _candidate(grading: Grading, context: Context) -> str:
    del context
    return terminal.render(build(grading, Audience.CANDIDATE))


def _page(grading: Grading, context: Context) -> str:
    from harness.reports.html import report  # brings a template engine

    return report.render(build(grading, company=context.company, standing=context.standing), context.changes)


def _junit(grading: Grading, context: Context) -> str:
    return junit.render(build(grading, company=context.company))


FILES: Mapping[str, Renderer] = {
    "report.txt": _report,
    "report.html": _page,
    "candidate.txt": _candidate,
    "junit.xml": _junit,
}
"""Name of a file in the folder of one grading -> its renderer."""

OVERVIEW: Mapping[str, Overview] = {}
"""Name of a file over all results, beside the folders of people -> its renderer, given the last grading of each submission.

They are made anew whenever gradings were added: nothing in them may be all that is known of something.
"""


def prepare() -> None:
    """Make what files are made with, so that nobody waits for it when a grading has ended."""
    from harness.reports.html import pages, report

    del report  # imported with all that it brings
    pages.prepare()


def files(
    grading: Grading, *, patch: bytes = b"", logs: Mapping[str, bytes] | None = None, rubric: bytes = b""
) -> tuple[dict[str, bytes], dict[str, Exception]]:
    """Return all that lies beside ``result.json`` (path -> bytes), and why what is missing could not be made.

    ``patch`` is what :mod:`harness.patches` wrote, ``rubric`` what people are asked. A renderer that fails costs its own file and never the result.
    """
    made, failed = dict[str, bytes](), dict[str, Exception]()
    try:
        standing = unmarked(rubric, grading) if rubric else None
    except HarnessError as error:
        standing, failed["the rubric"] = None, error
    context = Context(changes=patches.parse(patch, name=patches.FILE), logs=logs or {}, standing=standing)
    for name, render in FILES.items():
        try:
            made[name] = render(grading, context).encode("utf-8", "backslashreplace")
        except Exception as error:  # noqa: BLE001 - handed back, and said by whoever keeps the rest
            failed[name] = error
    if patch:
        made[patches.FILE] = patch
    if rubric:
        made[RUBRIC] = rubric
    return made | {f"{LOGS}/{name}.log": log for name, log in context.logs.items()}, failed
