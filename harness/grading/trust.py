"""What is known about an exercise beyond this one grading: its validation record, ``graders/<id>/validation.json``."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from harness import places, tables
from harness.catalogue.pair import Pair
from harness.errors import ExerciseError
from harness.model import Measure
from harness.wording import quoted

RECORD = "validation.json"
SCHEMA = 3
READ = (1, 2, 3)
"""Schemas that can be read: rows of an older one lack measures or outcomes, and are stale whatever they say."""
REPEATS = 20
"""Runs of each reference in a whole record: 60 clean ones bound how often runs disagree at 5 %."""
GRADING_CONTRACT = 3
"""Raised when a change of the harness itself may change a verdict; every record is then stale."""
UNREADABLE = "its validation record can't be read (harness validate says why): treat the verdict as a draft"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How one check ended, requirements applied: enough to score the row again."""

    check: str
    status: str
    credit: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One grading of one known submission."""

    submission: str
    """``KIND/NAME``: ``starter/python``, ``reference/NAME``, ``mutant/NAME``..."""
    variant: int
    seed: int
    repeat: int
    key: str
    """Digest of all it depends on; a row whose key is not today's is stale."""
    verdict: str
    earned: float
    failed: tuple[str, ...]
    """Ids of checks that did not pass, inconclusive ones apart."""
    inconclusive: tuple[str, ...]
    seconds: float
    reason: str
    graded_on: str
    """Date, ISO 8601."""
    measures: tuple[tuple[str, Measure], ...] = ()
    """Check -> what it compared with a threshold; a check with several comes several times."""
    outcomes: tuple[Ended, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    """What each check said whose end was not expected."""
    withheld: tuple[str, ...] = ()
    """Those of ``failed`` that were not judged at all, because a check that they require did not pass."""

    @property
    def seen(self) -> tuple[str, ...]:
        """Those of ``failed`` that were judged: only they show that a check can fail."""
        return tuple(check for check in self.failed if check not in self.withheld)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """All rows of one exercise."""

    exercise: str
    rows: tuple[Row, ...] = ()


def place(pair: Pair) -> Path:
    """Return where the record of an exercise lies. Raises ExerciseError without its grader."""
    if pair.grader is None:
        text = f"{pair.exercise.id}: expected a grader, found only what candidates see: add its repository with --catalogue DIR"
        raise ExerciseError(text)
    return pair.grader / RECORD


def read(pair: Pair) -> Record:
    """Return the record beside a grader, empty when there is none. Raises ExerciseError when it can't be read."""
    exercise_id, file = pair.exercise.id, place(pair)
    if not file.exists():
        return Record(exercise=exercise_id)
    try:
        document = _document(places.read(file, refuse=ExerciseError))
        if document.get("schema") in READ:
            return Record(exercise=exercise_id, rows=tuple(_row(row, at) for at, row in enumerate(_rows(document), 1)))
    except (ValueError, RecursionError, _DamagedError) as error:
        why = " ".join(str(error).split())
        text = f"{file}: expected a validation record, found one that can't be read ({why}): remove it and validate"
        raise ExerciseError(text) from error
    text = f"{file}: expected schema {SCHEMA}, found {quoted(document.get('schema'))}: remove it and validate again"
    raise ExerciseError(text)


@contextmanager
def changing(pair: Pair) -> Iterator[None]:
    """Keep other processes from changing the record meanwhile: what they add between a read and a write would be lost."""
    folder = place(pair).parent
    with places.writing("the validation record", folder):
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def write(pair: Pair, record: Record, summary: Mapping[str, object]) -> None:
    """Replace the record beside a grader in one step; an interrupted write leaves the old one.

    What it leaves beside it has a name that is in no digest: else a kill would make every row stale.
    """
    rows = sorted(record.rows, key=lambda row: (row.submission, row.variant, row.seed, row.repeat))
    document = {"schema": SCHEMA, "exercise": record.exercise, **summary, "rows": [_plain(row) for row in rows]}
    file = place(pair)
    scratch = file.with_name(f"{RECORD}~")
    with places.writing("the validation record", file.parent):
        scratch.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n", encoding="utf-8")
        scratch.replace(file)


def line(pair: Pair) -> str:
    """Return one line on how the exercise was proven, for the report; nothing without its grader.

    A record that can't be read says nothing of a submission, so it keeps none from being graded.
    """
    if pair.grader is None:
        return ""
    try:
        record = read(pair)
    except ExerciseError:
        return UNREADABLE
    if not record.rows:
        return "this exercise has no validation record: treat the verdict as a draft"
    current = shared_key(pair.digests)
    fresh = tuple(row for row in record.rows if row.key.startswith(current))
    if not fresh:
        return "the exercise or its grader changed since it was validated: treat the verdict as a draft"
    return _in_words(fresh, stale=len(record.rows) - len(fresh))


class _DamagedError(ExerciseError):
    """What a record says is not what :func:`write` writes."""


class _Measure(tables.Table):
    name: str
    value: float
    limit: float
    better: Literal["less", "more"]
    unit: str = ""


class _Measured(tables.Table):
    check: str
    measure: _Measure


class _Ended(tables.Table):
    check: str
    status: Literal["passed", "failed", "unproven", "inconclusive"]
    credit: float


class _Row(tables.Table):
    submission: str
    variant: int
    seed: int
    repeat: int
    key: str
    verdict: Literal["passed", "failed", "inconclusive", "refused", "held"]
    earned: float
    failed: tables.Many[str]
    inconclusive: tables.Many[str]
    seconds: float
    reason: str
    graded_on: str
    measures: tables.Many[_Measured]
    outcomes: tables.Many[_Ended]
    said: dict[str, str]
    withheld: tables.Many[str]


def _document(data: bytes) -> dict[str, object]:
    document: object = json.loads(data)
    json.dumps(document, allow_nan=False)  # NaN and 1e999 are read as numbers
    if not isinstance(document, dict):
        text = f"expected an object, found {quoted(document)}"
        raise _DamagedError(text)
    return document


def _rows(document: Mapping[str, object]) -> list[object]:
    rows = document.get("rows")
    if not isinstance(rows, list):
        text = f"expected a list of rows, found {quoted(rows)}"
        raise _DamagedError(text)
    return rows


def _row(found: object, at: int) -> Row:
    # Not written from the beginning: schema 1 had neither measures nor words, schema 2 no outcomes.
    older: dict[str, object] = {"measures": [], "said": {}, "outcomes": [], "withheld": []}
    whole = {**older, **found} if isinstance(found, dict) else found
    said = tables.validate(_Row, whole, f"row {at}", _DamagedError)
    date.fromisoformat(said.graded_on)
    plain = {name: getattr(said, name) for name in _Row.model_fields}
    measures = tuple((one.check, Measure(**dict(one.measure))) for one in said.measures)
    outcomes = tuple(Ended(**dict(one)) for one in said.outcomes)
    return Row(**{**plain, "measures": measures, "outcomes": outcomes})


def _plain(row: Row) -> dict[str, object]:
    measures = [{"check": check, "measure": asdict(measure)} for check, measure in row.measures]
    return {**asdict(row), "measures": measures}


def shared_key(digests: Mapping[str, str]) -> str:
    """Return the part of every row's key that all rows of an exercise share.

    It hangs on what changes a verdict, not on the bytes of every file: neither a status nor a corrected title, brief or
    comment makes a record stale.
    """
    return f"{GRADING_CONTRACT}-{digests.get('verdict', '')[:32]}"


def _in_words(rows: Sequence[Row], *, stale: int) -> str:
    references = [row for row in rows if row.submission.startswith("reference/")]
    mutants = [row for row in rows if row.submission.startswith("mutant/")]
    names = {row.submission for row in references}
    day = max(row.graded_on for row in rows)
    scores = [row.earned for row in references]
    least = min((sum(1 for row in references if row.submission == name) for name in names), default=0)
    if least < REPEATS:
        return f"validated in part ({least} of {REPEATS} runs of a reference): treat the verdict as a draft"
    words = f"validated {day}: {len(names)} references"
    if scores:
        words += f" {min(scores):.0f}-{max(scores):.0f}"
    words += f", {len({row.submission for row in mutants})} mutants"
    repeats = len(references)
    words += f", {sum(1 for row in references if row.verdict != 'passed')} of {repeats} repeats differed"
    return words + (f"; {stale} rows are stale" if stale else "")
