"""A results folder as a cohort: who counts, by which grading, and what the checks say over all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from harness import marking, names, patches, scoring, store
from harness.errors import HarnessError, UsageError
from harness.marking import Standing
from harness.model import Check, Grading, Outcome, Status, Verdict
from harness.reports import words
from harness.reports.cohort import alike, fingerprints, statistics
from harness.reports.cohort.model import (
    GRADED,
    Alike,
    Candidate,
    CheckMark,
    ClosedGate,
    Cohort,
    Earlier,
    ExerciseCohort,
    Human,
    Item,
    SkillColumn,
    SkillPoints,
    Unreadable,
)
from harness.reports.text import count
from harness.reports.view import build
from harness.store import Damaged, Stored
from harness.wording import visible

_REPORTS = ("report.html", "report.txt")
"""What a person reads of a grading, the best first; older results have the last only."""
_ORDER = {Verdict.PASSED: 0, Verdict.FAILED: 0, Verdict.INCONCLUSIVE: 1, Verdict.HELD: 2, Verdict.REFUSED: 3}
_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Row:
    candidate: Candidate
    grading: Grading
    standing: Standing | None
    wrote: frozenset[int]


def read(results: Path) -> Cohort:
    """Return the cohort in ``results``: everybody by the grading that counts, exercise by exercise.

    A result that can't be read stops nothing: it is listed. Raises UsageError when there is no folder there.
    """
    if not results.is_dir():
        shown = visible(str(results))
        text = f"expected a folder of results, found none at {shown}: see where 'harness grade' wrote them (--out)"
        raise UsageError(text)
    people, damaged = store.everybody(results)
    marked: dict[Path, Standing] = {}
    written: dict[Path, frozenset[int]] = {}
    wrong: list[Damaged] = []
    for person in people:
        for one in (mine[-1] for mine in _by_exercise(person).values()):
            file = one.kept.file
            try:
                written[file] = fingerprints.of(store.changes(file))
            except HarnessError as error:
                wrong.append(Damaged(file=file.with_name(patches.FILE), why=f"not compared with others: {error}"))
            try:
                standing = marking.standing_of(file.parent, one.grading)
            except HarnessError as error:
                wrong.append(Damaged(file=file.parent.parent, why=f"marks of people: {error}"))
                continue
            if standing is not None:
                marked[file] = standing
    return cohort(people, (*damaged, *wrong), results, marked, written)


def cohort(
    people: Iterable[Sequence[Stored]],
    damaged: Iterable[Damaged],
    results: Path,
    marked: Mapping[Path, Standing] = MappingProxyType({}),
    written: Mapping[Path, frozenset[int]] = MappingProxyType({}),
) -> Cohort:
    """Return the cohort of ``people``, each sender's gradings together and the last one last; paths are from ``results``.

    ``marked`` is how those of them stand that people mark, ``written`` the fingerprints of what they wrote, by their
    ``result.json``.
    """
    graded: dict[_Key, list[_Row]] = defaultdict(list)
    for person in people:
        for key, mine in _by_exercise(person).items():
            last = mine[-1]
            standing = marked.get(last.kept.file)
            wrote = written.get(last.kept.file, frozenset())
            graded[key].append(_Row(_candidate(mine, results, standing), last.grading, standing, wrote))
    unknown = [row.candidate for row in graded.pop(("", ""), [])]
    return Cohort(
        exercises=tuple(_exercise(graded[key]) for key in sorted(graded)),
        unknown=tuple(sorted(unknown, key=_by_name)),
        unreadable=tuple(Unreadable(file=_below(one.file, results), why=one.why) for one in damaged),
    )


def _by_exercise(person: Sequence[Stored]) -> Mapping[_Key, list[Stored]]:
    found: dict[_Key, list[Stored]] = defaultdict(list)
    for one in person:
        exercise = one.grading.exercise
        found[(exercise.id, exercise.version) if exercise.id else ("", "")].append(one)
    return found


def _exercise(rows: Sequence[_Row]) -> ExerciseCohort:
    gradings = [row.grading for row in rows]
    newest = max(gradings, key=lambda grading: grading.started_at).exercise
    with_checks = [grading for grading in gradings if grading.outcomes and grading.verdict is not Verdict.HELD]
    declared = _declared(with_checks)
    totals = [row.candidate.earned for row in rows if row.candidate.verdict in GRADED]
    ranked = [_ranked(row.candidate, totals) for row in rows]
    comparable = [candidate for candidate in ranked if candidate.verdict in GRADED]
    ended = [{outcome.check.id: outcome for outcome in grading.outcomes} for grading in with_checks]
    complete = [outcomes for outcomes in ended if _is_complete(outcomes, declared)]
    return ExerciseCohort(
        id=newest.id,
        version=newest.version,
        title=newest.title,
        pass_mark=newest.pass_mark,
        possible=max((candidate.possible for candidate in ranked), default=0.0),
        median=statistics.median(totals),
        skills=_columns(newest.skills, comparable),
        checks=tuple(_items(declared, ended, complete)),
        submissions=sum(candidate.submissions for candidate in ranked),
        gradings=sum(len(candidate.earlier) + 1 for candidate in ranked),
        complete=len(complete),
        agreement=marking.agreements(row.standing for row in rows if row.standing is not None),
        candidates=tuple(sorted(ranked, key=_by_rank)),
        notes=_notes(gradings, ranked),
        alike=_alike(rows),
    )


def _alike(rows: Iterable[_Row]) -> tuple[Alike, ...]:
    named = {row.candidate.folder: row for row in rows}
    return tuple(
        Alike(
            one=named[pair.one].candidate.name,
            other=named[pair.other].candidate.name,
            one_folder=pair.one,
            other_folder=pair.other,
            share=pair.share,
            of_one=pair.of_one,
            of_other=pair.of_other,
        )
        for pair in alike.pairs({folder: row.wrote for folder, row in named.items()})
    )


def _declared(gradings: Iterable[Grading]) -> Mapping[str, Check]:
    """Return all checks that anybody was graded on, in declared order; what the last grading says of one holds."""
    found: dict[str, Check] = {}
    for grading in sorted(gradings, key=lambda one: one.started_at, reverse=True):
        for outcome in grading.outcomes:
            found.setdefault(outcome.check.id, outcome.check)
    return found


def _is_complete(outcomes: Mapping[str, Outcome], declared: Mapping[str, Check]) -> bool:
    decided = {name for name, outcome in outcomes.items() if outcome.status is not Status.INCONCLUSIVE}
    return decided == set(declared)


def _items(
    declared: Mapping[str, Check],
    ended: Sequence[Mapping[str, Outcome]],
    complete: Sequence[Mapping[str, Outcome]],
) -> Iterator[Item]:
    """Yield each check over the gradings that ``ended``; those that are ``complete`` say how it goes with the others."""
    # Before gates: a cap would make everything under it the same.
    totals = [sum(map(scoring.earned_points, outcomes.values())) for outcomes in complete]
    for name, check in declared.items():
        mine = [outcomes[name] for outcomes in complete]
        rests = [round(total - scoring.earned_points(own), 2) for total, own in zip(totals, mine, strict=True)]
        found = statistics.discrimination([own.credit for own in mine], rests)
        yield _item(check, [outcomes[name] for outcomes in ended if name in outcomes], found)


def _item(check: Check, outcomes: Sequence[Outcome], discrimination: statistics.Discrimination | None) -> Item:
    kinds = Counter(outcome.status for outcome in outcomes)
    in_part = sum(outcome.status is Status.FAILED and outcome.credit > 0 for outcome in outcomes)
    return Item(
        id=check.id,
        title=check.title,
        skill=check.skill,
        points=check.points,
        public=check.public,
        passed=kinds[Status.PASSED],
        in_part=in_part,
        failed=kinds[Status.FAILED] - in_part,
        unproven=kinds[Status.UNPROVEN],
        inconclusive=kinds[Status.INCONCLUSIVE],
        difficulty=statistics.difficulty([o.credit for o in outcomes if o.status is not Status.INCONCLUSIVE]),
        discrimination=discrimination,
    )


def _columns(skills: Mapping[str, float], comparable: Sequence[Candidate]) -> tuple[SkillColumn, ...]:
    points: dict[str, list[SkillPoints]] = {name: [] for name in skills}
    for candidate in comparable:
        for skill in candidate.skills:
            points.setdefault(skill.name, []).append(skill)
    return tuple(
        SkillColumn(
            name=name,
            possible=skills.get(name, max((one.possible for one in found), default=0.0)),
            median=statistics.median([one.earned for one in found]),
        )
        for name, found in points.items()
    )


def _ranked(candidate: Candidate, totals: Sequence[float]) -> Candidate:
    if candidate.verdict not in GRADED:
        return candidate
    return replace(candidate, percentile=statistics.percentile(candidate.earned, totals))


def _candidate(mine: Sequence[Stored], results: Path, standing: Standing | None) -> Candidate:
    """Return a sender's row for one exercise; the last of ``mine`` counts."""
    file, grading = mine[-1].kept.file, mine[-1].grading
    score = grading.score
    lowest, highest = scoring.bounds(grading.exercise, grading.outcomes) if grading.outcomes else (0.0, 0.0)
    return Candidate(
        name=grading.name,
        alias=grading.submission_alias,
        grading=grading.id,
        folder=_below(file.parent, results),
        report=next((_below(file.parent / name, results) for name in _REPORTS if (file.parent / name).is_file()), ""),
        path=grading.submission_path,
        sha256=grading.submission_sha256,
        packed_at=grading.submission_packed_at,
        started_at=grading.started_at,
        seconds=grading.seconds,
        language=grading.language,
        variant=grading.variant,
        bar=grading.bar,
        posture=grading.posture,
        verdict=grading.verdict,
        exit_code=grading.exit_code,
        why=words.why(grading, [loss.outcome for loss in build(grading).losses], names={}),
        earned=score.earned,
        decided=score.decided,
        possible=score.possible,
        lowest=lowest,
        highest=highest,
        percentile=None,
        skills=_skills(grading),
        gates=_gates(grading),
        checks=tuple(_mark(outcome) for outcome in grading.outcomes),
        unshown=sum(outcome.status is Status.UNPROVEN for outcome in grading.outcomes),
        inconclusive=sum(outcome.status is Status.INCONCLUSIVE for outcome in grading.outcomes),
        human=None
        if standing is None
        else Human(points=standing.points, possible=standing.possible, open=len(standing.open)),
        submissions=len({one.kept.sha256 for one in mine}),
        earlier=tuple(_earlier(one, results) for one in reversed(mine[:-1])),
    )


