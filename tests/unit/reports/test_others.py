"""What other gradings of a folder say of one: how the same submission was decided before, whose code is nearly the same."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness import patches, store
from harness.commands import desk
from harness.commands.report import report
from harness.grading.runner import Graded
from harness.model import Grading, Verdict
from harness.reports import Audience, build, cohort_files, others, view
from harness.reports.cohort import gather, listing
from harness.reports.differences import differences, lines
from harness.reports.html import cohort as page
from harness.reports.html import report as page_of_one
from harness.scoring import Report
from tests.unit.factories import checks, grading, reports
from tests.unit.reports.cohort.test_alike import solution

OURS = "expected one outcome of this check, found none: the grader ended before it"


def undecided(at: str = "16:10:00", **fields: object) -> Grading:
    """Return a grading of which nothing is known: our grader was ended."""
    said = [Report(check=one.id, status="inconclusive", credit=0.0, detail=OURS) for one in checks()]
    return sent(grading(said), at, **fields)


def sent(made: Grading, at: str, **fields: object) -> Grading:
    """Return ``made`` as graded at a time of one day."""
    return dataclasses.replace(
        made,
        **{"id": f"20261124T{at.replace(':', '')}Z-abcd", "started_at": f"2026-11-24T{at}Z", **fields},  # type: ignore[arg-type]
    )


def keep(made: Grading, out: Path) -> Path:
    """Write a grading as a batch does."""
    return store.save(made, out, {patches.FILE: patches.render(solution())})


def flat(text: str) -> str:
    """Return text on one line."""
    return " ".join(text.split())


def test_a_grading_without_a_total_names_the_one_before_that_had_one(tmp_path: Path) -> None:
    """Of the same submission: the last such; not another submission, not a later one, not another without a total."""
    first, better = sent(grading(), "15:00:00"), sent(grading(), "15:30:00")
    for made in (
        first,
        better,
        undecided("15:40:00"),
        sent(grading(), "15:50:00", submission_sha256="ee" * 32),
        sent(grading(), "17:00:00"),
    ):
        keep(made, tmp_path)

    found = others.of(keep(undecided(), tmp_path) / store.RESULT, undecided()).decided

    assert found is not None
    assert (found.grading, found.verdict, found.earned, found.possible) == (better.id, Verdict.PASSED, 100.0, 100.0)
    assert others.decided(tmp_path, better) is None


def test_every_report_of_an_undecided_grading_says_how_it_was_decided_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is printed, and those that are kept beside the result; never a candidate's."""
    keep(sent(grading(), "15:00:00"), tmp_path)
    graded = Graded(grading=undecided(), logs={}, patch=b"")
    folder = desk.keep(graded, tmp_path, _Telling())  # type: ignore[arg-type]
    said = "the same submission was passed with 100 of 100 points, graded 2026-11-24 15:00 UTC"

    report(folder)
    for text in (
        capsys.readouterr().out,
        (folder / "report.txt").read_text(),
        (folder / "report.html").read_text(),
    ):
        assert said in flat(text)
        assert "ndecided" in text
    assert "No check passed" not in (folder / "report.html").read_text()
    for name in ("candidate.txt", "candidate.html"):
        assert "same submission" not in (folder / name).read_text()
    assert build(undecided(), Audience.CANDIDATE, others=others.Others(alike="otter (99 %)")).beside == ()


class _Telling:
    """Says nothing."""

    def error(self, error: Exception) -> Exception:
        return error


def test_one_reason_for_many_checks_is_said_once() -> None:
    """With how many there are, and which."""
    made = undecided()
    html = page_of_one.render(view.build(made))
    assert html.count(OURS) == 1
    assert f"{len(checks())} checks, one reason: {OURS}" in html
    text = flat("\n".join(lines(differences(sent(grading(), "15:00:00"), made))))
    assert text.count("B inconclusive") == 1
    assert f"{len(checks())} checks alike: " in text
    assert all(one.id in text for one in checks())


def test_what_was_not_decided_is_not_subtracted() -> None:
    """Nobody lost a hundred points because our grader was ended."""
    found = differences(sent(grading(), "15:00:00"), undecided())
    text = flat("\n".join(lines(found)))

    assert "total (of 100) 100 0 to 100 undecided" in text
    assert "B heron: inconclusive, undecided, between 0 and 100 of 100" in text
    assert "-100" not in text
    (total,) = (row for row in found.skills if row.name == "total")
    assert (total.one, total.one_open, total.other, total.other_open) == (100.0, 0.0, 0.0, 100.0)


def test_two_that_are_open_alike_do_not_differ() -> None:
    """Neither side knows more than the other."""
    assert differences(undecided(), undecided("16:20:00")).skills == ()


def test_a_gate_that_is_not_decided_is_not_open() -> None:
    """Beside one that was seen broken."""
    broken = sent(grading(reports(Report(check="safety/killed-mid-charge", status="failed", credit=0.0))), "15:00:00")
    text = flat("\n".join(lines(differences(broken, undecided()))))
    assert "A seen broken, B not decided." in text


def test_the_cohort_counts_gradings_and_submissions_apart(tmp_path: Path) -> None:
    """One submission that was graded twice is one candidate with two gradings, and says how it was decided before."""
    keep(sent(grading(), "15:00:00"), tmp_path)
    keep(undecided(), tmp_path)
    found = gather.read(tmp_path)
    (exercise,) = found.exercises
    text = flat("\n".join(listing.lines(found)))

    assert (len(exercise.candidates), exercise.submissions, exercise.gradings) == (1, 1, 2)
    assert "2 gradings of 1 submission in all, one of each candidate counts" in text
    assert "undecided: between 0 and 100 points" in text
    assert "the same submission, graded before (heron/20261124T150000Z-abcd): passed, 100" in text
    assert "this submission was decided before: passed, 100" in page.render(found)


def test_a_report_says_whose_code_is_nearly_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As the overview found it, while the other is there; a damaged overview says nothing."""
    keep(sent(grading(), "15:00:00"), tmp_path)
    other = keep(
        sent(grading(), "15:10:00", submission_alias="otter", submission_name="otter", submission_origin="o"), tmp_path
    )
    assert cohort_files.write_index(tmp_path) == {}

    report(tmp_path / "heron")
    assert "Nearly the same code as otter (100 %)" in flat(capsys.readouterr().out)
    for damaged in ("{}", "[", "[[]]", '{"exercises": [{"alike": [1, {"one": 2}]}]}', json.dumps({"exercises": 3})):
        (tmp_path / others.COHORT).write_text(damaged)
        report(tmp_path / "heron")
        assert "Nearly the same" not in capsys.readouterr().out
    cohort_files.write_index(tmp_path)
    (other / store.RESULT).rename(tmp_path / "elsewhere")
    report(tmp_path / "heron")
    assert "Nearly the same" not in capsys.readouterr().out


def test_a_result_that_lies_elsewhere_is_told_by_itself(tmp_path: Path) -> None:
    """Nobody searches the disk of whoever copied one file."""
    file = tmp_path / "result.json"
    file.write_bytes(store.encode(undecided()))
    assert others.of(file, undecided()) == others.NOTHING
