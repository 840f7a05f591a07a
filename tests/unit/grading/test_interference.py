"""What becomes of a grading when somebody else lays hands on its sandboxes: once more, then inconclusive, never failed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from harness.engines.fake.engine import FakeEngine
from harness.engines.fake.process import Process
from harness.errors import ExitCode
from harness.grading import stillness
from harness.grading.runner import Graded, Runner, Task
from harness.model import Status, Verdict
from tests.unit.grading import harbour, test_fake_one_shots

DISTURBED = """
from harness.testing import check, expect

@check("speech/mode")
def test_mode(broker):
    broker.start("store")
    broker.start("other", command=["sleep", "60"])
    broker.run("berth", ["hand"], timeout_seconds=5)
    broker.run("berth", ["sleep", "0.3"], timeout_seconds=5)
    expect(broker.state("store").running, "The store is gone, so what it was told is lost.")
    expect(broker.state("other").running, "It does not run.")
"""
BUILD = 'language = "python"\nbuild = ["hand"]\nrun = ["cat", "mode"]\n'
ONE_SHOTS = """
from harness.testing import check, expect

@check("answers/sums")
def test_sums(broker):
    broker.run(argv=["hand"], timeout_seconds=5)
    for _ in range({runs}):
        broker.run(argv=["work"], timeout_seconds=5)
"""
RUNS = 40


LONG = 3600.0


class Hand:
    """Somebody else, who acts when the program ``hand`` runs, ``times`` times."""

    def __init__(self, action: str, name: str, times: int) -> None:
        """Do ``action`` to sandbox ``name``; ``sleep`` is done to the machine."""
        self.times = times
        self.worked = 0
        self.slept = 0.0
        self.engine = FakeEngine({"hand": self._act, "work": self._work})
        self._action = action
        self._name = name

    def _act(self, process: Process) -> int:
        if self.times:
            self.times -= 1
            if self._action == "sleep":
                self.slept += LONG
            else:
                self.engine.strangers.do(self._action, self._name)
        process.check()
        return 0

    def _work(self, process: Process) -> int:
        self.worked += 1
        process.sleep(0.05 if self.times else 0)
        return 0

    def grade_one_shots(self, root: Path, runs: int, *, keep_warm: bool = False) -> Graded:
        """Return the grading of an exercise whose every run is a sandbox of its own."""
        folder = root / "heron"
        folder.mkdir()
        (folder / "service.toml").write_text('run = ["work"]\n', encoding="utf-8")
        runner = Runner(
            test_fake_one_shots.known(root, ONE_SHOTS.format(runs=runs)),
            self.engine,
            lambda names: self.engine.images(names, lambda _: None),
            lambda _: None,
            keep_warm=keep_warm,
        )
        try:
            return runner.grade(Task(path=str(folder), exercise_id="skeleton", mode="check"))
        finally:
            runner.close()

    def grade(self, root: Path, *, service: str = harbour.SERVICE, mode: str = "grade") -> tuple[Graded, list[str]]:
        """Return the grading and what was said while it ran."""
        known = harbour.catalogue(root, {} if service == BUILD else {"graders/harbour/test_mode.py": DISTURBED})
        folder, said = harbour.submission(root, service=service), list[str]()
        runner = Runner(known, self.engine, lambda names: self.engine.images(names, lambda _: None), said.append)
        return runner.grade(Task(path=str(folder), exercise_id="harbour", mode=mode)), said


@pytest.mark.parametrize(("action", "name"), [("kill", "store"), ("remove", "other"), ("pause", "grader")])
def test_one_hand_costs_nothing(tmp_path: Path, action: str, name: str) -> None:
    """The grading is done once more by itself, with all its points, and that it was is in the result."""
    hand = Hand(action, name, 1)
    graded, said = hand.grade(tmp_path)
    grading = graded.grading
    assert (grading.verdict, grading.score.earned, grading.exit_code) == (Verdict.PASSED, 100, 0)
    assert any(f"sandbox {name} was" in line and "once more" in line for line in said)
    assert f"interfered with: sandbox {name} was" in grading.phases[0].name
    assert len(hand.engine.opened) == 2


@pytest.mark.parametrize("times", [1, 2])
def test_a_machine_that_slept_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """What was timed meanwhile counts for nothing: once more, and then nobody can tell. Either is said."""
    hand = Hand("sleep", "", times)
    monkeypatch.setattr(stillness, "now", lambda: hand.slept)
    graded, _ = hand.grade(tmp_path)
    grading = graded.grading
    assert len(hand.engine.opened) == 2
    if times == 1:
        assert (grading.verdict, grading.score.earned) == (Verdict.PASSED, 100)
        assert "disturbed from outside (this machine stood still for 3600 s at " in graded.again
        assert graded.again in grading.notes
    else:
        assert (grading.verdict, grading.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
        assert grading.reason.count("this machine stood still for 3600 s at ") == 2
        assert graded.again == ""


def test_a_machine_that_is_only_busy_does_not_stand_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that gets its turn late is no sleep, however often."""
    passed = itertools.count(0, stillness.LONGEST_SECONDS)
    monkeypatch.setattr(stillness, "now", lambda: next(passed))
    with stillness.Stillness() as still:
        assert [still.seen() for _ in range(5)] == [()] * 5
        next(passed)
        assert [one.what for one in still.seen()] == ["this machine stood still for 60 s"]


@pytest.mark.parametrize(("action", "name"), [("kill", "grader"), ("disconnect", "store")])
def test_two_hands_are_inconclusive(tmp_path: Path, action: str, name: str) -> None:
    """Exit code 2 with who, what and when; nothing that was said counts, in neither direction."""
    hand = Hand(action, name, 2)
    graded, _ = hand.grade(tmp_path)
    grading = graded.grading
    assert (grading.verdict, grading.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert {outcome.status for outcome in grading.outcomes} == {Status.INCONCLUSIVE}
    assert grading.reason.count(f"sandbox {name} was ") == 2
    assert " UTC" in grading.reason
    assert len(hand.engine.opened) == 2


def test_a_build_that_was_removed_is_no_refusal(tmp_path: Path) -> None:
    """The build command did not fail: somebody took its sandbox away, and once more."""
    graded, _ = Hand("remove", "berth-build", 2).grade(tmp_path, service=BUILD)
    assert (graded.grading.verdict, graded.grading.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)


def test_a_warm_grader_is_watched_as_well(tmp_path: Path) -> None:
    """It belongs to no grading, and what somebody did to it is told as such and not as a grader that died."""
    graded = Hand("kill", "grader", 1).grade_one_shots(tmp_path, 1, keep_warm=True)
    assert (graded.grading.verdict, graded.grading.exit_code) == (Verdict.PASSED, 0)
    assert graded.grading.phases[0].name.startswith("interfered with: sandbox grader was sent SIGKILL")


def test_one_shots_that_somebody_interfered_with_end_at_once(tmp_path: Path) -> None:
    """Nothing counts any more, so nothing more is run: it is known long before the check has done all of its runs, twice."""
    hand = Hand("kill", "submission", 2)
    graded = hand.grade_one_shots(tmp_path, RUNS)
    assert (graded.grading.verdict, graded.grading.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert hand.worked < RUNS * 3 / 2
