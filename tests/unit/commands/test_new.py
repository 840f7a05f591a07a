"""What ``harness new`` says to run next runs as it is printed."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from harness.commands.new import new


def test_the_next_command_names_the_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new("line-server", into=tmp_path / "our exercises")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("next: ")]
    words = shlex.split(line.removeprefix("next: ").partition("  (")[0])
    assert words == ["harness", "--catalogue", str(tmp_path / "our exercises"), "validate", "line-server"]
