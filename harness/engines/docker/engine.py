"""The real engine: Docker (and what speaks its API) over docker-py. See :mod:`harness.engines.base` for the promises.

What is enforced is decided in :mod:`harness.engines.docker.policy`; this module finds out whether the engine can enforce it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import settings
from harness.engines.base import Capabilities, Kind
from harness.engines.docker import containers, oneshot, policy, usage
from harness.engines.docker.connect import Kernel, Link, connect, translated
from harness.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.engines.base import (
        Attachment,
        ExecResult,
        Interference,
        SandboxSpec,
        Scenario,
        ScenarioSpec,
    )
    from harness.owners import Owner

ImageSource = Callable[[Link, tuple[str, ...], Callable[[str], None]], Mapping[str, str]]
"""Makes what is missing of the named images on the engine behind a link, telling a progress, and returns their tags."""

_MINIMUM_VERSION = (20, 10)
_CGROUP_NAMESPACES = (4, 6)
"""The first kernel that has them: a sandbox sees its own cgroup as the root."""
GVISOR = "runsc"
_LIMITS = {
    "MemoryLimit": "memory limits",
    "PidsLimit": "process limits",
    "CpuCfsQuota": "CPU limits",
}

_PODMAN = (
    "Podman gives the bridge of an internal network an address of the host, so a sandbox could reach the host",
    "Podman refuses tmpfs volumes with a size and a number of inodes, so /box could not be limited",
    "Podman takes a seccomp profile only as a file of its own machine; start Docker, or set DOCKER_HOST to one",
)
"""Seen with Podman 4.3.1; one that does all three may be let in here, once the conformance suite has passed on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the engine runs on."""

    place: str
    """Where it was found, and who said so."""
    cpus: int
    memory_mb: int
    storage: str
    """Directory it keeps images and containers in, on its own machine."""


class DockerEngine:
    """One engine that answers. Close it when done; scenarios must be closed before."""

    def __init__(
        self,
        link: Link | None = None,
        *,
        network_range: str = settings.DEFAULT_NETWORK_RANGE,
        sources: tuple[str, ...] = usage.SOURCES,
        images: ImageSource | None = None,
    ) -> None:
        """Use ``link``, or find an engine.

        Args:
            link: From :func:`harness.engines.docker.connect.connect`; found when omitted.
            network_range: Where networks of scenarios are cut from.
            sources: Where usage may be read from, best first.
            images: What makes images of ours on this engine; without it :meth:`images` refuses.
        """
        self.link = connect() if link is None else link
        self._range = network_range
        self._sources = sources
        self._images = images
        # Threads are kept: each has a client of its own, and a new client costs a connection.
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="engine")
        self._known: Capabilities | None = None

    def capabilities(self) -> Capabilities:
        """Probe the engine, once. Raises EngineError when it does not answer."""
        if self._known is None:
            with translated("say what it is"):
                info = self.link.api().info()
                self._known = describe(info, self.link.said)
                self.link.kernel = kernel(info)
        return self._known

    def machine(self) -> Machine:
        """Return what the engine runs on. Raises EngineError when it does not answer."""
        with translated("say what it runs on"):
            info = self.link.api().info()
        place = self.link.place
        return Machine(
            place=f"{place.url} ({place.source})",
            cpus=int(info.get("NCPU", 0)),
            memory_mb=_memory_mb(info),
            storage=str(info.get("DockerRootDir", "")),
        )

    def images(self, names: tuple[str, ...], progress: Callable[[str], None]) -> Mapping[str, str]:
        """Return the tag of each named image, made first where it is missing."""
        if self._images is None:
            text = f"expected something that makes the images {', '.join(names)}, found an engine opened without it"
            raise EngineError(text)
        return self._images(self.link, names, progress)

    @contextlib.contextmanager
    def open_scenario(self, spec: ScenarioSpec) -> Iterator[Scenario]:
        """Create holders, volumes and the network of ``spec``; start no sandbox yet."""
        from harness.engines.docker.scenario import DockerScenario  # one-shots do without it, and start sooner

        self._require()
        scenario = DockerScenario(self.link, self._pool, spec, network_range=self._range, sources=self._sources)
        try:
            scenario.open()
            yield scenario
        finally:
            scenario.close()

    def run_once(
        self, owner: Owner, spec: SandboxSpec, *, tar: bytes = b"", stdin: bytes = b"", timeout_seconds: float
    ) -> ExecResult:
        """Run ``spec.command`` once without network in a sandbox of its own; ``tar`` is in ``/box`` first."""
        self._require()
        with oneshot.ready_once(self.link, owner, spec, tar=tar) as ready:
            return ready.finish(stdin=stdin, timeout_seconds=timeout_seconds)

    @contextlib.contextmanager
    def ready_once(self, owner: Owner, spec: SandboxSpec, *, tar: bytes) -> Iterator[oneshot.Ready]:
        """Like ``run_once`` in two steps: everything is there, and nothing of ``tar`` runs before ``finish``."""
        self._require()
        with oneshot.ready_once(self.link, owner, spec, tar=tar) as ready:
            yield ready

    @contextlib.contextmanager
    def attach_once(self, owner: Owner, spec: SandboxSpec) -> Iterator[Attachment]:
        """Like ``run_once`` for a process we talk to (a grader without a network)."""
        self._require()
        with oneshot.attach_once(self.link, owner, spec) as attachment:
            yield attachment

    def interferences(self, owner: Owner) -> tuple[Interference, ...]:
        """Return what somebody else did so far to sandboxes of ``owner``, in the order it was heard of."""
        return self.link.watch.ledger.interferences(owner.run)

    def reap(self, dead: Callable[[Owner], bool]) -> list[str]:
        """Remove everything of ours whose owner is ``dead``; return a line for each thing removed."""
        return containers.reap(self.link, dead)

    def close(self) -> None:
        """Close connections."""
        self._pool.shutdown()
        self.link.close()

    def _require(self) -> None:
        missing = self.capabilities().missing
        if missing:
            text = "expected an engine that can do what a grading needs, found:\n" + "\n".join(
                f"  {line}" for line in missing
            )
            raise EngineError(text)


def describe(info: Mapping[str, object], version: Mapping[str, object]) -> Capabilities:
    """Return what an engine is and lacks, from its own answers to ``info`` and ``version``."""
    podman = _is_podman(version)
    number = str(version.get("Version", "0"))
    security = [str(option) for option in _list(info.get("SecurityOptions"))]
    name = "podman" if podman else "docker"
    missing = list(_PODMAN) if podman else _missing(info, number, security)
    return Capabilities(
        name=name,
        version=number,
        runtime=policy.RUNTIMES[Kind.CANDIDATE],
        rootless=any("rootless" in option for option in security),
        memory_mb=_memory_mb(info),
        cgroup_version=2 if str(info.get("CgroupVersion", "1")) == "2" else 1,
        posture=tuple(_posture(info, security)),
        missing=tuple(missing),
    )


def kernel(info: Mapping[str, object]) -> Kernel:
    """Return what containers of an engine get of its kernel, from its answer to ``info``."""
    return Kernel(
        cgroup_namespaces=_numbers(str(info.get("KernelVersion", "0"))) >= _CGROUP_NAMESPACES,
        all_users=not _maps_users([str(option) for option in _list(info.get("SecurityOptions"))]),
    )


def _maps_users(security: list[str]) -> bool:
    return any("userns" in option or "rootless" in option for option in security)


def _memory_mb(info: Mapping[str, object]) -> int:
    total = info.get("MemTotal")
    return total // (1024 * 1024) if isinstance(total, int) else 0


def _is_podman(version: Mapping[str, object]) -> bool:
    components = [part for part in _list(version.get("Components")) if isinstance(part, dict)]
    return any("podman" in str(part.get("Name", "")).lower() for part in components)


def _missing(info: Mapping[str, object], number: str, security: list[str]) -> list[str]:
    lines = []
    if str(info.get("OSType", "linux")) != "linux":
        lines.append("the engine runs Windows containers; switch it to Linux containers")
    if _numbers(number) < _MINIMUM_VERSION:
        lines.append(f"the engine is version {number}; install 20.10 or newer")
    for key, what in _LIMITS.items():
        if info.get(key) is False:
            lines.append(f"the engine cannot enforce {what}; mount the cgroup controller, or use cgroup v2 delegation")
    registered = info.get("Runtimes")
    names = sorted(registered) if isinstance(registered, dict) else []
    lines += [
        f"the engine has no runtime called {name} (it has {', '.join(names) or 'none'}), which sandboxes run in; "
        "register it in the engine's daemon.json"
        for name in dict.fromkeys(policy.RUNTIMES.values())
        if name not in names
    ]
    if not any("seccomp" in option for option in security):
        lines.append("the engine has no seccomp; use a kernel and runtime that do")
    return lines


def _walls(kinds: list[Kind]) -> str:
    """Return which kinds of sandboxes share the kernel, by the runtime that each has."""
    by_runtime: dict[str, list[str]] = {}
    for kind in kinds:
        by_runtime.setdefault(policy.RUNTIMES[kind], []).append(kind)
    walls = "; ".join(
        f"runtime {runtime} for {'all' if len(names) == len(Kind) else ', '.join(names)}"
        for runtime, names in by_runtime.items()
    )
    return f"sandboxes share the host's kernel ({walls}, no gVisor)"


def _posture(info: Mapping[str, object], security: list[str]) -> list[str]:
    lines = []
    open_kinds = [kind for kind in Kind if policy.RUNTIMES[kind] != GVISOR]
    if open_kinds:
        lines.append(_walls(open_kinds))
    if not any("apparmor" in option or "selinux" in option for option in security):
        lines.append("no AppArmor or SELinux profile on top of seccomp and dropped capabilities")
    if not _maps_users(security):
        lines.append("user ids in sandboxes are user ids of the host (no user namespace)")
    if not kernel(info).cgroup_namespaces:
        lines.append("sandboxes see the names of the host's cgroups (a kernel before 4.6 has no cgroup namespaces)")
    if info.get("SwapLimit") is False:
        lines.append("the kernel cannot limit swap: sandboxes may swap if the host does")
    return lines


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2]) or (0,)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []
