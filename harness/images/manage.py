"""Images of ours on the connected engine: which there are, and getting what is missing, from a registry or by a build.

Identity is the recipe's (see recipes.py), so nothing is built that did not change, and asking is one look-up an image.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.engines.docker.connect import connect
from harness.errors import EngineError, UsageError
from harness.images import archives, building, company, debian, recipes, registry

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Obtained:
    """One image that is on the engine now, and how it came there."""

    name: str
    tag: str
    how: str
    """``here``, ``pulled`` or ``built``."""
    seconds: float = 0.0


def ensure(
    names: Iterable[str],
    *,
    progress: Progress = lambda _line: None,
    brought: recipes.Folders = (),
    link: Link | None = None,
) -> dict[str, str]:
    """Get what is missing of ``names`` as :func:`obtain` does; return the tag of each of ``names``."""
    return {one.name: one.tag for one in obtain(names, progress=progress, brought=brought, link=link)}


def obtain(
    names: Iterable[str],
    *,
    progress: Progress = lambda _line: None,
    brought: recipes.Folders = (),
    link: Link | None = None,
) -> list[Obtained]:
    """Return each of ``names`` on the engine: there already, else pulled where ``HARNESS_IMAGES`` names a registry, else built.

    An image that is pulled needs none of its parents. ``brought`` are the recipes of catalogues. Raises EngineError with
    the step, the end of its output and what to do when a build fails. Processes wait for each other, so that nothing is
    got twice. Nothing is said when all are there. ``link``: to an engine that is connected already.
    """
    wanted = tuple(dict.fromkeys(names))
    where = registry.prefix()
    sources = [recipes.recipe(name, brought) for name in wanted]
    with _engine() if link is None else contextlib.nullcontext(link) as engine:
        here = [Obtained(name=one.name, tag=one.tag, how="here") for one in sources if _is_here(engine, one)]
        if len(here) == len(sources):
            return here
        with building.exclusive(progress):
            getting = _Getting(engine, brought, where, progress)
            needed = wanted if where else recipes.closure(wanted, brought)
            missing = [name for name in needed if not _is_here(engine, recipes.recipe(name, brought))]
            for number, name in enumerate(missing, start=1):
                getting.get(name, f"image {number}/{len(missing)} {name}")
    return [getting.got.get(one.name) or Obtained(name=one.name, tag=one.tag, how="here") for one in sources]


def pull(
    names: Iterable[str], *, progress: Progress = lambda _line: None, brought: recipes.Folders = ()
) -> list[Obtained]:
    """Get what is missing of ``names`` from the registry that ``HARNESS_IMAGES`` names, and build nothing.

    Raises UsageError when it names none, EngineError when one can't be had from there.
    """
    where, got = _named(), list[Obtained]()
    with _engine() as link, building.exclusive(progress):
        for source in [recipes.recipe(name, brought) for name in names]:
            began, how = time.monotonic(), "here"
            if not _is_here(link, source):
                registry.pull(link, source, where, progress)
                how = "pulled"
            got.append(Obtained(name=source.name, tag=source.tag, how=how, seconds=time.monotonic() - began))
    return got


def push(names: Iterable[str], *, progress: Progress = lambda _line: None, brought: recipes.Folders = ()) -> list[str]:
    """Give images that are on the engine to the registry that ``HARNESS_IMAGES`` names; return what they are there.

    Raises UsageError when it names none or an image is not there, EngineError when the registry does not take one.
    """
    where = _named()
    with _engine() as link:
        return [registry.push(link, recipes.recipe(name, brought), where, progress) for name in names]


def save(
    names: Iterable[str], file: Path, *, progress: Progress = lambda _line: None, brought: recipes.Folders = ()
) -> int:
    """Write images that are on the engine to the new ``file``; return its size in bytes: see :func:`archives.save`."""
    with _engine() as link:
        return archives.save(link, [recipes.recipe(name, brought) for name in names], file, progress)


def load(
    file: Path, *, progress: Progress = lambda _line: None, brought: recipes.Folders = ()
) -> list[tuple[str, bool]]:
    """Give the engine the images in ``file``; return the tag of each, and whether it was there: see :func:`archives.load`."""
    known = [recipes.recipe(name, brought) for name in recipes.names(brought)]
    with _engine() as link, building.exclusive(progress):
        return [(source.tag, had) for source, had in archives.load(link, known, file, progress)]


def _named() -> str:
    where = registry.prefix()
    if not where:
        text = (
            f"expected a registry in {registry.VARIABLE}, found none: set it, as in "
            f"{registry.VARIABLE}=registry.example.com/harness"
        )
        raise UsageError(text)
    return where


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
                built=labels.get("harness.recipe") == source.digest,
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


def _is_here(link: Link, source: Recipe) -> bool:
    """Whether the engine has the image, and not another one under its tag."""
    found = building.present(link.api(), source.tag)
    return found is not None and found.labels.get("harness.recipe") == source.digest


class _Getting:
    """Gets images one after the other; a registry that refuses is asked once."""

    def __init__(self, link: Link, brought: recipes.Folders, where: str, progress: Progress) -> None:
        self._link, self._brought, self._where, self._progress = link, brought, where, progress
        self.got: dict[str, Obtained] = {}

    def get(self, name: str, title: str) -> None:
        """Have the image called ``name`` on the engine, with what it is built from where it must be built."""
        source = recipes.recipe(name, self._brought)
        if _is_here(self._link, source):
            return
        began = time.monotonic()
        size_mb = self._pulled(source, title)
        how = "built" if size_mb is None else "pulled"
        if size_mb is None:
            if source.parent:
                self.get(source.parent, f"image {source.parent}, which {name} starts from")
            began = time.monotonic()
            size_mb = _build(self._link, source, self._brought, title, self._progress)
        seconds = time.monotonic() - began
        self._progress(f"{title}: {how} in {seconds:.0f} s, {size_mb:.0f} MB")
        self.got[name] = Obtained(name=name, tag=source.tag, how=how, seconds=seconds)

    def _pulled(self, source: Recipe, title: str) -> float | None:
        """Pull the image; return its size, None where it must be built."""
        if not self._where:
            return None
        try:
            return registry.pull(
                self._link, source, self._where, lambda line: self._progress(f"{title}: {line}")
            ).size_mb
        except registry.AbsentError:
            self._progress(f"{title}: {self._where} has none: building it")
        except EngineError as error:
            if "no space left on device" in str(error):
                raise
            self._progress(f"{title}: {error}")
            self._progress(f"{title}: building it, and what else is missing")
            self._where = ""
        return None


def _build(link: Link, source: Recipe, brought: recipes.Folders, title: str, progress: Progress) -> float:
    """Build the image of ``source``, whose parent is there; return its size in MB."""
    client = link.api()
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
    return made.size_mb


@contextlib.contextmanager
def _engine() -> Iterator[Link]:
    link = connect()
    try:
        yield link
    finally:
        link.close()
