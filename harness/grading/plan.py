"""From an exercise, a submission and image tags to the scenario that grades it. Pure: nothing is opened here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.engines.base import Capabilities, Kind, SandboxSpec, ScenarioSpec
from harness.errors import EngineError, ExerciseError
from harness.model import Exercise, Limits, SandboxPlan, Service
from harness.owners import Owner

GRADER = "grader"
GRADER_COMMAND = ("/usr/bin/python3", "-P", "-m", "harness.testing")
BUILD_SUFFIX = "-build"
BUILDS_AT_ONCE = 2
Services = Mapping[str, Service]
"""``submission`` and, where an exercise has one, ``starter`` -> its service.toml."""
_PLACEHOLDER = re.compile(r"\{(timeouts|parameters|address)\.([a-z0-9_-]+)\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What placeholders in an exercise's environment tables stand for."""

    timeouts: Mapping[str, float]
    parameters: Mapping[str, str]
    addresses: Mapping[str, str] = field(default_factory=dict)


def images_needed(exercise: Exercise, language: str) -> tuple[str, ...]:
    """Return names of the image recipes that a grading needs, the grader's included."""
    names = [plan.image if plan.image != "language" else language for plan in exercise.sandboxes]
    return tuple(dict.fromkeys([*names, "grader-core"]))


def images_of(exercise: Exercise, language: str | None) -> tuple[str, ...]:
    """Return names of the image recipes that gradings of ``exercise`` need in one language, or (None) in all of its own."""
    languages = exercise.languages or ("",) if language is None else (language,)
    return tuple(dict.fromkeys(name for one in languages for name in images_needed(exercise, one)))


def scenario(exercise: Exercise, services: Services, tags: Mapping[str, str], owner: Owner) -> ScenarioSpec:
    """Return the scenario of a grading: the exercise's sandboxes, a build sandbox where one is needed, the grader."""
    specs = [replace(_spec(plan, services, tags), peers=_peers(plan, exercise)) for plan in exercise.sandboxes]
    specs += [replace(build(exercise, plan, services, tags), volume_of=plan.name) for plan in built(exercise, services)]
    specs.append(grader(exercise, tags))
    return ScenarioSpec(owner=owner, sandboxes=tuple(specs), network=exercise.network)


def built(exercise: Exercise, services: Services) -> tuple[SandboxPlan, ...]:
    """Return the sandboxes that declare a build, of a content that has a build command."""
    return tuple(
        plan
        for plan in exercise.sandboxes
        if plan.build in services and services[plan.build].build and _is_wanted(plan, services)
    )


def twins(wanted: Sequence[SandboxPlan]) -> dict[str, str]:
    """Return, of sandboxes that are built, which one has the same image, content and build as one whose files are kept."""
    first: dict[tuple[str, str, str], str] = {}
    found: dict[str, str] = {}
    for plan in wanted:
        same = (plan.image, plan.content, plan.build)
        if same in first and not plan.restore:
            found[plan.name] = first[same]
        elif plan.restore:
            first.setdefault(same, plan.name)
    return found


def build(exercise: Exercise, plan: SandboxPlan, services: Services, tags: Mapping[str, str]) -> SandboxSpec:
    """Return the sandbox in which the content of ``plan`` is built: its image, the limits of a build, no network."""
    return SandboxSpec(
        name=plan.name + BUILD_SUFFIX,
        image=_spec(plan, services, tags).image,
        kind=Kind.BUILD,
        limits=exercise.build_limits,
        network=False,
    )


def grader(exercise: Exercise, tags: Mapping[str, str]) -> SandboxSpec:
    """Return the grader sandbox: trusted, and hardened like any other."""
    return SandboxSpec(
        name=GRADER,
        image=tags["grader-core"],
        kind=Kind.GRADER,
        command=GRADER_COMMAND,
        limits=exercise.grader_limits,
        network=exercise.network,
        stdin=True,
    )


def one_shot(exercise: Exercise, services: Services, tags: Mapping[str, str]) -> SandboxSpec:
    """Return the sandbox of an exercise without a scenario: one command, no network."""
    return replace(_spec(exercise.main, services, tags), network=False)


def resolve(env: Mapping[str, str], facts: Facts) -> dict[str, str]:
    """Fill the placeholders of an environment table. Raises ExerciseError for a name that is not declared."""
    known: dict[str, Mapping[str, str | float]] = {
        "timeouts": facts.timeouts,
        "parameters": facts.parameters,
        "address": facts.addresses,
    }

    def value(match: re.Match[str]) -> str:
        table = known[match[1]]
        if match[2] not in table:
            text = f"expected one of {sorted(table)} after '{match[1]}.' in an [env] table, found {match[2]!r}"
            raise ExerciseError(text)
        return str(table[match[2]])

    return {name: _PLACEHOLDER.sub(value, text) for name, text in env.items()}


def fingerprint(tags: Mapping[str, str]) -> str:
    """Return one digest for all images of a grading: their tags are hashes of their recipes."""
    lines = "\n".join(f"{name} {tag}" for name, tag in sorted(tags.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def memory_mb(spec: ScenarioSpec) -> int:
    """Return the memory that the scenario's sandboxes may use together, tmpfs included.

    Builds run before everything else, at most :data:`BUILDS_AT_ONCE` of them, each on the volume of another sandbox;
    the grader that waits meanwhile runs nothing yet but our own loop, far from its limits.
    """
    running = sum(_memory(one.limits) for one in spec.sandboxes if not one.volume_of)
    builds = sorted((_memory(one.limits) for one in spec.sandboxes if one.volume_of), reverse=True)
    return max(running, sum(builds[:BUILDS_AT_ONCE]))


def hold_memory(spec: ScenarioSpec, engine: Capabilities) -> None:
    """Raise EngineError when the scenario's sandboxes may use more memory together than the engine has."""
    needed = memory_mb(spec)
    if 0 < engine.memory_mb < needed:
        text = (
            f"expected an engine with {needed} MiB of memory, which the sandboxes of this exercise may use together, "
            f"found one with {engine.memory_mb} MiB: give it more (a desktop's settings, a larger machine), name "
            "another one (DOCKER_HOST), or lower the limits in exercise.toml"
        )
        raise EngineError(text)


def _memory(limits: Limits) -> int:
    return limits.memory_mb + limits.tmpfs_mb


def _peers(plan: SandboxPlan, exercise: Exercise) -> tuple[str, ...] | None:
    """Return whom a sandbox with a candidate's code may talk with: the grader, and who is declared. None: anybody.

    So it can neither use up the connections of what it is compared with, nor help its own tests.
    """
    if plan.role != "candidate":
        return None
    named = {*plan.hosts.values(), GRADER}
    return tuple(sorted(named | {one.name for one in exercise.sandboxes if plan.name in one.hosts.values()}))


def _is_wanted(plan: SandboxPlan, services: Services) -> bool:
    """What an exercise builds for the candidate's own tests is built only when there are own tests."""
    return plan.build_when == "always" or bool(services["submission"].test)


def _spec(plan: SandboxPlan, services: Services, tags: Mapping[str, str]) -> SandboxSpec:
    service = services.get(plan.content, services["submission"])
    image = service.language if plan.image == "language" else plan.image
    if image not in tags:
        text = f"expected an image recipe for sandbox {plan.name!r}, found {image!r}: known are {sorted(tags)}"
        raise ExerciseError(text)
    command = plan.command or (service.run if plan.role == "candidate" else ())
    return SandboxSpec(
        name=plan.name,
        image=tags[image],
        kind=Kind(plan.role),
        command=command,
        limits=plan.limits,
        hosts=plan.hosts,
    )