def _skills(grading: Grading) -> tuple[SkillPoints, ...]:
    owed: dict[str, float] = defaultdict(float)
    for outcome in grading.outcomes:
        if outcome.status is Status.INCONCLUSIVE:
            owed[outcome.check.skill] += outcome.check.points
    return tuple(
        SkillPoints(name=name, earned=earned, owed=round(owed[name], 2), possible=possible)
        for name, (earned, possible) in grading.score.by_skill.items()
        if possible
    )


def _gates(grading: Grading) -> tuple[ClosedGate, ...]:
    return tuple(
        ClosedGate(
            id=hit.gate.id,
            title=hit.gate.title,
            state=hit.state,
            cap=hit.cap,
            without=hit.without,
            checks=hit.checks,
            unshown=hit.unshown,
        )
        for hit in grading.score.gates
    )


def _mark(outcome: Outcome) -> CheckMark:
    return CheckMark(
        id=outcome.check.id,
        status=outcome.status,
        credit=outcome.credit,
        earned=scoring.earned_points(outcome),
    )


def _earlier(one: Stored, results: Path) -> Earlier:
    grading = one.grading
    return Earlier(
        grading=grading.id,
        folder=_below(one.kept.file.parent, results),
        started_at=grading.started_at,
        sha256=grading.submission_sha256,
        verdict=grading.verdict,
        earned=grading.score.earned,
    )


