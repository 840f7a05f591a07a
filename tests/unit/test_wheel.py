"""What a wheel holds: the package and the image recipes, and never an exercise or a grader."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of this checkout, built without a network."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (file,) = target.glob("*.whl")
    return zipfile.ZipFile(file)


def test_wheel_holds_the_package_and_the_recipes(wheel: zipfile.ZipFile) -> None:
    """Every module, template and recipe of the checkout is in the wheel, and the package is marked as typed."""
    names = set(wheel.namelist())
    expected = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "harness").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    expected |= {
        f"harness/_recipes/{path.relative_to(REPOSITORY / 'docker').as_posix()}"
        for path in (REPOSITORY / "docker").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "harness/py.typed" in expected
    assert expected - names == set()


def test_wheel_holds_no_exercise_and_no_grader(wheel: zipfile.ZipFile) -> None:
    """Only the package and its metadata; no file of ``exercises/`` or ``graders/`` under any name."""
    names = [name for name in wheel.namelist() if not name.startswith("assessment_harness-")]
    assert [name for name in names if not name.startswith("harness/")] == []
    packed = {wheel.read(name) for name in names}
    secret = [
        path
        for folder in ("exercises", "graders")
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "skeleton" not in path.parts and path.stat().st_size > 0
    ]
    assert secret
    assert [path.relative_to(REPOSITORY) for path in secret if path.read_bytes() in packed] == []
