"""Every exercise keeps its licence: its record is current, and what it says is seen again for real."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.grading import subjects
from tests.e2e.cli import CHECKOUT, Cli

EXERCISE = "idempotent-payments"
MUTANTS = 4
"""Of the rotating part: each mutant is run for real every few days."""


def turn(day: int) -> tuple[str, ...]:
    """Return the mutants whose turn it is."""
    names = [one.name for one in subjects.all_of(Catalogue((CHECKOUT,)).pair(EXERCISE)) if one.kind == "mutant"]
    start = day * MUTANTS % len(names)
    return tuple((names + names)[start : start + MUTANTS])


def test_turns_reach_every_mutant() -> None:
    """No mutant is left out for ever."""
    names = {one.name for one in subjects.all_of(Catalogue((CHECKOUT,)).pair(EXERCISE)) if one.kind == "mutant"}
    assert {name for day in range(len(names)) for name in turn(day)} == names


def test_recorded_validation_of_every_exercise_is_current(cli: Cli) -> None:
    """Nobody changed an exercise, its grader, a reference, an image recipe or the harness's rules without validating."""
    done = cli("validate", "--recorded")
    assert done.code == 0, done.out


@pytest.mark.docker
@pytest.mark.e2e
@pytest.mark.timeout(1800)
def test_references_starters_cheats_and_a_turn_of_mutants_hold_for_real(cli: Cli) -> None:
    """The record is not only current, it is true: graded again here, in a copy of the catalogue.

    Margins are left out: how far a value is from its threshold is measured when the record is made, and beside other
    tests on a busy machine it says nothing.
    """
    for kind in ("exercises", "graders"):
        shutil.copytree(CHECKOUT / kind / EXERCISE, cli.folder / kind / EXERCISE)
    Path(cli.folder, "graders", EXERCISE, "validation.json").unlink(missing_ok=True)
    day = int(os.environ.get("HARNESS_TURN") or dt.datetime.now(dt.UTC).date().toordinal())
    chosen = ("reference", "starter", "cheat", *turn(day))
    only = [word for name in chosen for word in ("--only", name)]
    done = cli(
        "--catalogue", str(cli.folder), "validate", EXERCISE, "--repeat", "1", "--jobs", "2", "--json", "--why", *only
    )
    lines = json.loads(done.out)
    broken = [line for line in lines if line["holds"] is not True and not line["rule"].endswith("side the limit")]
    assert not broken, broken
    assert {line["subject"].partition("/")[0] for line in lines} >= {"reference", "starter", "cheat", "mutant"}
