"""Faults that somebody who works with this exercise may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.testing.scripted import Step

if TYPE_CHECKING:
    from world import World


@contextmanager
def provider_busy(world: World) -> Iterator[None]:
    """Nothing happens, and it says so."""
    with world.provider.unwell(lambda _key, _before: Step(status=503)):
        yield


@contextmanager
def provider_silent(world: World) -> Iterator[None]:
    """It captures and never answers."""
    with world.provider.unwell(lambda _key, _before: Step(silent=True)):
        yield


@contextmanager
def database_refuses(world: World) -> Iterator[None]:
    """No new session, and none goes on."""
    world.proxy.refuse(on=True)
    world.proxy.drop_connections()
    try:
        yield
    finally:
        world.proxy.refuse(on=False)


FAULTS = {
    "provider-busy": provider_busy,
    "provider-silent": provider_silent,
    "database-refuses": database_refuses,
}
