"""Whole gradings on the fake engine: plan, session, runner and broker as they are, the real grader, no container."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.engines.base import SandboxSpec, Scenario, ScenarioSpec
from harness.engines.fake.engine import FakeEngine
from harness.errors import ExitCode
from harness.events import OutcomeSaid
from harness.grading.runner import Runner, Task
from harness.intake import workspace
from harness.model import Grading, Status, Verdict
from tests.unit.grading import harbour

ROOT = Path(__file__).resolve().parents[3]


def statuses(grading: Grading) -> dict[str, Status]:
    return {outcome.check.id: outcome.status for outcome in grading.outcomes}


def sandboxes(engine: FakeEngine) -> dict[str, SandboxSpec]:
    (scenario,) = engine.opened
    return {sandbox.name: sandbox for sandbox in scenario.sandboxes}


def test_a_right_submission_passes(tmp_path: Path) -> None:
    """Every placeholder of an environment is what it stands for, and every check has its say."""
    graded = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path))
    grading = graded.grading
    assert (grading.verdict, grading.score.earned, grading.exit_code) == (Verdict.PASSED, 100, 0)
    assert set(statuses(grading).values()) == {Status.PASSED}
    assert b"loud" in graded.logs["berth"]
    assert [phase.name for phase in grading.phases][:3] == ["open", "build", "grader"]
    assert set(grading.digests) == {"exercise", "grader", "verdict", "images"}
    assert "no validation record" in grading.trust


class Counted(FakeEngine):
    """Knows how many scenarios are open."""

    scenarios = 0

    @contextlib.contextmanager
    def open_scenario(self, spec: ScenarioSpec) -> Iterator[Scenario]:
        """Count it while it is open."""
        with super().open_scenario(spec) as scenario:
            self.scenarios += 1
            yield scenario
            self.scenarios -= 1


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("hush", [("speech/mode", Status.FAILED), ("speech/env", Status.PASSED)]),
        ("deadly", []),
    ],
)
def test_each_check_is_told_when_it_ends(tmp_path: Path, mode: str, told: list[tuple[str, Status]]) -> None:
    """While the rest still runs, with how many there are; of a starter that runs as a control, nothing is."""
    engine, heard = Counted(), list[tuple[str, Status]]()

    def ended(one: OutcomeSaid, count: int) -> None:
        assert count == 2
        assert engine.scenarios == 1, "its scenario is gone"
        heard.append((one.check, one.status))

    harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path, mode=mode), engine=engine, ended=ended)
    assert heard == told


def test_a_hidden_check_closes_its_gate(tmp_path: Path) -> None:
    grading = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path, mode="hush")).grading
    assert statuses(grading) == {"speech/env": Status.PASSED, "speech/mode": Status.FAILED}
    assert (grading.score.earned, grading.verdict) == (20, Verdict.FAILED)
    assert [hit.gate.id for hit in grading.score.gates] == ["silence"]


def test_candidates_are_walled_in_and_builds_have_no_network(tmp_path: Path) -> None:
    """A candidate's sandbox reaches whom it is told of, and the grader: not another one with its own code in it."""
    engine = FakeEngine()
    service = harbour.SERVICE + 'build = ["echo", "built"]\n'
    grading = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path, service=service), engine=engine)
    assert grading.grading.verdict is Verdict.PASSED
    found = sandboxes(engine)
    assert found["berth"].peers == ("grader", "store")
    assert found["other"].peers == ("grader",)
    assert found["store"].peers is None
    builds = [sandbox for sandbox in found.values() if sandbox.volume_of]
    assert builds
    assert not any(sandbox.network for sandbox in builds)
    assert found["grader"].stdin


def test_a_failed_build_is_a_refusal_with_its_log(tmp_path: Path) -> None:
    service = harbour.SERVICE + 'build = ["sh", "-c", "echo no compiler here; exit 4"]\n'
    grading = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path, service=service)).grading
    assert (grading.verdict, grading.exit_code) == (Verdict.REFUSED, ExitCode.REFUSED)
    assert "no compiler here" in grading.reason
    assert "exit code 4" in grading.reason


def test_what_a_build_makes_is_there_when_it_runs(tmp_path: Path) -> None:
    service = 'language = "python"\nbuild = ["sh", "-c", "echo loud > made.txt"]\nrun = ["cat", "made.txt"]\n'
    folder = harbour.submission(tmp_path, mode="hush", service=service)
    assert harbour.grade(harbour.catalogue(tmp_path), folder).grading.verdict is Verdict.PASSED


LOSES = """
from harness.testing import check, expect


@check("speech/mode")
def test_mode(broker):
    \"\"\"What it was given and built is there after a loss; what it wrote is not.\"\"\"
    for _ in (1, 2):
        for name in ("made.txt", "written.txt"):
            broker.run("berth", ["tee", name], stdin=b"written", timeout_seconds=5)
        broker.lose("berth")
        found = [broker.run("berth", ["cat", name], timeout_seconds=5) for name in ("made.txt", "written.txt")]
        expect([one.stdout for one in found] == [b"built\\n", b""], "It is not as at the start.", found=found)
"""


