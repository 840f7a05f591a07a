"""The engine goes away in the middle: every verb says so, soon, as an engine's failure and never the candidate's."""

from __future__ import annotations

import contextlib
import gc
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import owners
from harness.engines.base import SandboxSpec, Scenario, ScenarioSpec
from harness.engines.docker import containers
from harness.engines.docker.connect import Place, connect
from harness.engines.docker.engine import DockerEngine
from harness.errors import EngineError
from harness.owners import Owner

pytestmark = [
    pytest.mark.docker,
    # docker-py leaves a socket to the collector when it cannot connect.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]

VERBS: dict[str, Callable[[Scenario], object]] = {
    "state": lambda scenario: scenario.state("app"),
    "start": lambda scenario: scenario.start("other"),
    "kill": lambda scenario: scenario.kill("app"),
    "crash": lambda scenario: scenario.crash("app"),
    "exec": lambda scenario: scenario.exec("app", ("true",), timeout_seconds=5),
    "run": lambda scenario: scenario.run("other", ("true",), timeout_seconds=5),
    "logs": lambda scenario: scenario.logs("app"),
    "pause": lambda scenario: scenario.pause("app"),
    "usage": lambda scenario: scenario.usage("app"),
    "put": lambda scenario: scenario.put("other", b"\0" * 1024),
    "wait": lambda scenario: scenario.wait("app", timeout_seconds=1),
    "lose": lambda scenario: scenario.lose("app"),
    "close": lambda scenario: scenario.close(),
}


class Cable:
    """A Unix socket that leads to the engine, until it is cut."""

    def __init__(self, path: Path, target: str) -> None:
        """Listen at ``path`` and forward to ``target``."""
        self.path = path
        self._target = target
        self._ends: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(50)
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every connection and take no more."""
        for end in [self._listener, *self._ends]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(self._target)
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    """Give a way to the engine that can be cut."""
    place = connect().place
    if not place.url.startswith("unix://"):
        pytest.skip("the engine is not on a Unix socket")
    cable = Cable(tmp_path / "engine.sock", place.url.removeprefix("unix://"))
    yield cable
    cable.cut()
    gc.collect()


@pytest.fixture
def owner(docker_engine: DockerEngine) -> Iterator[Owner]:
    """Give an owner whose things are removed over a way that still works."""
    owner = owners.make_owner(f"loss-{secrets.token_hex(4)}", seconds=300)
    yield owner
    docker_engine.reap(lambda found: found.run == owner.run)
    left = containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}")
    assert [thing.name for thing in left] == []


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_says_that_the_engine_is_gone(cable: Cable, base_image: str, owner: Owner, verb: str) -> None:
    """After the connection is lost each verb raises EngineError within seconds."""
    engine = _engine(cable)
    sandboxes = tuple(SandboxSpec(name=name, image=base_image, command=("sleep", "60")) for name in ("app", "other"))
    opening = engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=sandboxes, network=False))
    scenario = opening.__enter__()
    scenario.start("app")
    cable.cut()
    begin = time.monotonic()
    with pytest.raises(EngineError, match="does not answer"):
        VERBS[verb](scenario)
    assert time.monotonic() - begin < 20
    with pytest.raises(EngineError, match="does not answer"):
        opening.__exit__(None, None, None)
    engine.close()


def test_a_run_in_progress_ends_with_the_engine(cable: Cable, base_image: str, owner: Owner) -> None:
    """A command that runs when the engine goes is no result."""
    engine = _engine(cable)
    spec = SandboxSpec(name="one", image=base_image, command=("sleep", "30"))
    timer = threading.Timer(1.0, cable.cut)
    timer.start()
    begin = time.monotonic()
    with pytest.raises(EngineError, match="does not answer"):
        engine.run_once(owner, spec, timeout_seconds=25)
    assert time.monotonic() - begin < 20
    timer.join()
    engine.close()


def _engine(cable: Cable) -> DockerEngine:
    return DockerEngine(connect({"DOCKER_HOST": f"unix://{cable.path}"}, Path("/nowhere")))


def test_the_place_is_the_cable(cable: Cable) -> None:
    """The twin: over an uncut cable the engine answers, so what the other tests see is the cut."""
    engine = _engine(cable)
    assert engine.link.place == Place(url=f"unix://{cable.path}", source="DOCKER_HOST")
    assert engine.capabilities().version
    engine.close()
