"""Which rules of a brief no public check shows: the brief says it, in the rows of its tables."""

from __future__ import annotations

import re
from pathlib import Path

from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.reports.briefed import graded_only

CHECKOUT = Path(__file__).resolve().parents[3]
BRIEF = """
| Points | Rule | Where |
|---|---|---|
| 8 | **Webhooks** that overtake: 2xx, and counted once | graded only |
| 4 | Keys of `merchants` (64 characters) stay apart | Graded only |
| 2 | Sums are exact. | graded only |
| 5 | Create and read back | public |
| **10** | **Recovery** | |
graded only
| graded only |
"""


def test_rows_that_are_graded_only_are_named() -> None:
    """By what stands before the details; rows that candidates can run are not among them, and no other line is."""
    assert graded_only([BRIEF, "no table"]) == ("Webhooks that overtake", "Keys of merchants", "Sums are exact")


def test_brief_of_payments_names_every_rule_that_only_a_grading_judges() -> None:
    """As many points as no public check stands for."""
    known = Catalogue([CHECKOUT])
    exercise = known.exercise("idempotent-payments")
    folder = known.exercise_dir("idempotent-payments")
    text = briefs.render(exercise, folder, briefs.Reader(alias="heron", variant=0, language="go"))["BRIEF.md"]
    rows = [line for line in text.splitlines() if line.startswith("|") and line.endswith("| graded only |")]
    points = sum(float(found[1]) for row in rows if (found := re.match(r"\| ([\d.]+) \|", row)))
    assert points == 100 - sum(check.points for check in exercise.checks)
    names = graded_only([text])
    assert len(names) == len(rows)
    assert all(8 < len(name) < 120 for name in names), names
