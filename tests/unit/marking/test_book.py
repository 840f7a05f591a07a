"""Marks on disk: only added to, whole or not at all, and whatever else lies there costs none of them."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from harness import marking
from harness.errors import ExerciseError, HarnessError
from harness.marking import Mark, Rubric
from harness.marking.book import FOLDER
from harness.marking.rubric import parse
from harness.model import HumanItem
from tests.unit.factories import heron

HUMAN = heron().exercise.human
TEXT = """
[[item]]
id = "code"
question = "Can it be changed?"
look = ["the code"]
anchors = { 1 = "no", 3 = "in part", 5 = "yes" }
[[item]]
id = "failure-table"
question = "Is it there?"
[item.anchors]
1 = "no"
3 = "in part"
5 = "yes"
"""
RUBRIC = parse(TEXT.encode(), HUMAN, "it")


def mark(marker: str = "mia", item: str = "code", value: int = 4, evidence: str = "charges.go holds it") -> Mark:
    return Mark(marker=marker, item=item, mark=value, evidence=evidence, at="2026-11-24T10:00:00Z")


def kept(home: Path, asked: Rubric = RUBRIC) -> list[Mark]:
    return list(marking.read(home, heron(), asked).given)


def test_the_rubric_is_what_its_file_says() -> None:
    """In its own order, with titles and points as candidates were told."""
    assert [(one.id, one.title, one.points) for one in RUBRIC.items] == [
        ("code", "code", 7.0),
        ("failure-table", "failure table in the README", 8.0),
    ]
    assert (RUBRIC.items[0].anchors.middle, RUBRIC.items[0].look) == ("in part", ("the code",))


def test_questions_for_the_interview_change_no_wording_that_marks_were_given_by() -> None:
    """They are read, and a mark does not go stale by one more; by an item's new word it does."""
    more = parse(f"{TEXT}[[talk]]\nask = 'Why?'\nholds = 'Because.'\ncheck = 'a/b'\n".encode(), HUMAN, "it")
    assert [(one.ask, one.holds, one.check) for one in more.talk] == [("Why?", "Because.", "a/b")]
    assert more.digest == RUBRIC.digest
    assert parse(TEXT.replace("in part", "partly", 1).encode(), HUMAN, "it").digest != RUBRIC.digest


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('id = "code"', 'id = "tests"'), r"expected one item for each \[\[human\]\]"),
        (('id = "code"', 'id = "failure-table"'), r"expected one item for each \[\[human\]\]"),
        (('3 = "in part", ', ""), r"item\[1\]\.anchors\.3: missing"),
        (('5 = "yes" }', '5 = "yes", 7 = "more" }'), "unknown key"),
        (('question = "Is it there?"', ""), "question: missing"),
        (('"Is it there?"', '""'), "expected text that is not empty"),
        (("[[item]]", "[[items]]"), "unknown key"),
        ((TEXT, ""), "found none: add"),
        ((TEXT, "="), "expected TOML"),
    ],
)
def test_a_wrong_rubric_is_refused_in_words(change: tuple[str, str], words: str) -> None:
    """Each declared item is asked once, with all three anchors, and nothing that no candidate was told of."""
    with pytest.raises(ExerciseError, match=words):
        parse(TEXT.replace(*change).encode(), HUMAN, "rubric.toml")


def test_marks_are_read_as_they_were_given(tmp_path: Path) -> None:
    """With any words: what is shown is escaped where it is shown."""
    given = [mark(), mark(marker="tom", item="failure-table", evidence="\x1b[2J \u202e 'x' \udcff \n no")]
    for one in given:
        marking.add(tmp_path, heron(), RUBRIC, one)
    assert kept(tmp_path)[0] == given[0]
    assert kept(tmp_path)[1].evidence.startswith("\x1b[2J \u202e 'x' \\udcff \n no")
    assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == ["mia.jsonl", "tom.jsonl"]


def test_marks_are_only_added(tmp_path: Path) -> None:
    """A correction leaves what it corrects on disk."""
    for value in (2, 5):
        marking.add(tmp_path, heron(), RUBRIC, mark(value=value))
    assert [one.mark for one in kept(tmp_path)] == [2, 5]


