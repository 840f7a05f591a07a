"""What is known about an exercise beyond this one grading: its validation record, ``graders/<id>/validation.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from harness import places
from harness.catalogue.pair import Pair
from harness.errors import ExerciseError
from harness.model import Measure

RECORD = "validation.json"
SCHEMA = 2
READ = (1, 2)
"""Schemas that can be read: rows of an older one have no measures, and are stale whatever they say."""
REPEATS = 20
"""Runs of each reference in a whole record: 60 clean ones bound how often runs disagree at 5 %."""
GRADING_CONTRACT = 2
"""Raised when a change of the harness itself may change a verdict; every record is then stale."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One grading of one known submission."""

    submission: str
    """``starter/python``, ``reference/NAME``, ``mutant/NAME``, ``cheat/NAME``."""
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
    said: Mapping[str, str] = field(default_factory=dict)
    """What each check said whose end was not expected."""


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
        document = json.loads(places.read(file, refuse=ExerciseError))
        rows = tuple(
            Row(
                **{
                    **row,
                    "failed": tuple(row["failed"]),
                    "inconclusive": tuple(row["inconclusive"]),
                    "measures": tuple((one["check"], Measure(**one["measure"])) for one in row.get("measures", ())),
                }
            )
            for row in document["rows"]
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        text = f"{file}: expected a validation record, found one that can't be read ({error}): remove it and validate"
        raise ExerciseError(text) from error
    if document.get("schema") not in READ:
        text = f"{file}: expected schema {SCHEMA}, found {document.get('schema')!r}: remove it and validate again"
        raise ExerciseError(text)
    return Record(exercise=exercise_id, rows=rows)


def write(pair: Pair, record: Record, summary: Mapping[str, object]) -> None:
    """Replace the record beside a grader in one step; an interrupted write leaves the old one."""
    rows = sorted(record.rows, key=lambda row: (row.submission, row.variant, row.seed, row.repeat))
    document = {"schema": SCHEMA, "exercise": record.exercise, **summary, "rows": [_plain(row) for row in rows]}
    file = place(pair)
    scratch = file.with_suffix(".json.new")
    with places.writing("the validation record", file.parent):
        scratch.write_text(json.dumps(document, indent=1, sort_keys=False) + "\n", encoding="utf-8")
        scratch.replace(file)


def line(pair: Pair) -> str:
    """Return one line on how the exercise was proven, for the report; nothing without its grader."""
    if pair.grader is None:
        return ""
    record = read(pair)
    if not record.rows:
        return "this exercise has no validation record: treat the verdict as a draft"
    current = shared_key(pair.digests)
    fresh = tuple(row for row in record.rows if row.key.startswith(current))
    if not fresh:
        return "the exercise or its grader changed since it was validated: treat the verdict as a draft"
    return _in_words(fresh, stale=len(record.rows) - len(fresh))


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
