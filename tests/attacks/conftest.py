"""A sandbox to attack, as a candidate's program finds it."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from harness import owners
from harness.engines.base import ExecResult, SandboxSpec, Scenario, ScenarioSpec
from harness.engines.docker import containers
from harness.engines.docker.engine import DockerEngine
from harness.images import manage as images
from harness.model import Limits

Opener = Callable[..., AbstractContextManager[Scenario]]
Attack = Callable[..., ExecResult]


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """Give the real engine."""
    engine = DockerEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def base_image(docker_engine: DockerEngine) -> str:
    """Give the tag of the base image, built when it is missing."""
    del docker_engine
    return images.ensure(["base"])["base"]


@pytest.fixture
def opened(docker_engine: DockerEngine) -> Iterator[Opener]:
    """Give a function that opens a scenario; nothing of it may be left afterwards."""
    owner = owners.make_owner(f"attack-{secrets.token_hex(4)}", seconds=300)

    @contextlib.contextmanager
    def opener(*sandboxes: SandboxSpec, network: bool = False) -> Iterator[Scenario]:
        spec = ScenarioSpec(owner=owner, sandboxes=sandboxes, network=network)
        with docker_engine.open_scenario(spec) as scenario:
            yield scenario

    yield opener
    left = containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}")
    assert [thing.name for thing in left] == []


@pytest.fixture
def attack(opened: Opener, base_image: str) -> Iterator[Attack]:
    """Give a function that runs Python code as a candidate's program, in one sandbox for the whole test."""
    limits = Limits(memory_mb=128, tmpfs_mb=32, tmpfs_inodes=512, pids=64, file_size_mb=16, output_kb=64)
    with opened(SandboxSpec(name="app", image=base_image, limits=limits), network=True) as scenario:

        def run(code: str, *arguments: str, seconds: float = 30) -> ExecResult:
            return scenario.run("app", ("python3", "-c", code, *arguments), timeout_seconds=seconds)

        yield run
