"""``harness submit``: tried from the packed file alone, everything shown, in the order of time, nothing lost."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import owners
from harness.catalogue.finder import Catalogue
from harness.commands import submit as verb
from harness.commands import trial
from harness.commands.opening import Opener
from harness.commands.start import start
from harness.commands.submit import submit
from harness.errors import EngineError, ExitCode, SubmissionError, UsageError
from harness.grading.runner import Progress, Runner
from harness.intake import submission, workspace
from harness.model import Status
from tests.unit.grading import harbour

WIDTH = 80
NEEDS = 'language = "python"\nbuild = ["cat", "mode"{more}]\nrun = ["cat", "mode"]\n'


@pytest.fixture
def known(tmp_path: Path) -> Catalogue:
    """The exercise ``harbour``, whose checks the fake engine can run."""
    return harbour.catalogue(tmp_path / "catalogue")


@pytest.fixture
def work(known: Catalogue, tmp_path: Path) -> Path:
    """A workspace of it."""
    start("harbour", language=None, into=tmp_path / "my wörk", alias="heron", catalogue=known)
    return tmp_path / "my wörk"


@pytest.fixture
def hand_in(known: Catalogue, work: Path) -> Callable[..., ExitCode]:
    """Submit it on the fake engine; ``changes`` are other arguments."""

    def call(**changes: object) -> ExitCode:
        arguments: dict[str, object] = {"out": None, "as_json": False, "catalogue": known, "engine": "fake"}
        return submit(work, **(arguments | changes))  # type: ignore[arg-type]

    return call


def packed(work: Path) -> list[Path]:
    """Return what was packed, by name."""
    return sorted((work / "submissions").glob("*")) if (work / "submissions").exists() else []


def failing(known: Catalogue) -> Catalogue:
    """Return the exercise with a public check that no submission passes."""
    root = known.exercise_dir("harbour").parent.parent
    return harbour.catalogue(root, {"exercises/harbour/checks/test_env.py": harbour.PUBLIC.replace('"3.0"', '"4.0"')})


def test_checks_are_run_from_the_packed_file_before_it_says_done(
    hand_in: Callable[..., ExitCode], known: Catalogue, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What they found is said, and travels as the last check of the candidate."""
    assert hand_in() == 0
    said = capsys.readouterr().out
    assert "1 passed, 0 failed, 0 not measurable here" in " ".join(said.split())
    (file,) = packed(work)
    found = submission.load(file, catalogue=known)
    assert found.claim == {"speech/env": Status.PASSED} == workspace.read_claim(work)
    assert found.notes == ()


