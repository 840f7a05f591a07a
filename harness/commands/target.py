"""What somebody means to do on a machine: an exercise by its id, that of a pack, or the one that a workspace is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness import owners, places
from harness.catalogue import service
from harness.catalogue.finder import Catalogue
from harness.catalogue.pair import Pair, read_file
from harness.errors import HarnessError
from harness.grading import leftout, plan
from harness.images import recipes
from harness.intake import bundle, workspace
from harness.model import Exercise, Service
from harness.packs import contents, home, source

_SCRATCH_SECONDS = 6 * 3600


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One exercise, in one language or in any of its own."""

    pair: Pair
    """The candidate's half of it."""
    catalogue: Catalogue
    """Where it is, with the image recipes that come with it."""
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

    @property
    def brought(self) -> recipes.Folders:
        """The image recipes that come with it, or that its catalogues bring."""
        return recipes.folders(self.catalogue.folders)

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


@contextmanager
def opened(argument: str, language: str | None, catalogue: Catalogue) -> Iterator[Target]:
    """Yield what ``argument`` is about: an id, the file or folder of a pack, or a place in a workspace.

    What is in a file lies in a scratch folder meanwhile. Raises UsageError when ``argument`` is none of these.
    """
    if argument in catalogue.ids():
        yield _of(catalogue, argument, language)
    elif source.is_pack(Path(argument)):
        pack = source.read(Path(argument))
        with owners.scratch(owners.make_owner("target", seconds=_SCRATCH_SECONDS)) as folder:
            for file in (*pack.below("exercises"), *pack.below(contents.IMAGES)):
                place = folder / file.path
                with places.writing("what is in the pack", place):
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(file.content)
            yield _of(Catalogue([folder]), home.exercise_of(pack).id, language or pack.invitation.language or None)
    elif Path(argument).exists():
        here = workspace.find(Path(argument))
        known = home.catalogue_of(here, catalogue)
        now = language if language is not None else _language(here, known.exercise(here.exercise_id))
        yield _of(known, here.exercise_id, now)
    else:
        yield _of(catalogue, argument, language)


def _of(catalogue: Catalogue, exercise_id: str, language: str | None) -> Target:
    pair = catalogue.pair(exercise_id, whole=False)
    return Target(pair=pair, catalogue=catalogue, language=_chosen(pair, language))


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
