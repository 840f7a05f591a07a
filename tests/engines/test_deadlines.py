"""A sandbox ends by itself at its owner's deadline, although the owner was killed and nobody reaps."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from harness import owners
from harness.engines.docker import containers
from harness.engines.docker.engine import DockerEngine

pytestmark = pytest.mark.docker

SECONDS = 40
"""Time to open everything on a loaded machine."""
OWN = """
import dataclasses, sys, threading, time
from harness import owners
from harness.engines.base import Kind, SandboxSpec, ScenarioSpec
from harness.engines.docker.engine import DockerEngine
run, image, seconds, rebel = sys.argv[1:]
# As if from another machine: whoever reaps meanwhile cannot know that it is gone.
owner = dataclasses.replace(owners.make_owner(run, seconds=float(seconds)), token="elsewhere:1:1:1")
engine = DockerEngine()
app = SandboxSpec(name="app", image=image, command=("python3", "-c", rebel))
db = SandboxSpec(name="db", image=image, kind=Kind.SERVICE, command=("sleep", "600"))
grader = SandboxSpec(name="grader", image=image, kind=Kind.GRADER, command=("sleep", "600"), stdin=True)
shot = SandboxSpec(name="shot", image=image, command=("python3", "-c", rebel))
with engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(app, db, grader))) as scenario:
    scenario.start("app")
    scenario.start("db")
    scenario.crash("db")
    scenario.attach("grader")
    threading.Thread(target=scenario.exec, args=("app", ("sleep", "600")), kwargs={"timeout_seconds": 600}).start()
    with engine.ready_once(owner, shot, tar=b"") as ready:
        threading.Thread(target=ready.finish, kwargs={"timeout_seconds": 600}).start()
        time.sleep(3)
        print("open", scenario.logs("app").decode().strip(), flush=True)
        time.sleep(600)
"""
REBEL = """
import os, signal, subprocess, time
for number in range(1, 65):
    try: signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError): pass
tried = []
def attempt(name, do):
    try: do()
    except OSError as error: tried.append(name + " " + error.strerror)
    else: tried.append(name + " done")
attempt("write", lambda: open("/proc/1/mem", "r+b"))
attempt("read", lambda: open("/proc/1/mem", "rb"))
attempt("stack", lambda: open("/proc/1/environ", "rb").read())
attempt("slack", lambda: open("/proc/1/timerslack_ns", "w").write("1000000000000"))
attempt("stop", lambda: os.kill(1, signal.SIGSTOP))
attempt("nice", lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))
print(", ".join(tried), flush=True)
if os.fork() == 0:
    os.setsid()
while True:
    for number in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGCHLD, signal.SIGUSR1):
        try: os.kill(1, number)
        except OSError: pass
    time.sleep(0.2)
"""


@pytest.fixture
def run(docker_engine: DockerEngine, owner: owners.Owner) -> str:
    """Give the id of a run of its own."""
    del docker_engine
    return f"{owner.run}-killed"


def test_everything_ends_at_the_deadline_of_a_killed_owner(
    docker_engine: DockerEngine, base_image: str, run: str
) -> None:
    """Service, candidate, exec, grader, one-shot and holders end; a candidate that does what it can changes nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWN, run, base_image, str(SECONDS), REBEL], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline().strip()
        process.kill()
        process.wait()
        refused = "Permission denied"
        assert said.startswith(f"open write {refused}, read {refused}, stack {refused}, slack "), said
        # Three sandboxes with a holder each, and a one-shot.
        assert len(_running(docker_engine, run)) == 7
        end = time.monotonic() + SECONDS + 30
        while alive := _running(docker_engine, run):
            assert time.monotonic() < end, f"still there: {alive}"
            time.sleep(0.5)
    finally:
        process.kill()
        process.communicate()
        docker_engine.reap(lambda found: found.run == run)


def test_a_container_that_would_end_late_is_made_anew(
    docker_engine: DockerEngine, base_image: str, owner: owners.Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash soon after the start keeps the container; one that would let it live minutes too long does not."""
    from harness.engines.base import SandboxSpec, ScenarioSpec

    spec = SandboxSpec(name="app", image=base_image, command=("sh", "-c", "echo up; exec sleep 600"))
    left = 300
    monkeypatch.setattr(owners, "seconds_left", lambda _owner: left)
    with docker_engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(spec,), network=False)) as scenario:

        def made() -> str:
            things = containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}")
            return next(thing.id for thing in things if thing.name.endswith(("-app-1", "-app-2", "-app-3")))

        scenario.start("app")
        first = made()
        left = 290
        scenario.crash("app")
        assert made() == first
        left = 200
        scenario.crash("app")
        assert made() != first
        assert scenario.state("app").exit_code == 137
        assert scenario.state("app").starts == 3
        assert scenario.logs("app").count(b"up") >= 2


def _running(engine: DockerEngine, run: str) -> list[str]:
    things = containers.labelled(engine.link, f"{owners.LABEL_RUN}={run}")
    return [thing.name for thing in things if thing.state == "running"]
