"""The sum of what an exercise asks for is held against the engine before anything is opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import owners
from harness.engines.base import SandboxSpec, ScenarioSpec
from harness.engines.fake.engine import FakeEngine
from harness.errors import EngineError
from harness.grading import plan
from harness.model import Limits
from tests.unit.grading import harbour

ASKED = 3 * (512 + 256) + 512 + 256
"""Of the small exercise: three sandboxes and the grader, each with what is given to who asks for nothing."""


def scenario(*limits: Limits, builds: tuple[Limits, ...] = ()) -> ScenarioSpec:
    """Return a scenario of sandboxes with ``limits``, and builds on the first one's volume."""
    own = [SandboxSpec(name=f"s{number}", image="i", limits=one) for number, one in enumerate(limits)]
    build = [
        SandboxSpec(name=f"b{number}", image="i", limits=one, volume_of="s0", network=False)
        for number, one in enumerate(builds)
    ]
    return ScenarioSpec(owner=owners.make_owner("memory", seconds=60), sandboxes=(*own, *build))


def test_memory_is_summed_with_the_boxes() -> None:
    """Every sandbox counts with its files; builds run two at a time before the others, so the larger sum counts."""
    small = Limits(memory_mb=100, tmpfs_mb=20)
    large = Limits(memory_mb=1000, tmpfs_mb=200)
    assert plan.memory_mb(scenario(small, small)) == 240
    assert plan.memory_mb(scenario(small, small, builds=(small,))) == 240
    assert plan.memory_mb(scenario(small, small, builds=(large, small, large))) == 2400


def test_a_scenario_that_does_not_fit_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    """What it needs, what there is and what to do; no sandbox was there."""
    engine = FakeEngine(memory_mb=ASKED - 1)
    with pytest.raises(EngineError) as caught:
        harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path), engine=engine)
    text = str(caught.value)
    assert f"expected an engine with {ASKED} MiB of memory" in text
    assert f"found one with {ASKED - 1} MiB" in text
    assert "DOCKER_HOST" in text
    assert engine.opened == []


def test_a_scenario_that_just_fits_is_graded(tmp_path: Path) -> None:
    """The twin: the very sum is enough, and an engine that does not say what it has is not refused."""
    for memory in (ASKED, 0):
        engine = FakeEngine(memory_mb=memory)
        harbour.grade(harbour.catalogue(tmp_path), harbour.submission(tmp_path), engine=engine)
        assert len(engine.opened) == 1
