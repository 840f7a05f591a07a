"""Places that can't be written, people without a home, folders that are gone, clocks that jump: a sentence and a code."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import store
from harness.commands.opening import Opener
from harness.engines.docker import connect
from harness.engines.fake.engine import FakeEngine
from harness.errors import EngineError
from harness.grading.runner import Progress, Runner
from harness.model import Grading
from tests.unit.commandline import Ended, Scripted, command, world


@pytest.fixture(scope="module")
def template() -> Iterator[Path]:
    """A world to copy, where everybody may read."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield world(Path(made))


@pytest.fixture
def here(template: Path) -> Iterator[Path]:
    """A world of its own."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(shutil.copytree(template, Path(made) / "here"))


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let gradings end as the names of their submissions say."""
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: Scripted()(stack, progress))


def _is_said(ended: Ended, code: int) -> None:
    assert ended.code == code, ended
    assert ended.err.strip()
    assert "internal error" not in ended.err
    assert "Traceback" not in ended.err


def _never(*_: object) -> None:
    text = "an engine was opened before the places were tried"
    raise AssertionError(text)


def _become() -> None:
    """Go on as a user that nobody knows."""
    os.environ.pop("HOME", None)
    os.environ.pop("XDG_STATE_HOME", None)
    os.setgroups([])
    os.setgid(54321)
    os.setuid(54321)


def _real(opener: Opener, stack: ExitStack, progress: Progress | None) -> Runner:
    """Open a runner that only takes submissions in: none of them gets as far as an engine."""
    del stack, progress
    return Runner(opener.catalogue, FakeEngine(), lambda _: {}, lambda _: None)


UNWRITABLE = [
    ("grade", "passed.tar.gz", "--out", "passed.tar.gz"),
    ("grade", "passed.tar.gz", "--out", "passed.tar.gz/below"),
    ("grade", "passed.tar.gz", "--out", "dangling"),
    ("grade", "passed.tar.gz", "--out", "circle"),
    ("grade", "passed.tar.gz", "--out", "/proc/results"),
    ("grade", "passed.tar.gz", "--out", "n" * 300),
    ("submit", "w", "--out", "passed.tar.gz"),
    ("submit", "w", "--out", "dangling/x"),
    ("start", "tiny", "--into", "passed.tar.gz/x"),
    ("start", "tiny", "--into", "n" * 300),
    ("start", "tiny", "--into", "dangling"),
    ("new", "another", "--into", "passed.tar.gz"),
    ("new", "another", "--into", "/proc"),
]


