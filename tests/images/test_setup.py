"""The set-up scripts where they must not install anything, with the programs they call replaced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the scripts, a Python that knows the package, and programs that record being called."""
    shutil.copytree(CHECKOUT / "scripts", tmp_path / "scripts")
    for name in ("pyproject.toml", "requirements"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    program(tmp_path / ".venv" / "bin" / "python", f'PYTHONPATH={CHECKOUT} exec {sys.executable} "$@"')
    for name in ("apt-get", "dockerd", "systemctl"):
        program(tmp_path / "bin" / name, f"touch {tmp_path}/called-{name}")
    return tmp_path


def program(path: Path, script: str) -> None:
    """Put a shell script at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def run(checkout: Path, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of the copy; nothing it must not do was done."""
    done = subprocess.run(
        ["sh", *script.split()],
        cwd=checkout,
        env=os.environ | {"PATH": f"{checkout}/bin:{os.environ['PATH']}"} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert list(checkout.glob("called-*")) == []
    return done


def test_setup_installs_no_engine_when_one_is_named(checkout: Path) -> None:
    """A DOCKER_HOST that does not answer is said, not replaced by an engine nobody asked for."""
    done = run(checkout, "scripts/setup-engine", DOCKER_HOST="tcp://127.0.0.1:1")
    assert done.returncode == 4
    assert "tcp://127.0.0.1:1 (DOCKER_HOST)" in done.stderr


def test_setup_without_root_prints_the_commands_and_stops(checkout: Path) -> None:
    """Nothing is installed for somebody who is not root: the commands are printed."""
    program(checkout / ".venv" / "bin" / "python", "exit 1")
    program(checkout / "bin" / "id", "echo 1000")
    done = run(checkout, "scripts/setup-engine", YES="1")
    assert done.returncode == 4
    assert "sudo apt-get install docker.io" in done.stderr


def test_setup_refuses_an_unfit_python(checkout: Path) -> None:
    """A PYTHON that is too old or broken is said; no other is taken."""
    done = run(checkout, "scripts/setup-python", PYTHON="/bin/false")
    assert done.returncode == 4
    assert "expected PYTHON=/bin/false to be Python 3.11 or later with venv" in done.stderr


def test_failed_step_shows_the_end_of_its_output(checkout: Path) -> None:
    """What failed shows its last lines and where all of them are."""
    program(checkout / "try", '. scripts/common.sh; watched "counting" sh -c "seq 40; exit 3"')
    done = run(checkout, "try")
    assert done.returncode == 5
    assert "counting failed. The end of its output (.setup/last.log):\n    26\n" in done.stderr


def test_setup_without_root_prints_how_a_browser_is_installed(checkout: Path) -> None:
    """Where no Chromium is on the path and nothing may be installed, the commands are printed."""
    for name in ("sh", "dirname", "grep"):
        (checkout / "bin" / name).symlink_to(str(shutil.which(name)))
    program(checkout / "bin" / "id", "echo 1000")
    done = run(checkout, "scripts/setup-browser", PATH=f"{checkout}/bin", YES="1", CHROMIUM="")
    assert done.returncode == 4
    assert "sudo apt-get install chromium" in done.stderr


def test_setup_takes_no_other_browser_than_the_named_one(checkout: Path) -> None:
    """A CHROMIUM that is not there is said; one that is there is all that is needed."""
    done = run(checkout, "scripts/setup-browser", CHROMIUM="/nowhere/chrome")
    assert done.returncode == 4
    assert "expected CHROMIUM=/nowhere/chrome to be a program" in done.stderr
    program(checkout / "bin" / "mine", "exit 1")
    assert run(checkout, "scripts/setup-browser", CHROMIUM="mine").returncode == 0
