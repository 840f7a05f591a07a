"""Gradings side by side."""

from __future__ import annotations

import pytest

from harness.reports import table
from harness.reports.table import Sort
from harness.reports.text import columns
from tests.unit.factories import failed, grading, heron, refused, reports
from tests.unit.reports.test_terminal import hostile

KILLED = "safety/killed-mid-charge"


def test_a_table_says_what_each_came_to() -> None:
    """Verdict, score, gates in their two states in words, what was not shown or is inconclusive, seconds, and the path."""
    rows = [
        table.row(heron()),
        table.row(grading(submission_name="otter"), "kept"),
        table.row(
            grading(
                reports(
                    failed(KILLED, status="unproven"),
                    failed("safety/killed-at-commit", status="inconclusive"),
                    failed("own-tests/tell-good-from-starter", status="inconclusive"),
                ),
                submission_name="crane",
            )
        ),
        table.row(refused(submission_name="wren")),
        table.without("inbox/x", "x", "the engine went away"),
    ]
    assert table.lines(rows) == [
        "                            not  incon-",
        "name  verdict       score shown clusive seconds",
        "otter passed        100.0     0       0    54.2  inbox/heron.tar.gz (kept)",
        "crane failed         45.0     1       2    54.2  inbox/heron.tar.gz",
        "  not shown: A customer can be charged twice, or a charge can be lost (at most",
        "    45)",
        "heron failed         45.0     0       0    54.2  inbox/heron.tar.gz",
        "  seen broken: A customer can be charged twice, or a charge can be lost (at most",
        "    45)",
        "  seen broken: The ledger can differ from what the provider captured (at most",
        "    60)",
        "wren  refused           -     -       -    54.2  inbox/heron.tar.gz",
        "  inbox/heron.tar.gz: expected a gzip-compressed tar archive, found bytes that",
        "    are not: pack it again",
        "x     not graded        -     -       -       -  inbox/x",
        "  the engine went away",
    ]


@pytest.mark.parametrize("sort", Sort)
def test_every_order_holds_every_row(sort: Sort) -> None:
    """And fits, and lets nothing through, whatever submissions are called and gates say."""
    made = [table.row(heron(seconds=1.0)), table.row(hostile()), table.without("p" * 200, "李" * 30, "why\x1b[31m")]
    lines = table.lines(made, sort)
    assert max(map(columns, lines)) <= 80
    assert all(line.isprintable() for line in lines)
    assert sum(line[0] != " " for line in lines) == 1 + len(made)


def test_orders_are_what_their_names_say() -> None:
    """Best first; by name; passed before failed; longest first; as named."""
    made = [
        table.row(grading(submission_name="b", seconds=9.0), place=2),
        table.row(heron(submission_name="a", seconds=30.0), place=1),
        table.row(refused(submission_name="c", seconds=0.1), place=0),
    ]

    def names(sort: Sort) -> str:
        return "".join(line[0] for line in table.lines(made, sort)[2:] if line[0] != " ")

    assert {sort: names(sort) for sort in Sort} == {
        Sort.SCORE: "bac",
        Sort.NAME: "abc",
        Sort.VERDICT: "bac",
        Sort.SECONDS: "abc",
        Sort.GIVEN: "cab",
    }


def test_no_rows_are_no_table() -> None:
    """Not even headings."""
    assert table.lines([]) == []