@pytest.mark.parametrize("arguments", UNWRITABLE, ids=lambda arguments: " ".join(arguments)[:40])
def test_place_that_cannot_be_written_is_found_first(
    here: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Also for root: wrong usage, named, before anything is opened."""
    monkeypatch.setattr(Opener, "__call__", _never)
    (here / "dangling").symlink_to("nowhere")
    (here / "circle").symlink_to("circle")
    ended = command(*arguments, cwd=here)
    _is_said(ended, 4)
    assert arguments[-1][:40] in ended.err


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("grade", "passed.tar.gz"), 4),
        (("check", "w"), 4),
        (("submit", "w"), 4),
        (("start", "tiny", "--into", "new"), 4),
        (("new", "another", "--into", "."), 4),
        (("pack", "tiny", "--candidate", "heron"), 4),
        (("validate", "tiny"), 4),
        (("list",), 0),
        (("show", "tiny"), 0),
        (("report", "kept/heron"), 0),
        (("images", "list", "--engine", "fake"), 0),
        (("clean", "--dry-run", "--engine", "fake"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_stranger_without_home_or_name(
    here: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    """A user id that nobody has, no HOME, and nothing that may be written: what only reads works, the rest is said."""
    monkeypatch.setattr(Opener, "__call__", _never)

    ended = command(*arguments, cwd=here, before=_become)
    assert ended.code == code, ended
    assert "internal error" not in ended.err
    if code:
        assert re.search("Permission denied.*: correct its permissions", ended.err)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_folder_above_that_cannot_be_looked_into(here: Path) -> None:
    """Settings are looked for above; what is shut there is not ours, and nothing is said of it."""

    def behind_a_shut_door() -> None:
        os.chdir("w")
        here.chmod(0)
        _become()

    whole = {"HARNESS_CATALOGUE": str(Path(__file__).resolve().parents[2])}
    ended = command("images", "list", "--engine", "fake", cwd=here, before=behind_a_shut_door, environment=whole)
    assert (ended.code, ended.err) == (0, "")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_folder_that_cannot_be_read_ends_no_batch(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one submission's trouble, with or without --exercise: the others are taken in."""
    monkeypatch.setattr(Opener, "__call__", _real)
    (here / "shut").mkdir(mode=0)
    (here / "results").mkdir()
    (here / "results").chmod(0o777)
    for more in ((), ("--exercise", "tiny")):
        ended = command("grade", "shut", "passed.tar.gz", *more, cwd=here, before=_become)
        assert ended.code == 3, ended
        assert "shut" in ended.out + ended.err
        assert "passed.tar.gz" in ended.out + ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("show", "tiny"),
        ("start", "tiny"),
        ("pack", "tiny", "--candidate", "heron"),
        ("check",),
        ("submit",),
        ("grade", "x.tar.gz"),
        ("report", "results"),
        ("validate", "tiny"),
        ("new", "another"),
        ("doctor", "--engine", "fake"),
        ("clean", "--engine", "fake"),
    ],
    ids=" ".join,
)
def test_folder_that_was_removed(here: Path, arguments: tuple[str, ...]) -> None:
    """Whoever stands in a folder that is gone hears it; help needs no folder."""

    def leave() -> None:
        (here / "gone").mkdir()
        os.chdir("gone")
        (here / "gone").rmdir()

    _is_said(command(*arguments, cwd=here, before=leave), 4)
    assert command(*arguments[:1], "--help", cwd=here, before=leave).code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("grade", ""),
        ("grade", "passed.tar.gz", "--out", ""),
        ("grade", "passed.tar.gz", "--exercise", ""),
        ("grade", "passed.tar.gz", "--engine", ""),
        ("check", ""),
        ("check", "w", "--only", ""),
        ("submit", ""),
        ("submit", "w", "--out", ""),
        ("start", ""),
        ("start", "tiny", "--into", ""),
        ("start", "tiny", "--alias", ""),
        ("start", "tiny", "--language", ""),
        ("show", ""),
        ("report", ""),
        ("report", "kept/heron", "--format", ""),
        ("validate", ""),
        ("validate", "tiny", "--only", ""),
        ("new", ""),
        ("new", "another", "--into", ""),
        ("--catalogue", "", "list"),
        ("images", "build", ""),
        ("images", "build", "nothing-like-it"),
        ("images", "remove", ""),
        ("grade", "passed.tar.gz", "--bar", "nan"),
        ("grade", "passed.tar.gz", "--bar", "inf"),
        ("grade", "passed.tar.gz", "--jobs", "0"),
        ("grade", "passed.tar.gz", "--jobs", "1000000000"),
        ("grade", "passed.tar.gz", "--seed", "9" * 30),
        ("validate", "tiny", "--repeat", "1000000000"),
        ("grade", "n" * 5000),
        ("report", "n" * 5000),
        ("submit", "n" * 5000),
        ("check", "n" * 5000),
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_empty_and_odd_arguments(here: Path, arguments: tuple[str, ...]) -> None:
    """An unset variable of a script is never the folder it runs in; numbers have ends."""
    _is_said(command(*arguments, cwd=here), 4)


