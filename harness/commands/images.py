"""``harness images``: get, publish, list and remove the container images that gradings use."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console, wording
from harness.catalogue.finder import Catalogue
from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from harness.images.manage import ImageInfo, Obtained
    from harness.images.recipes import Folders

_MB = 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """Which images are meant: those named, those of an exercise, or all."""

    catalogue: Catalogue
    names: tuple[str, ...] = ()
    exercise: str | None = None
    language: str | None = None

    @property
    def brought(self) -> Folders:
        """The recipes that catalogues bring."""
        from harness.images import recipes

        return recipes.folders(self.catalogue.folders)

    @contextmanager
    def opened(self) -> Iterator[tuple[tuple[str, ...], Folders]]:
        """Yield their names and the recipes that come with them.

        Raises UsageError for a name, an exercise or a language that nobody knows.
        """
        from harness.commands import target
        from harness.images import recipes

        if self.exercise is None:
            if self.language is not None:
                text = f"expected --exercise ID with --language {self.language}, found none: name the exercise"
                raise UsageError(text)
            _refuse_unknown(self.names, self.brought)
            yield self.names or recipes.names(self.brought), self.brought
            return
        with target.opened(self.exercise, self.language, self.catalogue) as wanted:
            _refuse_unknown(self.names, wanted.brought)
            yield tuple(dict.fromkeys([*self.names, *wanted.images])), wanted.brought


def images_build(choice: Choice, *, engine: str | None) -> ExitCode:
    """Get what is missing: from a registry where one is named, else by a build. Tags on stdout, progress on stderr."""
    from harness.images import manage as images

    began = time.monotonic()
    with choice.opened() as (names, brought):
        if engine == "fake":
            return _no_images()
        _write(images.obtain(names, progress=console.notice, brought=brought))
    console.notice(f"all there, after {time.monotonic() - began:.1f} s")
    return ExitCode.PASSED


def images_pull(choice: Choice, *, engine: str | None) -> ExitCode:
    """Get what is missing from the registry, and build nothing."""
    from harness.images import manage as images

    with choice.opened() as (names, brought):
        if engine == "fake":
            return _no_images()
        _write(images.pull(names, progress=console.notice, brought=brought))
    return ExitCode.PASSED


def images_push(choice: Choice, *, engine: str | None) -> ExitCode:
    """Give images that are here to the registry; what they are there on stdout."""
    from harness.images import manage as images

    with choice.opened() as (names, brought):
        if engine == "fake":
            return _no_images()
        for reference in images.push(names, progress=console.notice, brought=brought):
            console.line(reference)
    return ExitCode.PASSED


def images_save(file: Path, choice: Choice, *, engine: str | None) -> ExitCode:
    """Write images that are here to a new file."""
    from harness.images import manage as images

    began = time.monotonic()
    with choice.opened() as (names, brought):
        if engine == "fake":
            return _no_images()
        size = images.save(names, file, progress=console.notice, brought=brought)
    console.line(f"{file}  {size / _MB:.0f} MB  {', '.join(names)}")
    console.notice(f"saved in {time.monotonic() - began:.1f} s; on the other machine: harness images load FILE")
    return ExitCode.PASSED


def images_load(file: Path, choice: Choice, *, engine: str | None) -> ExitCode:
    """Give the engine the images in a file, if all of them are of present recipes."""
    from harness.images import manage as images

    began = time.monotonic()
    with choice.opened() as (_, brought):
        if engine == "fake":
            return _no_images()
        for tag, had in images.load(file, progress=console.notice, brought=brought):
            console.line(f"{tag}  {'here' if had else 'loaded'}")
    console.notice(f"all there, after {time.monotonic() - began:.1f} s")
    return ExitCode.PASSED


def images_list(*, as_json: bool, engine: str | None, catalogue: Catalogue) -> ExitCode:
    """Write a line for each image: one a recipe, built or not, then old ones that nothing uses any more."""
    from harness.images import manage as images

    found = [] if engine == "fake" else images.listing(Choice(catalogue=catalogue).brought)
    if as_json:
        console.document([dataclasses.asdict(one) for one in found])
        return ExitCode.PASSED
    rows = [("name", "size", "state", "tag")]
    rows += [(one.name, f"{one.size_mb:.0f} MB" if one.built else "-", _state(one), one.tag) for one in found]
    console.table(rows)
    return ExitCode.PASSED


def images_remove(choice: Choice, *, stale: bool = False, engine: str | None) -> ExitCode:
    """Remove images of ours: all, those named, or only those no present recipe makes (``stale``)."""
    from harness.images import manage as images

    _refuse_unknown(choice.names, choice.brought)
    if engine == "fake":
        return _no_images()
    gone = images.remove(choice.names, stale_only=stale, progress=console.notice, brought=choice.brought)
    for text in gone or ["no image of ours to remove"]:
        console.line(text)
    return ExitCode.PASSED


def _no_images() -> ExitCode:
    console.notice("the fake engine has and needs no images")
    return ExitCode.PASSED


def _write(got: Sequence[Obtained]) -> None:
    for one in got:
        console.line(f"{one.name}  {one.tag}  {one.how}{'' if one.how == 'here' else f' in {one.seconds:.0f} s'}")


def _refuse_unknown(names: tuple[str, ...], brought: Folders) -> None:
    from harness.images import recipes

    known = recipes.names(brought) if names else ()
    for name in names:
        if name not in known:
            text = f"no image is called {wording.quoted(name)}: {wording.suggestion(name, known)}"
            raise UsageError(text)


def _state(one: ImageInfo) -> str:
    if not one.built:
        return "not built"
    if one.stale:
        return "old"
    return f"on {one.debian} Debian" if one.debian else "bootstrapped here"
