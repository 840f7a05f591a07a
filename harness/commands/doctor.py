"""``harness doctor``: can this machine grade, and what to do where it cannot."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console, owners
from harness.errors import EngineError, ExitCode

if TYPE_CHECKING:
    from harness.engines.base import Engine
    from harness.engines.docker.engine import DockerEngine
    from harness.model import Json
    from harness.owners import Owner

MEMORY_MB = 3500
"""A scenario of a hard exercise fits an engine of 4 GiB."""
FREE_MB = 6000
"""All images, once built, and the layers they are built from."""


@dataclass(slots=True)
class Diagnosis:
    """What was found: facts to show, what keeps a grading from running, and what only weakens it."""

    facts: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    posture: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    """What will be wanted soon, or is worth doing; none of it stops a grading."""


def doctor(*, as_json: bool, engine: str | None) -> ExitCode:
    """Write what was found; the exit code says whether a grading can run."""
    found = diagnose(engine)
    if as_json:
        lists: dict[str, Json] = {
            "missing": [*found.missing],
            "posture": [*found.posture],
            "advice": [*found.advice],
        }
        console.document({"ok": not found.missing, "facts": found.facts, **lists})
    else:
        _write(found)
    return ExitCode.HARNESS if found.missing else ExitCode.PASSED


def diagnose(name: str | None) -> Diagnosis:
    """Look at the engine called ``name`` and everything a grading needs of it. Raises nothing of the engine's."""
    from harness.engines import open_engine
    from harness.engines.docker.engine import DockerEngine

    found = Diagnosis()
    try:
        engine = open_engine(name)
    except EngineError as error:
        found.missing.append(str(error))
        return found
    try:
        _engine(found, engine)
        if isinstance(engine, DockerEngine):
            _machine(found, engine)
            _images(found, engine)
    except EngineError as error:
        found.missing.append(str(error))
    finally:
        engine.close()
    return found


def _engine(found: Diagnosis, engine: Engine) -> None:
    can = engine.capabilities()
    rootless = ", rootless" if can.rootless else ""
    found.facts["engine"] = f"{can.name} {can.version}, runtime {can.runtime}, cgroup v{can.cgroup_version}{rootless}"
    found.missing += can.missing
    found.posture += can.posture
    left: set[str] = set()

    def look(owner: Owner) -> bool:
        if owners.is_dead(owner):
            left.add(owner.run)
        return False

    engine.reap(look)
    if left or owners.reap_scratch(remove=False):
        found.advice.append("something of ended runs is left: `harness clean` removes it")


def _machine(found: Diagnosis, engine: DockerEngine) -> None:
    machine = engine.machine()
    found.facts["found at"] = machine.place
    found.facts["machine"] = f"{machine.cpus} CPUs, {machine.memory_mb} MB memory"
    if machine.memory_mb < MEMORY_MB:
        found.advice.append(f"the engine has {machine.memory_mb} MB of memory; give it 4 GiB for the larger exercises")
    storage = Path(machine.storage)
    # Elsewhere (a virtual machine, another host) the path means nothing here.
    if engine.link.local and storage.is_dir():
        free_mb = shutil.disk_usage(storage).free // 1_000_000
        found.facts["disk"] = f"{free_mb} MB free in {storage}"
        if free_mb < FREE_MB:
            found.advice.append(f"{free_mb} MB are free in {storage}; building all images takes {FREE_MB} MB")


def _images(found: Diagnosis, engine: DockerEngine) -> None:
    from harness.images import manage as images

    listed = images.listing()
    built = [image for image in listed if image.built and not image.stale]
    wanted = [image.name for image in listed if not image.built]
    found.facts["images"] = ", ".join(image.name for image in built) or "none"
    if wanted:
        found.advice.append(
            f"not built yet: {', '.join(wanted)}; `harness images build` does, or the first grading that needs them"
        )
    base = next((image.tag for image in built if image.name == "base"), "")
    if base and not found.missing:
        found.missing += selftest(engine, base)


def selftest(engine: Engine, image: str) -> list[str]:
    """Start a sandbox and return a sentence for each confinement it does not have."""
    from harness.engines.base import SandboxSpec

    owner = owners.make_owner("doctor", seconds=120)
    spec = SandboxSpec(name="doctor", image=image, command=("cat", "/proc/self/status"))
    result = engine.run_once(owner, spec, timeout_seconds=60)
    status = dict(line.split(":\t", 1) for line in result.stdout.decode().splitlines() if ":\t" in line)
    wanted = {
        "Uid": ("\t".join([_own_user(status.get("Uid", ""))] * 4), "it does not run as a user of its own"),
        "CapEff": ("0000000000000000", "it has capabilities"),
        "CapBnd": ("0000000000000000", "it can gain capabilities"),
        "NoNewPrivs": ("1", "it can gain privileges from a setuid file"),
        "Seccomp": ("2", "no seccomp filter applies to it"),
    }
    return [
        f"a sandbox started here is not confined: {text} ({key} is {status.get(key, 'not shown')}, not {value}); "
        "use an engine that applies its security options"
        for key, (value, text) in wanted.items()
        if status.get(key) != value
    ]


def _own_user(ids: str) -> str:
    """Return the id that a line of four ids begins with, if it is one that sandboxes are given."""
    from harness.engines.docker import users

    first = ids.partition("\t")[0]
    given = first.isdecimal() and (int(first) in users.ALL or int(first) in users.MAPPED)
    return first if given else "that of a sandbox"


def _write(found: Diagnosis) -> None:
    width = max(map(len, found.facts), default=0)
    for key, value in found.facts.items():
        console.line(f"{key.ljust(width)}  {value}")
    for title, lines in (("weaker", found.posture), ("advice", found.advice), ("missing", found.missing)):
        for text in lines:
            console.entry(f"{title}: {text}")
    console.line("this machine can't grade yet" if found.missing else "this machine can grade")
