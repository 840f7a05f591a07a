"""The tutorial "take an exercise", line by line, by somebody at two terminals."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.e2e.cli import CHECKOUT
from tests.e2e.laptop import Terminal, solve

pytestmark = [pytest.mark.docker, pytest.mark.e2e, pytest.mark.timeout(1800)]
PAGE = CHECKOUT / "docs" / "tutorial" / "take-an-exercise.md"
CTRL_C = "\x03"


def blocks() -> list[list[str]]:
    """Return the commands of the page, a list for each block: what stands before the words about it."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^```\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    made = [[re.split(r" {3,}", line)[0] for line in block.splitlines()] for block in found]
    assert text.count(".venv/bin/harness") == sum(".venv" in line for block in made for line in block), (
        "one is in words"
    )
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that has what a checkout has of commands."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "harness").symlink_to(Path(sys.executable).with_name("harness"))
    return tmp_path


def window(folder: Path) -> Terminal:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    return Terminal(folder, {**kept, "XDG_STATE_HOME": str(folder / "state")})


def follow(shell: Terminal, lines: Sequence[str]) -> None:
    """Type each line, and do what its words say: some go on until a key is pressed, all others end well."""
    for line in lines:
        match shlex.split(line)[1:]:
            case ["logs", "-f", _]:
                shell.type(line)
                shell.wait_for(r"\n")
                shell.press(CTRL_C)
                shell.prompt(130)
            case ["shell", "db"]:
                shell.type(line)
                shell.wait_for("app=> ?")
                shell.type(r"\q")
                shell.prompt(0)
            case ["check", "--watch"]:
                shell.type(line)
                shell.wait_for(r"PASS  \S+/\S+ ")
                shell.press(CTRL_C)
                assert "no longer watching" in shell.prompt(130)
            case _:
                shell.run(line, seconds=900)


def test_holding_the_service(folder: Path) -> None:
    """Everything up to ``down``, which ends what runs in the first window."""
    begin, (up,), work, *_ = blocks()
    with window(folder) as first, window(folder) as second:
        follow(first, begin)
        solve(folder / "heron", "python")
        first.type(up)
        first.wait_for("app is ready", seconds=300)
        second.run("cd heron")
        follow(second, work)
        assert "down: nothing of it is left" in first.prompt(0)


def test_checking_and_handing_in(folder: Path) -> None:
    """Everything from the first check to the assessor's grading."""
    begin, _, _, judged, graded = blocks()
    with window(folder) as shell:
        follow(shell, begin)
        solve(folder / "heron", "python")
        follow(shell, judged)
        follow(shell, graded)
    (result,) = (folder / "results" / "heron").glob("*/result.json")
    assert json.loads(result.read_text(encoding="utf-8"))["verdict"] == "passed"
