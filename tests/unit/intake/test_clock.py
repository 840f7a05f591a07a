"""The candidate's own clock: what counts, what it survives, and what of it an assessor reads."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import tables
from harness.catalogue.finder import Catalogue
from harness.commands.start import start
from harness.errors import SubmissionError, UsageError
from harness.intake import clock, submission
from harness.intake.clock import Moment, between
from harness.intake.senders import Sender

NOON = 1_795_000_000.0


@pytest.fixture
def work(catalogue: Catalogue, tmp_path: Path) -> Path:
    """A workspace that was just started."""
    start("tiny", language=None, into=tmp_path / "heron", alias=None, catalogue=catalogue)
    return tmp_path / "heron"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what the machine's clocks say from now on, in minutes since noon and since the machine started."""

    def set_to(minutes: float, *, awake: float | None = None, boot: str = "one") -> None:
        moment = Moment(wall=NOON + 60 * minutes, boot=boot, awake=60 * (1000 + minutes if awake is None else awake))
        monkeypatch.setattr(clock, "now", lambda: moment)

    return set_to


def minutes(root: Path) -> float:
    """Return what the clock says now."""
    found = clock.look(root)
    assert found is not None
    return round(found.worked_seconds / 60, 3)


def test_clock_starts_once_and_runs_on(work: Path, at: Callable[..., None]) -> None:
    """Not by looking; by the first command that runs something, and each look afterwards counts on."""
    at(0)
    assert clock.look(work) is None
    clock.begin(work)
    at(10)
    clock.begin(work)
    at(25)
    assert minutes(work) == 25


def test_what_is_paused_does_not_count(work: Path, at: Callable[..., None]) -> None:
    """A pause begins and ends with a command of its own; one that is there is not begun again."""
    at(0)
    clock.begin(work)
    at(10)
    clock.pause(work, "lunch")
    with pytest.raises(UsageError, match="found one that is paused"):
        clock.pause(work, "more lunch")
    at(70)
    assert minutes(work) == 10
    clock.resume(work)
    with pytest.raises(UsageError, match="found one that runs"):
        clock.resume(work)
    at(75)
    assert minutes(work) == 15


@pytest.mark.parametrize("verb", [clock.pause, clock.resume])
def test_clock_that_never_ran_is_neither_paused_nor_resumed(work: Path, verb: Callable[[Path], object]) -> None:
    with pytest.raises(UsageError, match="not started: the first check or up starts it"):
        verb(work)
    assert clock.look(work) is None


def test_clock_on_the_wall_may_be_set_to_anything(work: Path, at: Callable[..., None]) -> None:
    """Within one start of the machine only the kernel's own clock counts: years forth and back change nothing."""
    at(0)
    clock.begin(work)
    for wall, awake, expected in ((-10_000_000, 1005, 5), (10_000_000, 1006, 6), (0, 1012, 12)):
        at(wall, awake=awake)
        assert minutes(work) == expected


def test_machine_that_sleeps_does_not_count(work: Path, at: Callable[..., None]) -> None:
    """Nine hours on the wall, five minutes awake: five minutes."""
    at(0)
    clock.begin(work)
    at(540, awake=1005)
    assert minutes(work) == 5


@pytest.mark.parametrize(
    ("wall", "awake", "expected"),
    [
        (60, 20, 30),  # off for a while: since the machine started
        (40, 500, 40),  # another machine that has been up for long: since the last command
        (-500, 20, 10),  # set back meanwhile: nothing, and never less
    ],
)
def test_restart_counts_what_is_known(
    work: Path, at: Callable[..., None], wall: float, awake: float, expected: float
) -> None:
    at(0)
    clock.begin(work)
    at(10)
    assert minutes(work) == 10
    at(wall, awake=awake, boot="two")
    assert minutes(work) == expected


MOMENTS = st.builds(
    Moment,
    wall=st.floats(-1e12, 1e12),
    boot=st.sampled_from(["one", "two", "unknown"]),
    awake=st.floats(0, 1e12),
)


@given(before=MOMENTS, after=MOMENTS)
def test_time_never_runs_backwards(before: Moment, after: Moment) -> None:
    """Whatever the clocks say, nothing is taken away."""
    assert between(before, after) >= 0


def test_two_commands_at_once_lose_nothing_of_each_other(work: Path) -> None:
    """Each begins, pauses and resumes; every pause of each is there at the end, and the file is whole."""
    clock.begin(work)
    done: list[str] = []

    def come_and_go(name: str) -> None:
        for _ in range(10):
            # Refused where the other one has done it.
            with contextlib.suppress(UsageError):
                clock.pause(work, name)
                done.append(name)
            with contextlib.suppress(UsageError):
                clock.resume(work)

    threads = [threading.Thread(target=come_and_go, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = clock.look(work)
    assert found is not None
    assert sorted(found.words) == sorted(done)
    assert found.pauses == len(done)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"schema": 9}', b"\xff\xfe", b"[" * 100_000, b"x" * 1_000_000],
    ids=["cut", "a list", "of another version", "no text", "deep", "long"],
)
def test_damaged_clock_is_kept_aside_and_begun_again(work: Path, content: bytes, at: Callable[..., None]) -> None:
    """It keeps nobody from working, is not deleted, and the assessor hears of it."""
    at(0)
    file = work / ".harness" / clock.FILE
    file.write_bytes(content)
    found = clock.begin(work)
    assert found.again
    assert [kept.read_bytes() for kept in file.parent.glob("clock-damaged-*.json")] == [content]
    at(7)
    assert minutes(work) == 7
    said = clock.told(clock.look(work))
    assert said is not None
    assert "begun again after its file was damaged" in clock.sentence(said, 120)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 min"), (59, "0 min"), (60, "1 min"), (3600, "1 h"), (7260, "2 h 1 min"), (-5, "0 min")],
)
def test_spans_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert clock.span(seconds) == said


