"""The types of every exercise's checks are proven as those of the harness are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def typecheck(*catalogues: Path) -> subprocess.CompletedProcess[str]:
    """Run what ``make check`` runs."""
    command = [sys.executable, str(ROOT / "scripts" / "typecheck_exercises.py"), *map(str, catalogues)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_planted_error_between_a_grader_and_its_exercise_is_found(tmp_path: Path) -> None:
    """A hidden test that calls a module of the public part wrongly: only both together, by bare names, can show it."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", tmp_path / kind / "skeleton")
    (tmp_path / "exercises/skeleton/checks/world.py").write_text("def load(name: str) -> int:\n    return len(name)\n")
    hidden = tmp_path / "graders/skeleton/test_hidden.py"
    hidden.write_text("from world import load\n\nWANTED: int = load('a')\n")
    fine = typecheck(tmp_path)
    assert fine.returncode == 0, fine.stdout
    hidden.write_text("from world import load\n\nWANTED: str = load(3)\n")
    found = typecheck(tmp_path)
    assert found.returncode == 1
    assert 'Argument 1 to "load" has incompatible type "int"; expected "str"' in found.stdout
    assert "Incompatible types in assignment" in found.stdout
