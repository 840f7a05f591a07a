"""``learn.toml`` of a grader: for each gap that a candidate may be told of, one thing to read. Pure.

A candidate is told of public checks by name and of held-out ones by skill, so pointers are for these and for nothing else: a
pointer to a held-out check would say what it tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from harness import tables
from harness.errors import ExerciseError, HarnessError
from harness.model import Exercise, Outcome
from harness.tables import Many
from harness.wording import quoted, suggestion

LEARN = "learn.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointer:
    """Where to learn from."""

    read: str
    """What to read: title, author, where."""
    why: str
    """What to look for in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pointers:
    """What an exercise points to."""

    checks: Mapping[str, Pointer] = field(default_factory=dict)
    """Public check -> pointer."""
    skills: Mapping[str, Pointer] = field(default_factory=dict)
    """Skill -> pointer, for what only a grading checks, and for checks without one of their own."""

    def of(self, outcome: Outcome) -> Pointer:
        """Return the one pointer for a gap, as a candidate is told of it; where nobody wrote one, back to the brief."""
        check = outcome.check
        found = (self.checks.get(check.id) if check.public else None) or self.skills.get(check.skill)
        if found is not None:
            return found
        if check.public:
            return Pointer(
                read="what your brief says of it",
                why=f"and see it happen on your own machine, with a timeline: harness check --only {check.id}",
            )
        return Pointer(
            read=f"what your brief says under {check.skill}",
            why="the rows that end with 'graded only' are what these checks are about",
        )


class _Pointer(tables.Table):
    checks: Many[str] = ()
    skills: Many[str] = ()
    read: str
    why: str


class _File(tables.Table):
    pointer: Many[_Pointer]


def parse(data: bytes, exercise: Exercise, where: str, *, refuse: type[HarnessError] = ExerciseError) -> Pointers:
    """Return the pointers in the bytes of a file. Raises ``refuse`` naming ``where`` and what is wrong."""
    kinds: dict[str, tuple[dict[str, Pointer], frozenset[str]]] = {
        "checks": ({}, frozenset(check.id for check in exercise.checks)),
        "skills": ({}, frozenset(exercise.skills)),
    }
    for one in tables.parse(_File, data, where, refuse).pointer:
        if not (one.checks or one.skills) or not (one.read.strip() and one.why.strip()):
            text = f"{where}: expected checks or skills, and words, in each pointer, found none in {quoted(one.read)}"
            raise refuse(text)
        for kind, named in (("checks", one.checks), ("skills", one.skills)):
            made, known = kinds[kind]
            wrong = _wrong(named, made, known)
            if wrong:
                text = f"{where}: {kind}: {wrong}"
                raise refuse(text)
            made.update(dict.fromkeys(named, Pointer(read=one.read, why=one.why)))
    return Pointers(checks=kinds["checks"][0], skills=kinds["skills"][0])


def _wrong(named: Iterable[str], made: Mapping[str, Pointer], known: frozenset[str]) -> str:
    """Return what is wrong with the names of a pointer; empty when nothing is."""
    for name in named:
        if name not in known:
            return f"expected what candidates are told of, found {quoted(name)}: {suggestion(name, known)}"
        if name in made:
            return f"expected one pointer for {quoted(name)}, found two: remove one"
    return ""
