"""Engines, images and scenarios for the conformance suite."""

from __future__ import annotations

import contextlib
import io
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager

import pytest

from harness import owners
from harness.engines.base import Engine, SandboxSpec, Scenario, ScenarioSpec
from harness.engines.docker import containers
from harness.engines.docker.engine import DockerEngine
from harness.engines.fake.engine import FakeEngine
from harness.images import manage as images
from harness.owners import Owner

Opener = Callable[..., AbstractContextManager[Scenario]]
Packer = Callable[[Mapping[str, bytes]], bytes]


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


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.docker)])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give each engine there is: what runs on both is the contract."""
    if request.param == "docker":
        yield request.getfixturevalue("docker_engine")
        return
    fake = FakeEngine()
    yield fake
    fake.close()


@pytest.fixture
def image(engine: Engine, request: pytest.FixtureRequest) -> str:
    """Give an image that ``engine`` has."""
    if isinstance(engine, FakeEngine):
        return "fake"
    tag = request.getfixturevalue("base_image")
    assert isinstance(tag, str)
    return tag


@pytest.fixture
def owner() -> Owner:
    """Give an owner that is alive for the length of a test."""
    return owners.make_owner(f"test-{secrets.token_hex(4)}", seconds=300)


@pytest.fixture
def opened(engine: Engine, owner: Owner) -> Opener:
    """Give a function that opens a scenario of some sandboxes on ``engine``."""
    return _opener(engine, owner)


@pytest.fixture
def kernel(docker_engine: DockerEngine, owner: Owner) -> Iterator[Opener]:
    """Give a function that opens a scenario on the real engine; nothing of the test may be left afterwards."""
    yield _opener(docker_engine, owner)
    left = containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}")
    assert [thing.name for thing in left] == []


@pytest.fixture
def pack() -> Packer:
    """Give a function that packs files into an uncompressed tar."""

    def packed(files: Mapping[str, bytes]) -> bytes:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                member.mode = 0o755
                archive.addfile(member, io.BytesIO(content))
        return out.getvalue()

    return packed


def _opener(engine: Engine, owner: Owner) -> Opener:
    @contextlib.contextmanager
    def opener(*sandboxes: SandboxSpec, network: bool = False) -> Iterator[Scenario]:
        with engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=sandboxes, network=network)) as scenario:
            yield scenario

    return opener
