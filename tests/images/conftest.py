"""A sandbox of the real engine to run one command in, offline."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Callable, Iterator, Mapping

import pytest

from harness import owners
from harness.engines.base import ExecResult, SandboxSpec
from harness.engines.docker.engine import DockerEngine
from harness.images import manage as images
from harness.images import recipes
from harness.model import Limits

Runner = Callable[..., ExecResult]


@pytest.fixture(scope="session")
def built() -> dict[str, str]:
    """The tag of every image, built where it was missing."""
    return images.ensure(recipes.names())


@pytest.fixture
def offline(built: dict[str, str]) -> Iterator[Runner]:
    """A function that runs a shell script once in an image, with files in /box and the limits of a build."""
    engine = DockerEngine()

    def run(name: str, script: str, files: Mapping[str, str] | None = None) -> ExecResult:
        return engine.run_once(
            owners.make_owner(f"test-{secrets.token_hex(4)}", seconds=300),
            SandboxSpec(
                name=name, image=built[name], command=("sh", "-c", script), limits=Limits(memory_mb=1024, nofile=4096)
            ),
            tar=_packed(files or {}),
            timeout_seconds=120,
        )

    yield run
    engine.close()


def _packed(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()
