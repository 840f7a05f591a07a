"""What somebody means to do on a machine: an exercise by its id, or the one that a workspace is about."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import owners
from harness.catalogue import service
from harness.catalogue.finder import Catalogue
from harness.catalogue.pair import Pair, read_file
from harness.errors import HarnessError
from harness.grading import leftout, plan
from harness.intake import bundle, workspace
from harness.model import Exercise, Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One exercise, in one language or in any of its own."""

    pair: Pair
    """The candidate's half of it."""
    language: str | None
    """None: whichever."""

    @property
    def exercise(self) -> Exercise:
        """The exercise."""
        return self.pair.exercise

    @property
    def name(self) -> str:
        """What people call it."""
        language = self.language if self.language is not None else "any of " + ", ".join(self.exercise.languages)
        return " ".join(
            part for part in (self.exercise.id, self.exercise.version, f"in {language}" if language else "") if part
        )

    @property
    def images(self) -> tuple[str, ...]:
        """Names of the images that it needs, and no others."""
        return plan.images_of(self.exercise, self.language)

    def memory_mb(self) -> int:
        """Return the memory that its sandboxes may use together, of the language that takes most."""
        languages = self.exercise.languages or ("",) if self.language is None else (self.language,)
        return max(self._memory_mb(language) for language in languages)

    def left_out(self, verbs: Collection[str]) -> Mapping[str, tuple[str, ...]]:
        """Return its public checks that ask for one of ``verbs``, with those they ask for."""
        return leftout.checks(self.pair.below("checks"), verbs)

    def _memory_mb(self, language: str) -> int:
        services = {content: self._service(language) for content in ("submission", "starter", "yardstick")}
        tags = {name: name for name in plan.images_of(self.exercise, language)}
        owner = owners.make_owner("doctor", seconds=1)
        return plan.memory_mb(plan.scenario(self.exercise, services, tags, owner))

    def _service(self, language: str) -> Service:
        """Return a submission that builds and tests: memory is that of the most that may run."""
        return Service(language=language, build=("build",), run=("run",), test=("test",), timeouts={})


def find(argument: str, language: str | None, catalogue: Catalogue) -> Target:
    """Return what ``argument`` (an id, or a place in a workspace) is about. Raises UsageError when it is neither."""
    if argument not in catalogue.ids() and Path(argument).exists():
        here = workspace.find(Path(argument))
        pair = catalogue.pair(here.exercise_id, whole=False)
        return Target(
            pair=pair, language=_language(here, pair.exercise) if language is None else _chosen(pair, language)
        )
    pair = catalogue.pair(argument, whole=False)
    return Target(pair=pair, language=_chosen(pair, language))


def _chosen(pair: Pair, language: str | None) -> str | None:
    if language is None and len(pair.exercise.languages) > 1:
        return None
    return bundle.choose_language(pair.exercise, language)


def _language(here: workspace.Workspace, exercise: Exercise) -> str:
    """Return the language of a workspace: what its ``service.toml`` says now, else what it began with."""
    try:
        return service.parse_service(exercise, read_file(here.root / service.FILE)).language
    except HarnessError:
        return here.language  # what is wrong with it, check says
