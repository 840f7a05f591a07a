"""Ratios, not seconds: credit without cliffs, and comparisons within one job. Pure, but for what ``abab`` calls."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass


def credit(value: float, *, floor: float, full: float) -> float:
    """Return 0 at or under ``floor``, 1 at or over ``full``, linear between.

    With ``full`` under ``floor`` less is better (a recovery time). NaN earns nothing. Raises ValueError when the
    two are equal: that would be a cliff.
    """
    if not math.isfinite(floor) or not math.isfinite(full) or floor == full:
        text = f"expected two different finite bounds, found floor {floor!r} and full {full!r}"
        raise ValueError(text)
    if math.isnan(value):
        return 0.0
    if math.isinf(value):
        return 1.0 if (value > 0) == (full > floor) else 0.0
    return min(1.0, max(0.0, (value - floor) / (full - floor)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """The measured thing over the yardstick, from pairs of runs made back to back."""

    ours: tuple[float, ...]
    yardstick: tuple[float, ...]

    @property
    def pairs(self) -> tuple[float, ...]:
        """Each pair's ratio."""
        return tuple(a / b for a, b in zip(self.ours, self.yardstick, strict=True))

    @property
    def value(self) -> float:
        """The median of the pairs' ratios: one disturbed run does not decide."""
        return statistics.median(self.pairs)

    @property
    def drift(self) -> float:
        """The yardstick's fastest run over its slowest: how far the machine itself moved. 1 is a still machine."""
        return max(self.yardstick) / min(self.yardstick)


def compare(ours: Sequence[float], yardstick: Sequence[float]) -> Ratio:
    """Return the ratio of runs made in pairs. Raises ValueError when there are none, or the yardstick did nothing."""
    if not ours or len(ours) != len(yardstick):
        text = f"expected as many runs of both, at least one, found {len(ours)} and {len(yardstick)}"
        raise ValueError(text)
    if any(not math.isfinite(run) or run < 0 for run in [*ours, *yardstick]) or min(yardstick) <= 0:
        text = f"expected finite rates and a yardstick over 0, found {list(ours)} and {list(yardstick)}"
        raise ValueError(text)
    return Ratio(ours=tuple(ours), yardstick=tuple(yardstick))


def abab(ours: Callable[[], float], yardstick: Callable[[], float], *, rounds: int = 3) -> Ratio:
    """Run the two alternately, ``rounds`` times each, and compare the rates that they return."""
    pairs = [(ours(), yardstick()) for _ in range(rounds)]
    return compare([pair[0] for pair in pairs], [pair[1] for pair in pairs])


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One probe after a fault was healed."""

    at: float
    """When it was answered, or given up."""
    ok: bool


def stable_since(samples: Iterable[Sample], *, window_seconds: float, share: float = 0.95) -> float | None:
    """Return the time of the first success from which on, for ``window_seconds``, ``share`` of all probes succeed.

    None when no such window is complete in the samples: one green moment between failures is no recovery.
    """
    ordered = sorted(samples, key=lambda sample: sample.at)
    if not ordered:
        return None
    last = ordered[-1].at
    for number, first in enumerate(ordered):
        end = first.at + window_seconds
        if end > last:
            return None
        if not first.ok:
            continue
        inside = [sample for sample in ordered[number:] if sample.at <= end]
        if sum(sample.ok for sample in inside) >= share * len(inside):
            return first.at
    return None


def recovery(
    samples: Iterable[Sample], *, healed_at: float, timeout_seconds: float, window_seconds: float
) -> float | None:
    """Return (first stable success after the heal - heal) / the declared timeout; None when it never got stable."""
    since = stable_since((sample for sample in samples if sample.at >= healed_at), window_seconds=window_seconds)
    return None if since is None else (since - healed_at) / timeout_seconds


def growth(cost: float, cost_at_four_times: float) -> float:
    """Return the growth exponent of a cost from n to 4n: 1 is linear. Raises ValueError unless both are positive."""
    if not (cost > 0 and cost_at_four_times > 0):
        text = f"expected two costs over 0, found {cost!r} and {cost_at_four_times!r}"
        raise ValueError(text)
    return math.log(cost_at_four_times / cost) / math.log(4)
