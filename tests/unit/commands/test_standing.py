"""Commands that we print run from where the person stands, however they called us."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.commands import standing
from harness.commands.start import start
from tests.unit.commandline import Ended, command, world
from tests.unit.grading import harbour

Run = Callable[[str, Path], Ended]
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


def test_program_is_found_from_another_folder(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Below it, beside it, or far away; a name on the path is the same everywhere."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(program.parent.parent)
    monkeypatch.setattr(sys, "argv", ["bin/harness"])
    work = program.parent.parent.parent / "work"
    assert standing.program_from(work) == ("../venv/bin/harness",)
    assert standing.program_from(Path("/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t/u/v/w/x/y/z")) == (str(program),)
    monkeypatch.setattr(sys, "argv", ["harness"])
    assert standing.program_from(work) == ("harness",)


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


def in_a_shell(words: str, cwd: Path) -> Ended:
    """Run a command as who copies it does: nothing is shared with this process."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
    done = subprocess.run(
        ["bash", "-c", words],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(cwd.parent / "state"), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


def in_a_child(words: str, cwd: Path) -> Ended:
    """Run the words that a shell makes of a command: the same in a tenth of the time, as Python is there already."""
    split = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {words}"], cwd=cwd, capture_output=True, text=True, check=True
    )
    program, *arguments = split.stdout.split("\0")[:-1]
    if program == sys.executable:
        arguments = arguments[2:]
    else:
        assert program == "harness"
    return command(*arguments, cwd=cwd, environment={"HARNESS_CATALOGUE": ""})


def printed(text: str, label: str) -> str:
    """Return the command that stands after ``label``, its lines joined as a shell does, also within a long word."""
    return text.replace("\\\n", "").split(f"\n{label}", 1)[1].split("\n", 1)[0].strip()


def test_what_start_prints_runs_where_it_was_printed(work: Path) -> None:
    started = in_a_child(f"{ours(work)} start harbour --into new", work.parent)
    for label in ("try", "hand in"):
        assert in_a_child(f"{printed(started.out, label)} --engine fake", work.parent).code == 1
    gone, _, there = printed(started.out, "or there").partition(" && ")
    assert gone == "cd new"
    assert in_a_child(f"{there} --engine fake", work.parent / "new").code == 1


def test_start_names_no_up_where_nothing_is_held(tmp_path: Path) -> None:
    """A program that is run once for each case."""
    started = command("start", "tiny", "--into", "new", cwd=world(tmp_path))
    labels = [line[:11].strip() for line in started.out.splitlines()[-5:]]
    assert labels == ["read", "before", "try", "hand in", "or there"]


@pytest.mark.parametrize(
    ("folder", "path", "run"),
    [("src/deep", ".", in_a_shell), (".", "src", in_a_child), ("..", "my wörk/src", in_a_child)],
)
def test_printed_commands_run_from_any_folder(work: Path, folder: str, path: str, run: Run) -> None:
    """Check, hand in and see the clock from anywhere, and what is printed there runs there."""
    here, place = work / folder, shlex.quote(path)
    checked = run(f"{ours(work)} check --keep --engine fake {place}", here)
    assert checked.code == 1, checked.err
    (logs,) = shlex.split(printed(checked.out, "logs"))
    assert (here / logs / "berth.log").is_file()
    # A shell and a Python of its own once; the same words in a child for the rest.
    for label in ("again",) if run is in_a_shell else ("again", "      again:", "hand in"):
        again = run(printed(checked.out, label), here)
        assert again.code == 1, (label, again)
        assert "speech/env" in again.out
    if run is in_a_child:
        assert len(list((work / "submissions").iterdir())) == 1
    paused = run(f"{ours(work)} clock pause lunch --workspace {place}", here)
    assert "paused: lunch" in paused.out
    resumed = run(printed(paused.out, "go on"), here)
    assert (resumed.code, "paused" in resumed.out.splitlines()[0]) == (0, False)


def ours(work: Path) -> str:
    return f"{sys.executable} -m harness --catalogue {shlex.quote(str(work.parent / 'our catalogue'))}"
