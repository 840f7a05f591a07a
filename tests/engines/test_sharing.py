"""What two sandboxes still share: every namespace, and every limit that the kernel counts per user or for all.

The lists are those of docs/explanation/sandboxes.md. A namespace or a limit that is in no list fails the test: somebody
has to say what it means for neighbours.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.engines.base import Kind, SandboxSpec, Scenario
from harness.engines.docker.engine import DockerEngine
from harness.owners import Owner

pytestmark = pytest.mark.docker

Opener = Callable[..., AbstractContextManager[Scenario]]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "sandboxes.md"
LOOK = """
import json, os, re, sys, time
limit = re.compile(r"max|limit|quota|hard$|soft$|_all$|shmall|^sem$|msgmn|shmmn|nr_open|lock|reserve|burst")
print(json.dumps({
    "ids": sorted({os.getuid(), os.getgid()}),
    "namespaces": {name: os.readlink("/proc/self/ns/" + name) for name in os.listdir("/proc/self/ns")},
    "limits": sorted(
        os.path.join(folder, name)[len("/proc/sys/"):]
        for top in ("fs", "kernel", "user", "vm")
        for folder, _, names in os.walk("/proc/sys/" + top)
        for name in names if limit.search(name)
    ),
}), flush=True)
time.sleep(float(sys.argv[1]))
"""


def rows(title: str) -> dict[str, str]:
    """Return the first two columns of the table under a heading of the page."""
    text = PAGE.read_text(encoding="utf-8").partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    found: dict[str, str] = {}
    for cells in lines[1:]:
        found |= dict.fromkeys(re.findall(r"`([^`]+)`", cells[0]), cells[1].strip())
    return found


def look(seconds: int) -> tuple[str, ...]:
    """Return the command that says what it sees and stays: numbers of namespaces that are gone are given again."""
    return ("python3", "-c", LOOK, str(seconds))


def seen(scenario: Scenario, name: str) -> dict[str, object]:
    """Return what a sandbox that runs has said of itself."""
    end = time.monotonic() + 60
    while not (text := scenario.logs(name)).endswith(b"\n"):
        assert time.monotonic() < end, text
        time.sleep(0.05)
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def looks(kernel: Opener, docker_engine: DockerEngine, owner: Owner, base_image: str) -> list[dict[str, object]]:
    """Give what sandboxes of one scenario, of another one and a one-shot see, all alive at once."""
    app = SandboxSpec(name="app", image=base_image, command=look(120))
    service = SandboxSpec(name="db", image=base_image, command=look(120), kind=Kind.SERVICE)
    with kernel(app, service, network=True) as one, kernel(app, network=True) as two:
        pairs = ((one, "app"), (one, "db"), (two, "app"))
        for scenario, name in pairs:
            scenario.start(name)
        found = [seen(scenario, name) for scenario, name in pairs]
        spec = SandboxSpec(name="shot", image=base_image, command=look(0))
        once = docker_engine.run_once(owner, spec, timeout_seconds=60)
        return [*found, json.loads(once.stdout)]


def test_namespaces_that_are_shared_are_those_of_the_table(looks: list[dict[str, object]]) -> None:
    """Of two sandboxes each namespace is its own, but for those that the page calls shared."""
    expected = rows("Namespaces")
    for number, one in enumerate(looks):
        for other in looks[number + 1 :]:
            mine, theirs = one["namespaces"], other["namespaces"]
            assert isinstance(mine, dict)
            assert isinstance(theirs, dict)
            names = {name.removesuffix("_for_children") for name in mine}
            assert names == set(expected)
            shared = {name.removesuffix("_for_children") for name in mine if mine[name] == theirs[name]}
            assert shared == {name for name, said in expected.items() if said == "shared"}


def test_no_user_is_shared(looks: list[dict[str, object]]) -> None:
    """No two sandboxes run under one id, so nothing that is counted per user is shared."""
    ids = [tuple(one["ids"]) for one in looks if isinstance(one["ids"], list)]
    assert len({id_ for found in ids for id_ in found}) == len(ids) == len(looks)


def test_every_limit_of_the_kernel_is_in_the_table(looks: list[dict[str, object]]) -> None:
    """What the kernel limits, it counts per user, per namespace, per process or for all; the page says which."""
    expected = rows("Limits of the kernel")
    found = looks[0]["limits"]
    assert isinstance(found, list)
    said = {name: next((what for one, what in expected.items() if re.fullmatch(one, name)), "") for name in found}
    assert [name for name, what in said.items() if not what] == []
    assert set(said.values()) <= {"user", "namespace", "process", "machine", "no limit", "refused"}
