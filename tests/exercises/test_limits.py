"""A scenario fits the machines people have."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.catalogue.service import parse_service
from harness.grading import plan
from harness.owners import Owner

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGUE = Catalogue((ROOT,))
VM_MB = 4096
"""Memory of a small engine VM, as on a laptop."""
RESERVE_MB = 400
"""For the VM's own system and the engine."""


@pytest.mark.parametrize("exercise_id", CATALOGUE.ids())
def test_limits_of_a_scenario_fit_a_small_engine_vm(exercise_id: str) -> None:
    """All sandboxes at their limits at once, tmpfs included, or one build beside its volume: within 4 GiB."""
    exercise = CATALOGUE.exercise(exercise_id)
    language = exercise.languages[0] if exercise.languages else ""
    starter = CATALOGUE.exercise_dir(exercise_id) / "starter" / language
    service = parse_service(exercise, (starter / "service.toml").read_bytes())
    tags = dict.fromkeys((*plan.images_needed(exercise, language), language), "image:tag")
    owner = Owner(run="r", token="t", deadline=0)
    services = {"submission": service, "starter": service}
    spec = plan.scenario(exercise, services, tags, owner)
    assert plan.memory_mb(spec) <= VM_MB - RESERVE_MB
    build = exercise.build_limits
    assert build.memory_mb + build.tmpfs_mb <= VM_MB - RESERVE_MB
