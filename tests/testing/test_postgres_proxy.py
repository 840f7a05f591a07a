"""The proxy's commit points are those of a real PostgreSQL, driven by a real driver, in the images that grade."""

from __future__ import annotations

import io
import json
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import owners
from harness.engines.base import SandboxSpec, Scenario, ScenarioSpec
from harness.engines.docker.engine import DockerEngine
from harness.images import manage as images
from harness.model import Limits

pytestmark = pytest.mark.docker
PROBE = Path(__file__).with_name("proxy_probe.py")


@pytest.fixture
def scenario() -> Iterator[Scenario]:
    """A database and the grader's image beside it."""
    tags = images.ensure(["postgres", "grader-core"])
    owner = owners.make_owner(f"test-{secrets.token_hex(4)}", seconds=300)
    database = SandboxSpec(
        name="db", image=tags["postgres"], command=("harness-postgres",), limits=Limits(memory_mb=384)
    )
    probe = SandboxSpec(name="probe", image=tags["grader-core"])
    engine = DockerEngine()
    try:
        with engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(database, probe))) as opened:
            yield opened
    finally:
        engine.close()


def test_commit_points_hold_on_a_real_database(scenario: Scenario) -> None:
    """Held before: no row is committed, and none ever is when dropped. Held after: all are, whatever the client learns."""
    scenario.put("probe", _tar(PROBE))
    probe = f"{scenario.address('probe')}/32"
    scenario.start("db", env={"ALLOW_FROM": probe, "ADMIN_FROM": probe})
    argv = ("/usr/bin/python3", "-P", "/box/probe.py", scenario.address("db"))
    result = scenario.run("probe", argv, timeout_seconds=60)
    assert result.exit_code == 0, result.stderr.decode()
    seen = json.loads(result.stdout)
    assert seen.pop("reading") == {"count": 0}
    assert set(seen) == {"block", "autocommit", "simple", "pipeline", "function", "cte", "copy"}
    for name in seen:
        written = 3 if name == "pipeline" else 1
        assert seen[name] == {
            "count": 1,
            "before drop": [0, 0, False],
            "before forward": [0, written, True],
            "after drop": [written, written, False],
            "after forward": [written, written, True],
        }, name


@pytest.mark.parametrize(("commit", "kept"), [("on", [0, 1, 2, 3, 4, 5]), ("off", [0])])
def test_kill_loses_exactly_what_was_promised_too_early(scenario: Scenario, commit: str, kept: list[int]) -> None:
    """What a client was told before it was in the log is gone, every time; what waited for the log is there."""
    scenario.put("probe", _tar(PROBE.with_name("loss_probe.py")))
    address = f"{scenario.address('probe')}/32"
    env = {"ALLOW_FROM": address, "ADMIN_FROM": address}
    scenario.start("db", env=env)
    argv = ("/usr/bin/python3", "-P", "/box/probe.py", scenario.address("db"))
    written = scenario.run("probe", (*argv, commit), timeout_seconds=60)
    assert written.exit_code == 0, written.stderr.decode()
    scenario.kill("db")
    scenario.start("db", env=env)
    found = scenario.run("probe", (*argv, "read"), timeout_seconds=60)
    assert json.loads(found.stdout) == kept, found.stderr.decode()


def _tar(path: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("probe.py")
        info.size = path.stat().st_size
        info.mode = 0o644
        archive.addfile(info, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()