def test_marks_of_another_submission_or_wording_do_not_count(tmp_path: Path) -> None:
    """A candidate hands in again, an author corrects an anchor: what was marked is kept, and said not to count."""
    other = parse(TEXT.replace("in part", "partly").encode(), HUMAN, "it")
    marking.add(tmp_path, heron(submission_sha256="11" * 32), RUBRIC, mark())
    marking.add(tmp_path, heron(), other, mark())
    found = marking.read(tmp_path, heron(), RUBRIC)
    assert (found.given, found.by_another_rubric, found.of_another_submission) == ((), 1, 1)
    assert len(kept(tmp_path, other)) == 1


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{", b"[]", b"null", b'{"schema": 1}', b"\xff\xfe", b"[" * 100_000),
        *(b'"x"', b'{"schema": 2}', b'{"mark": 1e999}', b"nan"),
    ],
)
def test_what_is_no_mark_costs_no_mark(tmp_path: Path, line: bytes) -> None:
    """Edited, half-written, of a newer version: passed over and counted."""
    marking.add(tmp_path, heron(), RUBRIC, mark())
    file = tmp_path / FOLDER / "mia.jsonl"
    file.write_bytes(line + b"\n" + file.read_bytes())
    marking.add(tmp_path, heron(), RUBRIC, mark(value=5))
    found = marking.read(tmp_path, heron(), RUBRIC)
    assert [one.mark for one in found.given] == [4, 5]
    assert found.unreadable == (1 if line else 0)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("mark", 0), ("mark", 6), ("mark", 2.5), ("mark", "3"), ("mark", True), ("evidence", ""), ("item", 1)),
        *(("marker", "tom"), ("at", "yesterday"), ("rubric", ""), ("extra", 1)),
    ],
)
def test_an_edited_line_is_no_mark(tmp_path: Path, key: str, value: object) -> None:
    """Nobody gives a 6, or marks in somebody else's file."""
    marking.add(tmp_path, heron(), RUBRIC, mark())
    file = tmp_path / FOLDER / "mia.jsonl"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}) + "\n")
    assert marking.read(tmp_path, heron(), RUBRIC).unreadable == 1


@pytest.mark.parametrize("evidence", ["x" * 601, "\udcff" * 101, ""])
def test_what_could_not_be_read_back_is_not_kept(tmp_path: Path, evidence: str) -> None:
    """A line that counts for nothing would be a lost mark."""
    with pytest.raises(HarnessError, match="evidence"):
        marking.add(tmp_path, heron(), RUBRIC, mark(evidence=evidence))
    assert not (tmp_path / FOLDER).exists()


def test_a_line_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full in the middle of a line: the file is as it was, and that is said."""
    marking.add(tmp_path, heron(), RUBRIC, mark())
    file = tmp_path / FOLDER / "mia.jsonl"
    was, real = file.read_bytes(), os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) > 20:
            return real(handle, bytes(data[:20]))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(HarnessError, match=r"expected to write marks to .*No space left"):
            marking.add(tmp_path, heron(), RUBRIC, mark(value=5, evidence="x" * 31))
    assert file.read_bytes() == was


def test_a_writer_that_was_killed_costs_its_own_line(tmp_path: Path) -> None:
    """The next one begins a line of its own."""
    marking.add(tmp_path, heron(), RUBRIC, mark())
    file = tmp_path / FOLDER / "mia.jsonl"
    file.write_bytes(file.read_bytes() + b'{"schema": 1, "at": "2026')
    marking.add(tmp_path, heron(), RUBRIC, mark(value=5))
    found = marking.read(tmp_path, heron(), RUBRIC)
    assert ([one.mark for one in found.given], found.unreadable) == ([4, 5], 1)


def test_a_folder_without_a_rubric_asks_nothing(tmp_path: Path) -> None:
    """As those of an exercise without human items, and older ones."""
    assert marking.standing_of(tmp_path, heron()) is None
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "rubric.toml").write_text(TEXT)
    standing = marking.standing_of(tmp_path / "g", heron())
    assert standing is not None
    assert standing.possible == 15.0
    with pytest.raises(HarnessError, match="expected one item for each"):
        marking.standing_of(tmp_path / "g", heron(exercise=replace(heron().exercise, human=())))


def test_points_are_the_exercises() -> None:
    """A rubric can't give an item another weight than candidates were told."""
    other = (HumanItem(id="code", title="t", points=1.0), HumanItem(id="failure-table", title="u", points=2.0))
    assert [one.points for one in parse(TEXT.encode(), other, "it").items] == [1.0, 2.0]
