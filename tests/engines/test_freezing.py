"""A sandbox that forks all the time is frozen while it cannot fork, and its limit of processes is what it was afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import cast

import pytest
import requests
from docker.api import APIClient
from docker.errors import APIError

from harness.engines.base import Kind, SandboxSpec, Scenario
from harness.engines.docker import connect, containers
from harness.engines.docker.connect import EngineRefusal, Link, Place
from harness.engines.docker.engine import DockerEngine
from harness.errors import EngineError
from harness.model import Limits
from harness.owners import LABEL_RUN, Owner

Opener = Callable[..., AbstractContextManager[Scenario]]
CHURN = """
import os
for _ in range(12):
    if os.fork() == 0:
        while True:
            try:
                child = os.fork()
                if child == 0:
                    os._exit(0)
                os.waitpid(child, 0)
            except OSError:
                pass
print("begun", flush=True)
while True:
    os.wait()
"""
LABELS = {"harness.run": "r", "harness.scenario": "s", "harness.sandbox": "app"}
TRIES = 4


def answer(status: int, text: str) -> APIError:
    """Return what docker-py raises for an answer with ``status``."""
    response = requests.Response()
    response.status_code = status
    return APIError("server error", response=response, explanation=text)


BUSY = answer(500, "unable to freeze")
REFUSED = answer(500, "cannot update")
UNKNOWN = answer(404, "page not found")
SILENT = requests.ConnectionError("reset")


class Scripted:
    """An engine that does one thing after the other as it is told, and writes down what it was asked for."""

    def __init__(self, freezes: Sequence[Exception | None], limits: Sequence[Exception | None]) -> None:
        self.calls: list[str] = []
        self._freezes, self._limits = list(freezes), list(limits)
        self._paused = False

    def pause(self, container: str) -> None:
        """Freeze, or not."""
        self._do("freeze", self._freezes)
        self._paused = True

    def inspect_container(self, container: str) -> dict[str, object]:
        """Say whether it is frozen."""
        return {"State": {"Running": True, "Paused": self._paused, "ExitCode": 0, "OOMKilled": False, "Pid": 1}}

    def _url(self, path: str) -> str:
        return path

    def _post_json(self, url: str, *, data: dict[str, object], params: dict[str, str]) -> object:
        assert url == "/containers/c/update"
        assert (list(data), params) == (["PidsLimit"], {})
        self._do(f"limit {data['PidsLimit']}", self._limits)
        return {}

    def _result(self, response: object, *, json: bool) -> object:
        return response if json else None

    def _do(self, what: str, script: list[Exception | None]) -> None:
        self.calls.append(what)
        error = script.pop(0) if script else None
        if error is not None:
            raise error


class Scripture(Link):
    """A link to such an engine, with a container of ours that runs."""

    def __init__(self, client: Scripted) -> None:
        super().__init__(Place(url="unix:///nowhere", source="a test"), "1.41")
        self.client = client
        self.watch.ledger.own("c", Kind.CANDIDATE, LABELS)

    def api(self) -> APIClient:
        """Return the one there is."""
        return cast("APIClient", self.client)


def link(freezes: Sequence[Exception | None], limits: Sequence[Exception | None] = ()) -> Scripture:
    """Return a link to an engine whose freezes and limits go as given, and well after that."""
    return Scripture(Scripted(freezes, limits))


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_PAUSES", (0.0,) * (TRIES - 1))


def test_a_freezer_that_was_busy_for_a_moment_changes_no_limit() -> None:
    """An honest service is never refused a thread because the freezer needed a second try."""
    found = link([BUSY] * (TRIES - 1))
    containers.pause(found, "c", pids=64)
    assert found.client.calls == ["freeze"] * TRIES


def test_what_forks_all_the_time_is_frozen_while_it_cannot() -> None:
    """The limit is put back while it is frozen; both changes are ours, and a third is somebody else's."""
    found = link([BUSY] * (TRIES + 1))
    containers.pause(found, "c", pids=64)
    assert found.client.calls == ["freeze"] * TRIES + ["limit 1"] + ["freeze"] * 2 + ["limit 64"]
    told = []
    for _ in range(3):
        found.watch.ledger.take({"Type": "container", "Action": "update", "Actor": {"ID": "c", "Attributes": {}}})
        told.append([one.what for one in found.watch.ledger.interferences("r")])
    assert told == [[], [], ["was given other limits"]]


