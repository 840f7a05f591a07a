"""What every command that opens an engine does first: connect, reap what nobody answers for, know the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from harness import owners, settings
from harness.catalogue.finder import Catalogue
from harness.grading.pool import OpenRunner
from harness.grading.runner import Runner

Progress = Callable[[str], None]


def runner_opener(
    catalogue: Catalogue, engine_name: str | None, progress: Progress, *, keep_warm: bool = False, steps: bool = True
) -> OpenRunner:
    """Return what opens a runner in the process that grades: an engine connection is never shared between processes.

    ``progress`` hears of images that are built and, with ``steps``, of every step of every grading.
    """

    def open_runner(stack: ExitStack) -> Runner:
        from harness.engines import open_engine
        from harness.images import manage as images

        engine = open_engine(engine_name, network_range=settings.load().network_range)
        stack.callback(engine.close)
        engine.reap(owners.is_dead)
        owners.reap_scratch()

        def ensure(names: tuple[str, ...]) -> Mapping[str, str]:
            return images.ensure(names, progress=progress)

        runner = Runner(catalogue, engine, ensure, progress if steps else _unheard, keep_warm=keep_warm)
        stack.callback(runner.close)
        return runner

    return open_runner


def _unheard(_: str) -> None:
    """Steps of many gradings at once would only hide what each of them came to."""
