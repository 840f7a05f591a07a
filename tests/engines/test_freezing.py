"""A sandbox whose processes fork all the time is frozen all the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import pytest
import requests
from docker.api import APIClient
from docker.errors import APIError

from harness.engines.base import SandboxSpec, Scenario
from harness.engines.docker import containers
from harness.engines.docker.connect import EngineRefusal, Link, Place
from harness.engines.docker.engine import DockerEngine
from harness.model import Limits
from harness.owners import Owner

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


class Scripted:
    """An engine whose first freezes fail."""

    def __init__(self, failures: list[Exception]) -> None:
        self.calls = 0
        self._failures = failures
        self._paused = False

    def pause(self, container: str) -> None:
        """Freeze, or not."""
        del container
        self.calls += 1
        if self._failures:
            raise self._failures.pop()
        self._paused = True

    def inspect_container(self, container: str) -> dict[str, object]:
        """Say whether it is frozen."""
        del container
        return {"State": {"Running": True, "Paused": self._paused, "ExitCode": 0, "OOMKilled": False, "Pid": 1}}


class Scripture(Link):
    """A link to such an engine."""

    def __init__(self, *failures: Exception) -> None:
        super().__init__(Place(url="unix:///nowhere", source="a test"), "1.41")
        self.client = Scripted(list(failures))

    def api(self) -> APIClient:
        """Return the one there is."""
        return cast("APIClient", self.client)


def answer(status: int, text: str) -> APIError:
    """Return what docker-py raises for an answer with ``status``."""
    response = requests.Response()
    response.status_code = status
    return APIError("server error", response=response, explanation=text)


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_FREEZES", (0.0,) * len(containers._FREEZES))


@pytest.mark.usefixtures("_no_pauses")
def test_a_freezer_is_given_many_tries() -> None:
    """What makes most of them fail can be had inside a sandbox; an engine that cannot freeze at all is said to be so."""
    busy = answer(500, "unable to freeze")
    found = Scripture(*[busy] * 40)
    containers.pause(found, "c")
    assert found.client.calls == 41
    with pytest.raises(EngineRefusal, match="unable to freeze"):
        containers.pause(Scripture(*[busy] * 41), "c")


@pytest.mark.parametrize("status", [400, 409])
def test_an_answer_that_will_not_change_is_not_asked_for_again(status: int) -> None:
    """Only a freezer that fails is tried again."""
    found = Scripture(answer(status, "no"))
    with pytest.raises(EngineRefusal):
        containers.pause(found, "c")
    assert found.client.calls == 1


@pytest.mark.docker
@pytest.mark.attack
def test_forking_all_the_time_keeps_nobody_from_freezing(
    docker_engine: DockerEngine, base_image: str, owner: Owner, kernel: Opener
) -> None:
    """Twelve processes that fork and wait are frozen, again and again; nobody interfered."""
    spec = SandboxSpec(name="app", image=base_image, limits=Limits(pids=64, memory_mb=64))
    with kernel(spec, network=True) as scenario:
        scenario.start("app", command=("python3", "-c", CHURN))
        end = time.monotonic() + 20
        while b"begun" not in scenario.logs("app"):
            assert time.monotonic() < end
            time.sleep(0.02)
        for _ in range(6):
            scenario.pause("app")
            assert scenario.state("app").paused
            scenario.resume("app")
        assert scenario.exec("app", ("sh", "-c", "true | true"), timeout_seconds=20).exit_code == 0
    assert docker_engine.interferences(owner) == ()