def _full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("as_json", [False, True])
def test_what_cannot_be_kept_is_said(here: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> None:
    """A disk that fills during the grading costs no verdict: it is shown, with our code."""
    monkeypatch.setattr(store.disk, "_sync", _full)
    ended = command("grade", "failed.tar.gz", *(["--json"] if as_json else []), cwd=here)
    _is_said(ended, 5)
    assert "No space left on device" in ended.err
    if as_json:
        (line,) = map(json.loads, ended.out.splitlines())
        assert (line["verdict"], line["exit_code"]) == ("failed", 5)
        assert line["score"]["earned"] == 45
    else:
        assert "VERDICT   failed" in ended.out
        assert "RESULT    not kept" in ended.out
    assert list(here.glob("results/*/*/result.json")) == []


def test_check_says_what_it_cannot_keep(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim can't be written: the checks are shown all the same."""
    monkeypatch.setattr(os, "fsync", _full)
    ended = command("check", "w", cwd=here)
    _is_said(ended, 5)
    assert re.search("^FAIL .* safety/killed-mid-charge", ended.out, re.MULTILINE)
    assert "could not be kept" in ended.err


def test_file_in_the_place_of_one_result_costs_no_other(here: Path) -> None:
    """A batch goes on, each verdict is said, and what is in the way is not touched."""
    command("grade", "passed.tar.gz", cwd=here)
    (made,) = (here / "results").iterdir()
    shutil.rmtree(made)
    made.write_text("in the way")
    ended = command("grade", "passed.tar.gz", "failed.tar.gz", cwd=here)
    assert ended.code in {1, 5}, ended
    assert made.read_text() == "in the way"
    assert sorted(re.findall(r"(?m)^(\w+)\S* +(?:passed|failed) +\d", ended.out)) == ["failed", "passed"]
    assert len(list(here.glob("results/*failed*/*/result.json"))) == 1


def test_bug_in_one_result_costs_no_other(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a report can't be made of is said for that submission alone."""
    original = store.save

    def save(grading: Grading, *rest: object) -> Path:
        if grading.submission_alias == "passed":
            raise ZeroDivisionError
        return original(grading, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "save", save)
    ended = command("grade", "passed.tar.gz", "failed.tar.gz", cwd=here)
    assert ended.code == 5
    assert "passed.tar.gz: internal error" in ended.err
    assert len(list(here.glob("results/*failed*/*/result.json"))) == 1


def test_clock_that_jumps_decides_nothing(here: Path) -> None:
    """Each look at the clock is an hour earlier than the one before."""
    clock = itertools.count(2_000_000_000, -3600)

    def jump() -> None:
        time.time = lambda: float(next(clock))

    assert command("grade", "passed.tar.gz", "failed.tar.gz", cwd=here, before=jump).code == 1
    assert command("grade", "passed.tar.gz", "passed.tar.gz", cwd=here, before=jump).code == 0
    assert len(list(here.glob("results/*/*/result.json"))) == 3  # what is named twice is graded once
    assert command("check", "w", cwd=here, before=jump).code == 1
    assert command("submit", "w", "--no-check", cwd=here, before=jump).code == 0


CONFIGS: dict[str, Callable[[Path], object]] = {
    "a list": lambda file: file.write_text("[1, 2]"),
    "a number": lambda file: file.write_text("3"),
    "auths of a kind": lambda file: file.write_text('{"auths": 3}'),
    "auths of no kind": lambda file: file.write_text('{"auths": {"x": 3}}'),
    "proxies": lambda file: file.write_text('{"proxies": [1]}'),
    "no JSON": lambda file: file.write_text("{"),
    "no text": lambda file: file.write_bytes(b"\xff\xfe\x00"),
    "deep": lambda file: file.write_text('{"a":' * 100_000),
    "a folder": lambda file: file.mkdir(),
    "a link to nothing": lambda file: file.symlink_to("nothing"),
    "a context of no kind": lambda file: file.write_text('{"currentContext": {"a": 1}}'),
}


@pytest.mark.parametrize("kind", CONFIGS)
def test_settings_of_docker_of_another_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A client all the same, or one sentence that names the file; never an error of docker-py's own."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    CONFIGS[kind](tmp_path / "config.json")
    assert isinstance(connect.places({"DOCKER_CONFIG": str(tmp_path)}, tmp_path), list)
    refused = kind in {"a list", "a number", "auths of a kind", "auths of no kind", "proxies", "deep"}
    with pytest.raises(EngineError, match="as docker writes it") if refused else contextlib.nullcontext():
        connect._client(connect.Place(url=f"unix://{tmp_path}/none", source="test"), "1.41", 1).close()
