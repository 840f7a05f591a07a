"""``harness clock`` and the clock that ``check`` starts and shows: the candidate's own, and never in their way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands.check import check
from harness.commands.clock import clock
from harness.commands.start import start
from harness.commands.up import up
from harness.engines.fake.engine import FakeEngine
from harness.errors import EngineError, UsageError
from harness.intake import clock as state
from harness.intake import submission
from harness.intake.clock import Moment
from tests.unit.grading import harbour


@pytest.fixture
def known(tmp_path: Path) -> Catalogue:
    """The exercise ``harbour``, five minutes long."""
    return harbour.catalogue(tmp_path / "catalogue")


@pytest.fixture
def work(known: Catalogue, tmp_path: Path) -> Path:
    """A workspace of it."""
    start("harbour", language=None, into=tmp_path / "w", alias=None, catalogue=known)
    return tmp_path / "w"


def at(monkeypatch: pytest.MonkeyPatch, minutes: float) -> None:
    """Let it be so many minutes after the start."""
    moment = Moment(wall=1_795_000_000.0 + 60 * minutes, boot="one", awake=60 * (100 + minutes))
    monkeypatch.setattr(state, "now", lambda: moment)


def checked(work: Path, known: Catalogue) -> int:
    """Run the checks on the fake engine."""
    return check(str(work), only=(), keep=False, as_json=False, engine="fake", catalogue=known)


def test_check_starts_it_and_looking_does_not(
    work: Path, known: Catalogue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, 0)
    clock(work, "show", "", as_json=False, catalogue=known)
    assert "not started: the first check or up starts it; 5 min are meant" in capsys.readouterr().out
    assert checked(work, known) == 0
    assert "5 min of 5 min left (your own clock, not enforced)" in " ".join(capsys.readouterr().out.split())
    at(monkeypatch, 9)
    assert checked(work, known) == 0  # over: said, and nothing else happens
    assert "4 min over 5 min (your own clock, not enforced)" in " ".join(capsys.readouterr().out.split())


def test_paused_clock_is_seen_and_does_not_keep_anybody_from_checking(
    work: Path, known: Catalogue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pause is in what check prints, with its word, and nothing resumes it silently."""
    at(monkeypatch, 0)
    checked(work, known)
    clock(work, "pause", "lunch", as_json=False, catalogue=known)
    assert "go on    " in capsys.readouterr().out
    at(monkeypatch, 60)
    assert checked(work, known) == 0
    assert "5 min of 5 min left, paused: lunch" in " ".join(capsys.readouterr().out.split())
    clock(work, "resume", "", as_json=False, catalogue=known)
    at(monkeypatch, 61)
    clock(work, "show", "", as_json=True, catalogue=known)
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (facts["minutes"], facts["clock"]["worked_seconds"], facts["clock"]["words"]) == (5, 60, ["lunch"])


def test_word_is_for_a_pause_alone(work: Path, known: Catalogue) -> None:
    state.begin(work)
    with pytest.raises(UsageError, match="expected a word only after pause"):
        clock(work, "resume", "lunch", as_json=False, catalogue=known)
    with pytest.raises(UsageError, match="expected at most 60 characters"):
        clock(work, "pause", "x" * 61, as_json=False, catalogue=known)
    clock(work, "pause", "\udcff", as_json=False, catalogue=known)  # what a terminal of another encoding sends
    (note,) = submission.load(work, catalogue=known).notes
    assert 'paused once ("\\udcff"), still paused when it was packed' in note


def test_clock_that_cannot_be_kept_decides_nothing(
    work: Path, known: Catalogue, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that refuses: a sentence, and the checks run all the same, with their own code."""

    def refuse(_: Path, __: object) -> state.Clock:
        text = "expected to write clock.json, found: Read-only file system"
        raise UsageError(text)

    monkeypatch.setattr(state, "_changed", refuse)
    assert checked(work, known) == 0
    assert "your clock could not be kept, which decides nothing: expected to write" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["check", "up"])
def test_it_starts_when_the_images_are_there(
    work: Path, known: Catalogue, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """What is downloaded or built takes nobody's time; where an image can't be had, no time has begun."""
    seen: list[tuple[str, ...]] = []

    def none(_: FakeEngine, names: tuple[str, ...], __: object) -> dict[str, str]:
        seen.append(names)
        assert state.look(work) is None
        text = "expected images, found a network that is away"
        raise EngineError(text)

    monkeypatch.setattr(FakeEngine, "images", none)
    with pytest.raises(EngineError, match="a network that is away"):
        checked(work, known) if verb == "check" else up(str(work), engine="fake", catalogue=known)
    assert [sorted(names) for names in seen] == [
        ["grader-core", "postgres", "python"]
    ]  # of this exercise and language alone
    assert state.look(work) is None


def test_it_starts_with_work_that_is_refused(work: Path, known: Catalogue) -> None:
    (work / "service.toml").write_text("rnu = 3", encoding="utf-8")
    assert checked(work, known) == 3
    assert state.look(work) is not None