@pytest.mark.parametrize(
    ("freezes", "limits", "calls", "text"),
    [
        ([BUSY] * 8, [], ["limit 1", *["freeze"] * TRIES, "limit 64"], "unable to freeze"),
        ([BUSY] * 4, [REFUSED] * TRIES, [*["limit 1"] * TRIES, "limit 64"], "unable to freeze"),
        ([BUSY] * 4, [UNKNOWN] * 2, ["limit 1", "limit 64"], "unable to freeze"),
        ([BUSY] * 4 + [SILENT] * 4, [], ["limit 1", *["freeze"] * TRIES, "limit 64"], "does not answer"),
        ([BUSY] * 4, [None, *[REFUSED] * TRIES], ["limit 1", "freeze", *["limit 64"] * TRIES], "cannot update"),
    ],
    ids=["still-busy", "not-lowered", "no-such-call", "silent", "not-put-back"],
)
def test_the_limit_is_put_back_whatever_fails(
    freezes: list[Exception | None], limits: list[Exception | None], calls: list[str], text: str
) -> None:
    """And what failed is said; a limit that stays low is no success. What was refused is no order that is still owed."""
    found = link(freezes, limits)
    with pytest.raises(EngineError, match=text):
        containers.pause(found, "c", pids=64)
    assert found.client.calls == ["freeze"] * TRIES + calls
    done = sum(error is None for error in limits) if limits else 2
    for _ in range(done + 1):
        assert found.watch.ledger.interferences("r") == ()
        found.watch.ledger.take({"Type": "container", "Action": "update", "Actor": {"ID": "c", "Attributes": {}}})


@pytest.mark.parametrize("status", [400, 409])
def test_an_answer_that_will_not_change_changes_no_limit(status: int) -> None:
    """Only a freezer that fails is helped."""
    found = link([answer(status, "no")])
    with pytest.raises(EngineRefusal):
        containers.pause(found, "c", pids=64)
    assert found.client.calls == ["freeze"]


@pytest.mark.docker
@pytest.mark.attack
def test_forking_all_the_time_keeps_nobody_from_freezing(
    docker_engine: DockerEngine, base_image: str, owner: Owner, kernel: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve processes that fork and wait are frozen and go on with the limits they had; nobody interfered."""
    # Fewer tries, so that luck does not do what the limit is there for.
    monkeypatch.setattr(connect, "_PAUSES", (0.0,))
    spec = SandboxSpec(name="app", image=base_image, limits=Limits(pids=64, memory_mb=64))
    with kernel(spec, network=True) as scenario:
        scenario.start("app", command=("python3", "-c", CHURN))
        end = time.monotonic() + 20
        while b"begun" not in scenario.logs("app"):
            assert time.monotonic() < end
            time.sleep(0.02)
        api = docker_engine.link.api()
        listed = api.containers(filters={"label": [f"{LABEL_RUN}={owner.run}", "harness.sandbox=app"]})
        (container,) = (one["Id"] for one in listed if "-app-" in one["Names"][0])
        before = limits_of(docker_engine, container)
        for _ in range(3):
            scenario.pause("app")
            assert scenario.state("app").paused
            assert limits_of(docker_engine, container) == before
            scenario.resume("app")
        assert limits_of(docker_engine, container) == before
        assert scenario.exec("app", ("sh", "-c", "true | true"), timeout_seconds=20).exit_code == 0
    assert docker_engine.interferences(owner) == ()


def limits_of(engine: DockerEngine, container: str) -> dict[str, object]:
    """Return what the engine says that limits a container, and what its kernel says where that can be read."""
    found = engine.link.api().inspect_container(container)
    limits = {key: found["HostConfig"][key] for key in ("PidsLimit", "Memory", "MemorySwap", "NanoCpus", "CpuQuota")}
    limits |= {name: file.read_text() for name, file in kernel_files(found["State"]["Pid"]) if file.is_file()}
    assert limits["PidsLimit"] == 64
    assert limits.get("pids", "64\n") == "64\n"
    return limits


def kernel_files(pid: int) -> list[tuple[str, Path]]:
    """Return where the kernel keeps the limits of a process's group, by name."""
    groups = dict(line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines())
    root = Path("/sys/fs/cgroup")
    if "pids" not in groups:
        return [("pids", root / groups.get("", "").strip("/") / "pids.max")]
    return [
        ("pids", root / "pids" / groups["pids"].strip("/") / "pids.max"),
        ("memory", root / "memory" / groups.get("memory", "").strip("/") / "memory.limit_in_bytes"),
    ]
