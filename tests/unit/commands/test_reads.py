"""An exercise is parsed once and digested once a command: what is graded, and what the result says was, are one value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.catalogue import finder, manifest
from harness.commands.check import check
from harness.commands.grade import grade
from harness.commands.start import start
from harness.commands.validate import validate
from tests.unit.grading import harbour


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was parsed and which folders were digested, counted."""
    counted: Counter[str] = Counter()

    def count(module: object, name: str) -> None:
        real: Callable[..., object] = getattr(module, name)

        def counting(*args: object) -> object:
            where = f" {args[0].name}" if isinstance(args[0], Path) else ""
            counted[name + where] += 1
            return real(*args)

        monkeypatch.setattr(module, name, counting)

    count(manifest, "parse_exercise")
    count(manifest, "parse_hidden")
    count(finder, "read_folder")
    return counted


def test_grading_reads_exercise_and_grader_once(tmp_path: Path, reads: Counter[str]) -> None:
    """Two submissions in one command as well."""
    known, folder = harbour.catalogue(tmp_path), harbour.submission(tmp_path)
    code = grade(
        [str(folder), str(folder)],
        exercise="harbour",
        seed=None,
        variant=0,
        jobs=1,
        bar=None,
        advisory=False,
        out=str(tmp_path / "results"),
        as_json=True,
        engine="fake",
        catalogue=known,
    )
    assert code == 0
    assert reads == {"parse_exercise": 1, "parse_hidden": 1, "read_folder harbour": 2}


def test_check_reads_the_exercise_once_and_no_grader(tmp_path: Path, reads: Counter[str]) -> None:
    """A candidate's machine has none; here there is one, and it stays closed."""
    start("harbour", language=None, into=tmp_path / "work", alias=None, catalogue=harbour.catalogue(tmp_path))
    reads.clear()
    known = harbour.catalogue(tmp_path)
    check(str(tmp_path / "work"), only=(), keep=False, as_json=True, engine="fake", catalogue=known)
    assert reads == {"parse_exercise": 1, "read_folder harbour": 1}


def test_validation_reads_exercise_and_grader_once(tmp_path: Path, reads: Counter[str]) -> None:
    """However many rows it runs; the folders of known submissions are read beside."""
    known = harbour.catalogue(tmp_path)
    validate(
        "harbour", only=(), repeat=1, jobs=1, as_json=True, recorded=False, why=False, engine="fake", catalogue=known
    )
    of_the_pair = {name: count for name, count in reads.items() if not name.endswith(" python")}
    assert of_the_pair == {"parse_exercise": 1, "parse_hidden": 1, "read_folder harbour": 2}


def test_what_changes_on_disk_meanwhile_is_not_in_what_is_graded(tmp_path: Path) -> None:
    """Files and digests of a pair are of the same moment, whatever happens later."""
    known = harbour.catalogue(tmp_path)
    pair = known.pair("harbour")
    test = tmp_path / "graders/harbour/test_mode.py"
    before = test.read_bytes()
    test.write_bytes(b"raise SystemExit\n")
    (now,) = [file.content for file in known.pair("harbour").tests() if file.path == "hidden/test_mode.py"]
    assert (now, known.pair("harbour")) == (before, pair)
    assert harbour.catalogue(tmp_path).pair("harbour").digests == pair.digests
