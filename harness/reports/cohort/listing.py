"""A cohort for a terminal: who, with how many points of what, and why not; readable without colour and by a screen reader."""

from __future__ import annotations

import string
from collections.abc import Sequence

from harness.reports import table
from harness.reports.cohort import reading
from harness.reports.cohort.model import GRADED, Candidate, Cohort, ExerciseCohort, SkillColumn
from harness.reports.table import Row, Sort
from harness.reports.text import WHOLE, columns, number, one_line, padded, visible, wrapped

_LABEL = 10
_LONGEST_NAME = 24
_LETTERS = string.ascii_uppercase


def lines(cohort: Cohort, sort: Sort = Sort.SCORE) -> list[str]:
    """Return all of it, at most 80 columns wide."""
    made: list[str] = []
    for exercise in cohort.exercises:
        made += [*_exercise(exercise, sort), ""]
    if cohort.unknown:
        made += [
            "refused before anybody could tell for which exercise",
            *table.lines(map(_row, cohort.unknown), sort),
            "",
        ]
    for one in cohort.unreadable:
        made += wrapped(visible(f"{one.file}: {one.why}"), first="NOT READ  ", rest=" " * _LABEL)
    if not made:
        return ["no results"]
    return made[:-1] if not made[-1] else made


def _exercise(exercise: ExerciseCohort, sort: Sort) -> list[str]:
    about = f"{one_line(exercise.id, 80)} {one_line(exercise.version, 40)} | {reading.summary(exercise)}"
    notes = (line for note in exercise.notes for line in wrapped(note, first="NOTE".ljust(_LABEL), rest=" " * _LABEL))
    rows = [_row(one, reading.nearest(one, exercise.alike)) for one in exercise.candidates]
    return [*wrapped(about, rest="  "), *notes, *_alike(exercise), *table.lines(rows, sort), *_skills(exercise)]


def _alike(exercise: ExerciseCohort) -> list[str]:
    found = reading.alike_groups(exercise)
    texts = [*(f"{text}." for text in found), *([reading.ALIKE_MEANS] if found else [])]
    return [
        line
        for n, text in enumerate(texts)
        for line in wrapped(one_line(text, WHOLE), first=("" if n else "ALIKE").ljust(_LABEL), rest=" " * _LABEL)
    ]


def _row(one: Candidate, near: str = "") -> Row:
    return Row(
        name=one.name,
        verdict=str(one.verdict),
        score=one.earned if one.verdict in GRADED else None,
        unshown=one.unshown if one.checks else None,
        inconclusive=one.inconclusive if one.checks else None,
        seconds=one.seconds,
        path=one.path,
        note=f"graded {len(one.earlier) + 1} times" if one.earlier else "",
        why=(*_why(one), *([f"nearly the same code as {one_line(near, WHOLE)}"] if near else [])),
    )


def _why(one: Candidate) -> tuple[str, ...]:
    if one.verdict in GRADED:
        return tuple(filter(None, [reading.gate(one)]))
    between = reading.points(one)
    was = reading.decided_before(one)
    texts = (
        f"undecided: between {between.replace(' to ', ' and ')} points" if between else "",
        f"the same submission, graded before ({was.folder}): {was.verdict}, {number(was.earned)}" if was else "",
    )
    return (*filter(None, texts), *one.why[:1])


def _skills(exercise: ExerciseCohort) -> list[str]:
    """Return the points of each skill under a letter, best total first, and what the letters are."""
    graded = [one for one in exercise.candidates if one.verdict in GRADED]
    shown = exercise.skills[: len(_LETTERS)]
    if not graded or not shown:
        return []
    names = [one_line(one.name, _LONGEST_NAME) for one in graded]
    width = max(map(columns, ("median", *names)))
    legend = "; ".join(
        f"{letter} {one_line(skill.name, 40)} (of {number(skill.possible)})"
        for letter, skill in zip(_LETTERS, shown, strict=False)
    )
    head = f"{'':<{width}}{''.join(f'{letter:>7}' for letter in _LETTERS[: len(shown)])}"
    rows = [_points(name, _of(one, shown), width) for name, one in zip(names, graded, strict=True)]
    medians = [None if skill.median is None else round(skill.median, 1) for skill in shown]
    return [
        "",
        *wrapped(legend, first="SKILLS".ljust(_LABEL), rest=" " * _LABEL),
        head,
        *rows,
        _points("median", medians, width),
    ]


def _of(one: Candidate, skills: Sequence[SkillColumn]) -> list[float | None]:
    found = {skill.name: skill.earned for skill in one.skills}
    return [found.get(skill.name) for skill in skills]


def _points(name: str, points: Sequence[float | None], width: int) -> str:
    cells = "".join(f"{'-' if value is None else number(value):>7}" for value in points)
    return f"{padded(name, width)}{cells}"
