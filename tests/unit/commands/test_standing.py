"""Commands that we print run from where the person stands, however they called us."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands import standing
from harness.commands.start import start
from tests.unit.grading import harbour

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """An installed ``harness`` that is on nobody's path."""
    made = tmp_path / "venv/bin/harness"
    made.parent.mkdir(parents=True)
    made.write_text("#!/bin/sh\n", encoding="utf-8")
    made.chmod(0o755)
    return made


def test_program_on_the_path_is_called_by_its_name(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the path leads to it by a link."""
    link = program.parent.parent / "link"
    link.symlink_to("bin")
    monkeypatch.setenv("PATH", str(link))
    assert standing.program(str(program)) == ("harness",)
    assert standing.program("harness") == ("harness",)


def test_program_that_is_not_on_the_path_is_called_as_it_was(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the same words; another one of that name on the path is another one."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(program.parent)
    for started in (str(program), "../bin/harness", "./harness"):
        assert standing.program(started) == (started,)
    other = program.parent / "other"
    other.mkdir()
    (other / "harness").write_bytes(program.read_bytes())
    (other / "harness").chmod(0o755)
    monkeypatch.setenv("PATH", str(other))
    assert standing.program(str(program)) == (str(program),)


def test_module_is_run_by_the_python_that_ran_it() -> None:
    assert standing.program("/somewhere/harness/__main__.py") == (sys.executable, "-m", "harness")
    assert standing.program("/somewhere/pytest/__main__.py") == ("harness",)


def test_places_are_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below, above and far away: each can be copied."""
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    assert standing.seen(tmp_path / "a/b") == "b"
    assert standing.seen(tmp_path / "c") == "../c"
    assert standing.seen(Path("/c")) == "/c"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with folders in it, of an exercise whose one public check fails."""
    public = harbour.PUBLIC.replace('("LIMIT", "3.0")', '("LIMIT", "9.0")')
    known = harbour.catalogue(tmp_path / "our catalogue", {"exercises/harbour/checks/test_env.py": public})
    start("harbour", language=None, into=tmp_path / "my wörk", alias=None, catalogue=known)
    (tmp_path / "my wörk/src/deep").mkdir(parents=True)
    return tmp_path / "my wörk"


def run(words: str | list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command, as a shell would where it is a text."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    return subprocess.run(
        ["bash", "-c", words] if isinstance(words, str) else words,
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(cwd.parent / "state"), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def printed(text: str, label: str) -> str:
    """Return the command that stands after ``label``, its lines joined."""
    return text.replace("\\\n", " ").split(f"\n{label}", 1)[1].split("\n", 1)[0].strip()


@pytest.mark.parametrize(("folder", "path"), [("src/deep", "."), (".", "src"), ("..", "my wörk/src")])
def test_printed_commands_run_from_any_folder(work: Path, folder: str, path: str) -> None:
    """Check, hand in and see the clock from anywhere, and what is printed there runs there, in a shell."""
    ours = [sys.executable, "-m", "harness", "--catalogue", str(work.parent / "our catalogue")]
    here = work / folder
    started = run([*ours, "start", "harbour", "--into", "new"], work.parent)
    for label, code in (("try", 1), ("hand in", 1)):
        assert run(f"{printed(started.stdout, label)} --engine fake", work.parent).returncode == code
    checked = run([*ours, "check", "--keep", "--engine", "fake", path], here)
    assert checked.returncode == 1, checked.stderr
    (logs,) = shlex.split(printed(checked.stdout, "logs"))
    assert (here / logs / "berth.log").is_file()
    for label, code in (("again", 1), ("      again:", 1), ("hand in", 1)):
        again = run(printed(checked.stdout, label), here)
        assert again.returncode == code, (label, again)
        assert "speech/env" in again.stdout
    assert len(list((work / "submissions").iterdir())) == 1
    paused = run([*ours, "clock", "pause", "lunch", "--workspace", path], here)
    assert "paused: lunch" in paused.stdout
    resumed = run(printed(paused.stdout, "go on"), here)
    assert (resumed.returncode, "paused" in resumed.stdout.splitlines()[0]) == (0, False)
