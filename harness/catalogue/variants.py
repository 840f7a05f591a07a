"""Which variant of an exercise a candidate gets. Pure: the same arguments always give the same values.

The number travels in the bundle, the values stand in the brief and in the environment of the submission. Not the
``seed`` of a grading, which sets the fault schedule.
"""

from __future__ import annotations

import hashlib
import hmac
import math

from harness.model import Exercise

_NUMBERS = 2**32


def parameters(exercise: Exercise, number: int) -> dict[str, str]:
    """Return knob -> value of variant ``number``; variant 0 has every knob's first value.

    Numbers count through all combinations (the first declared knob fastest) and start again after the last.
    """
    values: dict[str, str] = {}
    for knob, allowed in exercise.parameters.items():
        number, index = divmod(number, len(allowed))
        values[knob] = allowed[index]
    return values


def count(exercise: Exercise) -> int:
    """Return how many different variants there are."""
    return math.prod(len(allowed) for allowed in exercise.parameters.values())


def number(secret: bytes, alias: str, exercise_id: str, version: str) -> int:
    """Return the variant of one candidate. Without ``secret`` nobody can tell whose variant is whose."""
    message = f"{alias}\0{exercise_id}\0{version}".encode()
    return int.from_bytes(hmac.digest(secret, message, hashlib.sha256)[:8], "big") % _NUMBERS
