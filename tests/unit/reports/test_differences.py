"""What differs between two gradings: all of it, nothing that is alike, and never two exercises."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import store
from harness.commands.diff import diff
from harness.errors import ExitCode, UsageError
from harness.reports.differences import Differences, differences, lines
from harness.reports.text import WIDTH, columns
from tests.unit import cohorts
from tests.unit.factories import checks, exercise, failed, grading, heron, refused, reports

OTTER = dataclasses.replace(grading(), submission_alias="otter", submission_sha256="ab" * 32, submission_origin="o")
PEOPLE = tuple(cohorts.gradings(12, seed=3))


def told(found: Differences) -> str:
    """Return the text, unwrapped."""
    return " ".join(" ".join(lines(found)).split())


def test_a_grading_and_itself_do_not_differ() -> None:
    """Nothing is listed that is alike."""
    found = differences(heron(), heron())

    assert (found.conditions, found.skills, found.gates, found.checks) == ((), (), (), ())
    assert found.alike == 12
    assert found.same_submission


def test_two_candidates() -> None:
    """Points by skill, the gate that one of them closed, and what each check that ended unlike saw."""
    found = differences(heron(), OTTER)

    assert [(row.name, row.one, row.other) for row in found.skills] == [
        ("money safety", 25.0, 45.0),
        ("recovery", 14.0, 20.0),
        ("throughput", 14.0, 20.0),
        ("total", 45.0, 100.0),
    ]
    assert [(gate.one, gate.other) for gate in found.gates] == [("seen broken", None), ("seen broken", None)]
    assert [check.id for check in found.checks][:2] == ["safety/killed-mid-charge", "safety/webhook-before-answer"]
    text = told(found)
    assert "A heron: failed, 45 of 100" in text
    assert "total (of 100) 45 100 +55" in text
    assert "A customer can be charged twice, or a charge can be lost: A seen broken, B open." in text
    assert "A failed, 0: Charge k-17 was captured twice" in text
    assert "SAME" not in text


@given(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE))
def test_turned_round_it_says_the_same(one: object, other: object) -> None:
    """A and B change places, and nothing else does; no line is too wide."""
    assert isinstance(one, type(PEOPLE[0]))
    assert isinstance(other, type(PEOPLE[0]))
    found, turned = differences(one, other), differences(other, one)

    assert {(row.name, row.one, row.other) for row in found.skills} == {
        (row.name, row.other, row.one) for row in turned.skills
    }
    assert {(c.id, c.one, c.other) for c in found.checks} == {(c.id, c.other, c.one) for c in turned.checks}
    assert found.alike == turned.alike
    assert all(columns(line) <= WIDTH for line in lines(found))


def test_graded_again_says_under_what() -> None:
    """One submission under another grader and seed: that is said first, before a point is compared."""
    again = dataclasses.replace(
        heron(), id="later", seed=9, digests={**heron().digests, "grader": "ee" * 32}, posture=("no CPU limit",)
    )

    text = told(differences(heron(), again))

    assert "SAME one submission, graded twice (sha256 6c6c6c6c6c6c)" in text
    assert "digest of grader: A bbbbbbbbbbbb, B eeeeeeeeeeee" in text
    assert "seed: A 4711, B 9" in text
    assert "weaker than the standard class: A nothing, B no CPU limit" in text
    assert "POINTS alike in every skill" in text


def test_a_check_that_one_was_not_graded_on() -> None:
    """After a version has another check: it is listed, not taken for a failure."""
    fewer = grading(reports()[:-1], declared=[c for c in checks() if c.id != "own-tests/tell-good-from-starter"])

    found = differences(heron(), fewer)

    (missing,) = (check for check in found.checks if check.id == "own-tests/tell-good-from-starter")
    assert missing.other is None
    assert "was not graded on it" in told(found)


def test_inconclusive_is_not_failed() -> None:
    """Both have no points of it, and they did not end alike."""
    unsure = grading(reports(failed("recovery/retry-storm", status="inconclusive")))
    broken = grading(reports(failed("recovery/retry-storm")))

    assert [check.id for check in differences(unsure, broken).checks] == ["recovery/retry-storm"]


def test_two_exercises_are_not_compared() -> None:
    """Their points say nothing of each other; also where nobody knows what a refused one is for."""
    for other in (
        grading(made_of=exercise(id="queue-retry")),
        dataclasses.replace(refused(), exercise=exercise(id="")),
    ):
        with pytest.raises(UsageError, match="expected two results of one exercise, found idempotent-payments and"):
            differences(heron(), other)


def test_the_command_prints_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By folders of names; as text, and whole as JSON."""
    store.save(heron(), tmp_path)
    store.save(OTTER, tmp_path)

    assert diff(tmp_path / "heron", tmp_path / "otter", as_json=False) is ExitCode.PASSED
    assert capsys.readouterr().out == "\n".join(lines(differences(heron(), OTTER))) + "\n"
    diff(tmp_path / "heron", tmp_path / "otter", as_json=True)
    document = json.loads(capsys.readouterr().out)

    assert document.pop("schema") == 1
    assert document == store.plain(differences(heron(), OTTER))


def test_hostile_words_move_no_cursor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a submission is called and says is printed as escapes."""
    evil = dataclasses.replace(OTTER, submission_name="x\x1b[2J\nVERDICT passed", submission_path="\u202eevil")
    said = heron()

    text = "\n".join(lines(differences(said, evil)))

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("VERDICT") for line in text.split("\n"))
