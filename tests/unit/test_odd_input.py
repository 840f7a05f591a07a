"""Submissions, results and workspaces that are nothing of the kind, and arguments at random: a sentence and a code."""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness import __main__ as boundary
from harness import streams
from harness.commands.opening import Opener
from harness.engines.fake.engine import FakeEngine
from harness.grading.runner import Progress, Runner
from tests.unit.commandline import ENDINGS, Ended, Scripted, command, world

HUGE = 6 * 1024**3


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A world to copy."""
    return world(tmp_path_factory.mktemp("template"))


@pytest.fixture
def here(template: Path, tmp_path: Path) -> Path:
    """A world of its own."""
    made: Path = shutil.copytree(template, tmp_path / "here")
    return made


def _takes_in(opener: Opener, stack: ExitStack, progress: Progress | None) -> Runner:
    """Open a runner for submissions of which none gets as far as an engine."""
    del stack, progress
    return Runner(opener.catalogue, FakeEngine(), lambda _: {}, lambda _: None)


def _is_said(ended: Ended, *codes: int) -> None:
    assert ended.code in codes, ended
    assert "internal error" not in ended.err
    assert "expected memory" not in ended.err  # what is too much is seen before it is read
    assert "Traceback" not in ended.out + ended.err


def _sparse(file: Path, size: int = HUGE) -> None:
    file.touch()
    os.truncate(file, size)


def _listening(file: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(file))


def _folder_with_pipe(folder: Path) -> None:
    folder.mkdir()
    os.mkfifo(folder / "service.toml")


def _folder_with_huge(folder: Path) -> None:
    folder.mkdir()
    (folder / "service.toml").write_text('run = ["true"]\n')
    _sparse(folder / "solve.py")


def _deep(folder: Path) -> None:
    folder.mkdir()
    (folder / "service.toml").write_text("run = " + "[" * 5000)


SUBMISSIONS: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a socket": _listening,
    "a device that never ends": lambda file: file.symlink_to("/dev/zero"),
    "6 GB": _sparse,
    "nothing": Path.touch,
    "junk": lambda file: file.write_bytes(b"\x1f\x8bjunk"),
    "a folder of nothing": Path.mkdir,
    "a folder with a pipe": _folder_with_pipe,
    "a folder with 6 GB": _folder_with_huge,
    "deep": _deep,
}


@pytest.mark.parametrize("more", [(), ("--jobs", "2"), ("--json",)], ids=" ".join)
def test_odd_submissions_end_no_batch(here: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]) -> None:
    """Each is refused in a sentence of its own, and none is waited for or read to its end."""
    monkeypatch.setattr(Opener, "__call__", _takes_in)
    monkeypatch.chdir(here)  # a socket's name must be short
    for name, make in SUBMISSIONS.items():
        make(Path(name))
    ended = command("grade", *SUBMISSIONS, "--exercise", "tiny", *more, cwd=here)
    _is_said(ended, 3)
    for name in SUBMISSIONS:
        assert name in ended.out
    assert len(list(here.glob("results/*/*/result.json"))) == len(SUBMISSIONS)


RESULTS: dict[str, Callable[[Path], object]] = {
    "no JSON": lambda file: file.write_text("{"),
    "a list": lambda file: file.write_text("[]"),
    "another schema": lambda file: file.write_text('{"schema": 99}'),
    "no schema": lambda file: file.write_text('{"exercise": "x"}'),
    "half": lambda file: file.write_text('{"schema": 2}'),
    "deep": lambda file: file.write_text("[" * 200_000),
    "no number": lambda file: file.write_text('{"schema": 2, "seconds": NaN}'),
    "a number too long": lambda file: file.write_text('{"schema": ' + "9" * 10_000 + "}"),
    "no text": lambda file: file.write_bytes(b"\xff\x00\xfe"),
    "6 GB": _sparse,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device that never ends": lambda file: file.symlink_to("/dev/zero"),
    "a link to nothing": lambda file: file.symlink_to("nothing"),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_report_of_what_is_no_result(here: Path, kind: str) -> None:
    """Damaged, foreign, another version, endless: named, with what to do."""
    folder = here / "results/heron/one"
    folder.mkdir(parents=True)
    RESULTS[kind](folder / "result.json")
    for path in ("results/heron", "results/heron/one/result.json"):
        ended = command("report", path, cwd=here)
        _is_said(ended, 4, 5)
        assert "result" in ended.err


MARKERS: dict[str, Callable[[Path], object]] = {
    "no JSON": lambda file: file.write_text("{"),
    "a list": lambda file: file.write_text("[]"),
    "of no kind": lambda file: file.write_text('{"schema": 1}'),
    "deep": lambda file: file.write_text("[" * 200_000),
    "6 GB": _sparse,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda file: file.symlink_to("/dev/zero"),
    "of another exercise": lambda file: file.write_text(KNOWN.replace('"tiny"', '"gone"')),
    "of another version": lambda file: file.write_text(KNOWN.replace('"0.1"', '"9.9"')),
    "hostile": lambda file: file.write_text(KNOWN.replace('"heron"', '"../../x\\n\\u001b"')),
}
KNOWN = """{"schema": 1, "exercise": "tiny", "version": "0.1", "variant": 0, "language": "", "alias": "heron",
"started_at": "2026-11-26T12:00:00+00:00", "id": "0123456789abcdef0123456789abcdef"}"""


@pytest.mark.parametrize("kind", MARKERS)
def test_workspace_with_a_broken_marker(here: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """``check``, ``submit`` and ``grade`` say what is wrong with the workspace; nothing is packed or run."""
    monkeypatch.setattr(Opener, "__call__", _takes_in)
    marker = here / "w/.harness/workspace.json"
    marker.unlink()
    MARKERS[kind](marker)
    codes = (0, 3, 4) if kind == "hostile" else (3, 4)
    before = {file: file.read_bytes() for file in (here / "w").rglob("*") if file.is_file() and file != marker}
    _is_said(command("submit", "w", "--no-check", cwd=here), *codes)
    if kind != "hostile":
        _is_said(command("check", "w", cwd=here), 3, 4)
        _is_said(command("grade", "w", cwd=here), 3, 4)
        _is_said(command("clock", "--workspace", "w", cwd=here), 0, 3, 4)
        assert {file: file.read_bytes() for file in before} == before


READ = {
    "exercises/tiny/exercise.toml": ("list", "show tiny", "start tiny"),
    "exercises/tiny/brief.md.j2": ("start tiny",),
    "graders/tiny/checks.toml": ("validate tiny --recorded",),
    "graders/tiny/validation.json": ("validate tiny --recorded",),
    "graders/tiny/mutants.toml": ("validate tiny --recorded",),
    "graders/tiny/cheats.toml": ("validate tiny --recorded",),
    "harness.toml": ("list",),
    "w/.harness/claim.json": ("submit w --no-check",),
}
"""File -> commands that read it."""


@pytest.mark.parametrize("kind", ["no JSON", "deep", "6 GB", "a pipe", "a device"])
@pytest.mark.parametrize("file", READ)
def test_files_that_are_nothing_of_the_kind(here: Path, file: str, kind: str) -> None:
    """Whatever stands in the place of a file that we read: no command waits, reads on, or calls it a bug of ours."""
    (here / file).unlink(missing_ok=True)
    MARKERS[kind](here / file)
    for line in READ[file]:
        ended = command(*line.split(), cwd=here)
        _is_said(ended, *((0, 1, 3, 4, 5) if line.startswith(("submit", "validate")) else (0, 3, 4, 5)))
        assert ended.code in {0, 1} or ended.err


WORDS = [
    *("list", "show", "start", "check", "submit", "grade", "report", "validate", "new", "images", "doctor"),
    *(
        "build",
        "remove",
        "--json",
        "--exercise",
        "--seed",
        "--jobs",
        "--bar",
        "--advisory",
        "--out",
        "--engine",
        "--only",
    ),
    *("--keep", "--into", "--alias", "--language", "--format", "--audience", "--repeat", "--recorded", "--catalogue"),
    *("--help", "--version", "--", "-", "-h", "--variant", "--stale", "--dry-run", "--list", "--no-check", "--plain"),
    *("tiny", "w", "w/..", ".", "..", "/", "/dev/null", "/proc/self/mem", "kept", "kept/heron", "results", "fake"),
    *(f"{name}.tar.gz" for name in ENDINGS),
    *(
        "",
        " ",
        "0",
        "-1",
        "1",
        "1e999",
        "nan",
        "9" * 40,
        "json",
        "junit",
        "candidate",
        "é",
        "\udcff",
        "a\nb",
        "*",
        "?",
        "[",
        "\\",
    ),
    *("a" * 300, "a/" * 60, "{}", "%s", "~", "$HOME", "x=y", "--out=", "--bar=", "answers/*", "mutant", "mutant/"),
]


@pytest.mark.parametrize("seed", range(20))
def test_arguments_at_random(
    here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], seed: int
) -> None:
    """Ten vectors a seed: a documented code, a sentence, no bug of ours, and 1 and 2 only from what was written."""
    monkeypatch.setattr(Opener, "__call__", lambda _, stack, progress: Scripted()(stack, progress))
    monkeypatch.setattr(boundary, "_prepare", lambda _threads: streams.Sink(2, "wb", closefd=False))
    monkeypatch.setenv("HARNESS_ENGINE", "fake")
    monkeypatch.setenv("HARNESS_CATALOGUE", ".")
    monkeypatch.setenv("HARNESS_PLAIN", "0")  # so that it is as before when a verb has set it
    monkeypatch.chdir(here)
    chance = random.Random(seed)
    for _ in range(10):
        arguments = [chance.choice(WORDS[:11]), *chance.choices(WORDS, k=chance.randint(0, 6))]
        code = boundary._bounded(arguments)
        said = capfd.readouterr()
        _is_said(Ended(code=code, out=said.out, err=said.err), 0, 1, 2, 3, 4, 5, 6)
        assert said.out + said.err
        if code in {1, 2}:
            assert arguments[0] in {"check", "grade", "submit", "validate"}, (arguments, said)
