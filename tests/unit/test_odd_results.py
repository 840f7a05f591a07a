"""Folders of results in which something is odd: each verb says a sentence, nobody is lost, and nothing there is changed."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import __main__ as boundary
from harness import store, streams
from harness.reports import beside
from tests.unit import cohorts
from tests.unit.commandline import Ended, command

MANY = ("terminal", "html", "markdown", "json", "csv", "junit")
ONE = ("terminal", "html", "sarif")
"""One that needs the result alone, and two that need what lies beside it."""
NAMES = ("badger", "heron", "lynx")
HOSTILE = "<b>x</b>\u202eevil\n\x1b[31m=cmd()|x"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people, of whom the last one was refused; with a folder that makes this a catalogue."""
    here = tmp_path_factory.mktemp("odd") / "here"
    (here / "exercises").mkdir(parents=True)
    made = [one for one in cohorts.gradings(6, seed=3) if one.name in NAMES]
    assert len(made) == len(NAMES)
    cohorts.fill(here / "results", made)
    return here


def _cut(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    for other in file.parent.iterdir():
        if other.is_file() and other != file:
            other.unlink()


def _of_version(number: int) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        file.write_text(json.dumps(json.loads(file.read_bytes()) | {"schema": number}))

    return change


def _again(file: Path) -> Path:
    """Grade the same once more, later; return the new one."""
    grading = dataclasses.replace(
        store.decode_file(file), id="20261225T000000Z-0001", started_at="2026-12-25T00:00:00Z"
    )
    return store.save(grading, file.parents[2], beside.files(grading)[0]) / store.RESULT


def _lost_again(file: Path) -> None:
    _again(file).unlink()


def _loop(file: Path) -> None:
    file.symlink_to(file.name)


def _named(file: Path) -> None:
    grading = dataclasses.replace(
        store.decode_file(file),
        id="20261225T000000Z-0002",
        submission_alias=HOSTILE,
        submission_name=HOSTILE,
        submission_origin="ab",
        submission_path=f"a\nb\x1b[2J/../{HOSTILE}",
        language=HOSTILE,
    )
    store.save(grading, file.parents[2], beside.files(grading)[0])


def _namesake(file: Path) -> None:
    """Somebody else of the same alias."""
    grading = dataclasses.replace(
        store.decode_file(file),
        id="20261225T000000Z-0003",
        submission_origin="cd",
        submission_sha256="ee" * 32,
        submission_name="heron-eeeeeeee",
    )
    store.save(grading, file.parents[2], beside.files(grading)[0])


def _much(file: Path) -> None:
    for path in ("logs/app.log", "diff.patch"):
        (file.parent / path).parent.mkdir(exist_ok=True)
        (file.parent / path).write_bytes(b"+" * 10_000_000)


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(file: Path) -> None:
        file.unlink()
        make(file)

    return replace


KINDS: dict[str, Callable[[Path], object]] = {
    "no result": Path.unlink,
    "of the first version": _of_version(1),
    "of a version to come": _of_version(99),
    "half written": _cut,
    "a pipe": _replaced(os.mkfifo),
    "a loop": _replaced(_loop),
    "a folder": _replaced(Path.mkdir),
    "the newest of two": lambda file: _again(file).write_text("{"),
    "the newest of two is gone": _lost_again,
    "two of a name": _namesake,
    "a name that draws": _named,
    "ten megabytes beside it": _much,
}
"""What is done to the result of heron."""


def _held(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return what lies below a folder."""
    return {
        str(path): (path.lstat().st_size, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
        if not path.is_fifo()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_verb_says_a_sentence_and_nobody_is_lost(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    """One or many, in every format; whoever can't be read is named by the file, whoever can is there as ever."""
    here: Path = shutil.copytree(template, tmp_path / "here")
    (file,) = here.glob("results/heron/*/result.json")
    KINDS[kind](file)
    before = _held(here)
    one = "results/heron"
    monkeypatch.setattr(boundary, "_prepare", lambda _threads: streams.Sink(2, "wb", closefd=False))
    monkeypatch.setenv("HARNESS_CATALOGUE", ".")
    for name in ("XDG_STATE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    monkeypatch.setenv("HARNESS_PLAIN", "0")  # so that it is as before when a verb has set it
    monkeypatch.chdir(here)

    def ended_of(line: str) -> Ended:
        code = boundary._bounded(line.split())
        said = capfd.readouterr()
        return Ended(code=code, out=said.out, err=said.err)

    lines = [f"report results --format {fmt}" for fmt in MANY]
    lines += [f"report {one} --format {fmt}" for fmt in ONE]
    lines += [f"report {one} --audience candidate", f"diff {one} results/lynx", f"diff results/lynx {one} --json"]
    lines += [f"verify {one}", f"mark {one}", f"report {file.parent.relative_to(here)}"]
    for line in lines:
        ended = ended_of(line)
        assert "Traceback" not in ended.out + ended.err, line
        assert "internal error" not in ended.err, line
        assert ended.code in {0, 4, 5}, (line, ended)
        assert ended.code == 0 or ended.err.startswith("error: expected ") or "result.json: expected " in ended.err, (
            line
        )
        assert "\x1b" not in ended.out + ended.err, line
        assert "\u202e" not in ended.out + ended.err, line
        if line.startswith("report results "):
            assert ended.code == 0, (line, ended)
            assert all(name in ended.out + ended.err for name in NAMES), line
    assert _held(here) == before


@pytest.mark.parametrize(
    "verb", ["report results", "report results --format json", "diff results results", "mark results"]
)
def test_results_of_nobody_are_a_sentence(tmp_path: Path, verb: str) -> None:
    """Nothing was graded yet."""
    (tmp_path / "here/results").mkdir(parents=True)
    (tmp_path / "here/exercises").mkdir()
    ended = command(*verb.split(), cwd=tmp_path / "here")
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith("error: expected a result in results, found none: grade something into it")
