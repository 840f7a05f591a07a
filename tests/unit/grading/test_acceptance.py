"""When an exercise may be shown to candidates."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.grading import acceptance
from harness.grading.subjects import Subject
from harness.grading.trust import Row
from harness.model import Check


def row(
    submission: str, earned: float, *failed: str, verdict: str = "passed", inconclusive: tuple[str, ...] = ()
) -> Row:
    """Return a row of a record."""
    return Row(
        submission=submission,
        variant=0,
        seed=1,
        repeat=0,
        key="k",
        verdict=verdict,
        earned=earned,
        failed=failed,
        inconclusive=inconclusive,
        seconds=1,
        reason="",
        graded_on="2026-01-01",
    )


CHECKS = tuple(
    Check(id=id_, title="t", skill="s", points=10, public=public)
    for id_, public in (("contract/read", True), ("safety/kill", False))
)
REFERENCE = Subject(name="reference/a", title="t", source=Path())
MUTANT = Subject(name="mutant/m", title="t", source=Path(), ceiling=45, fails=("safety/kill",), smoke=("contract/*",))
STARTER = Subject(name="starter/python", title="t", source=Path())
CHEAT = Subject(name="cheat/c", title="t", source=Path(), like="starter/python")


def broken(subject: Subject, *rows: Row) -> list[str]:
    """Return the rules of ``subject`` that do not hold."""
    subjects = (REFERENCE, MUTANT, STARTER, CHEAT)
    lines = acceptance.judge(subjects, CHECKS, rows)
    return [line.rule for line in lines if line.subject == subject.name and line.holds is not True]


def test_acceptance_holds_for_a_good_matrix() -> None:
    """Reference high, mutant low and failing what it is named after, starter low, cheat at the starter's score."""
    rows = (
        row("reference/a", 100),
        row("mutant/m", 45, "safety/kill", verdict="failed"),
        row("starter/python", 5, "safety/kill", verdict="failed"),
        row("cheat/c", 5, "safety/kill", verdict="failed"),
    )
    assert [broken(one, *rows) for one in (REFERENCE, MUTANT, STARTER, CHEAT)] == [[], [], [], []]


@pytest.mark.parametrize(
    ("subject", "rows", "rule"),
    [
        (REFERENCE, [row("reference/a", 94.9)], "at least 95 points"),
        (REFERENCE, [row("reference/a", 100), row("reference/a", 96, "safety/kill")], "repeated runs agree"),
        (MUTANT, [row("mutant/m", 46, "safety/kill")], "at most 45 points"),
        (MUTANT, [row("reference/a", 50), row("mutant/m", 41, "safety/kill")], "at most 40 points"),
        (MUTANT, [row("mutant/m", 10, "contract/read")], "fails safety/kill"),
        (MUTANT, [row("mutant/m", 10, "safety/kill", "contract/read")], "passes contract/*"),
        (MUTANT, [row("mutant/m", 10, "safety/kill", verdict="refused")], "every run is decided"),
        (MUTANT, [row("mutant/m", 10, "safety/kill", inconclusive=("contract/read",))], "every run is decided"),
        (STARTER, [row("starter/python", 15.5)], "at most 15 points"),
        (CHEAT, [row("starter/python", 5), row("cheat/c", 6)], "gains nothing over starter/python"),
        (CHEAT, [row("cheat/c", 0)], "gains nothing over starter/python"),
        (CHEAT, [], "has been graded as it is now"),
    ],
)
def test_acceptance_says_which_rule_does_not_hold(subject: Subject, rows: list[Row], rule: str) -> None:
    """Each way in which a matrix can be wrong is found, under its own name."""
    assert rule in broken(subject, *rows)


def test_acceptance_wants_a_mutant_for_every_scored_check() -> None:
    """A check that no mutant fails may be one that can't fail."""
    idle = acceptance.whole((MUTANT, REFERENCE), CHECKS)
    assert [line.holds for line in idle] == [False, False]
    assert "contract/read" in idle[0].found
