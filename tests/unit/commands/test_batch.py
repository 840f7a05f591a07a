"""Many submissions at once: what is graded, what is kept, what is said, and what becomes of a command that is killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from harness import signing, store
from harness.catalogue.finder import Catalogue
from harness.commands import grade as verb
from harness.commands.start import start
from harness.errors import ExitCode, UsageError
from harness.grading import attempts
from harness.model import Grading
from harness.reports import beside, cohort_files
from harness.reports.cohort.model import Cohort
from tests.unit.commandline import command
from tests.unit.commands import batch
from tests.unit.commands.batch import Opens
from tests.unit.grading import harbour

Capture = pytest.CaptureFixture[str]
NAMES = ("crane", "egret", "heron", "otter")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue, and an inbox with four submissions that pass; the current folder is beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(attempts, "settle", attempts.settle)  # so that it is as it was afterwards
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    home = batch.catalogue(tmp_path / "catalogue")
    monkeypatch.setattr(verb, "Opener", lambda **_: Opens(home=home))
    for name in NAMES:
        batch.submission(tmp_path / "inbox" / name)
    return home


@pytest.fixture
def grade(home: Path) -> batch.Grade:
    """``harness grade``."""
    return batch.grader(home)


def rows(out: str) -> list[str]:
    """Return the first line of each row of a table."""
    return [
        line
        for line in out.splitlines()
        if re.match(r"\S+ +(passed|failed|inconclusive|refused|held|not graded) ", line)
    ]


def test_a_second_run_keeps_what_is_there(
    grade: batch.Grade, home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No engine is opened, the table and the code are the same, and it says so."""
    assert grade("inbox") is ExitCode.PASSED
    first = rows(capsys.readouterr().out)
    before = batch.results(Path("res"))
    assert batch.graded(home) == list(NAMES)

    monkeypatch.setattr(Opens, "__call__", lambda *_: pytest.fail("an engine was opened"))
    assert grade("inbox", jobs=2) is ExitCode.PASSED

    out, err = capsys.readouterr()
    assert "4 of 4 kept: " in err
    assert [row.replace(" (kept)", "") for row in rows(out)] == first
    assert out.count("(kept)") == 4
    assert batch.results(Path("res")) == before


