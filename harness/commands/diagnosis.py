"""Looking at a machine: what it is, what a grading needs of it, and what an exercise needs beyond that.

Everything is a line of a :class:`Diagnosis`; an engine that hangs is one too. Nothing is built, pulled or removed.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import owners
from harness.commands import proofs
from harness.errors import EngineError, HarnessError
from harness.images import estimates

if TYPE_CHECKING:
    from harness.commands.target import Target
    from harness.engines.base import Capabilities, Engine
    from harness.engines.docker.engine import DockerEngine
    from harness.images.recipes import Folders
    from harness.owners import Owner

MEMORY_MB = 3500
"""A scenario of a hard exercise fits an engine of 4 GiB."""
SECONDS = 50
"""An answer within a minute is worth more than a whole one later."""
_ENFORCED = "CPU, memory, processes, size of /box and network rules are enforced"


@dataclass(slots=True)
class Diagnosis:
    """What was found: facts to show, what keeps a grading from running, and what only weakens it."""

    facts: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    posture: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    """What will be wanted soon, or is worth doing; none of it stops a grading."""
    left_out: list[str] = field(default_factory=list)
    """Checks that this engine leaves without a result, and why."""
    to_get: str = ""
    """Images that are still missing and what getting them takes; empty: none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What a diagnosis is to be about."""

    engine: str | None = None
    network_range: str = ""
    target: Target | None = None
    """An exercise; None: gradings in general."""
    brought: Folders = ()
    """Recipes of catalogues."""


def diagnose(asked: Asked, wait: Callable[[threading.Thread], object] = lambda one: one.join(SECONDS)) -> Diagnosis:
    """Look at the engine and everything that is needed of it. Raises nothing of the engine's, and ends when ``wait`` does."""
    found, doing = Diagnosis(), ["looking for an engine"]
    crash: list[BaseException] = []

    def look() -> None:
        try:
            _look(found, asked, doing)
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            crash.append(error)

    looking = threading.Thread(target=look, name="doctor", daemon=True)
    looking.start()
    wait(looking)
    if crash:
        raise crash[0]
    if not looking.is_alive():
        return found
    # What it still adds is nobody's: its own lists go on, these are copies.
    seen = replace(found, facts=dict(found.facts), missing=list(found.missing), advice=list(found.advice))
    seen.missing.append(
        f"the engine did not answer within {SECONDS} s, while {doing[-1]}: see that it is well and not overloaded, "
        "and run this again"
    )
    return seen


def _look(found: Diagnosis, asked: Asked, doing: list[str]) -> None:
    from harness.engines import open_engine

    try:
        engine = open_engine(asked.engine, network_range=asked.network_range)
    except EngineError as error:
        found.missing.append(str(error))
        return
    try:
        _examine(found, engine, asked, doing.append)
    except HarnessError as error:
        found.missing.append(str(error))
    finally:
        engine.close()


def _examine(found: Diagnosis, engine: Engine, asked: Asked, doing: Callable[[str], None]) -> None:
    from harness.engines.docker.engine import DockerEngine

    doing("asking it what it is")
    can = engine.capabilities()
    _engine(found, engine, can)
    if asked.target is not None:
        _exercise(found, can, asked.target)
    if isinstance(engine, DockerEngine):
        _machine(found, engine)
        doing("asking it for its images")
        look_at_images(found, engine, _stock(engine, asked.brought), asked, doing)


def _engine(found: Diagnosis, engine: Engine, can: Capabilities) -> None:
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


def _exercise(found: Diagnosis, can: Capabilities, target: Target) -> None:
    """What this exercise needs of the engine, and what it would leave out."""
    needed = target.memory_mb()
    found.facts["exercise"] = f"{target.name}: {needed} MiB of memory at most, all its sandboxes together"
    if 0 < can.memory_mb < needed:
        found.missing.append(
            f"the engine has {can.memory_mb} MiB of memory, of which this exercise may use {needed}: give it more (a "
            "desktop's settings, a larger machine), or name another one (DOCKER_HOST)"
        )
    if can.missing:
        found.left_out.append("nothing can be run here until what is missing is there: no check has a result")
    for check_id, verbs in target.left_out(can.cannot).items():
        why = "; ".join(f"{verb}: {can.cannot[verb]}" for verb in verbs)
        found.left_out.append(f"{check_id} has no result here ({why})")
    for verb, why in can.cannot.items():
        found.left_out.append(f"a held-out check that asks for {verb} has no result here ({why})")
    if not found.left_out:
        found.facts["limits"] = f"{_ENFORCED}: no check is left out"


