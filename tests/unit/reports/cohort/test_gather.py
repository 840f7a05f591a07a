"""A results folder as a cohort: who counts, by which grading, what is apart, and what no damage may hide."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness import scoring, store
from harness.errors import UsageError
from harness.model import Grading, Status, Verdict
from harness.reports.cohort import gather
from harness.reports.cohort.model import Candidate, Cohort, ExerciseCohort
from tests.unit import cohorts
from tests.unit.factories import exercise, failed, grading, heron, refused, reports


def sent(made: Grading, alias: str, *, at: str = "16:02:10", origin: str = "", sha: str = "") -> Grading:
    """Return ``made`` as sent by ``alias``, graded at a time of one day."""
    return dataclasses.replace(
        made,
        id=f"20261124T{at.replace(':', '')}Z-{alias[:4]}",
        submission_alias=alias,
        submission_name=alias,
        submission_path=f"inbox/{alias}.tar.gz",
        submission_origin=origin or f"workspace of {alias}",
        submission_sha256=(sha or alias.encode().hex()).ljust(64, "0")[:64],
        started_at=f"2026-11-24T{at}Z",
    )


def only(cohort: Cohort) -> ExerciseCohort:
    """Return the one exercise of a cohort."""
    (found,) = cohort.exercises
    return found


def called(cohort: Cohort, name: str) -> Candidate:
    """Return the one candidate of that name."""
    (found,) = (one for one in only(cohort).candidates if one.name == name)
    return found


def test_a_stored_folder_is_read_as_what_was_graded(tmp_path: Path) -> None:
    """The disk changes nothing: candidates, points, checks, statistics."""
    made = list(cohorts.gradings(12, seed=5))
    cohorts.fill(tmp_path, made)

    found = gather.read(tmp_path)

    assert {one.name for one in only(found).candidates} == {one.name for one in made}
    assert only(found).checks == only(cohorts.of(made)).checks
    assert all((tmp_path / one.report).is_file() for one in only(found).candidates)


def test_points_and_skills_are_those_of_the_result() -> None:
    """Nothing is computed twice: what a row says is what scoring said, with what is still owed beside it."""
    owed = failed("recovery/database-restart", status="inconclusive")
    made = sent(grading(reports(owed, failed("safety/killed-mid-charge"))), "heron")

    found = called(cohorts.of([made]), "heron")

    assert (found.earned, found.possible) == (made.score.earned, made.score.possible)
    assert (found.lowest, found.highest) == scoring.bounds(made.exercise, made.outcomes)
    skills = {skill.name: (skill.earned, skill.owed, skill.possible) for skill in found.skills}
    assert skills["recovery"] == (10.0, 10.0, 20.0)
    assert skills["money safety"] == (33.0, 0.0, 45.0)
    assert found.inconclusive == 1
    assert found.gates[0].title == "A customer can be charged twice, or a charge can be lost"


def test_reasons_stand_alone() -> None:
    """Nobody is sent to number 3 of a list that is in another file."""
    found = called(cohorts.of([sent(heron(), "heron")]), "heron")

    assert found.why[0].startswith("Seen broken: A customer can be charged twice, or a charge can be lost. This caps")
    assert not any("see 1" in text for text in found.why)


def test_the_last_grading_of_the_last_submission_counts(tmp_path: Path) -> None:
    """Sent twice and graded again: one row, by the last, and the others are listed."""
    first = sent(heron(), "heron", at="16:00:00", sha="aa")
    again = sent(heron(), "heron", at="16:10:00", sha="aa")
    second = sent(grading(), "heron", at="16:05:00", sha="bb")
    early = dataclasses.replace(second, submission_packed_at="2026-11-24T15:00:00Z")
    late = dataclasses.replace(second, submission_packed_at="2026-11-24T16:04:00Z", id="late")
    cohorts.fill(tmp_path, [first, again, early])

    # Packed before the other was graded, so what was graded last is not what was packed last.
    assert called(gather.read(tmp_path), "heron").verdict == Verdict.FAILED
    cohorts.fill(tmp_path, [late])
    found = called(gather.read(tmp_path), "heron")

    assert found.grading == store.load(tmp_path / "heron").id
    assert found.submissions == 2
    assert len(found.earlier) == 3


def test_namesakes_are_two_candidates(tmp_path: Path) -> None:
    """Two who call themselves the same, even in one folder, are never one row."""
    cohorts.fill(tmp_path, [sent(heron(), "heron")])
    other = dataclasses.replace(
        sent(grading(), "heron", at="17:00:00", origin="another"), submission_name="heron-6c6c6c6c"
    )
    cohorts.fill(tmp_path, [other])
    moved = sent(grading(), "heron", at="18:00:00", origin="a third")
    (tmp_path / "heron" / "moved").mkdir()
    (tmp_path / "heron" / "moved" / "result.json").write_bytes(store.encode(moved))

    assert len(only(gather.read(tmp_path)).candidates) == 3


def test_exercises_and_versions_are_never_in_one_table() -> None:
    """Other checks, other points: each has its own candidates and its own statistics."""
    other = sent(grading(made_of=exercise(version="2.0")), "heron", at="17:00:00")

    found = cohorts.of([sent(heron(), "heron"), other, sent(grading(made_of=exercise(id="queue-retry")), "otter")])

    assert [(one.id, one.version) for one in found.exercises] == [
        ("idempotent-payments", "1.0"),
        ("idempotent-payments", "2.0"),
        ("queue-retry", "1.0"),
    ]


def test_what_has_no_total_is_apart_and_in_no_statistic() -> None:
    """Inconclusive, held and refused ones come after those with a total, have no rank, and shift no median."""
    unsure = grading(reports(failed("safety/killed-mid-charge", status="inconclusive")))
    held = grading([*reports(), failed("a/b")])
    made = [
        sent(refused(), "adder"),
        sent(held, "bittern"),
        sent(unsure, "crane"),
        sent(heron(), "dipper"),
        sent(grading(), "egret"),
    ]

    found = only(cohorts.of(made))

    assert [one.name for one in found.candidates] == ["egret", "dipper", "crane", "bittern", "adder"]
    assert found.median == (45 + 100) / 2
    killed = next(check for check in found.checks if check.id == "safety/killed-mid-charge")
    assert (killed.passed, killed.failed, killed.inconclusive) == (1, 1, 1)  # a held one proves nothing
    assert found.complete == 2


def test_refused_without_an_exercise_are_listed(tmp_path: Path) -> None:
    """Nobody could tell what it is for: it is in no table, and not lost."""
    unknown = dataclasses.replace(sent(refused(), "adder"), exercise=exercise(id="", version=""))

    found = cohorts.of([unknown, sent(heron(), "heron")], tmp_path)

    assert [one.name for one in found.unknown] == ["adder"]
    assert [one.name for one in only(found).candidates] == ["heron"]


def test_percentiles_begin_with_thirty() -> None:
    """29 have none, 30 have; whoever has no total never has."""
    few, enough = (only(cohorts.of(cohorts.gradings(n, plain=True))) for n in (29, 30))

    assert {one.percentile for one in few.candidates} == {None}
    assert all(one.percentile is not None for one in enough.candidates)
    with_others = only(cohorts.of(cohorts.gradings(60, seed=2)))
    ranked = {one.verdict for one in with_others.candidates if one.percentile is not None}
    assert ranked == {Verdict.PASSED, Verdict.FAILED}


def test_hard_checks_are_hard_and_tell_people_apart() -> None:
    """Of people drawn by their ability: the hard check is earned less, and who passes it does better elsewhere."""
    checks = {item.id: item for item in only(cohorts.of(cohorts.gradings(150, plain=True))).checks}
    easy, hard = checks["contract/create-then-read"], checks["recovery/long-outage"]

    assert easy.difficulty is not None
    assert hard.difficulty is not None
    assert easy.difficulty > 0.9
    assert hard.difficulty < 0.6
    assert hard.discrimination is not None
    assert hard.discrimination.lowest > 0.2


def test_a_check_is_not_compared_with_itself() -> None:
    """Credit that is a coin's goes with nothing, also where it is worth half of all points: its own are not in the rest."""
    made = []
    for n in range(40):
        said = failed("throughput/ratio") if n % 2 else None
        others = [failed("recovery/database-restart")] if n % 4 < 2 else []
        made.append(sent(grading(reports(*others, *([said] if said else []))), f"n{n}"))

    (item,) = (check for check in only(cohorts.of(made)).checks if check.id == "throughput/ratio")

    assert item.discrimination is not None
    assert item.discrimination.value == pytest.approx(0, abs=1e-9)


