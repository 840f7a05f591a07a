"""Seeded draws: equal seeds give equal plans, and a service can't tell one check from another by what it is sent."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

from harness.testing.job import Job

Item = TypeVar("Item")
Kind = TypeVar("Kind")


def generator(job: Job, name: str) -> random.Random:
    """Return the generator of one use, named by ``name``. ``check`` and ``grade`` draw differently from one seed."""
    return job.rng(f"{job.mode}/{name}")


def deal(rng: random.Random, items: Sequence[Item], kinds: Sequence[Kind]) -> dict[Item, Kind]:
    """Give every item a kind: each kind equally often (give or take one), in random order.

    Items must differ, and there must be a kind when there is an item.
    """
    dealt = [kinds[index % len(kinds)] for index in range(len(items))]
    rng.shuffle(dealt)
    return dict(zip(items, dealt, strict=True))


def distinct(rng: random.Random, low: int, high: int) -> Iterator[int]:
    """Yield the numbers of ``[low, high]`` in random order, each once, then nothing."""
    numbers = list(range(low, high + 1))
    rng.shuffle(numbers)
    return iter(numbers)


def tag(rng: random.Random, digits: int = 4) -> str:
    """Return a name part of that many hexadecimal digits: ``3fa2``."""
    return f"{rng.randrange(16**digits):0{digits}x}"
