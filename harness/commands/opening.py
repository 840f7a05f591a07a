"""What every command that opens an engine does first: connect, reap what nobody answers for, know the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console, owners, settings
from harness.catalogue.finder import Catalogue
from harness.grading.runner import Runner
from harness.images import recipes

if TYPE_CHECKING:
    from harness.engines.docker.connect import Link

Progress = Callable[[str], None]


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Opener:
    """Opens a runner in the process that grades: an engine connection is never shared between processes.

    A value, so that it can be sent to a process that is spawned.
    """

    catalogue: Catalogue
    engine: str | None
    network_range: str = settings.DEFAULT_NETWORK_RANGE
    keep_warm: bool = False
    packs: Path | None = None
    """Where the record of packs is, if not beside each grader's catalogue."""
    meanwhile: Callable[[], None] = _nothing
    """Called in this process while a grader starts: what is done then costs no time. A function of a module: it is pickled."""

    def tags(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """Return what the images of these names are called as their recipes are now. Opens nothing."""
        from harness import engines

        brought = recipes.folders(self.catalogue.folders)
        return {name: engines.tag(self.engine, name, lambda one: recipes.recipe(one, brought).tag) for name in names}

    def __call__(self, stack: ExitStack, progress: Progress | None) -> Runner:
        """Open it. ``progress`` hears of every step; without one only images that are made are said, on stderr."""
        from harness.engines import open_engine

        brought = recipes.folders(self.catalogue.folders)
        engine = open_engine(self.engine, network_range=self.network_range, images=partial(_images, brought))
        stack.callback(engine.close)
        engine.reap(owners.is_dead)
        owners.reap_scratch()

        def ensure(names: tuple[str, ...]) -> Mapping[str, str]:
            return engine.images(names, progress or console.notice)

        runner = Runner(
            self.catalogue,
            engine,
            ensure,
            progress or _unheard,
            keep_warm=self.keep_warm,
            packs=self.packs,
            meanwhile=self.meanwhile,
        )
        stack.callback(runner.close)
        return runner


def _images(brought: recipes.Folders, link: Link, names: tuple[str, ...], progress: Progress) -> Mapping[str, str]:
    from harness.images import manage  # the engine's client, which a fake one does without

    return manage.ensure(names, progress=progress, brought=brought, link=link)


def _unheard(_: str) -> None:
    """Nobody asked."""
