"""Two services measured in turn, the other one frozen meanwhile: ABAB, under the machine-wide lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from harness.checkers import ratios
from harness.testing.broker import Broker
from harness.testing.check import Inconclusive

ROUNDS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of the two."""

    name: str
    sandboxes: tuple[str, ...]
    """All of its own, its database included: frozen while the other side is measured."""
    warm: Callable[[], object]
    """Gives it its time to warm up: connections, caches, a compiler that learns."""
    measure: Callable[[], float]
    """Runs one phase and returns its rate (a second)."""


def measure(
    broker: Broker, ours: Side, yardstick: Side, *, least_yardstick: float, rounds: int = ROUNDS
) -> ratios.Ratio:
    """Warm both up, measure them alternately, and return the ratio of ``ours`` to the ``yardstick``.

    Waiting for the lock does not count against the check. Raises Inconclusive when the yardstick reaches less than
    ``least_yardstick`` (in units of its rate) in any phase: the machine is too busy to measure anything.
    """
    with broker.locked():
        for side, other in ((yardstick, ours), (ours, yardstick)):
            with frozen(broker, other.sandboxes):
                side.warm()
        found = [(_phase(broker, ours, yardstick), _phase(broker, yardstick, ours)) for _ in range(rounds)]
    slowest = min(rate for _, rate in found)
    if slowest < least_yardstick or slowest <= 0:
        text = f"expected our {yardstick.name} to reach at least {least_yardstick:.0f} a second, found {slowest:.0f}"
        raise Inconclusive(text)
    return ratios.compare([rate for rate, _ in found], [rate for _, rate in found])


def shown(ratio: ratios.Ratio, ours: Side, yardstick: Side) -> str:
    """Return every phase for the evidence: ``app 41, 43; yardstick 80, 82``."""
    sides = ((ours.name, ratio.ours), (yardstick.name, ratio.yardstick))
    return "; ".join(f"{name} {', '.join(f'{rate:.0f}' for rate in rates)}" for name, rates in sides)


@contextmanager
def frozen(broker: Broker, sandboxes: Sequence[str]) -> Iterator[None]:
    """Freeze sandboxes for the body, and thaw them whatever happens."""
    with ExitStack() as stack:
        for sandbox in sandboxes:
            stack.enter_context(broker.paused(sandbox))
        yield


def _phase(broker: Broker, side: Side, other: Side) -> float:
    with frozen(broker, other.sandboxes):
        return side.measure()
