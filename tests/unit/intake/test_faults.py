"""Which faults a script names, read and not run."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.catalogue import faults
from harness.catalogue.finder import Catalogue
from harness.testing.broker import Broker
from harness.testing.live import usual_faults
from tests.unit.live import berths

ROOT = Path(__file__).resolve().parents[3]
SANDBOXES = ("berth", "store")


def of(root: Path, script: str) -> set[str]:
    """Return the names of faults of an exercise with ``script``, without those of the sandboxes that its service works with."""
    berths.world(root, {"exercises/harbour/up.py": script})
    found = set(faults.of(Catalogue((root,)).pair("harbour", whole=False)))
    usual = {f"{box}-{each}" for box in SANDBOXES for each in faults.USUAL}
    assert usual <= found
    return found - usual


@pytest.mark.parametrize(
    ("script", "names"),
    [
        (berths.UP, {"fog", "storm"}),
        ('FAULTS: dict[str, object] = {"a-b": print}', {"a-b"}),
        ('FAULTS = {"a": print, **more, name: print, 1: print}', {"a"}),
        ('OTHER = {"a": print}\nFAULTS.x = {"b": print}\nFAULTS: dict[str, int]', set()),
        ("FAULTS = made()", set()),
        ("FAULTS = {", set()),
        ("\0", set()),
        ("", set()),
    ],
)
def test_names_are_read_where_they_are_written_out(tmp_path: Path, script: str, names: set[str]) -> None:
    """What is only known at run time is left to an up; what is no Python names nothing, and ends nothing."""
    assert of(tmp_path, script) == names


def test_the_usual_faults_are_those_that_a_held_scenario_has() -> None:
    """The words are in two places, of which neither may know the other."""
    made = usual_faults(Broker.__new__(Broker), ["berth"])
    assert sorted(made) == [f"berth-{each}" for each in faults.USUAL]


@pytest.mark.parametrize("id_", ["idempotent-payments"])
def test_an_exercise_of_ours_names_its_faults(id_: str) -> None:
    """Each that its script offers, so that nobody has to guess one."""
    pair = Catalogue([ROOT]).pair(id_, whole=False)
    found = faults.of(pair)
    assert faults.short(pair) == "{app,db}-{cut,down,frozen}, database-refuses, provider-busy, provider-silent"
    assert {"app-down", "db-cut", "database-refuses", "provider-busy", "provider-silent"} <= set(found)


def test_an_exercise_without_a_network_has_none() -> None:
    """There is nothing to cut, and what runs there is run by each check."""
    pair = Catalogue([ROOT]).pair("skeleton", whole=False)
    assert (faults.of(pair), faults.short(pair)) == ((), "it has none")
