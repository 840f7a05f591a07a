"""What proves an exercise beside its references: honest designs, and cheats with their controls; a record that grows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue, digest
from harness.errors import ExerciseError
from harness.grading import static, subjects, trust, validation
from harness.grading.subjects import Subject
from tests.unit.factories import grading

ROOT = Path(__file__).resolve().parents[3]
HONEST = """[[honest]]
name = "by-hand"
title = "Adds digit by digit"
seeds = 3

[[honest]]
name = "slow"
title = "Waits a little"
like = "reference/plain"
"""
CHEATS = """
[[controls]]
name = "wraps-and-says-so"
title = "Wraps, plainly"
like = "mutant/wraps-at-64-bits"

[[cheats]]
name = "wraps-and-hides-it"
title = "Wraps, and says nothing of it"
like = "control/wraps-and-says-so"

[[cheats]]
name = "wraps-in-silence"
title = "Wraps in silence"
like = "control/wraps-and-says-so"
control = "mutant/wraps-at-64-bits"
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The skeleton, without a record, to be changed."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", tmp_path / kind / "skeleton")
    (tmp_path / "graders" / "skeleton" / "validation.json").unlink(missing_ok=True)
    return tmp_path


def note(file: str) -> str:
    """Return a patch that adds a file and nothing else."""
    return f"--- /dev/null\n+++ b/{file}\n@@ -0,0 +1 @@\n+{file}\n"


def grow(home: Path) -> None:
    """Add two honest designs, a control and two cheats."""
    grader = home / "graders" / "skeleton"
    (grader / "honest.toml").write_text(HONEST)
    shutil.copytree(grader / "references" / "plain", grader / "honest" / "by-hand")
    (grader / "honest" / "slow.patch").write_text(note("slow.py"))
    with (grader / "cheats.toml").open("a") as file:
        file.write(CHEATS)
    (grader / "controls").mkdir()
    (grader / "controls" / "wraps-and-says-so.patch").write_text(note("plain.py"))
    for name in ("wraps-and-hides-it", "wraps-in-silence"):
        (grader / "cheats" / f"{name}.patch").write_text(note("hides.py"))


def known(home: Path) -> dict[str, Subject]:
    """Return every known submission by name."""
    return {one.name: one for one in subjects.all_of(Catalogue((home,)).pair("skeleton"))}


def table(home: Path, *, only: tuple[str, ...] = ()) -> validation.Matrix:
    """Return the matrix with two repeats of each reference."""
    return validation.matrix(Catalogue((home,)), "skeleton", only=only, repeat=2, images="i" * 64)


def test_honest_designs_are_folders_or_patches(home: Path, tmp_path: Path) -> None:
    """Both must get all points and fail nothing; a patch is laid out on its reference."""
    grow(home)
    assert static.problems(Catalogue((home,)).pair("skeleton")) == []
    found = known(home)
    folder, patch = found["honest/by-hand"], found["honest/slow"]
    assert [(one.right, one.expected.lowest, one.expected.permitted) for one in (folder, patch)] == [
        (True, 100.0, ())
    ] * 2
    patch.lay_out(tmp_path / "laid-out")
    assert (tmp_path / "laid-out" / "slow.py").read_text() == "slow.py\n"
    assert (tmp_path / "laid-out" / "solve.py").exists()


def test_honest_design_is_graded_as_often_as_it_says(home: Path) -> None:
    """At seeds of its own; what says nothing is graded once."""
    grow(home)
    rows = table(home, only=("honest",)).wanted
    seeds = {one.subject.name: [other.seed for other in rows if other.subject == one.subject] for one in rows}
    assert (len(set(seeds["honest/by-hand"])), len(seeds["honest/slow"])) == (3, 1)


