"""A cohort for programs and spreadsheets: ``cohort.json`` with all there is, ``index.csv`` with a row for each candidate."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from harness import store
from harness.model import Json
from harness.reports import cells
from harness.reports.cohort import reading
from harness.reports.cohort.model import GRADED, SCHEMA, Candidate, Cohort, ExerciseCohort

_LONGEST = 1000
"""Characters of a cell: spreadsheets hold more, people read less."""


def as_json(cohort: Cohort) -> str:
    """Return ``cohort.json``: docs/reference/cohort.schema.json."""
    body = cast("dict[str, Json]", store.plain(cohort))
    return json.dumps({"schema": SCHEMA, **body}, indent=1, allow_nan=False) + "\n"


def json_schema() -> dict[str, Json]:
    """Return the JSON Schema of ``cohort.json``, as kept in docs/reference/cohort.schema.json."""
    return store.schema_of(Cohort, SCHEMA, "harness cohort")


def as_csv(cohort: Cohort) -> str:
    """Return ``index.csv``: a row for each candidate and exercise, refused ones too; docs/reference/cohort.md has its columns.

    Text is quoted, and begins nowhere as a formula does; numbers are not.
    """
    skills = tuple(dict.fromkeys(skill.name for exercise in cohort.exercises for skill in exercise.skills))
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([_cell(name) for name in (*COLUMNS, *map(skill_column, skills))])
    for exercise, candidate in _rows(cohort):
        row = [column(exercise, candidate) for column in COLUMNS.values()]
        points = {skill.name: skill.earned for skill in candidate.skills} if candidate.verdict in GRADED else {}
        writer.writerow([_cell(value) for value in (*row, *(points.get(name) for name in skills))])
    return out.getvalue()


def skill_column(name: str) -> str:
    """Return the heading of a skill: after all other columns, in the order of the exercises."""
    return f"points: {name}"


def _rows(cohort: Cohort) -> Iterator[tuple[ExerciseCohort | None, Candidate]]:
    for exercise in cohort.exercises:
        yield from ((exercise, candidate) for candidate in exercise.candidates)
    yield from ((None, candidate) for candidate in cohort.unknown)


def _cell(value: str | float | None) -> str | float:
    """Return a value as a cell: numbers with the two decimals that people see, text on one line and never a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return cells.text(value, _LONGEST)
    return int(value) if value == int(value) else round(value, 2)


COLUMNS: Mapping[str, Callable[[ExerciseCohort | None, Candidate], str | float | None]] = {
    "exercise": lambda exercise, _: exercise.id if exercise else "",
    "version": lambda exercise, _: exercise.version if exercise else "",
    "name": lambda _, one: one.name,
    "verdict": lambda _, one: str(one.verdict),
    "points": lambda _, one: one.earned if one.verdict in GRADED else None,
    "possible": lambda _, one: one.possible,
    "bar": lambda exercise, one: one.bar if exercise else None,
    "lowest": lambda _, one: one.lowest if one.checks else None,
    "highest": lambda _, one: one.highest if one.checks else None,
    "percentile": lambda _, one: one.percentile,
    "gate": lambda _, one: one.gates[0].title if one.gates else "",
    "gate state": lambda _, one: str(one.gates[0].state) if one.gates else "",
    "cap": lambda _, one: one.gates[0].cap if one.gates else None,
    "points without cap": lambda _, one: one.gates[0].without if one.gates else None,
    "not shown": lambda _, one: one.unshown,
    "inconclusive": lambda _, one: one.inconclusive,
    "why": lambda _, one: one.why[0] if one.why else "",
    "seconds": lambda _, one: one.seconds,
    "language": lambda _, one: one.language,
    "variant": lambda _, one: one.variant,
    "packed at": lambda _, one: one.packed_at,
    "graded at": lambda _, one: one.started_at,
    "submissions": lambda _, one: one.submissions,
    "gradings": lambda _, one: len(one.earlier) + 1,
    "weaker": lambda _, one: len(one.posture),
    "alias": lambda _, one: one.alias,
    "path": lambda _, one: one.path,
    "sha256": lambda _, one: one.sha256,
    "grading": lambda _, one: one.grading,
    "folder": lambda _, one: one.folder,
    "human points": lambda _, one: one.human.points if one.human else None,
    "human possible": lambda _, one: one.human.possible if one.human else None,
    "human items open": lambda _, one: one.human.open if one.human else None,
    "nearly the same as": lambda exercise, one: reading.nearest(one, exercise.alike) if exercise else "",
}
"""Heading of a column of ``index.csv`` -> what stands there; None is an empty cell. Columns are only ever added, at the end."""
