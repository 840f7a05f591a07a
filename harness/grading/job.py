"""All facts of one grading, and what of them its grader gets."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.catalogue import globs
from harness.grading import content, plan
from harness.model import Check, Exercise, Json, SubmissionFile
from harness.owners import Owner


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """All facts of one grading, decided before anything is opened."""

    exercise: Exercise
    services: plan.Services
    checks: tuple[Check, ...]
    mode: str
    """``grade``: public and hidden checks; ``check``: public ones."""
    only: tuple[str, ...]
    seed: int
    variant: int
    parameters: Mapping[str, str]
    contents: Mapping[str, tuple[SubmissionFile, ...]]
    """``submission``, ``starter``, ``yardstick`` -> files."""
    grader_files: tuple[SubmissionFile, ...]
    tags: Mapping[str, str]
    owner: Owner

    def frame(self, addresses: Mapping[str, str]) -> dict[str, Json]:
        """Return the job as the grader sandbox gets it."""
        service = self.services["submission"]
        checks: list[Json] = [
            {
                "id": check.id,
                "title": check.title,
                "skill": check.skill,
                "points": check.points,
                "public": check.public,
                "requires": list(check.requires),
                "last": check.last,
            }
            for check in self.checks
        ]
        return {
            "exercise": self.exercise.id,
            "version": self.exercise.version,
            "mode": self.mode,
            "seed": self.seed,
            "variant": self.variant,
            "parameters": dict(self.parameters),
            "language": service.language,
            "timeouts": dict(service.timeouts),
            "has_tests": bool(service.test),
            "checks": checks,
            "only": list(self.only),
            "addresses": dict(addresses),
            "limits": {"deadline_seconds": self.exercise.deadline_seconds},
            "files": base64.b64encode(content.tar_of(self.grader_files)).decode(),
        }


def selected(checks: tuple[Check, ...], only: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks that match a pattern of ``only``, all when it is empty.

    What a chosen check requires counts only when it was chosen too: who asks for one check wants to see that one.
    """
    if not only:
        return checks
    chosen = tuple(check for check in checks if globs.matches(check.id, only))
    ids = {check.id for check in chosen}
    return tuple(replace(check, requires=tuple(one for one in check.requires if one in ids)) for check in chosen)
