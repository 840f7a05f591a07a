"""What a killed process leaves is found and removed; what is alive, anywhere, is not touched."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness import owners
from harness.commands.clean import clean
from harness.engines.base import SandboxSpec, ScenarioSpec
from harness.engines.docker import containers
from harness.engines.docker.engine import DockerEngine
from harness.owners import Owner

pytestmark = pytest.mark.docker

HOLD = """
import sys, time
from harness import owners
from harness.engines.base import SandboxSpec, ScenarioSpec
from harness.engines.docker.engine import DockerEngine
run, image = sys.argv[1:]
owner = owners.make_owner(run, seconds=300)
names = ("app", "db", "grader")
spec = ScenarioSpec(owner=owner, sandboxes=tuple(SandboxSpec(name=n, image=image, command=("sleep", "99")) for n in names))
with owners.scratch(owner) as scratch:
    (scratch / "file").write_text("x")
    print("opening", flush=True)
    with DockerEngine().open_scenario(spec) as scenario:
        for name in names:
            scenario.start(name)
        print("open", flush=True)
        while True:
            scenario.crash("app")
            scenario.exec("app", ("true",), timeout_seconds=9)
            time.sleep(0.1)
"""
REAP = """
from harness import owners
from harness.engines.docker.engine import DockerEngine
engine = DockerEngine()
print(engine.reap(owners.is_dead))
print(owners.reap_scratch())
"""


@pytest.mark.parametrize("seed", range(4))
def test_killed_process_leaves_nothing_after_clean(
    docker_engine: DockerEngine, base_image: str, owner: Owner, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """SIGKILL at a random moment, then ``harness clean``: no container, network, volume or scratch directory."""
    moment = random.Random(seed).uniform(0, 2.5)
    with _holding(owner.run, base_image) as process:
        _line(process, "opening")
        time.sleep(moment)  # The moment is what is tested.
        process.kill()
        process.wait()

        clean(all_=False, dry_run=False, yes=False, engine=None)

    assert _left(docker_engine, owner.run) == []
    assert [line for line in owners.reap_scratch(remove=False) if owner.run in line] == []
    said = capsys.readouterr().out
    assert said


def test_dry_run_says_and_removes_nothing(
    docker_engine: DockerEngine, base_image: str, owner: Owner, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dry run names what a real one removes."""
    with _holding(owner.run, base_image) as process:
        _line(process, "open")
        process.kill()
        process.wait()
        before = _left(docker_engine, owner.run)

        clean(all_=False, dry_run=True, yes=False, engine=None)

        assert f"things of run {owner.run}" in capsys.readouterr().out
        assert f"of run {owner.run}" in "\n".join(owners.reap_scratch(remove=False))
        assert _left(docker_engine, owner.run) == before
        assert before
        clean(all_=False, dry_run=False, yes=False, engine=None)
        assert _left(docker_engine, owner.run) == []


def test_a_living_process_is_not_touched(docker_engine: DockerEngine, base_image: str, owner: Owner) -> None:
    """While its process lives, a scenario keeps everything, and goes on working."""
    with _holding(owner.run, base_image) as process:
        _line(process, "open")
        lines = docker_engine.reap(owners.is_dead) + owners.reap_scratch()
        assert [line for line in lines if owner.run in line] == []
        time.sleep(1)  # It would die of what was taken from it within a round.
        assert process.poll() is None
        process.kill()
        process.wait()
        assert docker_engine.reap(owners.is_dead)


def test_a_living_process_in_another_pid_namespace_is_not_touched(
    docker_engine: DockerEngine, base_image: str, owner: Owner
) -> None:
    """A process we cannot see is not dead, whatever our own process table says of its number."""
    with _holding(owner.run, base_image, *_unshare()) as process:
        _line(process, "open")
        lines = docker_engine.reap(owners.is_dead) + owners.reap_scratch()
        assert [line for line in lines if owner.run in line] == []
        assert process.poll() is None
        process.kill()
        process.wait()
        late = time.time() + 1000

        def past(found: Owner) -> bool:
            return found.run == owner.run and owners.is_dead(found, late)

        assert docker_engine.reap(past)
        assert owners.reap_scratch(past)


def test_reaping_from_another_pid_namespace_touches_nothing_here(
    docker_engine: DockerEngine, base_image: str, owner: Owner
) -> None:
    """A grading of ours survives a clean in a container or namespace that cannot see our process."""
    spec = SandboxSpec(name="app", image=base_image, command=("sleep", "60"))
    with docker_engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(spec,))) as scenario:
        scenario.start("app")
        done = subprocess.run(
            (*_unshare(), sys.executable, "-c", REAP), env=_env(), capture_output=True, text=True, check=True
        )
        assert owner.run not in done.stdout
        assert scenario.state("app").running


def test_past_its_deadline_anybody_may_reap(docker_engine: DockerEngine, base_image: str, owner: Owner) -> None:
    """A deadline is the end of an owner whom nobody here can see: one of before a reboot."""
    owner = replace(owner, token=f"another-boot:{owner.token.partition(':')[2]}")
    spec = SandboxSpec(name="app", image=base_image, command=("sleep", "60"))
    with docker_engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(spec,))) as scenario:
        scenario.start("app")
        late = owner.deadline + 1.0
        lines = docker_engine.reap(lambda found: found.run == owner.run and owners.is_dead(found, late))
        assert {line.split()[0] for line in lines} == {"container", "network", "volume"}
        assert _left(docker_engine, owner.run) == []


def test_things_without_our_labels_are_not_touched(docker_engine: DockerEngine, base_image: str, owner: Owner) -> None:
    """Containers, networks and volumes of others stay, even with half of our labels."""
    api = docker_engine.link.api()
    name = f"{owner.run}-others"
    api.create_volume(name, labels={owners.LABEL_RUN: "x"})
    api.create_container(base_image, ["true"], name=name, labels={owners.LABEL_OWNER: "x:1:2:3"})
    try:
        docker_engine.reap(lambda found: found.run in {"x", owner.run})
        assert api.inspect_container(name)
        assert api.inspect_volume(name)
    finally:
        api.remove_container(name)
        api.remove_volume(name)


@contextmanager
def _holding(run: str, image: str, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    command = (*prefix, sys.executable, "-c", HOLD, run, image)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_env(), start_new_session=True) as process:
        try:
            yield process
        finally:
            process.kill()


def _line(process: subprocess.Popen[str], wanted: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == wanted:
            return
    pytest.fail(f"the holding process ended before it said {wanted}")


def _left(engine: DockerEngine, run: str) -> list[str]:
    return sorted(thing.name for thing in containers.labelled(engine.link, f"{owners.LABEL_RUN}={run}"))


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(harness.__file__).parents[1])}


def _unshare() -> tuple[str, ...]:
    prefix = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    try:
        subprocess.run((*prefix, "true"), check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a pid namespace cannot be made here: {error}")
    return prefix
