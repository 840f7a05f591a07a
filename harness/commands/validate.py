"""``harness validate``: prove an exercise with its starter, references, mutants and cheats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from harness import console, owners, places, settings
from harness.catalogue.finder import Catalogue
from harness.commands.opening import Opener
from harness.errors import ExerciseError, ExitCode, UsageError
from harness.grading import plan, static, trust, validation
from harness.grading.margins import Line
from harness.grading.trust import Row
from harness.grading.validation import Matrix
from harness.images import reach, recipes

REPEATS = trust.REPEATS
_SCRATCH_SECONDS = 6 * 3600
_MOST_SAID = 12
"""Texts beside one line: an exercise that is far from right would otherwise fill screens with the same."""


def validate(
    exercise_id: str | None,
    *,
    only: tuple[str, ...],
    repeat: int | None,
    jobs: int,
    as_json: bool,
    recorded: bool,
    why: bool,
    engine: str | None,
    catalogue: Catalogue,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
) -> ExitCode:
    """Run what the record lacks and judge it, or with ``recorded`` only read records. 0 holds, 1 fails, 2 can't be said.

    What can be seen without running anything is seen first. ``why`` shows beside a line that does not hold what the
    checks in question said.
    """
    if recorded:
        ids = [exercise_id] if exercise_id else catalogue.ids()
        found = [_recorded(catalogue, one, only) for one in ids]
        return _report(found, as_json=as_json, why=why)
    if exercise_id is None:
        text = "expected an exercise to validate, found none: name one, or pass --recorded"
        raise UsageError(text)
    problems = [*catalogue.problems(exercise_id), *static.problems(catalogue.pair(exercise_id))]
    if problems:
        lines = [Line(subject=exercise_id, rule="its files are right", holds=False, found=one) for one in problems]
        return _report([_Judged(lines=lines, rows=())], as_json=as_json, why=False)
    opener = Opener(catalogue=catalogue, engine=engine, network_range=network_range, keep_warm=True)
    judged = _validate(opener, exercise_id, only=only, repeat=repeat, jobs=jobs)
    return _report([judged], as_json=as_json, why=why)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Judged:
    """What was found of one exercise."""

    lines: Sequence[Line]
    rows: Sequence[Row]
    """That the lines are about."""


def _validate(opener: Opener, exercise_id: str, *, only: tuple[str, ...], repeat: int | None, jobs: int) -> _Judged:
    """Run missing rows (all chosen ones when ``repeat`` is given) and judge what was asked for."""
    catalogue = opener.catalogue
    table = _matrix(catalogue, exercise_id, only=only, repeat=REPEATS if repeat is None else repeat)
    wanted = table.missing if repeat is None else table.wanted
    places.probe(catalogue.grader_dir(exercise_id), "the validation record")
    console.notice(f"{exercise_id}: {len(table.wanted)} rows wanted, {len(wanted)} to run with {jobs} jobs")
    errors: list[Line] = []
    with owners.scratch(owners.make_owner(f"validate-{exercise_id}", seconds=_SCRATCH_SECONDS)) as scratch:
        for number, (one, done) in enumerate(validation.run(table, wanted, scratch, jobs, opener), start=1):
            if isinstance(done.error, ExerciseError):
                # Nothing can be said of any subject: what is wrong is said once, to whoever can mend it.
                raise done.error
            if done.graded is None:
                found = str(done.error)
                errors.append(Line(subject=one.subject.name, rule="can be graded", holds=None, found=found))
            elif validation.changed(one, done.graded.grading):
                found = "the exercise or its grader was changed meanwhile: validate again"
                errors.append(Line(subject=one.subject.name, rule="is graded as it is now", holds=None, found=found))
            else:
                row = validation.row_of(one, done.graded.grading)
                table = validation.save(table, row)
                console.notice(
                    f"{number}/{len(wanted)} {row.submission} seed {row.seed}: {row.verdict} {row.earned:g} "
                    f"in {row.seconds:.0f} s  {' '.join(row.failed)}"
                )
    if repeat is not None and (lacking := len(_matrix(catalogue, exercise_id, only=(), repeat=REPEATS).missing)):
        console.notice(f"this was a part: the record lacks {lacking} rows; harness validate {exercise_id} runs them")
    rows = table.current
    return _Judged(lines=[*errors, *validation.verdict(table, rows, whole=not only)], rows=rows)


def _recorded(catalogue: Catalogue, exercise_id: str, only: tuple[str, ...]) -> _Judged:
    table = _matrix(catalogue, exercise_id, only=only, repeat=REPEATS)
    lines = list(validation.verdict(table, table.current, whole=not only))
    if table.missing:
        names = sorted({one.subject.name for one in table.missing})
        found = f"{len(table.missing)} of {len(table.wanted)} rows are missing or stale: {', '.join(names[:8])}"
        lines.append(Line(subject=exercise_id, rule="the record is current", holds=False, found=found))
    return _Judged(lines=lines, rows=table.current)


def _matrix(catalogue: Catalogue, exercise_id: str, *, only: tuple[str, ...], repeat: int) -> Matrix:
    exercise = catalogue.exercise(exercise_id)
    names = {name for language in exercise.languages or ("",) for name in plan.images_needed(exercise, language)}
    # Of an image with a part of this package, what these checks reach: else each new helper would stale every record.
    tests = [file.content for file in catalogue.pair(exercise_id).tests() if file.path.endswith(".py")]
    images = {name: reach.identity(recipes.recipe(name), tests) for name in sorted(names)}
    return validation.matrix(catalogue, exercise_id, only=only, repeat=repeat, images=plan.fingerprint(images))


def _report(found: Sequence[_Judged], *, as_json: bool, why: bool) -> ExitCode:
    lines = [line for judged in found for line in judged.lines]
    said = [_said(line, judged.rows) if why else [] for judged in found for line in judged.lines]
    if as_json:
        console.document(
            [asdict(line) | ({"said": texts} if why else {}) for line, texts in zip(lines, said, strict=True)]
        )
    else:
        words = {True: "ok  ", False: "FAIL", None: "?   "}
        for line, texts in zip(lines, said, strict=True):
            console.line(f"{words[line.holds]} {line.subject:<34} {line.rule}: {line.found}")
            for text in texts:
                for part in text.splitlines():
                    console.line(f"     | {part}")
        held = sum(1 for line in lines if line.holds)
        console.line(f"{held} of {len(lines)} lines hold")
    if any(line.holds is False for line in lines):
        return ExitCode.FAILED
    return ExitCode.INCONCLUSIVE if any(line.holds is None for line in lines) else ExitCode.PASSED


def _said(line: Line, rows: Sequence[Row]) -> list[str]:
    """Return what the checks said whose end made a line not hold, as far as the record has it: a text for each."""
    if line.holds:
        return []
    mine = [row for row in rows if row.submission == line.subject]
    return [f"{check} (seed {row.seed}): {text}" for row in mine for check, text in row.said.items()][:_MOST_SAID]
