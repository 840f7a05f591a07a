"""The page over all results of a folder: candidates beside each other, skill by skill, and what the checks say over all."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from harness import wording
from harness.model import Status, Verdict
from harness.reports import words
from harness.reports.cohort import reading
from harness.reports.cohort.model import GRADED, Candidate, CheckMark, Cohort, ExerciseCohort, SkillPoints
from harness.reports.html import pages
from harness.reports.text import count, listed, number

_BINS = 20
_NAMED = 12
"""Names in one tooltip."""
_PAIRS = 200
"""Pairs of near-equal code in one table; all of them are in ``cohort.json``."""
_KINDS = {Verdict.PASSED: "good", Verdict.FAILED: "bad", Verdict.HELD: "hold"}
_WORDS = {Status.PASSED: "ok", Status.FAILED: "no", Status.UNPROVEN: "none", Status.INCONCLUSIVE: "?"}
"""A check of a candidate in a table of hundreds: as few letters as can be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A candidate, with what the page shows of them beside facts."""

    one: Candidate
    key: str
    """Name of the place in the page."""
    link: str
    """To the report; empty where there is none."""
    kind: str
    about: tuple[str, ...]
    """What to know of the name: sent twice, graded again, nearly the same as another's."""
    skills: tuple[SkillPoints | None, ...] = ()
    """In the order of the columns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bin:
    """Totals of a stretch of points."""

    first: float
    last: float
    free: int
    capped: int
    """Held down by a gate."""
    names: str


def render(cohort: Cohort) -> str:
    """Return the page. Links lead to files beside it, in the folders of the candidates."""
    page = pages.render(
        "cohort.html.j2",
        title=reading.title(cohort),
        style="cohort.css",
        script="cohort.js",
        scope={
            "cohort": cohort,
            "heading": reading.title(cohort),
            "last": max((one.started_at for one in _everybody(cohort)), default=""),
            "parts": [_part(n, exercise) for n, exercise in enumerate(cohort.exercises, start=1)],
            "unknown": [_row(one, f"u{n}") for n, one in enumerate(cohort.unknown, start=1)],
            "summary_of": reading.summary,
            "exercise_places": [
                (f"e{n}", f"{one.id} {one.version}") for n, one in enumerate(cohort.exercises, start=1)
            ],
            "moment": words.when,
            "human_of": reading.human,
        },
    )
    return f"{page}\n"


def _everybody(cohort: Cohort) -> list[Candidate]:
    return [*(one for exercise in cohort.exercises for one in exercise.candidates), *cohort.unknown]


def _part(n: int, exercise: ExerciseCohort) -> Mapping[str, object]:
    columns = [skill.name for skill in exercise.skills]
    rows = [
        _row(one, f"e{n}-c{m}", columns, reading.nearest(one, exercise.alike))
        for m, one in enumerate(exercise.candidates, start=1)
    ]
    bins = _bins(exercise)
    return {
        "key": f"e{n}",
        "of": exercise,
        "graded": [row for row in rows if row.one.verdict in GRADED],
        "apart": [row for row in rows if row.one.verdict not in GRADED],
        "checked": [row for row in rows if row.one.checks],
        "again": [row for row in rows if row.one.earlier],
        "alike": reading.alike_groups(exercise),
        "pairs": [(pair, *map(reading.percent, (pair.of_one, pair.of_other))) for pair in exercise.alike[:_PAIRS]],
        "means": reading.ALIKE_MEANS,
        "bins": bins,
        "tallest": max((one.free + one.capped for one in bins), default=0),
        "said": "; ".join(
            f"{one.free + one.capped} from {number(one.first)} to {number(one.last)}" for one in bins if one.names
        ),
        "marked": any(one.human is not None for one in exercise.candidates),
        "ranked": any(one.percentile is not None for one in exercise.candidates),
        "languages": sorted({one.language for one in exercise.candidates if one.language}),
        "verdicts": list(dict.fromkeys(str(row.one.verdict) for row in rows if row.one.verdict in GRADED)),
        "gates": list({gate.id: gate.title for one in exercise.candidates for gate in one.gates}.items()),
        "items": [(item, reading.item(item)) for item in exercise.checks],
        "marks": [_marks(row.one, exercise) for row in rows if row.one.checks],
        "data": _data(rows, exercise),
    }


def _row(one: Candidate, key: str, columns: Sequence[str] = (), near: str = "") -> Row:
    skills = {skill.name: skill for skill in one.skills}
    return Row(
        one=one,
        key=key,
        link=quote(os.fsencode(one.report)),
        kind=_KINDS.get(one.verdict, "unsure"),
        skills=tuple(skills.get(name) for name in columns),
        about=tuple(filter(None, (_sent(one), _decided_before(one), f"code nearly as {near}" if near else ""))),
    )


def _sent(one: Candidate) -> str:
    if not one.earlier:
        return ""
    sent = f"last of {one.submissions} submissions; " if one.submissions > 1 else ""
    return f"{sent}graded {len(one.earlier) + 1} times"


def _decided_before(one: Candidate) -> str:
    was = reading.decided_before(one)
    return f"this submission was decided before: {was.verdict}, {number(was.earned)}" if was else ""


def _marks(one: Candidate, exercise: ExerciseCohort) -> list[tuple[str, str]]:
    """Return kind and word for each check of the exercise, in its order."""
    found = {mark.id: mark for mark in one.checks}
    return [_mark(found.get(item.id)) for item in exercise.checks]


def _mark(mark: CheckMark | None) -> tuple[str, str]:
    if mark is None:
        return "quiet", "-"
    if mark.status is Status.FAILED and mark.credit > 0:
        return "part", f"{100 * mark.credit:.0f} %"
    return {"ok": "good", "no": "bad", "none": "none", "?": "unsure"}[_WORDS[mark.status]], _WORDS[mark.status]


def _bins(exercise: ExerciseCohort) -> list[Bin]:
    graded = [one for one in exercise.candidates if one.verdict in GRADED]
    if not graded or exercise.possible <= 0:
        return []
    width = exercise.possible / _BINS
    places = [min(_BINS - 1, int(one.earned / width)) for one in graded]
    return [
        _bin(n, width, [one for one, place in zip(graded, places, strict=True) if place == n]) for n in range(_BINS)
    ]


def _bin(n: int, width: float, inside: Sequence[Candidate]) -> Bin:
    capped = [one for one in inside if any(gate.cap < gate.without for gate in one.gates)]
    return Bin(
        first=n * width,
        last=(n + 1) * width,
        free=len(inside) - len(capped),
        capped=len(capped),
        names=listed((one.name for one in inside), _NAMED),
    )


def _data(rows: Sequence[Row], exercise: ExerciseCohort) -> Mapping[str, object]:
    """Return what the script compares two candidates by; text as it is shown."""
    return {
        "skills": [f"{wording.visible(skill.name)} (of {number(skill.possible)})" for skill in exercise.skills],
        "checks": [f"{wording.visible(item.id)} (of {number(item.points)})" for item in exercise.checks],
        "candidates": {row.key: _compared(row.one, exercise) for row in rows if row.one.checks},
    }


def _compared(one: Candidate, exercise: ExerciseCohort) -> Mapping[str, object]:
    skills = {
        skill.name: f"{number(skill.earned)}{f' +{number(skill.owed)} open' if skill.owed else ''}"
        for skill in one.skills
    }
    return {
        "name": wording.visible(one.name),
        "facts": [
            ("verdict", str(one.verdict)),
            ("points", reading.points(one)),
            ("gate", wording.visible(reading.gate(one)) or "none closed"),
            ("inconclusive", count(one.inconclusive, "check")),
        ],
        "skills": [skills.get(skill.name, "-") for skill in exercise.skills],
        "checks": [word for _, word in _marks(one, exercise)],
    }
