"""Ours is ours: what somebody else does to a sandbox is told, and nothing that can be done inside one looks like it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest

from harness.engines.base import Engine, Interference, Kind, SandboxSpec, Scenario
from harness.engines.docker.engine import DockerEngine
from harness.engines.fake.engine import FakeEngine
from harness.errors import SandboxError
from harness.images import manage as images
from harness.model import Limits
from harness.owners import LABEL_RUN, Owner

Opener = Callable[..., AbstractContextManager[Scenario]]
SLEEP = ("sleep", "60")
HANDS = {
    "kill": "was sent SIGKILL",
    "stop": "was stopped",
    "pause": "was paused",
    "remove": "was removed",
    "disconnect": "was cut off from its network",
}


def docker_hand(engine: DockerEngine, owner: Owner, action: str, name: str) -> None:
    """Do to a container of ours what anybody with the engine's socket can do, past the harness."""
    api = engine.link.api()
    found = api.containers(all=True, filters={"label": [f"{LABEL_RUN}={owner.run}", f"harness.sandbox={name}"]})
    own = [one["Id"] for one in found if f"-{name}" in one["Names"][0]]
    holder = [one["Id"] for one in found if one["Id"] not in own]
    if action == "disconnect":
        (network,) = api.inspect_container(holder[0])["NetworkSettings"]["Networks"]
        api.disconnect_container_from_network(holder[0], network, force=True)
        return
    container = (own or holder)[0]
    if action == "holder":
        api.kill(holder[0])
    elif action == "remove":
        api.remove_container(container, force=True)
    elif action == "stop":
        api.stop(container, timeout=1)
    elif action == "restart":
        api.restart(container, timeout=1)
    elif action == "terminate":
        api.kill(container, "SIGTERM")
    elif action == "update":
        api.update_container(container, mem_limit="100m", memswap_limit="100m")
    elif action == "machine":
        os.kill(api.inspect_container(container)["State"]["Pid"], 9)
    else:
        getattr(api, action)(container)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """An engine, what runs on it, and a hand that is not ours."""

    engine: Engine
    image: str
    owner: Owner
    opened: Opener

    def spec(self, name: str = "app", *, command: tuple[str, ...] = SLEEP, kind: Kind = Kind.CANDIDATE) -> SandboxSpec:
        """Return a sandbox of little memory."""
        limits = Limits(memory_mb=24, tmpfs_mb=8, pids=64)
        return SandboxSpec(name=name, image=self.image, command=command, kind=kind, limits=limits)

    def hand(self, action: str, name: str = "app") -> None:
        """Do to a sandbox what anybody else may."""
        if isinstance(self.engine, FakeEngine):
            self.engine.strangers.do(action, name)
        else:
            assert isinstance(self.engine, DockerEngine)
            docker_hand(self.engine, self.owner, action, name)

    def told(self) -> list[str]:
        """Return what is told of somebody else's doing."""
        return [one.what for one in self.engine.interferences(self.owner)]

    def until_told(self, what: str) -> Interference:
        """Return the interference that says ``what``, waiting for it."""
        end = time.monotonic() + 10
        while what not in self.told():
            assert time.monotonic() < end, f"nobody said {what!r}: {self.told()}"
            time.sleep(0.02)
        return next(one for one in self.engine.interferences(self.owner) if one.what == what)


@pytest.fixture
def ground(engine: Engine, image: str, owner: Owner, opened: Opener) -> Ground:
    """Give each engine there is."""
    return Ground(engine=engine, image=image, owner=owner, opened=opened)


@pytest.fixture
def real(docker_engine: DockerEngine, base_image: str, owner: Owner, kernel: Opener) -> Ground:
    """Give the real engine."""
    return Ground(engine=docker_engine, image=base_image, owner=owner, opened=kernel)


@pytest.mark.parametrize("action", sorted(HANDS))
def test_a_strangers_hand_is_told(ground: Ground, action: str) -> None:
    """Whatever somebody else does to a sandbox is told with the sandbox's name, while it runs."""
    with ground.opened(ground.spec(), network=True) as scenario:
        scenario.start("app")
        assert ground.told() == []
        ground.hand(action)
        told = ground.until_told(HANDS[action])
        assert str(told).startswith(f"sandbox app {HANDS[action]} at ")
    assert HANDS[action] in ground.told()


