"""``exercise.toml`` and ``checks.toml`` as values of ``harness.model``. What authors write, checked whole.

The shape is what pydantic checks; :mod:`harness.catalogue.rules` checks what needs more than one key. ``service.toml`` of a
submission is :mod:`harness.catalogue.service`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from harness import tables, wording
from harness.catalogue import bounds, rules
from harness.catalogue.service import parse_service
from harness.errors import ExerciseError
from harness.model import Check, DeclaredTimeout, Exercise, Gate, HumanItem, Limits, SandboxPlan
from harness.tables import Many, Table

__all__ = [
    "Hidden",
    "parse_exercise",
    "parse_hidden",
    "parse_service",
]

_SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, Field(pattern=_SLUG, max_length=60)]
CheckId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$", max_length=120)]
CheckGlob = Annotated[str, Field(pattern=r"^[a-z0-9*?/-]+$", max_length=120)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Points = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**62)]
MAX_SUBMISSION_BYTES = 64 * 1024 * 1024
MAX_SUBMISSION_FILES = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Hidden:
    """``checks.toml`` of a grader: what only assessors may see."""

    checks: tuple[Check, ...]
    gates: Mapping[str, tuple[str, ...]]
    """Gate of the exercise -> hidden checks that close it too."""
    seed: int | None = None
    """Of a grading for which nobody names another; None: one that follows from the grader's files."""


class _Limits(Table):
    cpus: bounds.Cpus = Limits().cpus
    memory_mb: bounds.MemoryMb = Limits().memory_mb
    pids: bounds.Pids = Limits().pids
    tmpfs_mb: bounds.TmpfsMb = Limits().tmpfs_mb
    tmpfs_inodes: bounds.Inodes = Limits().tmpfs_inodes
    file_size_mb: bounds.TmpfsMb = Limits().file_size_mb
    nofile: bounds.OpenFiles = Limits().nofile
    output_kb: bounds.OutputKb = Limits().output_kb

    def value(self) -> Limits:
        return Limits(**self.model_dump())


class _Sandbox(Table):
    name: Slug
    role: Literal["candidate", "service", "yardstick"]
    image: Slug
    command: bounds.Command = ()
    limits: _Limits = _Limits()
    hosts: Annotated[dict[Slug, Slug], Field(max_length=bounds.HOSTS)] = Field(default_factory=dict)
    content: Literal["", "submission", "starter", "yardstick"] = ""
    build: Literal["", "submission", "starter"] = ""
    build_when: Literal["always", "test"] = "always"
    main: bool = False
    restore: bool = False
    env: bounds.Environment = Field(default_factory=dict)

    def value(self, *, main: bool) -> SandboxPlan:
        return SandboxPlan(
            name=self.name,
            role=self.role,
            image=self.image,
            command=tuple(self.command),
            limits=self.limits.value(),
            hosts=self.hosts,
            content=self.content,
            build=self.build,
            build_when=self.build_when,
            main=main,
            restore=self.restore,
            env=self.env,
        )

    @property
    def can_be_main(self) -> bool:
        return self.role == "candidate" and self.content == "submission"


class _Build(Table):
    seconds: bounds.BuildSeconds = 60
    limits: _Limits = _Limits(memory_mb=1024, tmpfs_mb=512)


class _Timeout(Table):
    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*_seconds$", max_length=60)]
    title: Text
    default_seconds: bounds.TimeoutSeconds
    minimum_seconds: bounds.TimeoutSeconds
    maximum_seconds: bounds.TimeoutSeconds


class _Submit(Table):
    globs: bounds.Globs
    max_bytes: Annotated[int, Field(gt=0, le=MAX_SUBMISSION_BYTES)] = 2 * 1024 * 1024
    max_files: Annotated[int, Field(gt=0, le=MAX_SUBMISSION_FILES)] = 500


class _Check(Table):
    id: CheckId
    title: Text
    skill: Text
    points: Points
    requires: Annotated[Many[CheckId], bounds.AtMost] = ()
    kept: bool = False
    last: bool = False

    def value(self, *, public: bool) -> Check:
        return Check(
            id=self.id,
            title=self.title,
            skill=self.skill,
            points=self.points,
            public=public,
            requires=tuple(self.requires),
            kept=self.kept,
            last=self.last,
        )


class _HiddenCheck(_Check):
    gate: Slug | None = None


