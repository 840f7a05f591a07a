"""Every command with every standard stream closed, broken or full: the documented code, and 1 and 2 only from a result."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands.opening import Opener
from tests.unit.commandline import ENDINGS, EXPECTED, Ended, Scripted, command, world

FAKE = ("--engine", "fake")
GRADED = [
    (("grade", f"{name}.tar.gz"), EXPECTED[name]) for name in ("passed", "failed", "inconclusive", "held", "memory")
]
COMMANDS: list[tuple[tuple[str, ...], int]] = [
    (("--help",), 0),
    (("--version",), 0),
    ((), 4),
    (("nonsense",), 4),
    (("list",), 0),
    (("show", "tiny"), 0),
    (("start", "tiny", "--into", "new"), 0),
    (("check", "w"), 1),
    (("check", "w", "--only", "nothing"), 4),
    (("submit", "w"), 1),
    (("submit", "w", "--no-check"), 0),
    (("submit", "w", "--list"), 0),
    (("clock", "--workspace", "w"), 0),
    (("submit", "nowhere"), 4),
    *GRADED,
    (("grade", "failed.tar.gz", "--json"), 1),
    (("grade", "nothing"), 4),
    (("grade", *(f"{name}.tar.gz" for name in ENDINGS if name != "held")), 5),
    (("grade", "passed.tar.gz", "inconclusive.tar.gz", "failed.tar.gz"), 2),
    (("report", "kept/heron"), 0),
    (("report", "nothing"), 4),
    (("validate", "tiny", "--recorded"), 1),
    (("validate", "tiny", "--only", "nothing"), 4),
    (("new", "another", "--into", "elsewhere"), 0),
    (("images", "list", *FAKE), 0),
    (("doctor", *FAKE), 5),
    (("clean", "--dry-run", *FAKE), 0),
    (("clean", "--all", *FAKE), 4),
]
KEEPING = {"grade", "check", "validate", "pack", "submit"}
WRITING = {"start", "check", "submit", "grade", "new"}
TROUBLES = [{1: "broken"}, {1: "full"}, {2: "full"}, {0: "closed", 1: "closed", 2: "closed"}]
OTHERS = [
    {0: "closed"},
    {1: "closed"},
    {2: "closed"},
    {2: "broken"},
    {1: "broken", 2: "broken"},
    {1: "full", 2: "full"},
    {1: "closed", 2: "full"},
    {1: "broken", 2: "closed"},
]
"""What the unit tests leave to the long run."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world to copy."""
    return world(tmp_path_factory.mktemp("template"))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gradings end as the names of their submissions say."""
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: Scripted()(stack, progress))


def _place(template: Path, folder: Path, arguments: tuple[str, ...]) -> Path:
    return shutil.copytree(template, folder / "here") if WRITING.intersection(arguments) else template


def _wanted(arguments: tuple[str, ...], code: int, streams: dict[int, str], *, says: bool) -> int:
    """Return the code of docs/reference/exit-codes.md."""
    state = streams.get(1, "open")
    if says and state == "full":
        return 6 if code == 6 else 5
    if says and state == "broken" and arguments[:1] and arguments[0] not in KEEPING:
        return 141
    return code


def _proven(ended: Ended, here: Path, arguments: tuple[str, ...]) -> None:
    """1 and 2 come from something that was written: a result with that code, a claim, or the record that was read."""
    if ended.code not in {1, 2} or arguments[0] == "validate":
        return
    if arguments[0] in {"check", "submit"}:
        assert json.loads((here / "w/.harness/claim.json").read_text())["checks"]
        return
    kept = [json.loads(file.read_text())["exit_code"] for file in here.glob("results/*/*/result.json")]
    assert ended.code in kept


@pytest.mark.parametrize("troubles", [TROUBLES, pytest.param(OTHERS, marks=pytest.mark.e2e)], ids=["", "others"])
@pytest.mark.parametrize(
    ("arguments", "code"), COMMANDS, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_streams_decide_no_code(
    template: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, troubles: list[dict[int, str]]
) -> None:
    """Whatever is closed, broken or full, the code is the documented one, and what can be said is said."""
    plain = command(*arguments, cwd=_place(template, tmp_path / "open", arguments))
    assert plain.code == code, plain
    for number, streams in enumerate(troubles):
        here = _place(template, tmp_path / str(number), arguments)
        ended = command(*arguments, cwd=here, streams=streams)
        assert ended.code == _wanted(arguments, code, streams, says=bool(plain.out)), (streams, ended)
        assert "Traceback" not in ended.out + ended.err
        if ended.code in {3, 4, 5} and 2 not in streams and "doctor" not in arguments:  # it says on standard output
            assert ended.err.strip(), streams
        if 1 not in streams:
            assert bool(ended.out) == bool(plain.out)
        _proven(ended, here, arguments)


def _each_once() -> list[object]:
    """Return every command with every trouble; half of them, with each command and each trouble, is for the unit tests."""
    troubles = ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1"]
    pairs = [(one, *said) for said in (("list", 0), ("show nothing", 4)) for one in troubles]
    return [pytest.param(*pair, marks=[pytest.mark.e2e] if number % 2 else []) for number, pair in enumerate(pairs)]


@pytest.mark.parametrize(("streams", "arguments", "code"), _each_once())
def test_real_interpreter_agrees(template: Path, tmp_path: Path, streams: str, arguments: str, code: int) -> None:
    """A forked child is told that a stream is missing; here the interpreter finds out."""
    line = f'exec "{sys.executable}" -m harness {arguments} {streams}'
    done = subprocess.run(["sh", "-c", line], cwd=template, env={**os.environ, "HOME": str(tmp_path)}, check=False)
    assert done.returncode == (5 if code == 0 and ">/dev/full" in streams.split() else code)
