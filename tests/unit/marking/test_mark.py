"""``harness mark``: asks, keeps each mark at once, and shows nobody what another gave."""

from __future__ import annotations

import builtins
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import marking, store
from harness.commands.mark import mark
from harness.commands.report import report
from harness.errors import ExitCode, HarnessError, UsageError
from harness.marking.book import FOLDER
from harness.model import Grading
from harness.reports import cohort_files
from tests.unit.factories import heron, refused
from tests.unit.marking.test_book import RUBRIC, TEXT

Say = Callable[..., str]
SAW = "charges.go, line 40"


def stored(out: Path, made: Grading | None = None) -> Path:
    return store.save(made or heron(), out, {"rubric.toml": TEXT.encode()})


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Mark the example as ``marker``, answering what is asked; return what was printed."""
    stored(tmp_path)

    def call(marker: str, *answers: str, item: str | None = None) -> str:
        given: Iterator[str] = iter(answers)

        def answer(prompt: str) -> str:
            print(prompt, end="")  # noqa: T201 - as input does
            try:
                return next(given)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr(builtins, "input", answer)
        capsys.readouterr()
        assert mark(tmp_path / "heron", marker=marker, item=item) is ExitCode.PASSED
        assert list(given) == []
        return capsys.readouterr().out

    return call


def standing(root: Path) -> marking.Standing:
    return marking.stand(RUBRIC.items, marking.read(root / "heron", heron(), RUBRIC).given)


def shown(root: Path, capsys: pytest.CaptureFixture[str], audience: str = "assessor") -> str:
    capsys.readouterr()
    report(root / "heron", audience=audience)
    return " ".join(capsys.readouterr().out.split())


def test_two_mark_and_agree(say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is asked everything, with anchors; the report has points and sentences, apart from the automatic ones."""
    said = say("mia", "4", f"mia: {SAW}", "3", "mia: half of it is there")
    for words in ("Can it be changed?", "look at  the code", "1  no", "3  in part", "5  yes", "2  between"):
        assert words in said
    assert "marked by one of two" in said
    said = say("tom", "5", f"tom: {SAW}", "3", "tom: two rows are missing")
    assert "human points 10.12 of 15" in said
    text = shown(tmp_path, capsys)
    assert "45 of 100 automatic points (bar 70). Apart from these: 10.12 of 15 human points." in text
    assert "10.12 of 15, given by people, apart from the points above" in text
    assert "code: 6.12 of 7 (mark 4.5 of 5) mia 4: mia: charges.go, line 40 tom 5: tom:" in text


def test_an_overview_that_is_there_is_made_anew(say: Say, tmp_path: Path) -> None:
    """What people gave is in it at once; a folder without one gets none."""
    say("mia", "4", f"mia: {SAW}", "3", "mia: half of it is there")
    assert [entry.name for entry in tmp_path.iterdir()] == ["heron"]
    cohort_files.write_index(tmp_path, always=True)
    say("tom", "5", f"tom: {SAW}", "3", "tom: two rows are missing")
    (one,) = json.loads((tmp_path / "cohort.json").read_text())["exercises"][0]["candidates"]
    assert one["human"] == {"points": 10.125, "possible": 15.0, "open": 0}
    assert one["earned"] == 45


