"""cohort.json and index.csv: what their pages promise, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Sequence
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from harness.model import Grading
from harness.reports.cohort import machine
from harness.reports.cohort.model import Cohort
from tests.unit import cohorts
from tests.unit.factories import grading, heron, refused

DOCS = Path(__file__).parents[4] / "docs" / "reference"
SPREADSHEETS = ",;\t"
"""What cells are split at, by the settings of a country or of whoever opens a file."""
BEGINNINGS = "=+-@\uff1d\uff0b\uff0d\uff20"
"""How a formula begins, in full width too."""


def cells(text: str, delimiter: str = ",") -> list[list[str]]:
    """Return the cells as a reader of CSV sees them."""
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


def rows(made: Sequence[Grading]) -> list[dict[str, str]]:
    """Return the rows of the CSV, by heading."""
    return list(csv.DictReader(io.StringIO(machine.as_csv(cohorts.of(made)))))


def test_schema_page_is_what_is_written() -> None:
    """docs/reference/cohort.schema.json is generated; renew it with ``python -m harness.reports > FILE``."""
    assert json.loads((DOCS / "cohort.schema.json").read_text()) == machine.json_schema()


def test_json_is_the_whole_cohort() -> None:
    """What is read back, strictly, is what was written: nothing is lost and nothing is there that the schema does not name."""
    cohort = cohorts.of([*cohorts.gradings(40, seed=4)])

    document = json.loads(machine.as_json(cohort))

    assert document.pop("schema") == 1
    assert TypeAdapter(Cohort).validate_json(json.dumps(document), strict=True) == cohort


def test_columns_are_those_of_the_page() -> None:
    """Each column is explained in docs/reference/cohort.md, in the order in which they stand."""
    page = (DOCS / "cohort.md").read_text(encoding="utf-8")
    table = page.partition("| column |")[2].partition("\n\n")[0]
    explained = [line.split("|")[1].strip().strip("`") for line in table.splitlines()[2:]]

    assert explained == [*machine.COLUMNS, machine.skill_column("SKILL")]


def test_a_row_says_what_the_result_says() -> None:
    """Name, verdict and points; skills at the end; a refused one has no points at all."""
    failed, rejected = rows([heron(), dataclasses.replace(refused(), submission_alias="otter", submission_origin="x")])

    assert (failed["name"], failed["verdict"], failed["points"], failed["bar"]) == ("heron", "failed", "45", "70")
    assert (failed["gate state"], failed["cap"], failed["points without cap"]) == ("seen broken", "45", "68")
    assert failed["points: money safety"] == "25"
    assert (rejected["verdict"], rejected["points"], rejected["points: money safety"]) == ("refused", "", "")
    assert rejected["why"].startswith("inbox/heron.tar.gz: expected a gzip-compressed tar archive")


def test_inconclusive_has_bounds_instead_of_points() -> None:
    """A column that somebody averages holds no number that is not decided."""
    unsure = next(one for one in cohorts.gradings(200, seed=1) if one.verdict == "inconclusive")

    (row,) = rows([unsure])

    assert row["points"] == ""
    assert float(row["lowest"]) < float(row["highest"])


@example("=cmd|' /C calc'!A0", ",")
@example("/", ",")
@example('=HYPERLINK("https://example.org")', ",")
@example("+1", "\t")
@example("a;=1+1", ";")
@example(' "=1', ",")
@example("\uff1d1", ",")
@example("\t=1", ",")
@example("x\n=1", ",")
@given(st.text(min_size=1, max_size=60), st.sampled_from(SPREADSHEETS))
def test_no_text_is_a_formula(text: str, delimiter: str) -> None:
    """Whatever a submission calls itself, and however a spreadsheet splits a line: nothing calculates, no row breaks."""
    written = machine.as_csv(cohorts.of([dataclasses.replace(grading(), submission_name=text, submission_path=text)]))

    begun = {cell.lstrip(' "')[:1] for row in cells(written, delimiter) for cell in row}
    assert not begun & set(BEGINNINGS + "\t\r\n")
    assert {len(row) for row in cells(written)} == {len(machine.COLUMNS) + 5}


def test_text_is_kept() -> None:
    """What begins as a formula has an apostrophe before it, and nothing else is changed."""
    (row,) = rows([dataclasses.replace(heron(), submission_name="=1+1", submission_path='a "quoted", path')])

    assert row["name"] == "'=1+1"
    assert row["path"] == 'a "quoted", path'
