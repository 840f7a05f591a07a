"""What a check measured beside its threshold, and whether a fault bit what it was for.

Every threshold records the value it was compared with: ``harness validate`` keeps the slowest right and the fastest wrong
one, and an exercise whose thresholds stand too close to either is not validated.
"""

from __future__ import annotations

import math
from typing import Literal

from harness.errors import GraderError
from harness.model import Measure
from harness.testing.check import Inconclusive, running
from harness.testing.text import line

NAME_CHARS = 80
UNIT_CHARS = 20
LEAST_BITTEN = 0.8
"""Share of what a fault was for that it must have hit; below that it proved nothing, in either direction."""


def measured(
    name: str, value: float, *, limit: float, better: Literal["less", "more"] = "less", unit: str = ""
) -> bool:
    """Record what the running check compares with ``limit``, and return whether it is within it.

    ``better`` says on which side of ``limit`` right services are. Of several values of one ``name`` the worst is kept.
    It judges nothing by itself: ``expect(measured("recovery", seconds, limit=10.0, unit="s"), "It came back too late")``.
    Raises GraderError outside a check, and for a value or a limit that is not a number over 0 (a value may be 0).
    """
    if not (math.isfinite(value) and math.isfinite(limit)) or value < 0 or limit <= 0:
        text = f"expected a finite value of at least 0 and a limit over 0 in measured({name!r}), found {value!r} and {limit!r}"
        raise GraderError(text)
    made = Measure(
        name=line(name, NAME_CHARS), value=float(value), limit=float(limit), better=better, unit=line(unit, UNIT_CHARS)
    )
    running("measured()").measure(made)
    return made.holds


def bit(hit: int, of: int, *, what: str) -> None:
    """Raise Inconclusive unless a fault hit at least 80 % of what it was for.

    ``what`` says in a few words what should have been hit: ``bit(cut, sent, what="answers cut after the header")``. For a
    fault whose effect a candidate can avoid or undo (by not calling at all), judge that first: silence is not ours.
    """
    if of > 0 and hit >= LEAST_BITTEN * of:
        return
    text = f"expected the fault to hit at least {LEAST_BITTEN:.0%} of {what}, found {hit} of {of}: it proves nothing"
    raise Inconclusive(text)
