"""What must hold between the keys of an exercise and its grader, beyond the shape of each file. Pure.

Every function returns problems, a sentence each (expected, found, what to do); none means it holds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from harness import names
from harness.catalogue import bounds
from harness.model import Check, Exercise, SandboxPlan
from harness.wording import quoted, suggestion

GRADER = "grader"
LANGUAGE = "language"
TOTAL_POINTS = 100.0
_TOLERANCE = 1e-6


def of_exercise(exercise: Exercise) -> list[str]:
    """Return what is wrong with ``exercise.toml`` alone."""
    return [
        *duplicates("checks", [check.id for check in exercise.checks]),
        *duplicates("gates", [gate.id for gate in exercise.gates]),
        *duplicates("human", [item.id for item in exercise.human]),
        *duplicates("sandboxes", [sandbox.name for sandbox in exercise.sandboxes]),
        *duplicates("timeouts", [timeout.name for timeout in exercise.timeouts]),
        *duplicates("languages", list(exercise.languages)),
        *_points_of_skills(exercise),
        *_sandboxes(exercise),
        *_timeouts(exercise),
        *_parameters(exercise),
        *_globs(exercise),
    ]


def of_pair(exercise: Exercise, hidden: Sequence[Check], gates: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return what is wrong with a grader's hidden checks beside its exercise's public ones."""
    checks = [*exercise.checks, *hidden]
    known = {check.id for check in checks}
    problems = duplicates("checks", [check.id for check in checks])
    for check in checks:
        if check.skill not in exercise.skills:
            problems.append(f"checks.{check.id}.skill: unknown skill, {suggestion(check.skill, exercise.skills)}")
        problems += [
            f"checks.{check.id}.requires: unknown check {quoted(wanted)}, {suggestion(wanted, known)}"
            for wanted in check.requires
            if wanted not in known
        ]
    problems += [
        f"checks.{ids[0]}.gate: unknown gate {quoted(gate)}, {suggestion(gate, [g.id for g in exercise.gates])}"
        for gate, ids in gates.items()
        if gate not in {known_gate.id for known_gate in exercise.gates}
    ]
    problems += [
        f"gates.{gate.id}.checks: unknown check {quoted(check)}, {suggestion(check, known)}"
        for gate in exercise.gates
        for check in gate.checks
        if check not in known
    ]
    closed = {gate.id for gate in exercise.gates if gate.checks} | set(gates)
    problems += [
        f"gates.{gate.id}: expected a check that closes it, found none: name one, or remove the gate"
        for gate in exercise.gates
        if gate.id not in closed
    ]
    closing = {name for gate in exercise.gates for name in gate.checks} | {
        name for ids in gates.values() for name in ids
    }
    problems += [*_kept(checks), *_last(checks, closing), *_circles(checks)]
    return [*problems, *_points_of_checks(exercise, checks)]


def leaks(exercise: Exercise) -> list[str]:
    """Return what ``exercise.toml`` says of checks that it does not declare: ids of hidden ones are not for candidates."""
    public = {check.id for check in exercise.checks}
    return [
        f"gates.{gate.id}.checks: expected public checks, found {quoted(check)}: candidates may read exercise.toml; "
        f'write gate = "{gate.id}" beside the check in checks.toml instead'
        for gate in exercise.gates
        for check in gate.checks
        if check not in public
    ]


def duplicates(place: str, found: Sequence[str]) -> list[str]:
    """Return a problem for each of ``found`` that stands more than once."""
    return [
        f"{place}: expected every name once, found {quoted(name)} {count} times: rename one"
        for name, count in Counter(found).items()
        if count > 1
    ]


def _points_of_skills(exercise: Exercise) -> list[str]:
    total = math.fsum(exercise.skills.values())
    if abs(total - TOTAL_POINTS) <= _TOLERANCE:
        return []
    return [f"skills: expected points that sum to 100, found {total:g}: change one by {TOTAL_POINTS - total:+g}"]


def _points_of_checks(exercise: Exercise, checks: Sequence[Check]) -> list[str]:
    problems = []
    for skill, points in exercise.skills.items():
        found = math.fsum(check.points for check in checks if check.skill == skill)
        if abs(found - points) > _TOLERANCE:
            problems.append(
                f"skills.{quoted(skill)}: expected checks worth {points:g} points, public and hidden together, "
                f"found {found:g}: change a check by {points - found:+g}"
            )
    return problems


def _kept(checks: Sequence[Check]) -> list[str]:
    """What must not break earns points only beside something that was made: an untouched starter breaks nothing."""
    kept = {check.id for check in checks if check.kept}
    return [
        f"checks.{check.id}.requires: expected a check that is not kept, found {', '.join(check.requires) or 'none'}: "
        "name one that does not pass on the untouched starter"
        for check in checks
        if check.kept and not set(check.requires) - kept
    ]


