"""The scenario that all checks share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from world import World

from harness.testing.broker import Broker
from harness.testing.history import History
from harness.testing.job import Job
from harness.testing.timeline import Timeline


@pytest.fixture(scope="session")
def world(job: Job, broker: Broker, timeline: Timeline, history: History) -> Iterator[World]:
    """The started scenario. A candidate's failure is said by the checks, never here."""
    here = World(job, broker, timeline, history)
    here.open()
    yield here
    here.close()


@pytest.fixture(autouse=True)
def _everything_is_there(world: World) -> None:
    """A check that failed in the middle of a fault takes nothing from those after it."""
    world.restore()