def test_our_own_orders_are_no_interference(ground: Ground) -> None:
    """Every verb there is, on a sandbox that runs, on one that is paused and on one that is dead."""
    build = SandboxSpec(name="build", image=ground.image, network=False, volume_of="app")
    with ground.opened(ground.spec(), ground.spec("db", kind=Kind.SERVICE), build, network=True) as scenario:
        scenario.run("build", ("true",), timeout_seconds=20)
        assert scenario.run("build", SLEEP, timeout_seconds=0.3).timed_out
        drive_every_verb(scenario, "db")
        assert ground.told() == []
    assert ground.told() == []


def drive_every_verb(scenario: Scenario, name: str) -> None:
    """Order everything that can be ordered of a sandbox."""
    scenario.start(name)
    scenario.crash(name)
    for order in (scenario.pause, scenario.pause, scenario.resume, scenario.resume, scenario.pause):
        order(name)
    scenario.kill(name)
    scenario.kill(name)
    scenario.start(name)
    scenario.stop(name, grace_seconds=0.2)
    scenario.stop(name, grace_seconds=0.2)
    scenario.start(name)
    assert scenario.exec(name, SLEEP, timeout_seconds=0.3).timed_out
    scenario.start(name)
    scenario.partition(name, ("app",))
    scenario.heal(name)
    scenario.lose(name)
    assert scenario.state(name).running


DRIVEN: dict[str, Callable[[Scenario], object]] = {
    "state": lambda scenario: scenario.state("app"),
    "wait": lambda scenario: scenario.wait("app", timeout_seconds=1),
    "exec": lambda scenario: scenario.exec("app", ("true",), timeout_seconds=5),
    "kill": lambda scenario: scenario.kill("app"),
    "start": lambda scenario: scenario.start("app"),
    "run": lambda scenario: scenario.run("app", ("true",), timeout_seconds=5),
}


def test_a_sandbox_that_was_removed_has_no_state(ground: Ground) -> None:
    """Driving it is an error of ours: exit code 137 would be an answer about the candidate."""
    with ground.opened(ground.spec(), network=True) as scenario:
        scenario.start("app")
        ground.hand("remove")
        for drive in DRIVEN.values():
            with pytest.raises(SandboxError, match="removed while it was in use"):
                drive(scenario)
    assert "was removed" in ground.told()


@pytest.mark.parametrize("action", ["kill", "pause"])
def test_a_hand_on_a_one_shot_is_told(ground: Ground, action: str) -> None:
    """A command that somebody else ended or froze is told when it is over."""
    hand = threading.Timer(0.3, ground.hand, (action,))
    with ground.engine.ready_once(ground.owner, ground.spec(), tar=b"") as ready:
        hand.start()
        assert ready.finish(timeout_seconds=2).exit_code == 137
        hand.join()
    assert HANDS[action] in ground.told()


def test_a_one_shot_that_was_removed_is_told(ground: Ground) -> None:
    """Whether it is gone, or is being removed and its end can still be read."""
    hand = threading.Timer(0.3, ground.hand, ("remove",))
    with ground.engine.ready_once(ground.owner, ground.spec(), tar=b"") as ready:
        hand.start()
        with contextlib.suppress(SandboxError):
            assert ready.finish(timeout_seconds=5).exit_code == 137
        hand.join()
    assert ground.told()


def test_a_hand_on_an_attached_sandbox_is_told(ground: Ground) -> None:
    """So is the end of a process that we talk to."""
    spec = ground.spec("grader", command=("cat",), kind=Kind.GRADER)
    with ground.engine.attach_once(ground.owner, spec) as attachment:
        attachment.write(b"x")
        assert attachment.read_exactly(1) == b"x"
        ground.hand("kill", "grader")
        assert attachment.read_exactly(1) == b""
    assert ground.told() == [HANDS["kill"]]


@pytest.mark.docker
@pytest.mark.parametrize(
    ("action", "what"),
    [
        ("restart", "was restarted"),
        ("terminate", "was sent SIGTERM"),
        ("update", "was given other limits"),
        ("unpause", "was resumed"),
        ("start", "was started"),
        ("holder", "was sent SIGKILL"),
    ],
)
def test_hands_that_only_a_real_engine_has(real: Ground, action: str, what: str) -> None:
    """Restarts, other signals, other limits, what we froze thawed, what had ended started, the holder killed."""
    with real.opened(real.spec(), network=True) as scenario:
        scenario.start("app")
        if action == "unpause":
            scenario.pause("app")
        if action == "start":
            scenario.kill("app")
        real.hand(action)
        assert real.until_told(what).sandbox == "app"


