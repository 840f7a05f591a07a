"""What a running container has used: from cgroup files where we can read them, else from inside, else the engine.

The files are exact and cost nothing, but exist only where the engine runs on this very kernel and in this cgroup
namespace. Then a reader of ours is run inside the sandbox (the image is ours and read-only). The engine's own
statistics take up to a second and know no peak on cgroup v2. All of it is zero once the container is dead: read first.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.engines.base import Usage
from harness.engines.docker import containers
from harness.engines.docker.connect import Link, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.engines.base import ExecResult
    from harness.engines.docker.streams import Captured
    from harness.model import Limits

_WATCH_SECONDS = 0.02
SOURCES = ("cgroup", "exec", "stats")
_MEBIBYTE = 1024 * 1024
_CGROUP = Path("/sys/fs/cgroup")
_CGROUP_FIELDS = 3
_FILES = {
    "v2_cpu": "cpu.stat",
    "v2_memory": "memory.peak",
    "v1_cpu": "cpuacct/cpuacct.usage",
    "v1_memory": "memory/memory.max_usage_in_bytes",
}
READER = (
    "sh",
    "-c",
    'cd /sys/fs/cgroup; for f in "$@"; do if [ -r "$f" ]; then echo "== $f"; cat "$f"; fi; done',
    "sh",
    *_FILES.values(),
)
"""Prints the cgroup files that exist, seen from inside a sandbox."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Resources of one container since it started."""

    cpu_seconds: float
    memory_peak_mb: float | None
    source: str


class Watch:
    """Looks at the memory of a container while its command runs: its files are gone as soon as it is dead.

    Nothing is asked of the engine but the container's first process, and that only where its files are on this kernel.
    """

    def __init__(self, link: Link, container: str) -> None:
        """Watch a container that was started; use it in ``with``."""
        self._container = container
        self._pid = containers.inspect(link, container).pid if link.local else 0
        self._over = threading.Event()
        self._peak: float | None = None
        self._thread = threading.Thread(target=self._look, daemon=True, name="memory")

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._over.set()
        self._thread.join()

    def result(self, captured: Captured, ended: containers.Facts, limits: Limits) -> ExecResult:
        """Return how the command ended, memory included."""
        return captured.result(
            ended.exit_code,
            oom_killed=ended.oom_killed,
            memory_mb=limits.memory_mb,
            memory_peak_mb=self._peak,
        )

    def _look(self) -> None:
        while self._pid and (found := from_cgroup(self._container, self._pid)) is not None:
            self._peak = _largest(self._peak, found.memory_peak_mb)
            if self._over.wait(_WATCH_SECONDS):
                return


def _largest(one: float | None, other: float | None) -> float | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)


def from_cgroup(container: str, pid: int, root: Path = _CGROUP, proc: Path = Path("/proc")) -> Sample | None:
    """Read the files of the container whose first process is ``pid`` here; None when it is not on this kernel."""
    texts: dict[str, str] = {}
    for controllers, path in _own_cgroups(container, pid, proc):
        if not controllers:
            texts |= _read({"v2_cpu": root / path / "cpu.stat", "v2_memory": root / path / "memory.peak"})
        for controller, key in (("cpuacct", "v1_cpu"), ("memory", "v1_memory")):
            if controller in controllers.split(","):
                name = Path(_FILES[key]).name
                texts |= _read({key: root / controller / path / name})
    return _parse(texts, "cgroup")


def oom_kills(container: str, pid: int, root: Path = _CGROUP, proc: Path = Path("/proc")) -> int | None:
    """Return how many processes of the container were killed for memory; None when it is not on this kernel.

    The engine tells it only of a container that has ended, and a worker may die while its parent lives.
    """
    for controllers, path in _own_cgroups(container, pid, proc):
        v1 = "memory" in controllers.split(",")
        file = root / "memory" / path / "memory.oom_control" if v1 else root / path / "memory.events"
        if not v1 and controllers:
            continue
        for line in _read({"": file}).get("", "").splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill" and value.strip().isdigit():
                return int(value)
    return None


