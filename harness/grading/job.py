"""All facts of one grading, and what of them its grader gets."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass

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
