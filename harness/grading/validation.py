"""Proving an exercise: run what its record lacks, save each row as it ends, then read the record.

References are repeated, spread over five (variant, seed) pairs, and honest designs as often as declared; everything else
runs once, at variant 0 and the grader's seed. A row is current when nothing that it depends on has changed; only missing and stale rows are run, so a killed
validation resumes where it was.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from harness import places
from harness.catalogue import variants
from harness.catalogue.finder import Catalogue, digest
from harness.catalogue.pair import Pair
from harness.errors import ExerciseError
from harness.grading import acceptance, margins, pool, subjects, trust
from harness.grading.margins import Line
from harness.grading.pool import Done, OpenRunner
from harness.grading.runner import Task
from harness.grading.subjects import Subject
from harness.grading.trust import Ended, Record, Row
from harness.model import Grading, Outcome, Status

PAIRS = 5
"""(variant, seed) pairs that repeats of a reference are spread over."""
_SAID_CHARS, _SAID_EVIDENCE = 600, 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One row that should be in the record."""

    subject: Subject
    variant: int
    seed: int
    repeat: int
    key: str
    turn: int = 0
    """Which of the rows of its subject it is."""

    def is_row(self, row: Row) -> bool:
        """Whether ``row`` is this one, as everything is today."""
        mine = (self.subject.name, self.variant, self.seed, self.repeat, self.key)
        return mine == (row.submission, row.variant, row.seed, row.repeat, row.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """All rows that an exercise should have, and those it has."""

    pair: Pair
    subjects: tuple[Subject, ...]
    wanted: tuple[Wanted, ...]
    """Those that were asked for; ``everything`` has all."""
    everything: tuple[Wanted, ...]
    record: Record

    @property
    def current(self) -> tuple[Row, ...]:
        """Rows of the record that are wanted as they are."""
        return tuple(row for row in self.record.rows if any(one.is_row(row) for one in self.wanted))

    @property
    def missing(self) -> tuple[Wanted, ...]:
        """Wanted rows that the record lacks."""
        return tuple(one for one in self.wanted if not any(one.is_row(row) for row in self.record.rows))


def matrix(catalogue: Catalogue, exercise_id: str, *, only: tuple[str, ...], repeat: int, images: str) -> Matrix:
    """Return what should be in the record of an exercise, and what is. ``images`` is one digest of all recipes used."""
    pair = catalogue.pair(exercise_id)
    known = subjects.all_of(pair)
    chosen = subjects.choose(known, only)
    shared = f"{trust.shared_key(pair.digests)}-{images[:16]}"
    everything = [one for subject in known for one in _wanted(pair, subject, repeat, shared)]
    # Once each before references again: what is wrong with the matrix is known before the long part.
    everything.sort(key=lambda one: one.turn > 0 and one.subject.right)
    return Matrix(
        pair=pair,
        subjects=chosen,
        wanted=tuple(one for one in everything if one.subject in chosen),
        everything=tuple(everything),
        record=trust.read(pair),
    )


def run(
    table: Matrix, wanted: Sequence[Wanted], scratch: Path, jobs: int, open_runner: OpenRunner
) -> Iterator[tuple[Wanted, Done]]:
    """Yield each wanted row's grading as it ends."""
    tasks = {}
    for number, one in enumerate(wanted):
        folder = scratch / str(number)
        one.subject.lay_out(folder)
        task = Task(
            path=str(folder),
            exercise_id=table.pair.exercise.id,
            alias=one.subject.name.replace("/", "-"),
            seed=one.seed,
            variant=one.variant,
        )
        tasks[task.path] = (one, task)
    with pool.opened(len(tasks), jobs, open_runner) as graders:
        for done in graders.grade_all([task for _, task in tasks.values()]):
            yield tasks[done.task.path][0], done


def row_of(wanted: Wanted, grading: Grading) -> Row:
    """Return the row that a grading adds to the record."""
    withheld = _withheld(grading.outcomes)
    return Row(
        submission=wanted.subject.name,
        variant=wanted.variant,
        seed=wanted.seed,
        repeat=wanted.repeat,
        key=wanted.key,
        verdict=str(grading.verdict),
        earned=grading.score.earned,
        failed=tuple(o.check.id for o in grading.outcomes if o.status in {Status.FAILED, Status.UNPROVEN}),
        inconclusive=tuple(o.check.id for o in grading.outcomes if o.status is Status.INCONCLUSIVE),
        seconds=grading.seconds,
        reason=grading.reason[:300],
        graded_on=dt.datetime.now(dt.UTC).date().isoformat(),
        measures=tuple((outcome.check.id, one) for outcome in grading.outcomes for one in outcome.measures),
        outcomes=tuple(Ended(check=o.check.id, status=str(o.status), credit=o.credit) for o in grading.outcomes),
        said={
            outcome.check.id: _words(outcome)
            for outcome in grading.outcomes
            if _is_odd(wanted.subject, outcome, judged=outcome.check.id not in withheld)
        },
        withheld=withheld,
    )


def _withheld(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return the checks that were not judged, because one that they require did not pass."""
    passed = {outcome.check.id for outcome in outcomes if outcome.status is Status.PASSED}
    there = {outcome.check.id for outcome in outcomes}
    return tuple(
        outcome.check.id
        for outcome in outcomes
        if outcome.status is Status.UNPROVEN and not passed.issuperset(there.intersection(outcome.check.requires))
    )


def _is_odd(subject: Subject, outcome: Outcome, *, judged: bool) -> bool:
    """Whether somebody will ask why: what is inconclusive, fails where it should pass, or was not seen to where it should."""
    if outcome.status is Status.INCONCLUSIVE:
        return True
    if outcome.status is Status.PASSED or (not judged and subject.kind == "mutant"):
        return outcome.check.id in subject.expected.required
    if subject.right:
        return True
    return bool(subject.expected.unexpected((outcome.check.id,)))


def _words(outcome: Outcome) -> str:
    parts = (str(outcome.status), outcome.feedback, outcome.detail, *outcome.evidence[:_SAID_EVIDENCE])
    return "\n".join(part for part in parts if part)[:_SAID_CHARS]


def changed(wanted: Wanted, grading: Grading) -> bool:
    """Whether the exercise or its grader is not what it was when the row was wanted: then the row would lie."""
    return not wanted.key.startswith(trust.shared_key(grading.digests))


def save(table: Matrix, row: Row) -> Matrix:
    """Add a row to the record on disk, in place of the one it renews; return the matrix with it.

    The record is read again first: two validations of one exercise may run, and each must keep the other's rows.
    """
    same, exercise = (row.submission, row.variant, row.seed, row.repeat), table.pair.exercise
    with trust.changing(table.pair):
        there = trust.read(table.pair).rows
        kept = tuple(one for one in there if (one.submission, one.variant, one.seed, one.repeat) != same)
        table = replace(table, record=Record(exercise=exercise.id, rows=(*kept, row)))
        contract = {"version": exercise.version, "grading_contract": trust.GRADING_CONTRACT}
        trust.write(table.pair, table.record, {**contract, **_summary(table)})
    return table


def _summary(table: Matrix) -> dict[str, object]:
    """Return what a reader of the record wants of its current rows: how often each mutant was caught, and margins."""
    known = tuple(dict.fromkeys(one.subject for one in table.everything))
    rows = replace(table, wanted=table.everything).current
    worst = min((row.earned for row in rows if row.submission.startswith("reference/")), default=100.0)
    caught = {}
    for one in known:
        mine = [row for row in rows if row.submission == one.name]
        if one.kind == "mutant" and mine:
            count = sum(acceptance.killed(one, row, worst, table.pair.checks) for row in mine)
            caught[one.name] = f"{count}/{len(mine)}"
    return {"caught": caught, "margins": [asdict(one) for one in margins.of(known, rows)]}


def verdict(table: Matrix, rows: Sequence[Row], *, whole: bool) -> tuple[Line, ...]:
    """Return every line of acceptance over ``rows``; ``whole`` adds those about the matrix."""
    exercise, checks = table.pair.scored, table.pair.checks
    lines = acceptance.judge(table.subjects, exercise, checks, rows)
    if whole:
        lines += acceptance.whole(table.subjects, exercise, checks)
    return lines


def _wanted(pair: Pair, subject: Subject, repeat: int, shared: str) -> list[Wanted]:
    content = digest(subject.source)[:16]
    content += "".join(f"-{digest_of_file(patch)[:16]}" for patch in subject.patches)
    racy = subject.expected.seeds
    repeats = repeat if subject.kind == "reference" else racy
    pairs = max(PAIRS, racy)
    return [
        Wanted(
            subject=subject,
            variant=number % PAIRS % variants.count(pair.exercise) if subject.right else 0,
            seed=pair.seed + number % pairs,
            repeat=number // pairs,
            key=f"{shared}-{content}",
            turn=number,
        )
        for number in range(repeats)
    ]


def digest_of_file(path: Path) -> str:
    """Return the sha256 of one file."""
    return hashlib.sha256(places.read(path, refuse=ExerciseError)).hexdigest()
