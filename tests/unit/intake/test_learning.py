"""``learn.toml``: pointers for what candidates are told of, and for nothing else."""

from __future__ import annotations

import pytest

from harness.catalogue.learning import parse
from harness.errors import ExerciseError
from tests.unit.factories import exercise

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