def test_the_second_sees_nothing_of_the_first(say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither in what is asked nor in the report, before both have marked everything; nor is the verdict shown."""
    say("mia", "1", "mia: nothing holds it together", "5", "mia: all of it is there")
    text = shown(tmp_path, capsys)
    assert "2 human items, marked by 1 of 2." in text
    assert "nothing holds it together" not in text
    said = say("tom", "2", "tom: hard to follow", "q")
    assert not [words for words in ("mia", "nothing holds", "failed", "45", "charged twice") if words in said]
    assert "nothing holds it together" not in shown(tmp_path, capsys)
    assert "hard to follow" not in shown(tmp_path, capsys)


def test_a_third_marks_what_they_differ_on(say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And nothing else; before that nobody is let in."""
    say("mia", "1", "mia: cannot be followed", "3", "mia: half is there")
    say("tom", "4", "tom: well separated", "q")
    assert "nothing to mark: found that mia and tom are marking" in say("ann")
    assert "a third person marks that" in say("tom", "3", "tom: half is there")
    assert "2 human items, of which 1 wait for a third marker." in shown(tmp_path, capsys)
    said = say("ann", "3", "ann: one place decides, two do not")
    assert "1 of 1" in said
    assert "cannot be followed" not in said
    assert "human points 7.5 of 15" in said
    assert "nothing to mark: found that you have settled" in say("ann")


def test_what_was_marked_stays_when_it_is_interrupted(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C in the middle keeps each mark that was given; the rest is asked again."""
    answers = iter(["4", f"mia: {SAW}", "3"])

    def interrupted(_: str) -> str:
        try:
            return next(answers)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(builtins, "input", interrupted)
    with pytest.raises(KeyboardInterrupt):
        mark(tmp_path / "heron", marker="mia", item=None)
    assert "kept: 1 mark; go on with harness mark" in capsys.readouterr().err
    said = say("mia", "3", "half of the rows are there")
    assert "1 of 1" in said
    assert standing(tmp_path).wanted("mia") == ()


def test_the_end_of_input_keeps_what_came(say: Say, tmp_path: Path) -> None:
    """As Ctrl-D, or a script that says too little."""
    with pytest.raises(UsageError, match="found the end of the input; kept before it: 1 mark"):
        say("mia", "4", f"mia: {SAW}", "3")
    assert [item.id for item in standing(tmp_path).wanted("mia")] == ["failure-table"]


@pytest.mark.parametrize("wrong", ["", "0", "6", "-1", "3.5", "three", "٣", "1" * 5000, "\x1b[2J", "\udcff"])
def test_a_wrong_mark_is_asked_again(say: Say, tmp_path: Path, wrong: str) -> None:
    """With what was expected and what was found, and nothing is kept of it."""
    said = say("mia", wrong, "4", f"mia: {SAW}", "q")
    assert "expected a number from 1 to 5, or s, q, ?; found" in said
    assert "\x1b" not in said
    assert [one.mark for one in marking.read(tmp_path / "heron", heron(), RUBRIC).given] == [4]


@pytest.mark.parametrize("wrong", ["", "ok", "   ", "x" * 601])
def test_a_mark_without_a_sentence_is_none(say: Say, tmp_path: Path, wrong: str) -> None:
    """A number that nobody can check says nothing."""
    said = say("mia", "4", wrong, f"mia: {SAW}", "q")
    assert "expected a sentence of 8 to 600 characters" in said
    assert len(marking.read(tmp_path / "heron", heron(), RUBRIC).given) == 1


def test_a_sentence_counts_as_it_is_kept(say: Say, tmp_path: Path) -> None:
    """Bytes of another encoding grow when they are kept; one that would then be too long is asked again, not lost."""
    said = say("mia", "4", f"{'x' * 500}{chr(0xDCE4) * 20}", f"{'x' * 470}{chr(0xDCE4) * 20}", "q")
    assert "found 520 characters, 620 as kept: some are no UTF-8" in said
    (given,) = marking.read(tmp_path / "heron", heron(), RUBRIC).given
    assert given.evidence.endswith("x" + "\\udce4" * 20)


@pytest.mark.parametrize("spelling", ["Mia", "MIA", "m\u0456a"])
def test_two_spellings_are_not_two_people(say: Say, tmp_path: Path, spelling: str) -> None:
    """Else one person settles alone what two should mark; they may be somebody else under a name that reads otherwise."""
    say("mia", "1", f"mia: {SAW}", "1", f"mia: {SAW}")
    with pytest.raises(UsageError, match=r"reads like nobody else's, found marks of .mia.:"):
        say(spelling)
    assert [path.name for path in (tmp_path / "heron" / FOLDER).iterdir()] == ["mia.jsonl"]
    say(f"{spelling}-r", "q")


def test_what_does_not_count_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Marks of an earlier submission are no marks of this one, and whoever gave them should know."""
    home = stored(tmp_path).parent
    given = marking.Mark(marker="tom", item="code", mark=3, evidence="tom: half of it", at="2026-11-24T15:00:00Z")
    for sha256 in ("11" * 32, "22" * 32):
        marking.add(home, heron(submission_sha256=sha256), RUBRIC, given)
    monkeypatch.setattr(builtins, "input", lambda _: "q")
    assert mark(home, marker="mia", item=None) is ExitCode.PASSED
    assert "2 marks of another submission of theirs count for nothing" in capsys.readouterr().err


def test_items_can_be_left_for_later_and_shown_again(say: Say, tmp_path: Path) -> None:
    """S leaves one, also at its sentence; ? shows it."""
    said = say("mia", "?", "s", "3", "s")
    assert said.count("Can it be changed?") == 2
    assert "left for later: code, failure-table" in said
    assert not (tmp_path / "heron" / FOLDER).exists()


def test_a_mark_can_be_corrected_until_it_is_seen(say: Say, tmp_path: Path) -> None:
    """Not after: nobody moves towards the other's mark."""
    say("mia", "1", "mia: cannot be followed", "3", "mia: half is there")
    say("mia", "2", "mia: it can, in parts", item="code")
    say("tom", "3", "tom: well separated", "3", "tom: half is there")
    assert standing(tmp_path).items[0].pair == (2, 3)
    with pytest.raises(UsageError, match="found that both have marked everything: they stand"):
        say("mia", item="code")


@pytest.mark.parametrize("item", ["cod", ""])
def test_an_unknown_item_is_refused(say: Say, item: str) -> None:
    """With the nearest one."""
    with pytest.raises(UsageError, match="no such item"):
        say("mia", item=item)


@pytest.mark.parametrize("marker", ["../mia", "a/b", "Mia M", "", ".", "x" * 300, "con", "mia\n"])
def test_who_marks_is_a_name(say: Say, tmp_path: Path, marker: str) -> None:
    """It is the name of a file."""
    with pytest.raises(UsageError, match="expected letters, digits and hyphens: try"):
        say(marker)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heron"]


def test_where_there_is_nothing_to_mark(tmp_path: Path) -> None:
    """No rubric, or no folder of a person's results to keep marks in."""
    bare = store.save(heron(), tmp_path)
    with pytest.raises(UsageError, match=r"expected rubric\.toml in .* found none"):
        mark(tmp_path / "heron", marker="mia", item=None)
    (bare / "result.json").rename(tmp_path / "result.json")
    with pytest.raises(UsageError, match="expected a result where grade put it"):
        mark(tmp_path / "result.json", marker="mia", item=None)


def test_marks_do_not_get_in_the_way_of_results(say: Say, tmp_path: Path) -> None:
    """The folder of marks lies among gradings, and is none: reading and grading go on."""
    say("mia", "4", f"mia: {SAW}", "q")
    again = stored(tmp_path, heron(id="20261125T160210Z-7f3a00"))
    assert again.parent == tmp_path / "heron"
    assert store.find(tmp_path / "heron").parent == again
    assert standing(tmp_path).markers == ("mia",)


def test_the_pages_over_all_results_are_made_anew(say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are any; what keeps them from being made costs no mark."""
    said = say("mia", "4", f"mia: {SAW}", "q")
    assert not (tmp_path / "cohort.json").exists()
    store.save(heron(submission_name="otter", submission_alias="otter", submission_origin="o"), tmp_path)
    (tmp_path / "cohort.json").write_text("old")
    said = say("mia", "3", "mia: half is there")
    assert "marked by one of two" in said
    assert '"schema"' in (tmp_path / "cohort.json").read_text()

    def fails(_: Path) -> None:
        raise HarnessError("expected room, found none")

    monkeypatch.setattr(cohort_files, "write_index", fails)
    say("tom", "3", "tom: half is there", "q")
    assert [item.id for item in standing(tmp_path).wanted("tom")] == ["failure-table"]


def test_the_candidate_sees_sentences_and_no_names_once_it_is_settled(
    say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing before that, and never what the marks were asked by."""
    say("quinn", "4", f"first: {SAW}", "3", "first: half of it is there")
    assert "not marked" in shown(tmp_path, capsys, "candidate")
    say("zoe", "4", f"second: {SAW}", "3", "second: two rows are missing")
    text = shown(tmp_path, capsys, "candidate")
    assert "second: two rows are missing" in text
    assert "9.25 of 15" in text
    assert not [words for words in ("quinn", "zoe", "Can it be changed?", "in part,") if words in text]


def test_a_damaged_rubric_costs_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What people said is left out, and that is said."""
    folder = stored(tmp_path)
    (folder / "rubric.toml").write_text("=")
    report(tmp_path / "heron")
    out, err = capsys.readouterr()
    assert "VERDICT" in out
    assert "what people marked is left out" in err


def test_a_refused_result_says_no_human_items(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was graded, and nothing is to be marked."""
    stored(tmp_path, refused())
    assert "human" not in shown(tmp_path, capsys)


def test_ctrl_c_on_a_terminal_ends_with_130_and_keeps_the_mark(tmp_path: Path) -> None:
    """The whole command on a terminal of its own: a signal between two items, no traceback, and the first mark on disk."""
    stored(tmp_path / "out")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "harness", "mark", str(tmp_path / "out" / "heron"), "--as", "mia"]
    running = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, close_fds=True)
    os.close(theirs)
    seen = _until(ours, b"mark 1-5: ")
    os.write(ours, b"4\n")
    seen += _until(ours, b"sentence: ")
    os.write(ours, f"mia: {SAW}\n".encode())
    seen += _until(ours, b"mark 1-5: ")
    running.send_signal(signal.SIGINT)
    code = running.wait(timeout=60)
    seen += os.read(ours, 65536)
    os.close(ours)
    assert (code, b"Traceback" in seen, b"kept: 1 mark" in seen) == (130, False, True)
    assert [one.mark for one in marking.read(tmp_path / "out" / "heron", heron(), RUBRIC).given] == [4]


def _until(handle: int, words: bytes) -> bytes:
    seen, until = b"", time.monotonic() + 120
    while words not in seen and time.monotonic() < until:
        seen += os.read(handle, 65536)
    assert words in seen
    return seen