@pytest.mark.docker
@pytest.mark.parametrize("kind", [Kind.SERVICE, Kind.YARDSTICK, Kind.CANDIDATE])
def test_a_kill_past_the_engine_counts_where_only_ours_runs(real: Ground, kind: Kind) -> None:
    """As of a machine that is out of memory. In a candidate's sandbox it looks like its own SIGKILL, and is theirs."""
    with real.opened(real.spec(kind=kind)) as scenario:
        scenario.start("app")
        try:
            real.hand("machine")
        except (PermissionError, ProcessLookupError):
            pytest.skip("the engine's processes are not ours to kill from here")
        assert scenario.wait("app", timeout_seconds=10).exit_code == 137
    assert real.told() == (["was killed (SIGKILL, not by its memory limit)"] if kind is not Kind.CANDIDATE else [])


INSIDE = {
    "ends with 137": ("sh", "-c", "exit 137"),
    "ends with 143": ("sh", "-c", "exit 143"),
    "kills itself": ("sh", "-c", "kill -9 $$"),
    "kills all it can": ("sh", "-c", "kill -9 1; kill -9 -1"),
    "ends its init process": ("sh", "-c", "kill -15 1; sleep 5"),
    "signals its init process": ("sh", "-c", "for s in 1 2 3 6 10 11 12 14; do kill -$s 1; done; sleep 5"),
    "stops itself": ("sh", "-c", "kill -19 $$; sleep 5"),
    "uses up its memory": ("sh", "-c", "x=x; while true; do x=$x$x; done"),
    "uses up its memory in a file": ("sh", "-c", "cat /dev/zero >/tmp/full; cat /dev/zero >/dev/shm/full; exit 3"),
    "uses up its box": ("sh", "-c", "cat /dev/zero >/box/full; exit 3"),
    "uses up its processes": ("sh", "-c", "for i in $(seq 200); do sleep 1 & done; exit 3"),
    "crashes": ("sh", "-c", "kill -11 $$"),
    "does not start": ("/no/such/program",),
}
OURS = ("ends with 143", "ends its init process", "uses up its memory", "crashes", "does not start")
"""What an image of ours may do by what it is asked: it never sends itself SIGKILL."""


@pytest.mark.docker
@pytest.mark.parametrize(
    ("way", "kind"), [*((way, Kind.CANDIDATE) for way in sorted(INSIDE)), *((way, Kind.SERVICE) for way in OURS)]
)
def test_nothing_done_inside_is_an_interference(real: Ground, way: str, kind: Kind) -> None:
    """A retake cannot be bought: ends, crashes, signals and used-up limits are their own, in a scenario and in a one-shot."""
    spec = real.spec(command=INSIDE[way], kind=kind)
    with real.opened(spec) as scenario:
        scenario.start("app")
        scenario.wait("app", timeout_seconds=1)
        scenario.state("app")
        if kind is Kind.CANDIDATE:
            real.engine.run_once(real.owner, spec, timeout_seconds=1)
    assert real.told() == []


SQL = {
    "ends its connection": "select pg_terminate_backend(pg_backend_pid())",
    "asks for a program": "copy (select 1) to program 'kill -9 1; kill -9 -1'",
    "uses up its memory": "select length(string_agg(repeat('x', 1000000), '')) from generate_series(1, 900)",
    "ends the first process": "select pg_terminate_backend(1)",
    "changes its settings": "alter system set shared_buffers = '100TB'",
}


@pytest.mark.docker
def test_nothing_done_with_sql_is_an_interference(real: Ground) -> None:
    """A candidate may bring its database down as far as its role goes: that is theirs, and no reason for another try."""
    limits = Limits(memory_mb=128, tmpfs_mb=128)
    image = images.ensure(["postgres"])["postgres"]
    spec = SandboxSpec(name="db", image=image, kind=Kind.SERVICE, command=("harness-postgres",), limits=limits)
    with real.opened(spec) as scenario:
        scenario.start("db")
        for way, sql in SQL.items():
            wait_for_database(scenario)
            done = scenario.exec("db", ("psql", "-tAU", "app", "-d", "app", "-c", sql), timeout_seconds=60)
            assert done.exit_code != 0 or done.stdout == b"f\n", way
        wait_for_database(scenario)
        assert b"terminated by signal 9" in scenario.logs("db")
        assert real.told() == []
        scenario.kill("db")
    assert real.told() == []


def wait_for_database(scenario: Scenario) -> None:
    """Return once it answers."""
    end = time.monotonic() + 60
    while scenario.exec("db", ("psql", "-U", "app", "-d", "app", "-c", "select 1"), timeout_seconds=20).exit_code:
        assert time.monotonic() < end, scenario.logs("db").decode()
        if not scenario.state("db").running:
            scenario.start("db")
        time.sleep(0.2)
