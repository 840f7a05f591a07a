"""A cohort as Markdown: a table for each exercise, in which whatever a submission wrote stays text."""

from __future__ import annotations

from harness.reports import markdown
from harness.reports.cohort import reading
from harness.reports.cohort.model import GRADED, Candidate, Cohort, ExerciseCohort
from harness.reports.text import WHOLE, number, one_line


def render(cohort: Cohort) -> str:
    """Return the page, ended by a line end."""
    parts = [f"## {_text(reading.title(cohort))}"]
    for exercise in cohort.exercises:
        parts += _exercise(exercise)
    if cohort.unknown:
        parts += ["Refused before anybody could tell for which exercise:", _listed(cohort.unknown)]
    if cohort.unreadable:
        parts += ["Not read:", "\n".join(f"- {_text(f'{one.file}: {one.why}')}" for one in cohort.unreadable)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _exercise(exercise: ExerciseCohort) -> list[str]:
    apart = [one for one in exercise.candidates if one.verdict not in GRADED]
    return [
        f"### {_text(f'{exercise.title} ({exercise.id} {exercise.version})')}",
        f"{_text(reading.summary(exercise))}.",
        "\n".join(f"- {_text(note)}" for note in exercise.notes),
        _candidates(exercise),
        *_alike(exercise),
        *(["Without a total, in no rank and no median:", _listed(apart)] if apart else []),
        _checks(exercise),
    ]


def _alike(exercise: ExerciseCohort) -> list[str]:
    found = reading.alike_groups(exercise)
    if not found:
        return []
    return ["Nearly the same code:", "\n".join(f"- {_text(one)}." for one in found), _text(reading.ALIKE_MEANS)]


def _candidates(exercise: ExerciseCohort) -> str:
    graded = [one for one in exercise.candidates if one.verdict in GRADED]
    if not graded:
        return ""
    skills = [f"{skill.name} (of {number(skill.possible)})" for skill in exercise.skills]
    heading = ("candidate", "verdict", "points", *skills, "gate", "not shown", "inconclusive", "human, never added")
    rows = []
    for one in graded:
        points = {skill.name: number(skill.earned) for skill in one.skills}
        own = [points.get(skill.name, "-") for skill in exercise.skills]
        counts = (str(one.unshown), str(one.inconclusive), reading.human(one))
        rows.append((one.name, str(one.verdict), number(one.earned), *own, reading.gate(one), *counts))
    return markdown.table(heading, rows)


def _checks(exercise: ExerciseCohort) -> str:
    heading = (
        "check",
        "points",
        "passed",
        "in part",
        "failed",
        "no evidence",
        "inconclusive",
        "difficulty",
        "discrimination",
    )
    rows = [
        (
            *(item.id, number(item.points), str(item.passed), str(item.in_part), str(item.failed)),
            *(str(item.unproven), str(item.inconclusive)),
            "" if item.difficulty is None else f"{item.difficulty:.2f}",
            ""
            if (found := item.discrimination) is None
            else f"{found.value:.2f} ({found.lowest:.2f} to {found.highest:.2f})",
        )
        for item in exercise.checks
    ]
    return markdown.table(heading, rows) if rows else ""


def _listed(people: list[Candidate] | tuple[Candidate, ...]) -> str:
    return "\n".join(
        f"- {_text(one.name)}: {one.verdict}{f', {reading.points(one)} points' if reading.points(one) else ''}: "
        f"{_text(one.why[0] if one.why else 'no reason was recorded')}"
        for one in people
    )


def _text(words: str) -> str:
    return markdown.text(one_line(words, WHOLE))
