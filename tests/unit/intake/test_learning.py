"""``learn.toml``: pointers for what candidates are told of, and for nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.catalogue.learning import LEARN, parse
from harness.errors import ExerciseError
from harness.model import Outcome, Status
from tests.unit.factories import exercise

ROOT = Path(__file__).resolve().parents[3]
POINTING = sorted(path.parent.name for path in (ROOT / "graders").glob(f"*/{LEARN}"))
"""The exercises here that point somewhere."""
ONE = '[[pointer]]\nread = "a"\nwhy = "b"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'{ONE}checks = ["safety/killed-at-commit"]', "checks: expected what candidates are told of"),
        (f'{ONE}checks = ["safety/killed-mid"]', 'did you mean "safety/killed-mid-charge"'),
        (f'{ONE}skills = ["money"]', "skills: expected what candidates are told of"),
        (ONE, "expected checks or skills, and words"),
        ('[[pointer]]\nread = " "\nwhy = "b"\nskills = ["recovery"]', "expected checks or skills, and words"),
        (f'{ONE}skills = ["recovery"]\n{ONE}skills = ["recovery"]', "expected one pointer for"),
        ("[[pointers]]", "unknown key"),
        ("", "pointer: missing"),
        ("=", "expected TOML"),
    ],
)
def test_wrong_pointers_are_refused_in_words(text: str, words: str) -> None:
    """A held-out check is named to nobody, so nothing points from it either."""
    with pytest.raises(ExerciseError, match=words):
        parse(text.encode(), exercise(), "learn.toml")


@pytest.mark.parametrize("id_", POINTING)
def test_each_gap_of_each_check_has_one_pointer_of_its_author(id_: str) -> None:
    """No check of a grading sends a candidate back to the brief, and no pointer is one that nobody would ever be shown."""
    pair = Catalogue([ROOT]).pair(id_)
    written = parse(pair.papers[LEARN], pair.exercise, LEARN)
    gaps = [Outcome(check=check, status=Status.FAILED, credit=0.0) for check in pair.checks]
    shown = Counter(written.of(gap) for gap in gaps if gap.check.points)
    assert set(shown) == {*written.checks.values(), *written.skills.values()}
    assert shown.total() == len(gaps)


def test_the_exercise_that_is_not_a_draft_points_somewhere() -> None:
    """The test above has something to look at."""
    catalogue = Catalogue([ROOT])
    assert {id_ for id_ in catalogue.ids() if catalogue.exercise(id_).status == "validated"} <= set(POINTING)
