"""Container engines behind one contract (:mod:`harness.engines.base`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness import console
from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.engines.base import Engine
    from harness.engines.docker.engine import ImageSource


def _docker(network_range: str, images: ImageSource | None) -> Engine:
    from harness.engines.docker.engine import DockerEngine

    return DockerEngine(network_range=network_range, images=images) if network_range else DockerEngine(images=images)


def _fake(network_range: str, images: ImageSource | None) -> Engine:
    from harness.engines.fake.engine import FakeEngine

    del network_range, images
    console.notice(
        "the fake engine confines nothing and runs only programs of its own: what it says is no verdict on a submission"
    )
    return FakeEngine()


ENGINES: dict[str, Callable[[str, ImageSource | None], Engine]] = {"docker": _docker, "fake": _fake}
"""Name -> what opens it, given the network range (empty: the default) and what makes images."""


def tag(engine: str | None, image: str, made: Callable[[str], str]) -> str:
    """Return what ``image`` is called on the engine of that name, which is not opened; ``made`` knows what recipes make."""
    if engine != "fake":
        return made(image)
    from harness.engines.fake.engine import tag

    return tag(image)


def open_engine(name: str | None = None, *, network_range: str = "", images: ImageSource | None = None) -> Engine:
    """Return the engine called ``name``, by default the real one. Close it when done.

    ``images`` makes what :meth:`~harness.engines.base.Engine.images` is asked for, on engines that have images.
    Raises UsageError for a name nobody knows, EngineError when no engine answers.
    """
    chosen = name or "docker"
    if chosen not in ENGINES:
        text = (
            f"expected docker after --engine (it finds whatever speaks Docker's API, DOCKER_HOST first), found {chosen!r}: "
            "leave the option out"
        )
        raise UsageError(text)
    return ENGINES[chosen](network_range, images)
