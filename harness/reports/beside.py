"""What lies in result folders beside ``result.json``: one table, name of a file -> what makes it.

To add a file of a grading, write a renderer and a line in :data:`FILES`; to add one over all results of a folder, in
:data:`harness.reports.cohort_files.FILES`. Nothing else needs to know: ``harness grade`` writes what these tables name,
beside ``result.json``, ``diff.patch`` and ``logs/``. A renderer

- gets values and returns the whole text; it reads no file, no clock and no environment, and changes nothing;
- never fails on what a candidate wrote: names, feedback, logs and lines of a diff are hostile, and its format escapes them;
- takes what may not be there (no changes, no logs, no outcomes: a refused submission has files too) as it is;
- for a candidate, renders what ``_for_candidate`` returns and never looks at ``context`` itself: what lies there is not
  redacted;
- imports what is heavy (a template engine) inside itself: other commands import this package too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from harness import patches
from harness.catalogue import learning
from harness.catalogue.learning import LEARN, Pointers
from harness.errors import HarnessError
from harness.marking import RUBRIC, Standing, unmarked
from harness.model import Grading
from harness.patches import Change
from harness.reports import junit, terminal
from harness.reports.others import NOTHING, Others
from harness.reports.view import Audience, View, build
from harness.signing.sealing import ATTESTATION
from harness.store import LOGS, RESULT, Company


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What is kept beside a grading, for reports about it. For an assessor's eyes only."""

    changes: tuple[Change, ...] = ()
    """What it changed of the starter: files, hunks, numbered lines. Empty also where that is not known."""
    logs: Mapping[str, bytes] = field(default_factory=dict)
    """Name of a sandbox (also ``control-*``, ``*-runs``) -> the last of what it wrote."""
    standing: Standing | None = None
    """How it stands with the people who mark it, and what they are asked; None where the exercise asks them nothing."""
    pointers: Pointers = field(default_factory=Pointers)
    """Where a candidate may be pointed to for each gap: for their eyes too."""
    company: Company | None = None
    """What else is stored of its sender; None where the files of a folder are made, which outlive what is beside it."""
    others: Others = NOTHING
    """What other gradings say of it; in the files of a folder only what stays true."""


Renderer = Callable[[Grading, Context], str]


def _report(grading: Grading, context: Context) -> str:
    return terminal.render(_for_assessor(grading, context))


def _for_assessor(grading: Grading, context: Context) -> View:
    return build(grading, company=context.company, standing=context.standing, others=context.others)


def _candidate(grading: Grading, context: Context) -> str:
    return terminal.render(_for_candidate(grading, context))


def _candidate_page(grading: Grading, context: Context) -> str:
    from harness.reports.html import candidate

    return candidate.render(_for_candidate(grading, context))


def _for_candidate(grading: Grading, context: Context) -> View:
    """Return what a candidate may read: of what is beside the grading, pointers and what people said once all is settled."""
    return build(grading, Audience.CANDIDATE, standing=context.standing, pointers=context.pointers)


def _page(grading: Grading, context: Context) -> str:
    from harness.reports.html import report  # brings a template engine

    return report.render(_for_assessor(grading, context), context.changes)


def _junit(grading: Grading, context: Context) -> str:
    return junit.render(build(grading, company=context.company))


FILES: Mapping[str, Renderer] = {
    "report.txt": _report,
    "report.html": _page,
    "candidate.txt": _candidate,
    "candidate.html": _candidate_page,
    "junit.xml": _junit,
}
"""Name of a file in the folder of one grading -> its renderer."""


def listed(grading: Grading) -> str:
    """Return what lies in the folder of ``grading``, in a line; what is not always there, with that word."""
    always = [RESULT, *FILES, *([f"{LOGS}/"] if grading.outcomes else [])]
    return "  ".join([*always, f"{patches.FILE} (if any)", f"{ATTESTATION} (if any)"])


def prepare() -> None:
    """Make what files are made with, so that nobody waits for it when a grading has ended."""
    from harness.reports.html import candidate, pages, report

    del candidate, report  # imported with all that they bring
    pages.prepare()


def with_papers(context: Context, grading: Grading, papers: Mapping[str, bytes]) -> Context:
    """Return ``context`` with what the papers of a grader say of ``grading``. Raises HarnessError for wrong ones."""
    if LEARN in papers:
        pointers = learning.parse(papers[LEARN], grading.exercise, LEARN, refuse=HarnessError)
        context = replace(context, pointers=pointers)
    if RUBRIC in papers:
        context = replace(context, standing=unmarked(papers[RUBRIC], grading))
    return context


def files(
    grading: Grading,
    *,
    patch: bytes = b"",
    logs: Mapping[str, bytes] | None = None,
    papers: Mapping[str, bytes] | None = None,
    others: Others = NOTHING,
) -> tuple[dict[str, bytes], dict[str, Exception]]:
    """Return all that lies beside ``result.json`` (path -> bytes), and why what is missing could not be made.

    ``patch`` is what :mod:`harness.patches` wrote, ``papers`` are of the grader, for people. A renderer that fails, or a paper
    that says nothing, costs its own file and never the result. ``others`` is what was known of it before it was graded.
    """
    made, failed = dict[str, bytes](), dict[str, Exception]()
    context = Context(changes=patches.parse(patch, name=patches.FILE), logs=logs or {}, others=others)
    try:
        context = with_papers(context, grading, papers or {})
    except HarnessError as error:
        failed["what its papers say"] = error
    for name, render in FILES.items():
        try:
            made[name] = render(grading, context).encode("utf-8", "backslashreplace")
        except Exception as error:  # noqa: BLE001 - handed back, and said by whoever keeps the rest
            failed[name] = error
    if patch:
        made[patches.FILE] = patch
    made |= papers or {}
    return made | {f"{LOGS}/{name}.log": log for name, log in context.logs.items()}, failed