@pytest.mark.parametrize("restore", [True, False])
def test_what_was_built_is_back_after_a_loss(tmp_path: Path, *, restore: bool) -> None:
    """A sandbox that declares it starts again from what was handed in and built, without a word of what it wrote."""
    toml = harbour.EXERCISE.replace("main = true\n", "main = true\nrestore = true\n" if restore else "main = true\n")
    known = harbour.catalogue(
        tmp_path, {"exercises/harbour/exercise.toml": toml, "graders/harbour/test_mode.py": LOSES}
    )
    service = 'language = "python"\nbuild = ["sh", "-c", "echo built > made.txt"]\nrun = ["cat", "made.txt"]\n'
    grading = harbour.grade(known, harbour.submission(tmp_path, service=service)).grading
    assert statuses(grading)["speech/mode"] is (Status.PASSED if restore else Status.FAILED)


def test_a_submission_for_another_version_is_refused(tmp_path: Path) -> None:
    folder = harbour.submission(tmp_path)
    marker = folder / ".harness" / "workspace.json"
    marker.parent.mkdir()
    known = harbour.catalogue(tmp_path)
    space = workspace.Workspace(
        root=folder,
        exercise_id="harbour",
        version="0.9",
        alias="heron",
        language="python",
        variant=0,
        started_at="2026-11-24T08:00:00+00:00",
    )
    marker.write_bytes(workspace.facts(space))
    grading = harbour.grade(known, folder).grading
    assert grading.verdict is Verdict.REFUSED
    assert "0.9" in grading.reason


def test_a_grader_that_dies_of_this_submission_alone_is_held(tmp_path: Path) -> None:
    """Twice dead on the submission, whole on the starter: a human looks. Never points, never a retake."""
    graded = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path, mode="deadly"))
    assert (graded.grading.verdict, graded.grading.exit_code) == (Verdict.HELD, ExitCode.INTEGRITY)
    assert "completes on the starter" in graded.grading.reason


def test_a_verb_the_engine_does_not_have_is_inconclusive(tmp_path: Path) -> None:
    """The fake engine has no packets to drop; that is not the submission's doing."""
    cut = """
    from harness.testing import check

    @check("speech/mode")
    def test_mode(broker):
        broker.partition("berth", ["store"])
    """
    known = harbour.catalogue(tmp_path, {"graders/harbour/test_mode.py": cut})
    grading = harbour.grade(known, harbour.submission(tmp_path)).grading
    assert statuses(grading) == {"speech/env": Status.PASSED, "speech/mode": Status.INCONCLUSIVE}
    assert grading.verdict is Verdict.INCONCLUSIVE


def test_a_variant_changes_what_a_submission_is_told(tmp_path: Path) -> None:
    graded = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path), variant=1)
    assert statuses(graded.grading)["speech/env"] is Status.FAILED


NO_SOCKET = """
import socket, sys

def refuse(*_):
    raise AssertionError("a socket was connected")

socket.socket.connect = socket.socket.connect_ex = refuse
from harness.__main__ import run
code = run(sys.argv[1:])
print("docker" in sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.e2e)])
def test_the_command_line_grades_on_the_fake_engine_without_a_socket(tmp_path: Path, jobs: int) -> None:
    """In its own process, or in workers."""
    harbour.catalogue(tmp_path)
    folders = [harbour.submission(tmp_path / name) for name in "ab"[:jobs]]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            NO_SOCKET,
            "--catalogue",
            str(tmp_path),
            "grade",
            *map(str, folders),
            "--exercise",
            "harbour",
            "--engine",
            "fake",
            "--out",
            str(tmp_path / "out"),
            "--jobs",
            str(jobs),
            "--json",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "False"), done.stderr
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["passed"] * jobs


def test_a_grading_says_which_check_it_has_come_to(tmp_path: Path) -> None:
    """Phase by phase, and check by check as they end: whoever waits sees that something happens, and what."""
    said: list[str] = []
    engine = FakeEngine()
    known, folder = harbour.catalogue(tmp_path), harbour.submission(tmp_path)
    runner = Runner(known, engine, lambda names: engine.images(names, lambda _: None), said.append)
    runner.grade(Task(path=str(folder), exercise_id="harbour"))
    assert said == [
        "opening the sandboxes",
        "building the submission",
        "the grader runs",
        "check 1 of 2",
        "check 2 of 2, after speech/mode",
        "all checks have ended",
    ]


def test_a_refused_build_is_of_the_images_it_was_built_in(tmp_path: Path) -> None:
    """With another compiler it may build: a result says with which it did not."""
    service = harbour.SERVICE + 'build = ["sh", "-c", "exit 4"]\n'
    graded = harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path, service=service))
    assert graded.grading.verdict is Verdict.REFUSED
    assert graded.grading.digests["images"]
    assert b"+build" in graded.patch