def _notes(gradings: Sequence[Grading], candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return what makes candidates of one exercise less than comparable."""
    graded = [grading for grading in gradings if grading.outcomes]
    states = {grading.digests.get("verdict", "") or grading.digests.get("grader", "") for grading in graded}
    variants = {grading.variant for grading in graded}
    bars = {candidate.bar for candidate in candidates if candidate.verdict in GRADED}
    weaker = sum(bool(grading.posture) for grading in graded)
    said = (
        (
            len(states) > 1,
            f"{len(states)} states of exercise and grader graded these: points of two states may not compare.",
        ),
        (
            len(variants) > 1,
            f"{len(variants)} variants of the brief were given out: totals are compared as they are, nothing is equated.",
        ),
        (len(bars) > 1, f"{len(bars)} different bars: a verdict is by the bar of its own grading."),
        (
            weaker > 0,
            (
                f"{weaker} of {count(len(graded), 'candidate')} were graded on a machine that enforces less than the "
                "standard class."
            ),
        ),
    )
    return tuple(text for holds, text in said if holds)


def _by_rank(candidate: Candidate) -> tuple[int, float, str, str]:
    total = candidate.earned if candidate.verdict in GRADED else 0.0
    return (_ORDER[candidate.verdict], -total, *_by_name(candidate))


def _by_name(candidate: Candidate) -> tuple[str, str]:
    return names.alike(candidate.name), candidate.folder


def _below(path: Path, results: Path) -> str:
    return path.relative_to(results).as_posix()