def test_what_makes_candidates_unlike_is_said() -> None:
    """Other graders, variants, bars and weaker machines are named before anybody is compared."""
    one = sent(heron(), "heron")
    other = dataclasses.replace(
        sent(grading(bar=60), "otter"), digests={"verdict": "ee" * 32}, variant=3, posture=("no CPU limit",)
    )

    said = " ".join(only(cohorts.of([one, other])).notes)

    for words in ("2 states of exercise and grader", "2 variants", "2 different bars", "1 of 2 candidates were graded"):
        assert words in said
    assert only(cohorts.of([one, sent(heron(), "otter")])).notes == ()


def test_a_damaged_result_is_listed_and_costs_no_other(tmp_path: Path) -> None:
    """Who is missing is said by file and reason."""
    cohorts.fill(tmp_path, [sent(heron(), "heron"), sent(grading(), "otter")])
    file = store.find(tmp_path / "heron")
    file.write_bytes(file.read_bytes()[:-40])

    found = gather.read(tmp_path)

    assert [one.name for one in only(found).candidates] == ["otter"]
    (missing,) = found.unreadable
    assert missing.file == file.relative_to(tmp_path).as_posix()
    assert "damaged file" in missing.why


def test_nothing_there_is_wrong_usage(tmp_path: Path) -> None:
    """A wrong path says where results come from; an empty folder is an empty cohort."""
    with pytest.raises(UsageError, match="harness grade"):
        gather.read(tmp_path / "none")
    assert gather.read(tmp_path) == Cohort(exercises=(), unknown=(), unreadable=())


def test_counts_of_a_row_are_those_of_its_checks() -> None:
    """Whatever is drawn."""
    for one in only(cohorts.of(cohorts.gradings(40, seed=9))).candidates:
        statuses = [check.status for check in one.checks]
        assert one.unshown == statuses.count(Status.UNPROVEN)
        assert one.inconclusive == statuses.count(Status.INCONCLUSIVE)
