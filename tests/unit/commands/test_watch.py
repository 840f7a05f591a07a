"""``harness check --watch``: each save runs what failed last; an interruption ends it with a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.commands import watch
from harness.commands.start import start
from harness.commands.trial import of_checks_alone
from harness.errors import EngineError, UsageError
from harness.intake import folders
from harness.model import Grading
from tests.unit.factories import checks, failed, grading, passed, refused
from tests.unit.grading import harbour

ALL = tuple(check.id for check in checks()[:3])
A, B, C = ALL
ROOT = Path(__file__).resolve().parents[3]


def came_to(ids: tuple[str, ...], *bad: str) -> Grading:
    """Return a round of the checks ``ids`` in which ``bad`` failed."""
    said = [failed(one) if one in bad else passed(one) for one in ids]
    return of_checks_alone(grading(said, declared=[check for check in checks() if check.id in ids]))


class Script:
    """Plays the checks: each round ends as told, then somebody saves; after the last, somebody presses Ctrl-C."""

    def __init__(self, *rounds: tuple[str, ...] | Exception | Grading) -> None:
        self.rounds = list(rounds)
        self.asked: list[tuple[str, ...]] = []
        self.saved = 0

    def check(self, ids: tuple[str, ...]) -> Grading:
        self.asked.append(ids)
        self.saved += 1
        what = self.rounds.pop(0)
        if isinstance(what, Exception):
            raise what
        return what if isinstance(what, Grading) else came_to(ids, *what)

    def look(self) -> watch.Files:
        if not self.rounds and len(self.asked) > 0:
            raise KeyboardInterrupt
        return {"app.py": (self.saved, 1, 1)}


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "EVERY_SECONDS", 0.0)


def rounds(script: Script, *, first: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return what each round of ``script`` was asked to run."""
    with pytest.raises(KeyboardInterrupt):
        watch.run(script.check, script.look, everything=ALL, first=first)
    return script.asked


def test_each_save_runs_what_failed_last() -> None:
    """All, then the two that failed, then the one that still does; when nothing fails any more, all again."""
    assert rounds(Script((A, B), (B,), (), ())) == [ALL, (A, B), (B,), ALL]


def test_first_round_is_what_failed_before() -> None:
    assert rounds(Script((), ()), first=(C,)) == [(C,), ALL]


def test_build_that_fails_keeps_what_is_worked_on() -> None:
    assert rounds(Script((B,), refused(), ())) == [ALL, (B,), (B,)]


def test_engine_that_goes_away_ends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, and the next save tries again."""
    assert rounds(Script((B,), EngineError("expected an engine, found none"), ())) == [ALL, (B,), (B,)]
    assert "error: expected an engine, found none" in capsys.readouterr().err


def test_wrong_usage_is_not_tried_again() -> None:
    script = Script(UsageError("expected docker after --engine"), ())
    with pytest.raises((UsageError, KeyboardInterrupt)) as caught:  # an interruption would end all tests
        watch.run(script.check, script.look, everything=ALL, first=())
    assert caught.type is UsageError


def test_interruption_ends_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """What the last round came to; beside the results, which may be read by a program, like all that is said here."""
    rounds(Script((A, B), (B,)))
    said = capsys.readouterr()
    assert "no longer watching; the last round: 1 passed, 1 failed" in said.err
    assert "watching: the next save runs" in said.err
    assert "saved: app.py" in said.err
    assert said.out == ""


def test_save_is_over_when_nothing_changes_any_more() -> None:
    """An editor that writes several files, or one in pieces, starts one round."""
    before, half, whole = {"a": (1, 1, 1)}, {"a": (2, 1, 1)}, {"a": (2, 9, 1), "b": (2, 1, 2)}
    looks: Iterator[watch.Files] = iter([before, before, half, {}, whole, whole])
    changed, now = watch._wait(lambda: next(looks), before)
    assert (changed, now) == ("a, b", whole)
    assert next(looks, None) is None


def test_only_what_travels_is_looked_at(tmp_path: Path) -> None:
    """Logs, builds and notes beside the work start nothing; a file that is new, gone, saved or replaced does."""
    known = harbour.catalogue(tmp_path / "catalogue")
    work = tmp_path / "w"
    start("harbour", language=None, into=work, alias=None, catalogue=known)
    exercise = known.exercise("harbour")

    def look() -> watch.Files:
        return folders.snapshot(exercise, work)

    before = look()
    (work / "notes.md").write_text("x", encoding="utf-8")
    (work / ".harness/logs").mkdir()
    (work / ".harness/logs/berth.txt").write_text("x", encoding="utf-8")
    (work / "submissions").mkdir()
    (work / "submissions/a.txt").write_text("x", encoding="utf-8")
    assert look() == before
    (work / "new.txt").write_text("x", encoding="utf-8")
    after = look()
    assert set(after) - set(before) == {"new.txt"}
    (work / "other").write_bytes((work / "mode").read_bytes())
    (work / "other").replace(work / "mode")
    assert look()["mode"] != after["mode"]


def test_watching_from_outside(tmp_path: Path) -> None:
    """A process of its own, on the fake engine: a save runs what failed, Ctrl-C is 130, and there is no traceback."""
    root = tmp_path / "catalogue"
    public = harbour.PUBLIC.replace('("LIMIT", "3.0")', '("LIMIT", "9.0")')
    start(
        "harbour",
        language=None,
        into=tmp_path / "w",
        alias=None,
        catalogue=harbour.catalogue(root, {"exercises/harbour/checks/test_env.py": public}),
    )
    arguments = ["--catalogue", str(root), "check", "--watch", "--plain", "--engine", "fake"]
    with subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments],
        cwd=tmp_path / "w",
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = _until(process.stdout, "watching: ")
        assert any(line.startswith("FAIL  speech/env") for line in first)
        service = (tmp_path / "w/service.toml").read_text(encoding="utf-8")
        changed = f"{service}\n[timeouts]\nanswer_seconds = 9\n"
        (tmp_path / "w/service.toml").write_text(changed, encoding="utf-8")
        second = _until(process.stdout, "watching: ")
        assert "saved: service.toml" in [line.strip() for line in second]
        assert any(line.startswith("PASS  speech/env") for line in second)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(timeout=60) == 130
    assert "no longer watching; the last round: 1 passed, 0 failed" in rest
    assert "Traceback" not in "".join([*first, *second, rest])


def _until(stream: Iterator[str], start: str) -> list[str]:
    """Return the lines of ``stream`` up to the one that begins so."""
    lines: list[str] = []
    for line in stream:
        lines.append(line)
        if line.startswith(start):
            return lines
    text = f"expected a line that begins with {start!r}, found the end after {lines}"
    raise AssertionError(text)