def test_cheat_is_compared_with_its_control(home: Path, tmp_path: Path) -> None:
    """A control is a patch as well, on which the cheat's comes; several cheats share it, or name another one."""
    grow(home)
    found = known(home)
    hides, silent = found["cheat/wraps-and-hides-it"], found["cheat/wraps-in-silence"]
    assert (hides.control, silent.control) == ("control/wraps-and-says-so", "mutant/wraps-at-64-bits")
    assert found["cheat/drawn"].control == "starter/plain"
    for one in (hides, found["control/wraps-and-says-so"]):
        one.lay_out(tmp_path / one.kind)
    (tmp_path / "cheat" / "hides.py").unlink()
    assert digest(tmp_path / "cheat") == digest(tmp_path / "control")
    chosen = {one.subject.name for one in table(home, only=("wraps-in-silence",)).wanted}
    assert chosen == {"cheat/wraps-in-silence", "mutant/wraps-at-64-bits"}


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Return a change of one file of the grader."""

    def change(grader: Path) -> None:
        text = (grader / name).read_text()
        assert old in text
        (grader / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (replaced("honest.toml", '"by-hand"', '"by-foot"'), "honest/by-foot to exist, found nothing: add it, or name"),
        (replaced("honest.toml", "reference/plain", "reference/plan"), "like: unknown submission, did you mean"),
        (replaced("honest.toml", "reference/plain", "mutant/x"), "honest[2].like: expected text that matches"),
        (replaced("honest.toml", '"slow"', '"by-hand"'), "expected every name once"),
        (replaced("cheats.toml", 'control = "mutant/wraps', 'control = "mutant/rwaps'), "control: unknown submission"),
        (replaced("cheats.toml", 'like = "mutant/wraps', 'like = "control/wraps'), "controls[1].like: expected text"),
        (lambda grader: (grader / "controls/wraps-and-says-so.patch").unlink(), "found nothing: add what differs from"),
        (lambda grader: (grader / "honest/stray.patch").write_text(note("x")), "expected an entry in honest.toml"),
        (lambda grader: (grader / "controls/stray.patch").write_text(note("x")), "expected an entry in cheats.toml"),
        (lambda grader: (grader / "honest/stray").mkdir(), "expected an entry in honest.toml for it, found none"),
    ],
)
def test_what_is_not_right_about_them_is_said(home: Path, change: Callable[[Path], None], words: str) -> None:
    """In a sentence each, before anything runs."""
    grow(home)
    change(home / "graders" / "skeleton")
    assert words in "\n".join(static.problems(Catalogue((home,)).pair("skeleton")))


def test_known_submissions_that_are_added_need_only_their_own_rows(home: Path) -> None:
    """Nothing that was graded becomes stale: a whole record takes more than an hour."""
    matrix = table(home)
    for wanted in matrix.wanted:
        matrix = validation.save(matrix, validation.row_of(wanted, grading()))
    before = {row.key for row in table(home).current}
    grow(home)
    grader = home / "graders" / "skeleton"
    with (grader / "mutants.toml").open("a") as file:
        file.write(
            '[[mutants]]\nname = "zero"\ntitle = "t"\nreference = "plain"\nceiling = 15\nfails = ["answers/sums"]\n'
        )
    (grader / "mutants" / "zero.patch").write_text(note("zero.py"))
    assert {row.key for row in table(home).current} == before
    missing = [one.subject.name for one in table(home).missing]
    assert sorted(missing) == [
        "cheat/wraps-and-hides-it",
        "cheat/wraps-in-silence",
        "control/wraps-and-says-so",
        *["honest/by-hand"] * 3,
        "honest/slow",
        "mutant/zero",
    ]


SAVER = """
import sys
from harness.grading import validation
from pathlib import Path
from tests.unit.factories import grading
from tests.unit.grading.test_known_subjects import table
home, kind = Path(sys.argv[1]), sys.argv[2]
matrix = table(home, only=(kind,))
print("ready", flush=True)
while True:
    for wanted in matrix.wanted:
        validation.save(matrix, validation.row_of(wanted, grading()))
        print(wanted.subject.name, wanted.seed, flush=True)
"""


def saver(home: Path, kind: str) -> subprocess.Popen[str]:
    """Start a process that saves rows of a kind for ever."""
    command = [sys.executable, "-c", SAVER, str(home), kind]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_killed_validation_loses_nothing(home: Path) -> None:
    """Two at once, each killed in the middle of whatever it did: every row that either had saved is there and current."""
    savers = [saver(home, kind) for kind in ("reference", "cheat")]
    saved: set[str] = set()
    for process in savers:
        assert process.stdout is not None
        saved |= {process.stdout.readline().strip() for _ in range(9)}
    for process in savers:
        process.kill()
        process.communicate()
    assert saved == {"ready", *(f"{row.submission} {row.seed}" for row in table(home).current)}
    assert {one.subject.name for one in table(home).missing} == {"mutant/wraps-at-64-bits"}


def test_row_of_another_validation_is_kept(home: Path) -> None:
    """Who saves a row waits until another one that is at it has written: else the row of one of them would be lost."""
    matrix = table(home)
    first, second = (validation.row_of(wanted, grading()) for wanted in matrix.wanted[:2])
    waiting = threading.Thread(target=validation.save, args=(matrix, second))
    with trust.changing(matrix.pair):
        before = trust.read(matrix.pair).rows
        waiting.start()
        waiting.join(0.3)  # it can't be done; that it would be is what makes this test fail
        trust.write(matrix.pair, trust.Record(exercise="skeleton", rows=(*before, first)), {})
    waiting.join()
    rows = trust.read(matrix.pair).rows
    assert (first in rows, second in rows, len(rows)) == (True, True, 2)


def test_interrupted_write_makes_nothing_stale(home: Path) -> None:
    """What it leaves behind is in no digest, and the record is the one before."""
    matrix = table(home)
    validation.save(matrix, validation.row_of(matrix.wanted[0], grading()))
    pair = Catalogue((home,)).pair("skeleton")
    (trust.place(pair).with_name(f"{trust.RECORD}~")).write_text("{")
    assert Catalogue((home,)).pair("skeleton").digests == pair.digests
    assert len(table(home).current) == 1


def test_record_of_one_row_is_no_place_for_strangers(home: Path) -> None:
    """An honest design that is not there is no problem of the record, but of who declared it."""
    grow(home)
    shutil.rmtree(home / "graders" / "skeleton" / "honest" / "by-hand")
    with pytest.raises(ExerciseError, match="honest by-hand: expected"):
        table(home)
