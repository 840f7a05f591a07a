"""What people, files and engines name is made visible: no verb lets it draw, hide, reorder or begin a line."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest

from harness import console, progress
from harness.commands.opening import Opener
from harness.errors import EngineError
from tests.unit.commandline import ENDINGS, Ended, Scripted, command, world
from tests.unit.factories import failed, grading, reports

EVIL = "x\nheron  passed  100\x1b[31m\x1b]0;t\x07\r\u202e\u2066\u200b\x9b2J\x7f\udcff\u2028y"
PATH = "x\nheron  passed  100\x1b[31m\r\u202e\u200by"
"""What a file system takes as a name, of the above."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world to copy."""
    return world(tmp_path_factory.mktemp("template"))


@pytest.fixture
def here(template: Path, tmp_path: Path) -> Path:
    """A world with hostile names and texts in every file that a command reads."""
    made: Path = shutil.copytree(template, tmp_path / "here")
    manifest = made / "exercises/tiny/exercise.toml"
    told = json.dumps(EVIL[:-3])
    text = re.sub(
        r'^(title|summary) = ".*"$', lambda found: f"{found[1]} = {told}", manifest.read_text(), flags=re.MULTILINE
    )
    manifest.write_text(text, encoding="utf-8")
    (made / PATH).write_bytes(b"junk")
    (made / "w" / PATH).write_bytes(b"junk")
    shutil.copytree(made / "kept", made / f"kept {PATH}")
    return made


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gradings end as the names of their submissions say; one that is named hostilely is refused."""
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: Scripted()(stack, progress))
    evil = EVIL.encode("utf-8", "backslashreplace").decode()
    said = failed("safety/killed-mid-charge", evil, detail=evil, evidence=(evil, evil))
    made = grading(reports(said), engine=evil, reason=evil, posture=(evil,), trust=evil, language=evil)
    monkeypatch.setitem(ENDINGS, "failed", lambda task: replace(made, submission_path=task.path))
    monkeypatch.setitem(ENDINGS, PATH, ENDINGS["unknown"])


def _is_harmless(ended: Ended) -> None:
    for text in (ended.out, ended.err):
        found = {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {"\n"}
        assert not found, (found, text)
        assert not re.search(r"^heron +passed", text, re.MULTILINE), text


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("list", "--json"),
        ("show", "tiny"),
        ("show", "tiny", "--json"),
        ("show", EVIL),
        ("start", "tiny", "--into", f"new {PATH}"),
        ("start", "tiny", "--into", "new", "--alias", EVIL),
        ("start", "tiny", "--into", PATH),
        ("check", "w"),
        ("check", "w", "--json"),
        ("check", "w", "--only", EVIL),
        ("check", PATH),
        ("submit", "w"),
        ("submit", "w", "--json"),
        ("submit", "w", "--out", f"new {PATH}"),
        ("submit", "w", "--out", PATH),
        ("grade", PATH),
        ("grade", PATH, "--json"),
        ("grade", PATH, "passed.tar.gz", "--out", f"new {PATH}"),
        ("grade", f"nothing {PATH}"),
        ("grade", "failed.tar.gz"),
        ("grade", "failed.tar.gz", "--json"),
        ("grade", "failed.tar.gz", "passed.tar.gz"),
        ("grade", "passed.tar.gz", "--out", PATH),
        ("grade", "passed.tar.gz", "--exercise", EVIL),
        ("grade", "passed.tar.gz", "--engine", EVIL),
        ("grade", "passed.tar.gz", "--seed", EVIL),
        ("report", f"kept {PATH}/heron"),
        ("report", PATH),
        ("report", "kept/heron", "--format", EVIL),
        ("report", "kept/heron", "--audience", EVIL),
        ("validate", EVIL, "--recorded"),
        ("validate", "tiny", "--recorded"),
        ("validate", "tiny", "--only", EVIL),
        ("new", EVIL),
        ("new", "another", "--into", PATH),
        ("--catalogue", PATH, "list"),
        ("images", "build", EVIL),
        ("images", "build", EVIL, "--engine", "fake"),
        ("doctor", "--engine", EVIL),
        ("clean", "--engine", EVIL),
        (EVIL,),
        ("list", f"--{EVIL}"),
    ],
    ids=lambda arguments: ascii(" ".join(arguments))[:60],
)
def test_no_name_reaches_the_terminal_as_it_is(here: Path, arguments: tuple[str, ...]) -> None:
    """Whatever is said of a hostile name, it is plain characters, and JSON stays JSON."""
    ended = command(*arguments, cwd=here)
    assert ended.out + ended.err
    assert "internal error" not in ended.err
    _is_harmless(ended)
    if "--json" in arguments:
        for line in ended.out.splitlines():
            json.loads(line)


def test_border_shows_what_others_say(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines, entries, tables, reports and notices: one way in each, and none lets anything through."""
    console.line(EVIL)
    console.entry(EVIL)
    console.table([("name", "points"), (EVIL, EVIL)])
    console.report(EVIL)
    console.notice(EVIL)
    with progress.step(EVIL) as say:
        say(EVIL)
    ended = capsys.readouterr()
    text = ended.out.replace(
        "\x1b[31m", ""
    )  # colours are ours, in a report alone: its own text was made visible before
    assert not {char for char in text + ended.err if not char.isprintable()} - {"\n"}
    assert len(ended.out.splitlines()) == 1 + 2 + 2 + 2
    assert [line for line in ended.err.splitlines() if line.startswith("heron")] == []


def test_document_is_what_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON escapes what a terminal would act on, and nothing is lost."""
    console.document({EVIL: ["é", EVIL, "\U000e0001"]})
    out = capsys.readouterr().out
    assert out.rstrip("\n").isprintable()
    assert json.loads(out) == {EVIL: ["é", EVIL, "\U000e0001"]}
    assert "é" in out


def test_live_progress_shows_what_others_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spinner of a terminal draws, but not what a name wants."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with progress.step(EVIL) as say:
        say(EVIL)
    text = terminal.getvalue()
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "\nheron" not in text


def test_engine_message_is_made_visible(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine's error is text of somebody else's as well."""

    def fail(*_: object) -> None:
        raise EngineError(EVIL)

    monkeypatch.setattr(Opener, "__call__", fail)
    ended = command("grade", "passed.tar.gz", cwd=here)
    assert ended.code == 5
    assert not {char for char in ended.err if not char.isprintable()} - {"\n"}
    assert not re.search("^heron", ended.err, re.MULTILINE)
