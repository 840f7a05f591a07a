"""Readable at 80 columns, without colour, by a screen reader: every verb takes ``--plain``."""

from __future__ import annotations

import os
import pty
import re
import sys
import time
from pathlib import Path

import click
import pytest

from harness import console, progress
from harness.cli import cli
from harness.commands.opening import Opener
from tests.unit.commandline import Scripted, command, world

ROOT = Path(__file__).resolve().parents[3]
VERBS = [
    ("list",),
    ("show", "tiny"),
    ("show", "idempotent-payments"),
    ("start", "tiny", "--into", "new"),
    ("check", "w"),
    ("submit", "w"),
    ("submit", "w", "--list"),
    ("clock", "--workspace", "w"),
    ("grade", "failed.tar.gz"),
    ("report", "kept/heron"),
    ("images", "list", "--engine", "fake"),
    ("doctor", "--engine", "fake"),
    ("doctor", "idempotent-payments", "--engine", "fake"),
    ("clean", "--dry-run", "--engine", "fake"),
]
COPIED = re.compile(r"(brief|file|sha256|next|before|run|try|hand in|or there|read|workspace)\b|\S+$|\s*\S+ *\\?$")
"""Lines that are copied, and words that have no place to be broken at, are as long as they are."""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder to work in; no verb needs what another one leaves."""
    return world(tmp_path_factory.mktemp("plain"))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: Scripted()(stack, progress))


@pytest.mark.parametrize("arguments", VERBS, ids=" ".join)
def test_every_verb_fits_80_columns(here: Path, arguments: tuple[str, ...]) -> None:
    """What is read fits; no character draws a box or moves a cursor."""
    catalogue = os.pathsep.join((str(here), str(ROOT)))
    said = command(*arguments, "--plain", cwd=here, environment={"HARNESS_CATALOGUE": catalogue})
    assert said.out
    assert [line for line in said.out.splitlines() if len(line) > console.WIDTH and not COPIED.match(line)] == []
    assert re.findall(r"[\x1b\r\u2500-\u259f\u2800-\u28ff]", said.out + said.err) == []


def _commands(group: click.Group, name: str) -> list[tuple[str, click.Command]]:
    found: list[tuple[str, click.Command]] = [(name, group)]
    for word, one in group.commands.items():
        found += _commands(one, f"{name} {word}") if isinstance(one, click.Group) else [(f"{name} {word}", one)]
    return found


@pytest.mark.parametrize(("name", "verb"), _commands(cli, "harness"))
def test_every_verb_takes_plain(name: str, verb: click.Command) -> None:
    """Before or after its own words, and its help says so."""
    assert "--plain" in verb.get_help(click.Context(verb, info_name=name))


def _slow_on_a_terminal(environment: dict[str, str]) -> str:
    """Return what something that takes its time writes to standard error when that is a terminal, in a forked child."""
    ours, theirs = pty.openpty()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(theirs, 2)
            os.environ.update({"TERM": "xterm-256color", console.PLAIN: "", **environment})
            with open(2, "w", encoding="utf-8", closefd=False) as sys.stderr:
                progress.PATIENCE_SECONDS = 0.01
                with progress.step("slow"):
                    time.sleep(0.3)
            code = 0
        finally:
            os._exit(code)
    try:
        assert os.waitpid(child, 0)[1] == 0
        return os.read(ours, 1_000_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_nothing_moves_on_a_plain_terminal() -> None:
    """A live line elsewhere; with the variable that ``--plain`` sets, whole lines and no escape sequence."""
    assert "\x1b" in _slow_on_a_terminal({})
    for environment in ({console.PLAIN: "1"}, {"TERM": "dumb"}):
        said = _slow_on_a_terminal(environment)
        assert "\x1b" not in said
        assert "slow" in said
    assert "\x1b" in _slow_on_a_terminal({console.PLAIN: "0"})


def test_plain_is_remembered_for_what_a_verb_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of ours, which workers inherit; given before the verb it counts for the verb."""
    monkeypatch.setenv(console.PLAIN, "")
    monkeypatch.setenv("TERM", "xterm")
    assert not console.is_plain()
    with cli.make_context("harness", ["--plain", "list"]):
        assert console.is_plain()
    assert os.environ[console.PLAIN] == "1"
    monkeypatch.setenv(console.PLAIN, "")
    monkeypatch.setenv("TERM", "dumb")
    assert console.is_plain()


def test_last_column_of_a_table_goes_on_below_itself(capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is room for words; a table that is too wide for that stays as it is."""
    console.table([("id", "what"), ("a", "word " * 40), ("b", "short")])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= console.WIDTH
    assert lines[2].startswith("    word")
    assert lines[-1] == "b   short"
    console.table([("x" * 70, "what"), ("a", "word word word")])
    assert capsys.readouterr().out.splitlines()[1] == "a".ljust(72) + "word word word"