def test_digest_file_size_and_where_to_send_it_are_said(
    hand_in: Callable[..., ExitCode], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the company said nothing, to whoever invited them; what a pack says stands there instead."""
    assert hand_in(try_it=False) == 0
    (file,) = packed(work)
    said = capsys.readouterr().out
    assert f"\nfile     {file}\n" in said
    assert re.search(r"\nsha256   [0-9a-f]{64}\n", said)
    assert f"\nsize     {file.stat().st_size} bytes\n" in said
    assert "\nhand in  send that file to whoever invited you\n" in said


def test_what_stays_behind_is_missing_where_it_is_tried(
    hand_in: Callable[..., ExitCode], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It builds in the workspace; the packed file lacks what nobody asked for. Refused, with the build's own words."""
    (work / "helper.dat").write_text("here\n", encoding="utf-8")
    (work / "service.toml").write_text(NEEDS.format(more=', "helper.dat"'), encoding="utf-8")
    assert hand_in() == 3
    assert packed(work) == []
    said = capsys.readouterr()
    assert "helper.dat" in said.err
    assert "--no-check packs it all the same" in said.err
    assert "harness-scratch-" not in said.out + said.err
    assert hand_in(try_it=False) == 0
    assert len(packed(work)) == 1


def test_check_that_passed_and_fails_from_the_packed_file_is_named(
    hand_in: Callable[..., ExitCode], known: Catalogue, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is packed all the same: half a work is handed in as well. The code is that of the checks."""
    workspace.save_claim(work, {"speech/env": "passed"})
    assert hand_in(catalogue=failing(known)) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "failed: speech/env, which passed in your last check" in said
    assert "may need what stays behind" in said
    (file,) = packed(work)
    assert submission.load(file, catalogue=known).claim == {"speech/env": "failed"}


def test_not_tried_is_said_to_both(
    hand_in: Callable[..., ExitCode], known: Catalogue, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The candidate reads it at once, the assessor under NOTE; no engine is opened."""
    assert hand_in(try_it=False, engine="no such engine") == 0
    assert "tried    no (--no-check)" in capsys.readouterr().out
    (note,) = submission.load(packed(work)[0], catalogue=known).notes
    assert "packed without being tried" in note


def _without_engine(_: Opener, stack: ExitStack, progress: Progress | None) -> Runner:
    text = "expected a container engine that answers, found none: harness doctor"
    raise EngineError(text)


def test_engine_that_does_not_answer_loses_nothing(
    hand_in: Callable[..., ExitCode],
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is packed, the sentence says why it was not tried, and the code says whose trouble it is."""
    monkeypatch.setattr(Opener, "__call__", _without_engine)
    assert hand_in() == 5
    said = capsys.readouterr()
    assert len(packed(work)) == 1
    assert "tried    no (it could not be, see below)" in said.out
    assert "packed, but not tried: expected a container engine that answers" in said.err


def test_bug_of_ours_loses_nothing(
    hand_in: Callable[..., ExitCode],
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whatever it is, it is packed, and no traceback is shown."""

    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(trial, "run", broken)
    monkeypatch.setenv("XDG_STATE_HOME", str(work.parent / "state"))
    assert hand_in() == 5
    assert len(packed(work)) == 1
    said = capsys.readouterr().err
    assert "packed, but not tried: internal error, not yours" in said
    assert "line " not in said


def test_engine_that_nobody_knows_is_wrong_usage(hand_in: Callable[..., ExitCode], work: Path) -> None:
    with pytest.raises(UsageError, match="expected docker after --engine"):
        hand_in(engine="no such engine")
    assert packed(work) == []


def test_interruption_while_it_is_tried_leaves_everything_as_it_was(
    hand_in: Callable[..., ExitCode], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C during the checks: nothing is packed, nothing of the workspace has changed, no copy stays."""

    def interrupted(_: Opener, stack: ExitStack, progress: Progress | None) -> Runner:
        raise KeyboardInterrupt

    temporary = work.parent / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    monkeypatch.setattr(Opener, "__call__", interrupted)
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    with pytest.raises(KeyboardInterrupt):
        hand_in()
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == before
    assert list(temporary.iterdir()) == []


def test_what_cannot_travel_is_said_as_json_too(
    hand_in: Callable[..., ExitCode], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who reads it reads one object, whatever it is refused for."""
    (work / "service.toml").unlink()
    with pytest.raises(SubmissionError):
        hand_in(as_json=True)
    (said,) = capsys.readouterr().out.splitlines()
    assert json.loads(said)["tried"] == "refused"
    assert "service.toml: expected it at the top" in json.loads(said)["reason"]


def test_what_is_kept_is_what_was_tried(
    hand_in: Callable[..., ExitCode],
    known: Catalogue,
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Somebody saves while the checks run: they are told that it is for the next time, and this file is what was tried."""
    before = (work / "mode").read_bytes()
    run = trial.run

    def saved_meanwhile(*arguments: object, **more: object) -> object:
        (work / "mode").write_text("nobody tried this\n", encoding="utf-8")
        return run(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(trial, "run", saved_meanwhile)
    assert hand_in() == 0
    (file,) = packed(work)
    found = submission.load(file, catalogue=known)
    assert [one.content for one in found.files if one.path == "mode"] == [before]
    assert found.notes == ()
    told = "what was saved while it was tried is not in this file"
    assert told in capsys.readouterr().err
    monkeypatch.setattr(trial, "run", run)
    assert hand_in() == 0
    assert told not in capsys.readouterr().err


def test_copy_that_was_tried_is_known_to_be_ours(
    hand_in: Callable[..., ExitCode], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It has an owner while it is there: who is killed in the middle leaves nothing that nobody removes."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    seen: list[str] = []

    def looked(*_: object, **__: object) -> object:
        seen.extend(owners.reap_scratch(lambda owner: owner.run == "submit", remove=False))
        raise EngineError

    monkeypatch.setattr(trial, "run", looked)
    assert hand_in() == 5
    assert len(seen) == 1
    assert list(temporary.iterdir()) == []


def test_no_room_for_a_copy_to_try_loses_nothing(
    hand_in: Callable[..., ExitCode], work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Folders for temporary files may be full, or nobody's to write: it is packed, and why it was not tried is said."""
    monkeypatch.setattr("tempfile.tempdir", str(work / "nowhere"))
    assert hand_in() == 5
    assert len(packed(work)) == 1
    assert "packed, but not tried: expected to write a copy to try" in capsys.readouterr().err


@pytest.mark.parametrize("listing", [True, False])
def test_what_cannot_be_looked_into_is_named_all_the_same(
    hand_in: Callable[..., ExitCode],
    work: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    listing: bool,
) -> None:
    """A folder of packages that a container made as root stays behind anyway: how much is in it decides nothing."""
    (work / ".venv/lib").mkdir(parents=True)
    (work / ".venv/seen.py").write_text("", encoding="utf-8")
    look = os.scandir

    def refused(folder: str | Path) -> object:
        if str(folder).endswith("lib"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
        return look(folder)

    monkeypatch.setattr("os.scandir", refused)
    assert hand_in(only_list=listing, try_it=False) == 0
    assert ".venv/ (at least 1 file)" in capsys.readouterr().out


def test_list_shows_everything_and_packs_nothing(
    hand_in: Callable[..., ExitCode], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """However many they are; and what is to be looked at."""
    for n in range(30):
        (work / f"t{n}.txt").write_text("x", encoding="utf-8")
        (work / f"left{n}.dat").write_text("x", encoding="utf-8")
    (work / "key.txt").write_text("-----BEGIN PRIVATE KEY-----", encoding="utf-8")
    (work / ".git").mkdir()
    (work / ".git/config").write_text("", encoding="utf-8")
    assert hand_in(only_list=True, engine="no such engine") == 0
    said = capsys.readouterr()
    assert packed(work) == []
    assert all(re.search(rf"\b{name}\.txt  \(1 bytes\)", said.out) for name in (f"t{n}" for n in range(30)))
    assert all(f"left     left{n}.dat  (not asked for)" in said.out for n in range(30))
    assert ".git/ (1 file)  (made by a system, an editor or a tool)" in said.out
    shown = " ".join(said.out.split())
    for words in (
        "as your word, your alias, variant and pack,",
        "how your last checks ended",
        "your clock",
        "this workspace",
    ):
        assert words in shown
    assert "This is the list alone: what you packed before is as it was." in shown
    assert 'warning: "key.txt" looks like a private key' in said.err
    hand_in(only_list=True, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert {"path": "t7.txt", "bytes": 1, "executable": False} in facts["files"]
    assert len(facts["not_asked_for"]) == 31
    assert len(facts["warnings"]) == 1


def test_list_says_what_a_grading_would_refuse(
    hand_in: Callable[..., ExitCode], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a check does; the list is shown all the same."""
    (work / "service.toml").write_text('language = "pyton"\nrun = [""]\n', encoding="utf-8")
    assert hand_in(only_list=True) == 0
    said = capsys.readouterr()
    assert "travels  " in said.out
    assert "warning: a grading would refuse it: service.toml: " in said.err
    assert 'unknown language "pyton"' in said.err
    assert "run[1]: expected a program" in said.err
    hand_in(only_list=True, as_json=True)
    assert "pyton" in json.loads(capsys.readouterr().out)["warnings"][0]


def test_names_are_in_the_order_of_time_whatever_the_clock_does(
    hand_in: Callable[..., ExitCode], work: Path, known: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice within a second, and after the clock was set back by years: the last one is still the last by its name."""
    times = ["2026-11-26T14:00:59Z", "2026-11-26T14:00:59Z", "2024-02-29T00:00:00Z", "2026-11-26T15:00:00Z"]
    order = []
    for n, now in enumerate(times):
        monkeypatch.setattr(verb, "_now", lambda now=now: now)
        (work / "mode").write_text(f"{n}\n", encoding="utf-8")
        assert hand_in(try_it=False) == 0
        (new,) = [file for file in packed(work) if file not in order]
        order.append(new)
    assert order == sorted(order)
    stamps = [submission.load(file, catalogue=known).packed_at for file in order]
    assert stamps == [
        "2026-11-26T14:00:59Z",
        "2026-11-26T14:01:00Z",
        "2026-11-26T14:01:01Z",
        "2026-11-26T15:00:00Z",
    ]


def test_unchanged_work_is_packed_once_though_the_clock_runs_on(
    hand_in: Callable[..., ExitCode], work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Time alone makes no new submission; what the last check says of the same files does."""
    minutes = iter(range(60))
    monkeypatch.setattr(verb, "_now", lambda: f"2026-11-26T14:{next(minutes):02}:00Z")
    from harness.intake import clock

    clock.begin(work)
    hand_in()
    first = packed(work)
    file = work / ".harness" / clock.FILE
    facts = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(facts | {"worked_seconds": 4000.0}), encoding="utf-8")
    hand_in()
    assert packed(work) == first
    workspace.save_claim(work, {"speech/env": "failed"})
    hand_in(try_it=False)
    assert len(packed(work)) == 2


def test_every_line_that_is_not_copied_fits_80_columns(
    hand_in: Callable[..., ExitCode], work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for n in range(12):
        (work / f"a rather long name of something that stays behind {n}.dat").write_text("x", encoding="utf-8")
    hand_in()
    lines = capsys.readouterr().out.splitlines()
    copied = ("file     ", "sha256   ")
    assert [line for line in lines if len(line) > WIDTH and not line.startswith(copied)] == []


@pytest.mark.parametrize("verb_", ["check", "submit"])
def test_workspace_that_lost_its_facts_is_told_how_to_go_on(
    hand_in: Callable[..., ExitCode], work: Path, known: Catalogue, verb_: str
) -> None:
    """Whole folder or one file of it: wrong usage, and not one file of the work is touched."""
    from harness.commands.check import check

    def run() -> object:
        if verb_ == "submit":
            return hand_in()
        return check(str(work), only=(), keep=False, as_json=False, engine="fake", catalogue=known)

    before = (work / "mode").read_bytes()
    (work / ".harness/workspace.json").unlink()
    with pytest.raises(UsageError, match=r"without its workspace\.json: make a new one"):
        run()
    shutil.rmtree(work / ".harness")
    with pytest.raises(
        UsageError, match=r"found none here or above, but a BRIEF\.md whose \.harness is gone: .*copy DIR"
    ):
        run()
    assert (work / "mode").read_bytes() == before
    assert packed(work) == []


def test_workspace_of_another_version_is_refused_and_untouched(
    hand_in: Callable[..., ExitCode], work: Path, known: Catalogue
) -> None:
    root = known.exercise_dir("harbour").parent.parent
    newer = harbour.catalogue(
        root, {"exercises/harbour/exercise.toml": harbour.EXERCISE.replace('version = "1.0"', 'version = "1.1"')}
    )
    with pytest.raises(SubmissionError, match=r"expected a workspace of harbour 1\.1, found one of 1\.0"):
        hand_in(catalogue=newer)
    assert packed(work) == []


@pytest.mark.docker
@pytest.mark.e2e
def test_packed_file_is_tried_in_real_sandboxes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The skeleton, solved: what is sent is what was built and checked, and every sandbox of it is gone."""
    known = Catalogue([Path(__file__).resolve().parents[3]])
    work = tmp_path / "heron"
    start("skeleton", language=None, into=work, alias=None, catalogue=known)
    (work / "solve.py").write_text("import sys\nprint(sum(map(int, sys.stdin)))\n", encoding="utf-8")
    engine = os.environ.get("HARNESS_ENGINE") or None
    assert submit(work, out=None, as_json=False, catalogue=known, engine=engine) == 0
    assert "1 passed, 0 failed" in " ".join(capsys.readouterr().out.split())
    (file,) = packed(work)
    assert submission.load(file, catalogue=known).claim == {"answers/sums": "passed"}
