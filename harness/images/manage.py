"""Images of ours on the connected engine: which there are, and building what is missing.

Identity is the recipe's (see recipes.py), so nothing is built that did not change, and asking is one look-up an image.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engines.docker.connect import connect
from harness.errors import EngineError
from harness.images import building, company, debian, recipes

if TYPE_CHECKING:
    from docker.api import APIClient

    from harness.engines.docker.connect import Link
    from harness.images.recipes import Recipe

Progress = Callable[[str], None]
"""Takes one line a step, and a sign of life at least every ten seconds while a step lasts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageInfo:
    """One image of ours, built or not."""

    name: str
    tag: str
    recipe: str
    """Full recipe digest; empty for one that no present recipe makes."""
    built: bool
    stale: bool = False
    """On the engine, but no present recipe makes it."""
    size_mb: float = 0.0
    debian: str = ""
    """``public`` or ``bootstrapped``: what its base was made from."""


def tag(name: str, brought: recipes.Folders = ()) -> str:
    """Return the tag of image ``name`` as its recipe is now, which a catalogue may have ``brought``. Needs no engine."""
    return recipes.recipe(name, brought).tag


def digests(names: Iterable[str]) -> dict[str, str]:
    """Return the recipe digest of each image, parents included in it. Needs no engine."""
    return {name: recipes.recipe(name).digest for name in names}


def ensure(
    names: Iterable[str], *, progress: Progress = lambda _line: None, brought: recipes.Folders = ()
) -> dict[str, str]:
    """Build what is missing of ``names`` and their parents; return the tag of each of ``names``.

    ``brought`` are the recipes of catalogues.

    Raises EngineError with the step, the end of its output and what to do when a build fails. Processes wait for
    each other, so that nothing is built twice.
    """
    wanted = tuple(names)
    tags = {name: tag(name, brought) for name in wanted}
    with _engine() as link:
        if not _missing(link.api(), wanted, brought):
            return tags
        with building.exclusive(progress):
            missing = _missing(link.api(), recipes.closure(wanted, brought), brought)
            for number, name in enumerate(missing, start=1):
                source = recipes.recipe(name, brought)
                _build(link, source, brought, f"image {number}/{len(missing)} {name}", progress)
    return tags


def listing(brought: recipes.Folders = ()) -> list[ImageInfo]:
    """Return every image of ours: one entry a recipe, built or not, then what else is there."""
    with _engine() as link, building.explained("listing images"):
        present = {
            one: (float(image["Size"]) / 1e6, dict(image["Labels"]))
            for image in link.api().images(filters={"label": building.LABEL})
            for one in image["RepoTags"] or ()
            if one.startswith(f"{recipes.REPOSITORY}/")
        }
    found = []
    for name in recipes.names(brought):
        source = recipes.recipe(name, brought)
        size_mb, labels = present.pop(source.tag, (0.0, {}))
        found.append(
            ImageInfo(
                name=name,
                tag=source.tag,
                recipe=source.digest,
                built=bool(labels),
                size_mb=size_mb,
                debian=labels.get("harness.debian", ""),
            )
        )
    for one, (size_mb, labels) in sorted(present.items()):
        name = labels[building.LABEL]
        stale = name != debian.NAME
        found.append(ImageInfo(name=name, tag=one, recipe="", built=True, stale=stale, size_mb=size_mb))
    return found


def remove(
    names: Iterable[str] = (),
    *,
    stale_only: bool = False,
    progress: Progress = lambda _line: None,
    brought: recipes.Folders = (),
) -> list[str]:
    """Remove images of ours, all of them without ``names``; return a line for each, one that is kept included.

    What is stale is told by our recipes and those ``brought`` by catalogues.

    Waits while another process builds: it may be about to use what would go.
    """
    chosen = set(names)
    doomed = [
        one
        for one in listing(brought)
        if one.built and (not chosen or one.name in chosen) and (one.stale or not stale_only)
    ]
    with _engine() as link, building.exclusive(progress):
        building.prune(link.api())
        return [_remove(link.api(), one.tag) for one in reversed(doomed)]


def _remove(client: APIClient, reference: str) -> str:
    from docker.errors import APIError, ImageNotFound

    try:
        with building.explained(f"removing {reference}", passed=(APIError,)):
            client.remove_image(reference)
    except ImageNotFound:
        return f"image {reference} was removed already"
    except APIError as error:
        return f"image {reference} kept: {error.explanation}"
    return f"image {reference} removed"


def _missing(client: APIClient, names: Iterable[str], brought: recipes.Folders) -> list[str]:
    return [name for name in names if not building.present(client, tag(name, brought))]


def _build(link: Link, source: Recipe, brought: recipes.Folders, title: str, progress: Progress) -> None:
    client = link.api()
    began = time.monotonic()
    labels = {building.LABEL: source.name, "harness.recipe": source.digest}
    if source.parent:
        below = tag(source.parent, brought)
        parent = building.present(client, below)
        labels["harness.debian"] = parent.labels.get("harness.debian", "") if parent else ""
        arguments = {"BASE": below}
    else:
        base = debian.obtain(link, lambda line: progress(f"{title}: {line}"))
        labels["harness.debian"] = base.origin
        arguments = {"DEBIAN": base.reference}
    job = building.Job(
        title=title,
        tag=source.tag,
        context=recipes.context(source, company.settings()),
        arguments=arguments,
        labels=labels,
    )
    building.build(client, job, progress)
    made = building.present(client, source.tag)
    if made is None:
        msg = f"{title}: the engine took the build and has no {source.tag}. Run `harness images build {source.name}` again."
        raise EngineError(msg)
    progress(f"{title}: built in {time.monotonic() - began:.0f} s, {made.size_mb:.0f} MB")


@contextlib.contextmanager
def _engine() -> Iterator[Link]:
    link = connect()
    try:
        yield link
    finally:
        link.close()
