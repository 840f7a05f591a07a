"""The facts of one grading job, as the host sends them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.errors import GraderError
from harness.model import Check, Json

CHECK_SECONDS = 120.0
"""How long one phase of one check may take when the job does not say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What to collect and with which facts."""

    exercise: str
    version: str
    mode: str
    """``grade`` or ``check``."""
    seed: int
    """Sets the fault schedule. Draw from :meth:`rng`, never from the global generator."""
    variant: int
    parameters: Mapping[str, str]
    """Variant knob -> value, as the brief says."""
    language: str
    timeouts: Mapping[str, float]
    """Declared timeout -> seconds."""
    has_tests: bool
    """The submission declares a ``test`` command."""
    checks: tuple[Check, ...]
    """Every declared check of this mode; what is collected must be these."""
    only: tuple[str, ...] = ()
    """Ids or globs; empty: all."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Sandbox name -> IPv4 address, ``grader`` included."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """``check_seconds`` (a phase of one check), ``grace_seconds`` (to end after that), ``deadline_seconds`` (the job).

    Absent ones have defaults; without a deadline there is none.
    """

    def rng(self, name: str) -> random.Random:
        """Return a generator that depends only on the seed and ``name``: one for each use, so that uses don't mix."""
        return random.Random(f"{self.exercise}/{self.seed}/{name}")  # noqa: S311 - a schedule, not a secret

    def address(self, sandbox: str) -> str:
        """Return the address of ``sandbox``. Raises GraderError when the scenario has no such sandbox."""
        try:
            return self.addresses[sandbox]
        except KeyError:
            text = f"expected one of the sandboxes {sorted(self.addresses)}, found {sandbox!r}"
            raise GraderError(text) from None

    def timeout(self, name: str) -> float:
        """Return the declared timeout ``name``. Raises GraderError when the exercise declares none of that name."""
        try:
            return self.timeouts[name]
        except KeyError:
            text = f"expected one of the timeouts {sorted(self.timeouts)}, found {name!r}"
            raise GraderError(text) from None


def parse(raw: Mapping[str, Json]) -> Job:
    """Return the job of a ``job`` frame's ``job`` object. Raises GraderError naming the field that is wrong."""
    return Job(
        exercise=_text(raw, "exercise"),
        version=_text(raw, "version"),
        mode=_text(raw, "mode"),
        seed=_integer(raw, "seed"),
        variant=_integer(raw, "variant"),
        parameters={key: str(value) for key, value in _table(raw, "parameters").items()},
        language=_text(raw, "language"),
        timeouts=_numbers(raw, "timeouts"),
        has_tests=raw.get("has_tests") is True,
        checks=tuple(_check(item) for item in _list(raw, "checks")),
        only=tuple(str(item) for item in _list(raw, "only")),
        addresses={key: str(value) for key, value in _table(raw, "addresses").items()},
        limits=_numbers(raw, "limits"),
    )


def _wrong(name: str, wanted: str, found: object) -> GraderError:
    return GraderError(f"expected {wanted} in the job's {name!r}, found {str(found)[:80]!r}: the host sent a bad job")


def _text(raw: Mapping[str, Json], name: str) -> str:
    value = raw.get(name, "")
    if not isinstance(value, str):
        raise _wrong(name, "a string", value)
    return value


def _integer(raw: Mapping[str, Json], name: str) -> int:
    value = raw.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(name, "an integer", value)
    return value


def _table(raw: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = raw.get(name) or {}
    if not isinstance(value, dict):
        raise _wrong(name, "an object", value)
    return value


def _list(raw: Mapping[str, Json], name: str) -> list[Json]:
    value = raw.get(name) or []
    if not isinstance(value, list):
        raise _wrong(name, "a list", value)
    return value


def _numbers(raw: Mapping[str, Json], name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for key, value in _table(raw, name).items():
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _wrong(name, "numbers", value)
        found[key] = float(value)
    return found


def _check(raw: Json) -> Check:
    if not isinstance(raw, dict) or not isinstance(raw.get("id"), str):
        raise _wrong("checks", "an object with an id", raw)
    points = raw.get("points", 0)
    if not isinstance(points, int | float):
        raise _wrong("checks.points", "a number", points)
    return Check(
        id=_text(raw, "id"),
        title=_text(raw, "title"),
        skill=_text(raw, "skill"),
        points=float(points),
        public=raw.get("public") is True,
        requires=tuple(str(item) for item in _list(raw, "requires")),
        last=raw.get("last") is True,
    )
