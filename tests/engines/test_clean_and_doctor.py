"""``harness clean`` and ``harness doctor``: what they say and end with, without an engine of the machine's own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness import engines, owners
from harness.catalogue.finder import Catalogue
from harness.commands import clean as cleaning
from harness.commands.clean import clean
from harness.commands.doctor import doctor as look
from harness.commands.proofs import round_trip, selftest
from harness.engines.base import ExecResult, SandboxSpec, ScenarioSpec
from harness.engines.docker.engine import DockerEngine
from harness.engines.fake.engine import FakeEngine
from harness.engines.fake.process import Process
from harness.errors import EngineError, ExitCode, UsageError
from harness.owners import Owner

CONFINED = "Uid:\t1879048200\t1879048200\t1879048200\t1879048200\nCapEff:\t{0}\nCapBnd:\t{0}\nNoNewPrivs:\t1\nSeccomp:\t2\n".format(
    "0" * 16
)

ELSEWHERE = "elsewhere:1:1:1"
"""Whose process can't be seen from here: dead once the deadline is over."""


def doctor(*, as_json: bool, engine: str | None) -> ExitCode:
    """Look at a machine where no catalogue is."""
    return look(None, as_json=as_json, engine=engine, catalogue=Catalogue(()))


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    """Give a fake engine that ``open_engine`` returns, and a temporary directory nobody else uses."""
    engine = FakeEngine()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(cleaning, "_SETTLE_SECONDS", 0)
    monkeypatch.setitem(engines.ENGINES, "fake", lambda *_: engine)
    return engine