def _last(checks: Sequence[Check], closing: Collection[str]) -> list[str]:
    """What judges everything that was done runs after all others, whatever became of them, and is worth a gate."""
    found = [check.id for check in checks if check.last]
    problems = []
    if len(found) > 1:
        problems.append(f"checks: expected at most one with last = true, found {', '.join(found)}: join them")
    for check in checks:
        waits = [name for name in check.requires if name in found]
        if waits and not check.last:
            problems.append(
                f"checks.{check.id}.requires: expected checks that run before it, found {waits[0]}, which is last: remove it"
            )
        if check.last and check.requires:
            problems.append(
                f"checks.{check.id}.requires: expected none on the last check, which runs however others ended, "
                f"found {', '.join(check.requires)}: remove them"
            )
        if check.last and check.id not in closing:
            problems.append(
                f"checks.{check.id}: expected a gate that the last check closes, found none: what it sees weighs more "
                "than points"
            )
    return problems


def _circles(checks: Sequence[Check]) -> list[str]:
    open_requirements = {check.id: set(check.requires) for check in checks}
    while free := {id_ for id_, wanted in open_requirements.items() if not wanted & open_requirements.keys()}:
        open_requirements = {id_: wanted for id_, wanted in open_requirements.items() if id_ not in free}
    if not open_requirements:
        return []
    return [f"checks: expected requirements without a circle, found one among {', '.join(sorted(open_requirements))}"]


def _sandboxes(exercise: Exercise) -> list[str]:
    own = {sandbox.name for sandbox in exercise.sandboxes}
    problems = []
    if GRADER in own:
        problems.append('sandboxes: "grader" is the name of the sandbox the checks run in: rename yours')
    problems += _main(exercise)
    if not exercise.network and len(own) > 1:
        problems.append(f"sandboxes: without a network there is one, found {len(own)}: set network = true")
    for sandbox in exercise.sandboxes:
        if sandbox.image == LANGUAGE and not exercise.languages:
            problems.append(f'sandboxes.{sandbox.name}.image: "language" needs languages, found none: name an image')
        problems += _build(sandbox)
        problems += [
            f"sandboxes.{sandbox.name}.hosts.{host}: unknown sandbox, {suggestion(target, [*own, GRADER])}"
            for host, target in sandbox.hosts.items()
            if target not in own and target != GRADER
        ]
    return problems


def _main(exercise: Exercise) -> list[str]:
    able = [one.name for one in exercise.sandboxes if one.role == "candidate" and one.content == "submission"]
    main = [one.name for one in exercise.sandboxes if one.main]
    if not able:
        return ['sandboxes: expected one with role = "candidate" and content = "submission", found none: add it']
    if len(main) != 1:
        found = f"found it on {', '.join(main)}" if main else f"found it on none of {', '.join(able)}"
        return [f"sandboxes: expected main = true on the sandbox of the candidate's main service, {found}: mark one"]
    if main[0] not in able:
        return [f"sandboxes.{main[0]}.main: expected it on one of {', '.join(able)}, which run the submission: move it"]
    return []


def _build(sandbox: SandboxPlan) -> list[str]:
    place = f"sandboxes.{sandbox.name}"
    if sandbox.build and sandbox.build != sandbox.content:
        found = f"expected its content, {quoted(sandbox.content)}, found {quoted(sandbox.build)}"
        return [f"{place}.build: {found}: what is built is what is in the sandbox"]
    if sandbox.build_when != "always" and (not sandbox.build or sandbox.main):
        why = "the main service is always built" if sandbox.main else "nothing is built there"
        return [f"{place}.build_when: expected no such key, found {quoted(sandbox.build_when)}: {why}, so remove it"]
    return []


def _timeouts(exercise: Exercise) -> list[str]:
    return [
        f"timeouts.{timeout.name}: expected minimum <= default <= maximum, "
        f"found {timeout.minimum_seconds:g}, {timeout.default_seconds:g}, {timeout.maximum_seconds:g}"
        for timeout in exercise.timeouts
        if not timeout.minimum_seconds <= timeout.default_seconds <= timeout.maximum_seconds
    ]


def _globs(exercise: Exercise) -> list[str]:
    return [
        f"submit.globs: expected a glob below the workspace, found {quoted(glob)}, which {wrong}: correct it"
        for glob in exercise.submit
        if (wrong := names.fault(glob))
    ] + [
        f"submit.globs: expected at most {bounds.GLOB_WILDCARDS} wildcards in a glob, found {wildcards} in "
        f"{quoted(glob)}: name more of it"
        for glob in exercise.submit
        if (wildcards := len(re.findall(r"\*+", glob))) > bounds.GLOB_WILDCARDS
    ]


def _parameters(exercise: Exercise) -> list[str]:
    return [
        problem for knob, values in exercise.parameters.items() for problem in duplicates(f"parameters.{knob}", values)
    ]
