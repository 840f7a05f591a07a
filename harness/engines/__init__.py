"""Container engines behind one contract (:mod:`harness.engines.base`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.engines.base import Engine


def _docker(network_range: str) -> Engine:
    from harness.engines.docker.engine import DockerEngine

    return DockerEngine(network_range=network_range) if network_range else DockerEngine()


def _fake(network_range: str) -> Engine:
    from harness.engines.fake.engine import FakeEngine

    del network_range
    return FakeEngine()


ENGINES: dict[str, Callable[[str], Engine]] = {"docker": _docker, "fake": _fake}
"""Name -> what opens it, given the network range (empty: the default)."""


def open_engine(name: str | None = None, *, network_range: str = "") -> Engine:
    """Return the engine called ``name``, by default the real one. Close it when done.

    Raises UsageError for a name nobody knows, EngineError when no engine answers.
    """
    chosen = name or "docker"
    if chosen not in ENGINES:
        text = f"expected an engine of {', '.join(sorted(ENGINES))}, found {chosen!r}: choose one of them"
        raise UsageError(text)
    return ENGINES[chosen](network_range)