def _own_cgroups(container: str, pid: int, proc: Path) -> list[tuple[str, str]]:
    """Return controllers and path of each cgroup of ``pid`` that is the container's own."""
    try:
        lines = (proc / str(pid) / "cgroup").read_text(encoding="ascii").splitlines()
    except (OSError, ValueError):
        return []
    parts = [line.split(":", 2) for line in lines]
    # The engine may be in a virtual machine, and this pid another process of ours.
    return [(part[1], part[2].strip("/")) for part in parts if len(part) == _CGROUP_FIELDS and container in part[2]]


def from_inside(run: Callable[[tuple[str, ...]], bytes]) -> Sample | None:
    """Run the reader in the sandbox with ``run``, which returns its stdout."""
    texts: dict[str, str] = {}
    names = {path: key for key, path in _FILES.items()}
    for part in run(READER).decode("ascii", "replace").split("== ")[1:]:
        path, _, text = part.partition("\n")
        if path in names:
            texts[names[path]] = text
    return _parse(texts, "exec")


def from_stats(link: Link, container: str) -> Sample | None:
    """Ask the engine for one statistics record."""
    with translated(f"give the statistics of {container[:12]}"):
        found = link.api().stats(container, stream=False)
    cpu = found.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0)
    if not cpu:
        return None
    peak = found.get("memory_stats", {}).get("max_usage")
    return Sample(cpu_seconds=cpu / 1e9, memory_peak_mb=None if peak is None else int(peak) / _MEBIBYTE, source="stats")


def _read(paths: Mapping[str, Path]) -> dict[str, str]:
    texts = {}
    for key, path in paths.items():
        try:
            texts[key] = path.read_text(encoding="ascii")
        except (OSError, ValueError):
            continue
    return texts


def _parse(texts: Mapping[str, str], source: str) -> Sample | None:
    try:
        seconds = _cpu_seconds(texts)
        peak = next((int(texts[key]) / _MEBIBYTE for key in ("v1_memory", "v2_memory") if key in texts), None)
    except ValueError:
        return None
    return None if seconds is None else Sample(cpu_seconds=seconds, memory_peak_mb=peak, source=source)


def _cpu_seconds(texts: Mapping[str, str]) -> float | None:
    # A hybrid machine has both; its v2 files have no memory controller, so v1 is the one to believe.
    if "v1_cpu" in texts:
        return int(texts["v1_cpu"]) / 1e9
    for line in texts.get("v2_cpu", "").splitlines():
        key, _, value = line.partition(" ")
        if key == "usage_usec":
            return int(value) / 1e6
    return None


class Meter:
    """Sums what successive containers used. A start nobody measured before it died makes the sum unknown."""

    def __init__(self) -> None:
        self._cpu_seconds = 0.0
        self._peak_mb: float | None = 0.0
        self._source = "cgroup"
        self._open = False
        self._lost = False

    def begin(self) -> None:
        """A container starts."""
        self._lost = self._lost or self._open
        self._open = True

    def add(self, sample: Sample | None) -> None:
        """Count what the running one used up to now: it ends."""
        if not self._open:
            return
        self._open = False
        if sample is None:
            self._lost = True
            return
        self._cpu_seconds += sample.cpu_seconds
        self._peak_mb = _peak(self._peak_mb, sample.memory_peak_mb)
        self._source = sample.source

    def total(self, sample: Sample | None, *, running: bool) -> Usage:
        """Return the sum, ``sample`` of the running one included."""
        source = sample.source if sample else self._source
        if self._lost or (self._open and sample is None) or (running and sample is None):
            return Usage(cpu_seconds=None, memory_peak_mb=None, source=source)
        cpu, peak = self._cpu_seconds, self._peak_mb
        if sample is not None and self._open:
            cpu, peak = cpu + sample.cpu_seconds, _peak(peak, sample.memory_peak_mb)
        return Usage(cpu_seconds=cpu, memory_peak_mb=peak, source=source)


def _peak(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)