def test_what_is_kept_is_told_to_programs(grade: batch.Grade, capsys: Capture) -> None:
    """One object for each, with the folder that it lies in and whether it was there before."""
    grade("inbox/heron", as_json=True)
    (before,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    grade("inbox/heron", "inbox/otter", as_json=True)
    lines = {line["submission"]["path"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert before == {**lines["inbox/heron"], "kept": False}
    assert [line["kept"] for _, line in sorted(lines.items())] == [True, False]


def _change_brief(home: Path) -> None:
    with (home / "exercises/tiny/brief.md.j2").open("a", encoding="utf-8") as file:
        file.write("More.\n")


def _change_grader(home: Path) -> None:
    (home / "graders/tiny/test_more.py").write_text("# more\n", encoding="utf-8")


def _change_content(home: Path) -> None:
    (home.parent / "inbox/heron/solve.py").write_text("passes ", encoding="utf-8")


@pytest.mark.parametrize("change", [_change_brief, _change_grader, _change_content])
def test_what_a_grading_hangs_on_makes_it_anew(grade: batch.Grade, home: Path, change: object) -> None:
    """Exercise, grader or submission changed on disk: graded once more, and the old result stays."""
    grade("inbox/heron")
    assert callable(change)
    change(home)
    batch.graded(home)
    grade("inbox/heron")
    assert batch.graded(home) == ["heron"]
    grade("inbox/heron")
    assert batch.graded(home) == []
    assert [len(ids) for ids in batch.results(Path("res")).values()] == [2]


@pytest.mark.parametrize("option", [{"seed": 99}, {"variant": 1}, {"bar": 99.0}])
def test_other_orders_make_it_anew(grade: batch.Grade, home: Path, option: Mapping[str, object]) -> None:
    """Seed, variant and bar are part of what a verdict says."""
    grade("inbox/heron")
    batch.graded(home)
    grade("inbox/heron", **option)
    assert batch.graded(home) == ["heron"]
    grade("inbox/heron", **option)
    grade("inbox/heron")
    assert batch.graded(home) == []


def test_other_images_make_it_anew(grade: batch.Grade, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by their recipes, without asking an engine."""
    grade("inbox/heron")
    monkeypatch.setattr(verb, "Opener", lambda **_: Opens(home=home, image="newer"))
    batch.graded(home)
    grade("inbox/heron")
    assert batch.graded(home) == ["heron"]


def test_the_same_work_of_another_person_is_another_submission(grade: batch.Grade, home: Path, tmp_path: Path) -> None:
    """Two who hand in the untouched starter have a result each."""
    batch.copied([tmp_path / "inbox" / "heron"], tmp_path / "late")
    grade("inbox/heron")
    grade("late/heron")
    assert batch.graded(home) == ["heron", "heron"]
    assert len(batch.results(Path("res"))) == 2


def test_what_was_inconclusive_is_graded_again(grade: batch.Grade, home: Path, capsys: Capture) -> None:
    """And what failed is not: nobody buys a retake by asking twice."""
    batch.submission(home.parent / "inbox" / "coot", "inconclusive")
    batch.submission(home.parent / "inbox" / "dipper", "fails")
    assert grade("inbox") is ExitCode.INCONCLUSIVE
    batch.graded(home)
    assert grade("inbox", jobs=2) is ExitCode.INCONCLUSIVE
    assert batch.graded(home) == ["coot"]
    assert "5 of 6 kept" in capsys.readouterr().err


def test_again_grades_all_and_keeps_the_old(grade: batch.Grade, home: Path) -> None:
    """A second opinion is another folder; the next run keeps the newer one."""
    grade("inbox")
    grade("inbox", again=True)
    assert batch.graded(home) == sorted((*NAMES, *NAMES))
    assert {len(ids) for ids in batch.results(Path("res")).values()} == {2}
    grade("inbox")
    assert batch.graded(home) == []


def test_what_is_refused_is_refused_once(grade: batch.Grade, home: Path, capsys: Capture) -> None:
    """For the same reason; another reason is another result."""
    (home.parent / "inbox/junk.zip").write_bytes(b"junk")
    assert grade("inbox", exercise="tiny") is ExitCode.REFUSED
    assert grade("inbox", exercise="tiny") is ExitCode.REFUSED
    assert "5 of 5 kept" in capsys.readouterr().err
    (home.parent / "inbox/junk.zip").write_bytes(b"PK\3\4junk")
    grade("inbox")
    assert "4 of 5 kept" in capsys.readouterr().err


def test_what_can_not_be_read_is_told_by_why(grade: batch.Grade, home: Path, capsys: Capture) -> None:
    """A folder that is refused has no digest: the same one is kept as long as it is refused for the same."""
    folder = batch.submission(home.parent / "inbox" / "linked")
    (folder / "solve.py").unlink()
    (folder / "solve.py").symlink_to("elsewhere")
    for kept in (0, 5):
        assert grade("inbox") is ExitCode.REFUSED
        assert f"{kept} of 5 kept" in capsys.readouterr().err or not kept
    (folder / "solve.py").rename(folder / "other.py")
    grade("inbox")
    assert "4 of 5 kept" in capsys.readouterr().err


def test_one_submission_under_two_names_is_graded_once(grade: batch.Grade, home: Path, capsys: Capture) -> None:
    """Named twice, or sent twice: each has its row, and one grading answers for both."""
    link = home.parent / "inbox" / "zz"
    link.symlink_to(home.parent / "inbox" / "heron")
    assert grade("inbox/heron", "inbox/heron", "inbox/otter", "inbox/zz") is ExitCode.PASSED
    out, err = capsys.readouterr()
    assert batch.graded(home) == ["heron", "otter"]
    assert "inbox/heron, inbox/zz: the same submission as inbox/heron, which is graded once" in err
    assert len(rows(out)) == 4
    assert (out.count("(the same)"), out.count("(kept)")) == (2, 0)
    grade("inbox/heron", "inbox/zz", as_json=True, again=True)
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["kept"] for line in said] == [False, False], "it was not there before"
    assert len({line["grading"] for line in said}) == 1


def test_a_link_that_leads_back_is_no_folder_of_submissions(
    grade: batch.Grade, home: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Else everything would be there twice."""
    inbox = tmp_path / "inbox"
    (inbox / "torn.tar.gz").write_bytes(b"torn")
    (inbox / "back").symlink_to(".")
    (inbox / "above").symlink_to("..")
    (inbox / "round").symlink_to("round")
    grade("inbox")
    out = capsys.readouterr().out
    assert batch.graded(home) == [*NAMES, "torn"]
    assert len(rows(out)) == len(NAMES) + 1
    assert "left out inbox/back: no submission" in out


def test_a_damaged_result_answers_for_nothing(grade: batch.Grade, home: Path, capsys: Capture) -> None:
    """It is named and left as it is; the submission is graded again, the others are kept."""
    grade("inbox")
    batch.graded(home)
    (torn,) = Path("res/heron").glob("*/result.json")
    (half,) = Path("res/otter").glob("*/result.json")
    torn.write_bytes(torn.read_bytes()[:100])
    half.write_text(half.read_text("utf-8").replace('"verdict": "passed"', '"verdict": "passed", "odd": 1'), "utf-8")
    grade("inbox")
    err = capsys.readouterr().err
    assert f"{torn}: expected a result, found a damaged file" in err
    assert "2 of 4 kept" in err
    assert batch.graded(home) == ["heron", "otter"]


def test_what_nobody_here_signed_answers_for_nothing(
    grade: batch.Grade, home: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Whoever is graded may have put a result there: without a signature, changed after it, or signed by a key of theirs."""
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    grade("inbox", keys=theirs)
    (stranger,) = batch.results(Path("res"))["egret"]
    shutil.copytree("res/egret", tmp_path / "theirs-egret")
    shutil.rmtree("res")
    grade("inbox", keys=ours)
    batch.graded(home)
    (bare,) = Path("res/heron").iterdir()
    (bare / signing.ATTESTATION).unlink()
    (changed,) = Path("res/otter").glob("*/result.json")
    changed.write_text(changed.read_text("utf-8").replace('"seconds"', ' "seconds"', 1), "utf-8")
    shutil.rmtree("res/egret")
    shutil.copytree(tmp_path / "theirs-egret", "res/egret")
    capsys.readouterr()

    assert grade("inbox", keys=ours) is ExitCode.PASSED

    err = capsys.readouterr().err
    assert f"{bare}: attestation.json is missing: nobody vouches for this result; it answers for no submission" in err
    assert f"{changed.parent}: result.json was changed" in err
    assert f"res/egret/{stranger}: attestation.json is signed by another key" in err
    assert "1 of 4 kept" in err
    assert batch.graded(home) == ["egret", "heron", "otter"]

    assert grade("inbox", keys=ours) is ExitCode.PASSED
    assert "4 of 4 kept" in capsys.readouterr().err, "what was graded now lies beside the others and answers"


def test_keys_that_can_not_be_read_keep_nothing(
    grade: batch.Grade, home: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Then nobody can tell whose results those are: all are graded again, and that is said once."""
    keys = tmp_path / "keys"
    grade("inbox", keys=keys)
    batch.graded(home)
    (keys / "signing.pem").chmod(0o644)
    capsys.readouterr()
    grade("inbox", keys=keys)
    assert capsys.readouterr().err.count("no key can be believed, so that nothing is kept: ") == 1
    assert batch.graded(home) == list(NAMES)


def test_a_folder_of_submissions_is_taken_as_what_it_is(
    grade: batch.Grade, home: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Also one with a folder for each person; what is no submission is named, and stops nothing."""
    inbox = tmp_path / "inbox"
    batch.submission(inbox / "pair" / "submission")
    (inbox / "notes.txt").write_text("call heron", encoding="utf-8")
    (inbox / ".DS_Store").write_bytes(b"x")
    (inbox / "empty").mkdir()
    assert grade("inbox") is ExitCode.PASSED
    out = capsys.readouterr().out
    assert batch.graded(home) == [*NAMES, "submission"]
    assert [line for line in out.splitlines() if line.startswith("left out")] == [
        "left out inbox/empty: no submission",
        "left out inbox/notes.txt: no submission",
    ]


def test_one_stray_folder_stops_nothing(grade: batch.Grade, home: Path, tmp_path: Path, capsys: Capture) -> None:
    """Named beside others it has a row that says what to do; alone it is wrong usage, before anything."""
    (tmp_path / "stray").mkdir()
    start("tiny", language=None, into=tmp_path / "known", alias=None, catalogue=Catalogue([home]))
    (tmp_path / "known" / "service.toml").write_text(batch.SERVICE, encoding="utf-8")
    (tmp_path / "known" / "solve.py").write_text("passes", encoding="utf-8")
    assert grade("stray", "known", exercise=None) is ExitCode.USAGE
    out = capsys.readouterr().out
    assert [row.split()[:2] for row in rows(out)] == [["known", "passed"], ["stray", "not"]]
    assert " ".join(out.split()).count("say which exercise it is for, with --exercise") == 1
    with pytest.raises(UsageError, match="--exercise ID"):
        grade("stray", exercise=None)


def test_rows_are_in_the_order_that_was_asked_for(grade: batch.Grade, home: Path, capsys: Capture) -> None:
    """Best first by default; what has no score comes last."""
    batch.submission(home.parent / "inbox" / "anhinga", "fails")
    (home.parent / "inbox/bittern.zip").write_bytes(b"junk")
    grade("inbox")
    assert [row.split()[0] for row in rows(capsys.readouterr().out)] == [*NAMES, "anhinga", "bittern"]
    for sort, last in (("name", "otter"), ("verdict", "bittern"), ("given", "otter")):
        grade("inbox", sort=sort)
        assert rows(capsys.readouterr().out)[-1].startswith(last)


def test_what_lies_over_all_results_is_made_at_the_end(
    grade: batch.Grade, home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also by a run that graded nothing, and whatever one of the files can't be made of."""

    def broken(_: Cohort) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(cohort_files, "FILES", {"broken.txt": broken, **cohort_files.FILES})
    for _ in range(2):
        assert grade("inbox") is ExitCode.PASSED
        assert set(NAMES) <= set(re.findall(r"\w+", Path("res/index.csv").read_text("utf-8")))
        Path("res/index.csv").unlink()
        assert "res: broken.txt was not renewed: internal error" in capsys.readouterr().err
        assert not Path("res/broken.txt").exists()


def test_a_result_holds_what_was_changed(grade: batch.Grade, home: Path) -> None:
    """Of the starter, by file and line."""
    grade("inbox/heron")
    (file,) = Path("res/heron").glob("*/result.json")
    changes = {change.path: change for change in store.changes(file)}
    assert changes["solve.py"].hunks[-1].lines[-1].text == "passes"
    assert store.load(file).digests["images"]


# Killed at any instant.


def _in_a_child(call: object) -> int:
    """Run ``call`` in a forked child; return its exit code, negative for a signal."""
    assert callable(call)
    child = os.fork()
    if child == 0:
        code = 99
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            code = int(cast("ExitCode", call()))
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _die_at(number: int, out: str) -> None:
    """Kill this process at the ``number``-th thing that it does below ``out``."""
    mine, seen = os.getpid(), 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if os.getpid() != mine or not event.startswith(("open", "os.", "shutil.")):
            return
        if any(isinstance(one, str | os.PathLike) and out in os.fspath(one) for one in arguments):
            seen += 1
            if seen == number:
                os.kill(mine, signal.SIGKILL)

    sys.addaudithook(hook)


def _whole(out: Path) -> Iterator[tuple[str, Grading, bytes]]:
    for file in sorted(out.glob("[!.]*/[!.]*/result.json")):
        assert {one.name for one in file.parent.iterdir()} >= {"result.json", *beside.FILES}
        yield str(file), store.decode_file(file), file.read_bytes()


def _rerun(grade: batch.Grade, home: Path) -> None:
    """Grade again, undisturbed: then each submission was graded once, and nothing that was there is lost."""
    (home / batch.MOMENT).unlink(missing_ok=True)
    before = {file: data for file, _, data in _whole(Path("res"))}
    assert grade("inbox") is ExitCode.PASSED
    after = {file: data for file, _, data in _whole(Path("res"))}
    assert before.items() <= after.items()
    assert sorted(made.submission_alias for _, made, _ in _whole(Path("res"))) == list(NAMES)
    assert list(Path("res").rglob(".partial-*")) == []


PARENT = (1, 2, 4, 7, 11, 16, 22, 29, 37, 46)


@pytest.mark.parametrize("number", PARENT)
def test_a_command_that_was_killed_goes_on_where_it_was(grade: batch.Grade, home: Path, number: int) -> None:
    """At any step of looking at results and of writing them."""

    def killed() -> ExitCode:
        _die_at(number, "res")
        return grade("inbox", jobs=2)

    assert _in_a_child(killed) == -signal.SIGKILL
    _rerun(grade, home)


@pytest.mark.parametrize("moment", ["open", "begin", "end", "close"])
def test_a_worker_that_was_killed_costs_one_grading_at_most(grade: batch.Grade, home: Path, moment: str) -> None:
    """While it opens, begins, ends or closes: the others are stored, and the rest is graded by the next run."""
    (home / batch.MOMENT).write_text(moment, encoding="utf-8")
    code = _in_a_child(lambda: grade("inbox", jobs=2))
    # One that is dead before it was given anything is replaced, and costs nothing.
    wanted = {"close": {ExitCode.PASSED}, "open": {ExitCode.PASSED, ExitCode.HARNESS}}
    assert code in wanted.get(moment, {ExitCode.HARNESS})
    assert (home / "died").exists()
    assert len(list(_whole(Path("res")))) >= len(NAMES) - 1
    _rerun(grade, home)


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("trouble", ["images", "crane", "otter"])
def test_an_engine_that_went_away_costs_one_grading(
    grade: batch.Grade, home: Path, monkeypatch: pytest.MonkeyPatch, trouble: str, jobs: int
) -> None:
    """Whenever it does: an error of ours is no result, and the next run grades what lacks one."""
    monkeypatch.setattr(verb, "Opener", lambda **_: Opens(home=home, trouble=trouble))
    assert grade("inbox", jobs=jobs) is ExitCode.HARNESS
    assert len(list(_whole(Path("res")))) == len(NAMES) - 1
    monkeypatch.setattr(verb, "Opener", lambda **_: Opens(home=home))
    _rerun(grade, home)


def test_a_whole_batch_on_the_fake_engine(tmp_path: Path) -> None:
    """By the command line, with the real opener, workers and graders: then all of it is kept, and no engine is asked."""
    here = tmp_path / "here"
    harbour.catalogue(here)
    for name, mode in (("a", "loud"), ("b", "hush"), ("c", "loud")):
        harbour.submission(here / "inbox" / name, mode=mode)
    said = ("grade", "inbox", "--exercise", "harbour", "--engine", "fake", "--jobs", "2", "--sort", "given")
    first = command(*said, cwd=here)
    second = command(*said, cwd=here)
    assert (first.code, second.code) == (1, 1), (first, second)
    assert [row.split()[1:3] for row in rows(first.out)] == [
        ["passed", "100.0"],
        ["failed", "20.0"],
        ["passed", "100.0"],
    ]
    assert "fake engine confines nothing" in first.err
    assert "3 of 3 kept" in second.err
    assert "fake engine" not in second.err
    assert [row.removesuffix(" (kept)") for row in rows(second.out)] == rows(first.out)