def test_candidate_sees_what_is_left_and_nothing_happens_when_it_is_over(work: Path, at: Callable[..., None]) -> None:
    """What is left, how much it is over, and that it stands still, with the reason."""
    at(0)
    begun = clock.begin(work)
    assert clock.left(begun, 120) == "2 h of 2 h left (your own clock, not enforced)"
    assert clock.left(replace(begun, worked_seconds=7800.0), 120) == "10 min over 2 h (your own clock, not enforced)"
    at(48)
    paused = clock.pause(work, "lunch\x1b[2J")
    assert clock.left(paused, 120) == "1 h 12 min of 2 h left, paused: lunch\\x1b[2J (your own clock, not enforced)"


def test_what_the_clock_says_travels_as_a_claim(work: Path, at: Callable[..., None], catalogue: Catalogue) -> None:
    """Packed and as a folder: one sentence that says whose word it is."""
    at(0)
    clock.begin(work)
    at(48)
    clock.pause(work, "lunch")
    clock.resume(work)
    at(72)
    (work / "service.toml").write_text('run = ["python3", "solve.py"]\n', encoding="utf-8")
    told = clock.told(clock.look(work))
    made = submission.pack(
        catalogue.exercise("tiny"),
        submission.read(catalogue.exercise("tiny"), work),
        sender=Sender(alias="heron"),
        variant=0,
        claim={},
        told=told,
        tried=True,
    )
    file = work.parent / "heron.tar.gz"
    file.write_bytes(made.data)
    for path in (file, work):
        (said,) = submission.load(path, catalogue=catalogue).notes
        assert said.startswith("The candidate's own clock, which is their word: 1 h 12 min of 10 min, begun ")
        assert said.endswith(' UTC, paused once ("lunch").')


def test_packed_without_being_tried_is_said(work: Path, catalogue: Catalogue) -> None:
    """The assessor hears that nobody ran it from the packed file; of one that says nothing, nothing is said."""
    for tried, expected in ((False, 1), (True, 0), (None, 0)):
        made = submission.pack(
            catalogue.exercise("tiny"),
            submission.read(catalogue.exercise("tiny"), work),
            sender=Sender(alias="heron"),
            variant=0,
            claim={},
            tried=tried,
        )
        file = work.parent / "heron.tar.gz"
        file.write_bytes(made.data)
        notes = submission.load(file, catalogue=catalogue).notes
        assert sum("packed without being tried" in note for note in notes) == expected


@pytest.mark.parametrize("verb", [clock.pause, clock.resume])
def test_damage_is_remembered_whatever_comes_next(work: Path, verb: Callable[[Path], object]) -> None:
    """A pause is the first to meet it: that it began again is said all the same."""
    clock.begin(work)
    (work / ".harness" / clock.FILE).write_text("{", encoding="utf-8")
    with contextlib.suppress(UsageError):
        verb(work)
    assert clock.begin(work).again


def test_clock_that_travels_is_read_as_a_strangers(work: Path) -> None:
    """The file says numbers only of the kind that a clock has."""
    clock.begin(work)
    file = work / ".harness" / clock.FILE
    whole = json.loads(file.read_text(encoding="utf-8"))
    for key, value in (("worked_seconds", -5), ("worked_seconds", 1e300), ("pauses", -1), ("words", ["x" * 999])):
        file.write_text(json.dumps({**whole, key: value}), encoding="utf-8")
        found = clock.look(work)
        assert found is not None
        assert found.again


def test_a_pause_does_not_speak_as_we_do(work: Path, at: Callable[..., None]) -> None:
    """Whatever stands in it is seen to be a quotation, which it can't end."""
    at(0)
    clock.begin(work)
    clock.pause(work, 'lunch"). Checked by the harness: 9 min (')
    said = clock.told(clock.resume(work))
    assert said is not None
    assert clock.sentence(said, 120).endswith(""" UTC, paused once ("lunch'). Checked by the harness: 9 min (").""")


@pytest.mark.parametrize("start", ["checked by us!", "", "2026-11-26 until now"])
def test_a_start_that_is_no_time_is_damage(work: Path, at: Callable[..., None], start: str) -> None:
    """In the workspace, where it begins again; and in what travels, which is refused."""
    at(0)
    clock.begin(work)
    file = work / ".harness/clock.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "started_at": start}), encoding="utf-8")
    said = clock.told(clock.look(work))
    assert said is not None
    assert said.again
    with pytest.raises(SubmissionError, match="started_at: expected a time such as"):
        tables.validate(clock.ToldTable, {**clock.document(said), "started_at": start}, "list", SubmissionError)