def _machine(found: Diagnosis, engine: DockerEngine) -> None:
    machine = engine.machine()
    found.facts["found at"] = machine.place
    found.facts["machine"] = f"{machine.cpus} CPUs, {machine.memory_mb} MB memory"
    if machine.memory_mb < MEMORY_MB:
        found.advice.append(f"the engine has {machine.memory_mb} MB of memory; give it 4 GiB for the larger exercises")


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """Which images there are, and what may be asked about those that are not."""

    here: Mapping[str, str]
    """Name -> tag, of present recipes."""
    names: tuple[str, ...]
    """All that present recipes make."""
    where: str
    """The registry that is named; empty: none."""
    offers: Callable[[str], bool]
    """Whether the registry has the image of that name; raises EngineError when it does not say."""
    free_mb: int
    """On the engine's disk as far as this machine sees it; 0 is unknown."""


def _stock(engine: DockerEngine, brought: Folders) -> Stock:
    from harness.images import manage, recipes, registry

    listed, where = [one for one in manage.listing(brought) if one.recipe], registry.prefix()
    storage = Path(engine.machine().storage)
    # Elsewhere (a virtual machine, another host) the path means nothing here.
    local = engine.link.local and storage.is_dir()
    return Stock(
        here={one.name: one.tag for one in listed if one.built},
        names=tuple(one.name for one in listed),
        where=where,
        offers=lambda name: registry.offers(engine.link, recipes.recipe(name, brought), where),
        free_mb=shutil.disk_usage(storage).free // 1_000_000 if local else 0,
    )


def look_at_images(found: Diagnosis, engine: Engine, stock: Stock, asked: Asked, doing: Callable[[str], None]) -> None:
    """Try two sandboxes with an image that is there, and say what those that are missing take."""
    found.facts["images"] = ", ".join(stock.here) or "none"
    # What an engine lacks was said; sandboxes that can't be confined are not started.
    free_mb = (0 if found.missing else _tried(found, engine, stock, doing)) or stock.free_mb
    if free_mb:
        found.facts["disk"] = f"{free_mb} MB free where the engine keeps images"
    wanted = asked.target.images if asked.target else stock.names
    missing = [name for name in wanted if name not in stock.here]
    if missing:
        doing("asking the registry for images")
        _to_get(found, stock, missing, asked.brought, free_mb)


def _tried(found: Diagnosis, engine: Engine, stock: Stock, doing: Callable[[str], None]) -> int:
    """Try two sandboxes; return what is free on the disk under them, 0 when that is not known."""
    image = stock.here.get("base") or next(iter(stock.here.values()), "")
    if not image:
        found.advice.append("no sandbox was tried, because no image is here yet: run this again once one is")
        return 0
    try:
        doing("starting two sandboxes")
        trip = proofs.round_trip(engine, image)
        found.facts["tried"] = f"two sandboxes on a network of their own answered in {trip.seconds:.1f} s"
        doing("looking whether a sandbox is confined")
        found.missing += proofs.selftest(engine, image)
    except EngineError as error:
        found.missing.append(str(error))
        return 0
    return trip.free_mb


def _to_get(found: Diagnosis, stock: Stock, missing: list[str], brought: Folders, free_mb: int) -> None:
    """Say which images are missing, from where they come, and what that takes."""
    from harness.images import recipes

    offered, built, asking = list[str](), list[str](), bool(stock.where)

    def way(name: str) -> None:
        """What is pulled needs no parent, what is built does: as :func:`harness.images.manage.obtain` goes about it."""
        nonlocal asking
        if name in stock.here or name in offered or name in built:
            return
        try:
            if asking and stock.offers(name):
                offered.append(name)
                return
        except EngineError as error:
            asking = False
            found.advice.append(f"{error}; until then images are built here")
        if parent := recipes.recipe(name, brought).parent:
            way(parent)
        built.append(name)

    for name in missing:
        way(name)
    pulled, made = estimates.pulling(offered), estimates.building(built)
    parts = []
    if offered:
        speed = f"at {estimates.NETWORK_MB_PER_SECOND} MB/s"
        parts.append(f"{', '.join(offered)} from {stock.where}, {_minutes(pulled)} {speed}")
    if built:
        parts.append(f"{', '.join(built)} built here, {_minutes(made)} on two cores")
    found.to_get = f"{'; '.join(parts)}; {pulled.disk_mb + made.disk_mb} MB on the engine's disk"
    room_mb = pulled.room_mb + made.room_mb
    if 0 < free_mb < room_mb:
        found.missing.append(
            f"{free_mb} MB are free on the engine's disk, and getting the images takes {room_mb}: free some "
            "(`harness images remove --stale` takes away old images of ours)"
        )


def _minutes(cost: estimates.Cost) -> str:
    known = f"about {max(1, round(cost.seconds / 60))} min" if cost.seconds else ""
    unknown = f"{', '.join(cost.unknown)} an unknown time" if cost.unknown else ""
    return " and ".join(part for part in (known, unknown) if part)
