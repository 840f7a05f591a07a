"""``mutants.toml``, ``cheats.toml``, ``honest.toml`` and ``references.toml``: what is known of a grader's submissions.

Each says what its submissions are and what grading them must come to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from harness import tables, wording
from harness.catalogue import rules
from harness.catalogue.globs import matches
from harness.catalogue.manifest import CheckGlob, CheckId, Points, Slug, Text
from harness.errors import ExerciseError
from harness.tables import Many, Table

MAX_SEEDS = 20
_KILLS = re.compile(r"([1-9]\d?)/([1-9]\d?)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What grading a known submission must come to."""

    required: tuple[str, ...] = ()
    """Globs of checks; of each at least one fails."""
    permitted: tuple[str, ...] | None = None
    """Globs of what else may fail; None: anything, but for ``smoke``."""
    smoke: tuple[str, ...] = ()
    """Globs of checks that pass: a mutant that does not even run proves nothing. One that is required or permitted to
    fail by its whole id may fail: it is the mistake's own."""
    lowest: float = 0.0
    highest: float | None = None
    """Points; None where another rule of acceptance says it."""
    seeds: int = 1
    """How many seeds it is graded at."""
    kills: int = 1
    """At how many of them it must be caught."""

    def requires(self, check_id: str) -> bool:
        """Whether the check is one that must, or may have to, fail."""
        return matches(check_id, self.required)

    def unexpected(self, failed: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``failed`` that should have passed."""
        return tuple(check for check in failed if not self.requires(check) and not self._allows(check))

    def _allows(self, check_id: str) -> bool:
        if self.permitted is not None and check_id in self.permitted:
            return True
        return not matches(check_id, self.smoke) and (self.permitted is None or matches(check_id, self.permitted))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """A reference with one mistake; the mistake is ``mutants/<name>.patch``."""

    name: str
    title: str
    """The mistake, in one sentence."""
    reference: str
    expected: Expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Honest:
    """A right solution of another design, which loses nothing: ``honest/<name>/``, or ``honest/<name>.patch`` on ``like``."""

    name: str
    title: str
    """What is unlike the references, in one sentence."""
    like: str
    """``reference/NAME`` that it is a patch on; empty: it is a folder."""
    expected: Expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """What some cheat is without the cheat, where no other known submission is that: ``controls/<name>.patch`` on ``like``."""

    name: str
    title: str
    like: str
    """``KIND/NAME`` of the known submission that it is a patch on."""
    expected: Expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Cheat:
    """A submission that tries to get points without the work; how is ``cheats/<name>.patch``."""

    name: str
    title: str
    """What it tries, in one sentence."""
    like: str
    """``KIND/NAME`` of the known submission that it is a patch on."""
    control: str
    """``KIND/NAME`` of the known submission that it must not beat: what is honest about it. Mostly what it is like."""
    expected: Expected


@dataclass(frozen=True, kw_only=True, slots=True)
class Cheats:
    """What ``cheats.toml`` declares."""

    cheats: tuple[Cheat, ...] = ()
    controls: tuple[Control, ...] = ()


class _Expected(Table):
    required: Many[CheckGlob] = ()
    permitted: Many[CheckGlob] | None = None
    score: Annotated[Many[Points], Field(min_length=2, max_length=2)] | None = None

    def problems(self, place: str) -> list[str]:
        if self.score is not None and self.score[0] > self.score[1]:
            return [f"{place}.score: expected [lowest, highest], found {list(self.score)}: exchange them"]
        return []

    def expected(self) -> Expected:
        low, high = self.score or (0.0, None)
        permitted = None if self.permitted is None else tuple(self.permitted)
        return Expected(required=tuple(self.required), permitted=permitted, lowest=low, highest=high)


class _Mutant(_Expected):
    name: Slug
    title: Text
    reference: Slug
    ceiling: Points | None = None
    fails: Many[CheckId] = ()
    universal: bool = False
    seeds: Annotated[int, Field(gt=0, le=MAX_SEEDS)] = 1
    kills: Annotated[str, Field(pattern=r"^[1-9]\d?/[1-9]\d?$")] | None = None

    def problems(self, place: str) -> list[str]:
        found = super().problems(place)
        if bool(self.fails) == bool(self.required):
            both = "both" if self.fails else "neither"
            found.append(f"{place}: expected fails (ids) or required (globs) with what it must fail, found {both}")
        if (self.ceiling is None) == (self.score is None):
            both = "neither" if self.score is None else "both"
            found.append(f"{place}: expected ceiling or score = [lowest, highest], found {both}")
        killed, of = self._kills()
        if of != self.seeds or killed > of:
            found.append(
                f"{place}.kills: expected at most as many as it has seeds, {self.seeds}/{self.seeds}, "
                f"found {killed}/{of}: correct one"
            )
        return found

    def value(self, smoke: tuple[str, ...]) -> Mutant:
        plain = self.expected()
        expected = Expected(
            required=tuple(self.fails) or plain.required,
            permitted=plain.permitted,
            smoke=() if self.universal else smoke,
            lowest=plain.lowest,
            highest=plain.highest if self.ceiling is None else self.ceiling,
            seeds=self.seeds,
            kills=self._kills()[0],
        )
        return Mutant(name=self.name, title=self.title, reference=self.reference, expected=expected)

    def _kills(self) -> tuple[int, int]:
        found = _KILLS.fullmatch(self.kills or "")
        return (int(found[1]), int(found[2])) if found else (self.seeds, self.seeds)


class _Mutants(Table):
    smoke: Many[CheckGlob] = ()
    mutants: Many[_Mutant] = ()


_Known = Annotated[str, Field(pattern=r"^(starter|reference|honest|mutant|control)/[a-z0-9-]+$")]


class _Cheat(_Expected):
    name: Slug
    title: Text
    like: _Known
    control: _Known | None = None


class _Control(_Expected):
    name: Slug
    title: Text
    like: Annotated[str, Field(pattern=r"^(starter|reference|honest|mutant)/[a-z0-9-]+$")]


class _Cheats(Table):
    cheats: Many[_Cheat] = ()
    controls: Many[_Control] = ()


class _Honest(Table):
    name: Slug
    title: Text
    like: Annotated[str, Field(pattern=r"^reference/[a-z0-9-]+$")] | None = None
    seeds: Annotated[int, Field(gt=0, le=MAX_SEEDS)] = 1


class _Honests(Table):
    honest: Many[_Honest] = ()


class _Reference(_Expected):
    name: Slug


class _References(Table):
    references: Many[_Reference] = ()


def parse_mutants(data: bytes, where: str = "mutants.toml") -> tuple[Mutant, ...]:
    """Return what ``mutants.toml`` declares. Raises ExerciseError with every problem in it."""
    document = tables.parse(_Mutants, data, where, ExerciseError)
    _refuse(where, "mutants", {one.name: one for one in document.mutants}, [one.name for one in document.mutants])
    return tuple(one.value(tuple(document.smoke)) for one in document.mutants)


def parse_cheats(data: bytes, where: str = "cheats.toml") -> Cheats:
    """Return what ``cheats.toml`` declares. Raises ExerciseError with every problem in it."""
    document = tables.parse(_Cheats, data, where, ExerciseError)
    _refuse(where, "cheats", {one.name: one for one in document.cheats}, [one.name for one in document.cheats])
    _refuse(where, "controls", {one.name: one for one in document.controls}, [one.name for one in document.controls])
    return Cheats(
        cheats=tuple(
            Cheat(
                name=one.name,
                title=one.title,
                like=one.like,
                control=one.control or one.like,
                expected=one.expected(),
            )
            for one in document.cheats
        ),
        controls=tuple(
            Control(name=one.name, title=one.title, like=one.like, expected=one.expected()) for one in document.controls
        ),
    )


def parse_honest(data: bytes, where: str = "honest.toml") -> tuple[Honest, ...]:
    """Return what ``honest.toml`` declares. Raises ExerciseError with every problem in it."""
    document = tables.parse(_Honests, data, where, ExerciseError)
    problems = rules.duplicates("honest", [one.name for one in document.honest])
    if problems:
        raise wording.refusal(ExerciseError, where, problems)
    return tuple(
        Honest(
            name=one.name,
            title=one.title,
            like=one.like or "",
            expected=Expected(permitted=(), lowest=rules.TOTAL_POINTS, seeds=one.seeds),
        )
        for one in document.honest
    )


def parse_references(data: bytes, where: str = "references.toml") -> dict[str, Expected]:
    """Return what ``references.toml`` expects of references by name. Raises ExerciseError with every problem in it."""
    document = tables.parse(_References, data, where, ExerciseError)
    named = {one.name: one for one in document.references}
    _refuse(where, "references", named, [one.name for one in document.references])
    return {name: one.expected() for name, one in named.items()}


def _refuse(
    where: str,
    kind: str,
    declared: dict[str, _Mutant] | dict[str, _Cheat] | dict[str, _Control] | dict[str, _Reference],
    names: list[str],
) -> None:
    problems = rules.duplicates(kind, names)
    problems += [problem for name, one in declared.items() for problem in one.problems(f"{kind}.{name}")]
    if problems:
        raise wording.refusal(ExerciseError, where, problems)