class _Gate(Table):
    id: Slug
    title: Text
    cap: Points
    checks: Many[CheckId] = ()

    def value(self) -> Gate:
        return Gate(id=self.id, title=self.title, cap=self.cap, checks=tuple(self.checks))


class _Human(Table):
    id: Slug
    title: Text
    points: Positive


class _Exercise(Table):
    schema_: Annotated[Literal[1], Field(alias="schema")] = 1
    id: Slug
    version: Annotated[str, Field(pattern=r"^\d+\.\d+(\.\d+)?$", max_length=20)]
    status: Literal["draft", "validated"]
    title: Text
    summary: Text
    minutes: bounds.Minutes
    pass_mark: Points
    seed: Seed | None = None
    deadline_seconds: bounds.DeadlineSeconds
    languages: Annotated[Many[Slug], bounds.AtMost]
    network: bool
    skills: Annotated[dict[Text, Points], Field(min_length=1, max_length=bounds.ITEMS)]
    sandboxes: Annotated[Many[_Sandbox], Field(min_length=1, max_length=bounds.SANDBOXES)]
    grader_limits: _Limits = _Limits(memory_mb=512)
    build: _Build = _Build()
    timeouts: Annotated[Many[_Timeout], bounds.AtMost] = ()
    submit: _Submit
    parameters: bounds.Knobs = Field(default_factory=dict)
    checks: Annotated[Many[_Check], bounds.AtMost] = ()
    gates: Annotated[Many[_Gate], bounds.AtMost] = ()
    human: Annotated[Many[_Human], bounds.AtMost] = ()

    def _main(self) -> list[_Sandbox]:
        """What is declared; where nothing is and only one sandbox can be meant, that one."""
        able = [sandbox for sandbox in self.sandboxes if sandbox.can_be_main]
        return [sandbox for sandbox in self.sandboxes if sandbox.main] or (able if len(able) == 1 else [])

    def value(self) -> Exercise:
        return Exercise(
            id=self.id,
            version=self.version,
            status=self.status,
            title=self.title,
            summary=self.summary,
            skills=self.skills,
            minutes=self.minutes,
            pass_mark=self.pass_mark,
            seed=_seed_of_check(self.id, self.version) if self.seed is None else self.seed,
            deadline_seconds=self.deadline_seconds,
            languages=tuple(self.languages),
            network=self.network,
            sandboxes=tuple(sandbox.value(main=sandbox in self._main()) for sandbox in self.sandboxes),
            grader_limits=self.grader_limits.value(),
            build_limits=self.build.limits.value(),
            build_seconds=self.build.seconds,
            timeouts=tuple(DeclaredTimeout(**timeout.model_dump()) for timeout in self.timeouts),
            submit=tuple(self.submit.globs),
            max_bytes=self.submit.max_bytes,
            max_files=self.submit.max_files,
            parameters={knob: tuple(values) for knob, values in self.parameters.items()},
            checks=tuple(check.value(public=True) for check in self.checks),
            gates=tuple(gate.value() for gate in self.gates),
            human=tuple(HumanItem(**item.model_dump()) for item in self.human),
        )


class _Hidden(Table):
    seed: Seed | None = None
    checks: Annotated[Many[_HiddenCheck], bounds.AtMost] = ()


def parse_exercise(data: bytes, where: str = "exercise.toml") -> Exercise:
    """Return what ``exercise.toml`` declares. Raises ExerciseError with every problem in it."""
    exercise = tables.parse(_Exercise, data, where, ExerciseError).value()
    problems = rules.of_exercise(exercise)
    if problems:
        raise wording.refusal(ExerciseError, where, problems)
    return exercise


def parse_hidden(data: bytes, where: str = "checks.toml") -> Hidden:
    """Return what ``checks.toml`` declares; whether it fits its exercise is ``rules.of_pair``."""
    document = tables.parse(_Hidden, data, where, ExerciseError)
    gates: dict[str, tuple[str, ...]] = {}
    for check in document.checks:
        if check.gate is not None:
            gates[check.gate] = (*gates.get(check.gate, ()), check.id)
    return Hidden(checks=tuple(check.value(public=False) for check in document.checks), gates=gates, seed=document.seed)


def _seed_of_check(exercise_id: str, version: str) -> int:
    """Return a seed for ``check``, equal for all who have this version. No secret, and no grading's."""
    return int.from_bytes(hashlib.sha256(f"check {exercise_id} {version}".encode()).digest()[:4], "big")
