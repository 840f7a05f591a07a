"""A call that fails for a passing reason is tried again; an answer is an answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import requests
from docker.api import APIClient
from docker.api.container import ContainerApiMixin
from docker.errors import APIError

from harness.engines.base import SandboxSpec, ScenarioSpec
from harness.engines.docker import connect
from harness.engines.docker.connect import EngineRefusal, patiently
from harness.engines.docker.engine import DockerEngine
from harness.errors import EngineError, SandboxError
from harness.owners import Owner


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "_PAUSES", (0.0, 0.0, 0.0))


def answer(status: int) -> APIError:
    """Return what docker-py raises for an answer with ``status``."""
    response = requests.Response()
    response.status_code = status
    return APIError("server error", response=response, explanation="unable to freeze")


def failing(*errors: Exception) -> tuple[list[int], Callable[[], str]]:
    """Return a call that raises each of ``errors`` once and then works, and how often it was made."""
    calls: list[int] = []

    def call() -> str:
        calls.append(1)
        if len(calls) <= len(errors):
            raise errors[len(calls) - 1]
        return "done"

    return calls, call


@pytest.mark.parametrize(
    "error", [answer(500), answer(503), requests.ConnectionError("reset"), requests.ReadTimeout("slow"), OSError("cut")]
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    """Three times, at most."""
    calls, call = failing(error, error, error)
    assert patiently("pause sandbox app", call) == "done"
    assert len(calls) == 4


@pytest.mark.parametrize("error", [answer(500), requests.ConnectionError("reset")])
def test_what_does_not_pass_is_said(error: Exception) -> None:
    """After the fourth time the last error is raised, as ours."""
    calls, call = failing(*[error] * 9)
    with pytest.raises(EngineError, match="pause sandbox app"):
        patiently("pause sandbox app", call)
    assert len(calls) == 4


@pytest.mark.parametrize("status", [304, 400, 404, 409])
def test_an_answer_is_not_asked_for_again(status: int) -> None:
    """No such container, not running, a bad request: it would be the same."""
    calls, call = failing(answer(status))
    with pytest.raises(EngineRefusal) as caught:
        patiently("start it", call)
    assert (len(calls), caught.value.status) == (1, status)
    assert isinstance(caught.value, SandboxError)


def test_a_call_that_took_its_whole_time_is_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that hangs for minutes would hang for minutes four times."""
    times = iter((0.0, connect.CALL_SECONDS + 1.0))
    monkeypatch.setattr("harness.engines.docker.connect.time.monotonic", lambda: next(times))
    calls, call = failing(requests.ReadTimeout("slow"))
    with pytest.raises(EngineError):
        patiently("start it", call)
    assert len(calls) == 1


@pytest.mark.docker
@pytest.mark.parametrize("did", [True, False])
def test_a_freeze_that_fails_is_tried_again(
    docker_engine: DockerEngine, base_image: str, owner: Owner, monkeypatch: pytest.MonkeyPatch, *, did: bool
) -> None:
    """A freezer that was busy twice, or an answer that was lost after the deed, is no error; nor is it somebody else's."""
    calls: list[str] = []
    pause = ContainerApiMixin.pause

    def busy(api: ContainerApiMixin, container: str) -> None:
        calls.append(container)
        if did or len(calls) > 2:
            pause(api, container)
        if len(calls) <= 2:
            raise answer(500)

    monkeypatch.setattr(ContainerApiMixin, "pause", busy)
    sandbox = SandboxSpec(name="app", image=base_image, command=("sleep", "60"))
    with docker_engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(sandbox,), network=False)) as scenario:
        scenario.start("app")
        scenario.pause("app")
        assert scenario.state("app").paused
        scenario.resume("app")
    assert len(calls) == (2 if did else 3)
    assert docker_engine.interferences(owner) == ()


@pytest.mark.docker
@pytest.mark.parametrize("lost", ["question", "answer"])
def test_every_call_may_fail_once(
    docker_engine: DockerEngine, base_image: str, owner: Owner, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    """Each call is cut at its first try, before it arrives or after it was done: every verb works all the same."""
    seen: set[tuple[str, str]] = set()
    request: Callable[..., requests.Response] = APIClient.request

    def cut(api: APIClient, method: str, url: str, **given: object) -> requests.Response:
        # Once only: to begin an exec, because it may have begun; to wait, which is asked again anyway; to listen.
        key = (method, url)
        if key in seen or url.endswith("/wait") or "/events" in url or ("/exec/" in url and url.endswith("/start")):
            return request(api, method, url, **given)
        seen.add(key)
        if lost == "answer":
            request(api, method, url, **given)
        text = "cut"
        raise requests.ConnectionError(text)

    sandboxes = tuple(SandboxSpec(name=name, image=base_image, command=("sleep", "60")) for name in ("app", "other"))
    docker_engine.capabilities()
    monkeypatch.setattr(APIClient, "request", cut)
    with docker_engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=sandboxes, network=True)) as scenario:
        scenario.put("app", b"\0" * 10240)
        scenario.start("app")
        assert scenario.exec("app", ("echo", "x"), timeout_seconds=20).stdout == b"x\n"
        scenario.pause("app")
        scenario.resume("app")
        scenario.partition("app", ("other",))
        scenario.crash("app")
        scenario.stop("app", grace_seconds=0.1)
        assert scenario.run("other", ("echo", "y"), timeout_seconds=20).stdout == b"y\n"
        if lost == "question":
            # Files are put back through the stdin of a helper, which ends with the first attach although its answer is lost.
            scenario.keep("app")
        scenario.start("app")
        scenario.lose("app")
        assert scenario.state("app").running
        assert scenario.logs("app") == b""
    assert docker_engine.run_once(owner, sandboxes[0], timeout_seconds=0.5).timed_out
    assert docker_engine.interferences(owner) == ()
    monkeypatch.undo()
    assert docker_engine.reap(lambda one: one.run == owner.run) == []
    assert len(seen) > 40
