"""What an image will cost before it is there: measured once, said beforehand as "about", never a limit.

Of images that a catalogue brings nothing is known until they are built.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

MEASURED: Mapping[str, tuple[int, int]] = {
    "base": (165, 30),
    "python": (202, 15),
    "go": (687, 100),
    "java": (381, 20),
    "postgres": (306, 20),
    "grader": (193, 15),
    "grader-core": (194, 1),
}
"""Name -> MB on the engine's disk, seconds of a build on two shared cores: the table of docs/explanation/images.md."""
NETWORK_MB_PER_SECOND = 10
"""Of a usual office line, 100 Mbit/s; what is pulled is smaller than what it becomes on the disk."""
_WORK = 3
"""A build needs its work stage, the flattened image and the engine's own copy beside each other."""
_UNPACK = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What getting some images takes."""

    disk_mb: int
    """Of the images that are known, once they are there."""
    room_mb: int
    """Free space that getting them takes."""
    seconds: int
    unknown: tuple[str, ...]
    """Names of images that nothing is known of."""


def pulling(names: Iterable[str]) -> Cost:
    """Return what it takes to pull the images called ``names``."""
    return _cost(names, _UNPACK, lambda size, _: size / NETWORK_MB_PER_SECOND)


def building(names: Iterable[str]) -> Cost:
    """Return what it takes to build the images called ``names``, each from one that is there or among them."""
    return _cost(names, _WORK, lambda _, seconds: seconds)


def _cost(names: Iterable[str], times: int, seconds_of: Callable[[int, int], float]) -> Cost:
    wanted = tuple(names)
    known = [MEASURED[name] for name in wanted if name in MEASURED]
    sizes = [size for size, _ in known]
    return Cost(
        disk_mb=sum(sizes),
        # One after the other: only the largest needs its work room beside those that are there.
        room_mb=sum(sizes) + (times - 1) * max(sizes, default=0),
        seconds=round(sum(seconds_of(size, seconds) for size, seconds in known)),
        unknown=tuple(name for name in wanted if name not in MEASURED),
    )
