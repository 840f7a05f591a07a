"""Types of the checks: mypy, strict, over each exercise and its grader, as the grader sandbox imports them.

Modules of checks import each other by bare names, so every exercise is a set of top-level modules of its own: its public
checks and its grader's together, with what ``harness up`` gets beside them. Arguments are catalogue folders; without one, this checkout.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def folders(catalogue: Path, exercise_id: str) -> list[Path]:
    """Return where the modules of an exercise's checks are, public ones first."""
    home = catalogue / "exercises" / exercise_id
    found = (home / "checks", catalogue / "graders" / exercise_id, home)
    return [folder for folder in found if any(folder.glob("*.py"))]


def check(catalogue: Path, exercise_id: str) -> int:
    """Run mypy over one exercise and return its exit code; how strict it is stands in pyproject.toml."""
    places = folders(catalogue, exercise_id)
    if not places:
        return 0
    modules = [str(path) for folder in places for path in sorted(folder.glob("*.py"))]
    # A cache for each: the same module names are other files in the next exercise.
    cache = ROOT / ".mypy_cache" / "exercises" / exercise_id
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache)]
    path = os.pathsep.join(str(folder) for folder in (*places, ROOT))
    done = subprocess.run([*command, *modules], cwd=ROOT, env={**os.environ, "MYPYPATH": path}, check=False)  # noqa: S603
    return done.returncode


def main(catalogues: list[Path]) -> int:
    """Check every exercise of every catalogue; 0 when all hold."""
    codes = []
    for catalogue in catalogues:
        for exercise_id in sorted(path.name for path in (catalogue / "exercises").iterdir() if path.is_dir()):
            print(f"{exercise_id}:", end=" ", flush=True)
            codes.append(check(catalogue, exercise_id))
    return max(codes, default=0)


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]] or [ROOT]))