def test_clean_with_nothing_to_do_says_so(alone: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing left is said, and is success."""
    del alone
    assert clean(all_=False, dry_run=False, yes=False, engine="fake") is ExitCode.PASSED
    assert capsys.readouterr().out == "nothing of ours is left behind\n"


def test_clean_removes_the_dead_only(alone: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """The scenario of a dead owner goes, that of a living one stays; each thing removed is a line."""
    living = owners.make_owner("living", seconds=100)
    dead = replace(owners.make_owner("dead", seconds=100), token=ELSEWHERE, deadline=1)
    sandboxes = (SandboxSpec(name="app", image="i", command=("sleep", "60")),)
    with (
        alone.open_scenario(ScenarioSpec(owner=living, sandboxes=sandboxes)) as one,
        alone.open_scenario(ScenarioSpec(owner=dead, sandboxes=sandboxes)),
    ):
        one.start("app")
        clean(all_=False, dry_run=True, yes=False, engine="fake")
        assert "would remove 1 things of run dead" in capsys.readouterr().out
        clean(all_=False, dry_run=False, yes=False, engine="fake")
        assert capsys.readouterr().out == "removed scenario of run dead\n"


def test_clean_without_an_engine_cleans_the_rest_first(
    alone: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scratch of the dead goes although no engine answers; then that is said."""
    del alone

    def nothing(*_: object) -> FakeEngine:
        text = "no engine"
        raise EngineError(text)

    monkeypatch.setitem(engines.ENGINES, "fake", nothing)
    with owners.scratch(replace(owners.make_owner("dead", seconds=9), token=ELSEWHERE, deadline=1)):
        with pytest.raises(EngineError, match="no engine"):
            clean(all_=False, dry_run=False, yes=False, engine="fake")
        assert list(tmp_path.iterdir()) == []
    assert "scratch directory" in capsys.readouterr().out


def test_clean_says_what_it_could_not_remove(alone: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays although its owner is dead is an error that names the run."""
    dead = replace(owners.make_owner("dead", seconds=100), token=ELSEWHERE, deadline=1)
    with alone.open_scenario(ScenarioSpec(owner=dead, sandboxes=(SandboxSpec(name="app", image="i"),))):
        reap = alone.reap

        def refuse(is_dead: Callable[[Owner], bool]) -> list[str]:
            is_dead(dead)
            return []

        monkeypatch.setattr(alone, "reap", refuse)
        with pytest.raises(EngineError, match="1 of run dead"):
            clean(all_=False, dry_run=False, yes=False, engine="fake")
        monkeypatch.setattr(alone, "reap", reap)


def test_clean_all_asks(alone: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--all`` needs a yes of its own: one that a CI exports for its set-up once took the environment under its tests."""
    del alone
    monkeypatch.setenv("YES", "1")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(UsageError, match="--yes"):
        clean(all_=True, dry_run=False, yes=False, engine="fake")


def test_clean_all_takes_only_a_virtual_environment(tmp_path: Path) -> None:
    """``.venv`` is removed when it is one, and a directory or link of that name is not."""
    directory = tmp_path / ".venv"
    directory.mkdir()
    (directory / "precious").touch()
    assert cleaning._environment(tmp_path, dry_run=False) == []
    (directory / "pyvenv.cfg").touch()
    assert cleaning._environment(tmp_path, dry_run=True) == [f"virtual environment {directory}"]
    assert directory.is_dir()
    assert cleaning._environment(tmp_path, dry_run=False) == [f"virtual environment {directory}"]
    assert not directory.exists()
    assert cleaning._environment(None, dry_run=False) == []
    target = tmp_path / "target"
    target.mkdir()
    (target / "pyvenv.cfg").touch()
    directory.symlink_to(target)
    assert cleaning._environment(tmp_path, dry_run=False) == []
    assert target.is_dir()


def test_doctor_of_an_engine_that_cannot_grade(alone: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """What is missing is said in sentences, and the exit code is 5."""
    del alone
    assert doctor(as_json=False, engine="fake") is ExitCode.HARNESS
    out = capsys.readouterr().out
    assert "missing: the fake engine confines nothing" in out
    assert out.endswith("this machine can't grade yet\n")


def test_doctor_json_is_one_object(alone: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts get facts, missing, posture and advice."""
    del alone
    doctor(as_json=True, engine="fake")
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"ok", "facts", "missing", "posture", "advice", "left_out", "to_get"}
    assert found["ok"] is False


def test_doctor_without_an_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No engine is a diagnosis, not an exception."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert doctor(as_json=False, engine=None) is ExitCode.HARNESS
    assert f"{tmp_path}/none.sock (DOCKER_HOST)" in " ".join(capsys.readouterr().out.split())


def test_doctor_says_that_something_is_left(alone: FakeEngine, capsys: pytest.CaptureFixture[str]) -> None:
    """What ended runs left is advice, and nothing is removed by looking."""
    dead = replace(owners.make_owner("dead", seconds=100), token=ELSEWHERE, deadline=1)
    with alone.open_scenario(ScenarioSpec(owner=dead, sandboxes=(SandboxSpec(name="app", image="i"),))):
        for _ in range(2):
            doctor(as_json=False, engine="fake")
            assert "harness clean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("", ""), ""),
        (("Seccomp:\t2", "Seccomp:\t0"), "no seccomp"),
        (("NoNewPrivs:\t1", "NoNewPrivs:\t0"), "setuid"),
        (("CapBnd:\t0000000000000000", "CapBnd:\t00000000a80425fb"), "can gain capabilities"),
        (("Uid:\t1879048200", "Uid:\t0"), "user of its own"),
        (("\t1879048200\nCapEff", "\t0\nCapEff"), "user of its own"),
        (("1879048200", "65532"), "user of its own"),
        (("1879048200", "0"), "user of its own"),
    ],
)
def test_selftest_says_what_is_not_confined(change: tuple[str, str], said: str) -> None:
    """Each confinement that a started sandbox lacks is a sentence."""

    def cat(process: Process) -> int:
        process.write(CONFINED.replace(*change).encode())
        return 0

    lines = selftest(FakeEngine({"cat": cat}), "fake")
    assert len(lines) == bool(said)
    assert said in "".join(lines)


@pytest.mark.docker
def test_selftest_passes_on_the_real_engine(docker_engine: DockerEngine, base_image: str) -> None:
    """A sandbox of the real engine has every confinement."""
    assert selftest(docker_engine, base_image) == []


@pytest.mark.docker
def test_two_sandboxes_of_the_real_engine_reach_each_other(docker_engine: DockerEngine, base_image: str) -> None:
    """The round trip is one: over a network, on the engine's own disk."""
    trip = round_trip(docker_engine, base_image)
    assert 0 < trip.seconds < 30
    assert trip.free_mb > 0


@pytest.mark.docker
def test_doctor_of_this_machine(base_image: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A machine that runs this suite can grade, and doctor says with what."""
    del base_image
    assert doctor(as_json=False, engine=None) is ExitCode.PASSED
    out = capsys.readouterr().out
    assert "engine " in out
    assert "found at" in out
    assert "two sandboxes on a network of their own answered in" in out
    assert out.endswith("this machine can grade\n")


def test_fake_engine_takes_commands(owner: Owner) -> None:
    """A test brings programs of its own as functions."""

    def greet(process: Process) -> int:
        process.write(b"hello " + process.read())
        return 5

    spec = SandboxSpec(name="one", image="fake", command=("greet",))
    found = FakeEngine({"greet": greet}).run_once(owner, spec, stdin=b"you", timeout_seconds=5)
    assert found == ExecResult(exit_code=5, stdout=b"hello you", stderr=b"", seconds=found.seconds, memory_mb=512)
