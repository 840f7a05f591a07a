"""Images of ours on the connected engine: which there are, and building what is missing.

Identity is the recipe's (see recipes.py), so nothing is built that did not change, and asking is one look-up an image.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.engines import building, company, debian, recipes
from harness.errors import EngineError

if TYPE_CHECKING:
    import docker

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


def tag(name: str) -> str:
    """Return the tag of image ``name`` as its recipe is now. Needs no engine."""
    return recipes.recipe(name).tag


def digests(names: Iterable[str]) -> dict[str, str]:
    """Return the recipe digest of each image, parents included in it. Needs no engine."""
    return {name: recipes.recipe(name).digest for name in names}


def ensure(names: Iterable[str], *, progress: Progress = lambda _line: None) -> dict[str, str]:
    """Build what is missing of ``names`` and their parents; return the tag of each of ``names``.

    Raises EngineError with the step, the end of its output and what to do when a build fails. Processes wait for
    each other, so that nothing is built twice.
    """
    wanted = tuple(names)
    tags = {name: tag(name) for name in wanted}
    with _engine() as client:
        if not _missing(client, wanted):
            return tags
        with building.exclusive(progress):
            missing = _missing(client, recipes.closure(wanted))
            for number, name in enumerate(missing, start=1):
                _build(client, name, f"image {number}/{len(missing)} {name}", progress)
    return tags


def listing() -> list[ImageInfo]:
    """Return every image of ours: one entry a recipe, built or not, then stale ones."""
    with _engine() as client, building.translated("listing images"):
        present = {
            one: (image.attrs["Size"] / 1e6, image.labels)
            for image in client.images.list(filters={"label": "harness.image"})
            for one in image.tags
        }
    found = []
    for name in recipes.names():
        source = recipes.recipe(name)
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
        name = labels["harness.image"]
        found.append(ImageInfo(name=name, tag=one, recipe="", built=True, stale=name != "debian", size_mb=size_mb))
    return found


def remove(names: Iterable[str] = (), *, stale_only: bool = False) -> list[str]:
    """Remove images of ours (all of them without ``names``); return a line for each, one kept because it is in use too."""
    chosen = set(names)
    lines = []
    doomed = [one for one in listing() if one.built and (not chosen or one.name in chosen)]
    with _engine() as client:
        for one in reversed(doomed):
            if stale_only and not one.stale:
                continue
            lines.append(_remove(client, one.tag))
    return lines


def _remove(client: docker.DockerClient, reference: str) -> str:
    from docker.errors import APIError, ImageNotFound  # noqa: PLC0415 - keeps `harness --help` fast

    try:
        with building.translated(f"removing {reference}", passed=(APIError,)):
            client.images.remove(reference)
    except ImageNotFound:
        return f"image {reference} was removed already"
    except APIError as error:
        return f"image {reference} kept: {error.explanation}"
    return f"image {reference} removed"


def _missing(client: docker.DockerClient, names: Iterable[str]) -> list[str]:
    from docker.errors import ImageNotFound  # noqa: PLC0415 - keeps `harness --help` fast

    missing = []
    for name in names:
        try:
            with building.translated(f"looking for image {name}", passed=(ImageNotFound,)):
                client.images.get(tag(name))
        except ImageNotFound:
            missing.append(name)
    return missing


def _build(client: docker.DockerClient, name: str, title: str, progress: Progress) -> None:
    source = recipes.recipe(name)
    began = time.monotonic()
    labels = {"harness.image": name, "harness.recipe": source.digest}
    if source.parent:
        parent = client.images.get(tag(source.parent))
        labels["harness.debian"] = parent.labels.get("harness.debian", "")
        arguments = {"BASE": tag(source.parent)}
    else:
        base = debian.obtain(client, lambda line: progress(f"{title}: {line}"))
        labels["harness.debian"] = base.origin
        arguments = {"DEBIAN": base.reference}
    building.build(
        client,
        building.Job(
            title=title,
            tag=source.tag,
            context=recipes.context(source, company.settings()),
            arguments=arguments,
            labels=labels,
        ),
        progress,
    )
    size_mb = client.images.get(source.tag).attrs["Size"] / 1e6
    progress(f"{title}: built in {time.monotonic() - began:.0f} s, {size_mb:.0f} MB")


@contextlib.contextmanager
def _engine() -> Iterator[docker.DockerClient]:
    import docker  # noqa: PLC0415 - keeps `harness --help` fast

    try:
        client = docker.from_env(timeout=60)
    except docker.errors.DockerException as error:
        msg = f"no container engine answers: {error}. Run `harness doctor`."
        raise EngineError(msg) from error
    try:
        yield client
    finally:
        client.close()
