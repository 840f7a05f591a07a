"""``harness validate`` shows why a line does not hold, from the record alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands import validate as command
from harness.commands.validate import validate
from harness.errors import ExitCode
from harness.grading import validation
from tests.unit.factories import grading

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalogue:
    """The skeleton with a record in which no check of any submission, the mutant's neither, has a result."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", tmp_path / kind / "skeleton")
    (tmp_path / "graders/skeleton/validation.json").unlink(missing_ok=True)
    monkeypatch.setattr(command, "REPEATS", 1)
    table = command._matrix(Catalogue([tmp_path]), "skeleton", only=(), repeat=1)
    exercise = table.pair.exercise
    for wanted in table.wanted:
        graded = grading(made_of=exercise, declared=exercise.checks)
        table = validation.save(table, validation.row_of(wanted, graded))
    return Catalogue([tmp_path])


def run(catalogue: Catalogue, *, why: bool, as_json: bool = False) -> ExitCode:
    return validate(
        "skeleton",
        only=(),
        repeat=None,
        jobs=1,
        as_json=as_json,
        recorded=True,
        why=why,
        engine="none",
        catalogue=catalogue,
    )


def test_why_shows_what_the_checks_said(catalogue: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the lines that do not hold, and only there."""
    assert run(catalogue, why=False) == ExitCode.FAILED
    plain = capsys.readouterr().out.splitlines()
    assert run(catalogue, why=True) == ExitCode.FAILED
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if not line.startswith("     | ")] == plain
    (mutant,) = [number for number, line in enumerate(told) if "fails answers/sums" in line]
    assert told[mutant].startswith("?    mutant/wraps-at-64-bits")  # no check of it had a result
    assert told[mutant + 1].startswith("     | answers/sums (seed ")


def test_why_is_in_json_too(catalogue: Catalogue, capsys: pytest.CaptureFixture[str]) -> None:
    """A text for each check, none for a line that holds."""
    run(catalogue, why=True, as_json=True)
    lines = json.loads(capsys.readouterr().out)
    assert all("said" in line for line in lines)
    assert [line["said"] for line in lines if line["holds"]] == [[] for line in lines if line["holds"]]
    assert any(line["said"] for line in lines)
