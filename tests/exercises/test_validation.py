"""Every exercise keeps its licence: its record is current, and what it says is seen again for real."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.grading import subjects
from tests import turns
from tests.e2e.cli import CHECKOUT, Cli

EXERCISE = "idempotent-payments"
PARTS = {"starter": 1, "mutant": 4, "cheat": 2, "honest": 1}
"""Of each kind, how many are run for real on a day; references always are. Each has its turn every week or two."""


def _names(kind: str) -> list[str]:
    return [one.name for one in subjects.all_of(Catalogue((CHECKOUT,)).pair(EXERCISE)) if one.kind == kind]


def turn(kind: str, day: int) -> tuple[str, ...]:
    """Return the subjects of a kind whose turn it is."""
    names, part = _names(kind), PARTS[kind]
    start = day * part % max(1, len(names))
    return tuple((names + names)[start : start + min(part, len(names))])


@pytest.mark.parametrize("kind", PARTS)
def test_turns_reach_every_subject(kind: str) -> None:
    """None is left out for ever."""
    names = _names(kind)
    assert {name for day in range(len(names)) for name in turn(kind, day)} == set(names)


def test_recorded_validation_of_every_exercise_is_current(cli: Cli) -> None:
    """Nobody changed an exercise, its grader, a reference, an image recipe or the harness's rules without validating."""
    done = cli("validate", "--recorded")
    assert done.code == 0, done.out


@pytest.mark.docker
@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_references_and_whose_turn_it_is_hold_for_real(cli: Cli) -> None:
    """The record is not only current, it is true: graded again here, in a copy of the catalogue.

    Margins are left out: how far a value is from its threshold is measured when the record is made, and beside other
    tests on a busy machine it says nothing.
    """
    for kind in ("exercises", "graders"):
        shutil.copytree(CHECKOUT / kind / EXERCISE, cli.folder / kind / EXERCISE)
    Path(cli.folder, "graders", EXERCISE, "validation.json").unlink(missing_ok=True)
    chosen = ("reference", *(name for kind in PARTS for name in turn(kind, turns.day())))
    only = [word for name in chosen for word in ("--only", name)]
    done = cli(
        "--catalogue",
        str(cli.folder),
        "validate",
        EXERCISE,
        "--repeat",
        "1",
        "--jobs",
        "2",
        "--json",
        "--why",
        *only,
        seconds=1700,
    )
    lines = json.loads(done.out)
    broken = [line for line in lines if line["holds"] is not True and not line["rule"].endswith("side the limit")]
    assert not broken, broken
    assert {line["subject"].partition("/")[0] for line in lines} >= {"reference", "starter", "cheat", "mutant"}
