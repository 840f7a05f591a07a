"""``harness images``: build, list and remove the container images that gradings use."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from harness import console, wording
from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from harness.catalogue.finder import Catalogue
    from harness.images.manage import ImageInfo
    from harness.images.recipes import Folders


def images_build(names: tuple[str, ...], *, engine: str | None, catalogue: Catalogue) -> ExitCode:
    """Build what is missing of ``names`` (all when there are none); progress on stderr, tags on stdout."""
    from harness.images import manage as images
    from harness.images import recipes

    if engine == "fake":
        console.notice("the fake engine needs no images")
        return ExitCode.PASSED
    brought = recipes.folders(catalogue.folders)
    _refuse_unknown(names, brought)
    began = time.monotonic()
    wanted = names or recipes.names(brought)
    for name, tag in images.ensure(wanted, progress=console.notice, brought=brought).items():
        console.line(f"{name}  {tag}")
    console.notice(f"all there, after {time.monotonic() - began:.1f} s")
    return ExitCode.PASSED


def images_list(*, as_json: bool, engine: str | None, catalogue: Catalogue) -> ExitCode:
    """Write a line for each image: one a recipe, built or not, then old ones that nothing uses any more."""
    from harness.images import manage as images
    from harness.images import recipes

    found = [] if engine == "fake" else images.listing(recipes.folders(catalogue.folders))
    if as_json:
        console.document([dataclasses.asdict(one) for one in found])
        return ExitCode.PASSED
    rows = [("name", "size", "state", "tag")]
    rows += [(one.name, f"{one.size_mb:.0f} MB" if one.built else "-", _state(one), one.tag) for one in found]
    console.table(rows)
    return ExitCode.PASSED


def images_remove(names: tuple[str, ...], *, stale: bool = False, engine: str | None, catalogue: Catalogue) -> ExitCode:
    """Remove images of ours: all, those named, or only those no present recipe makes (``stale``)."""
    from harness.images import manage as images
    from harness.images import recipes

    if engine == "fake":
        console.notice("the fake engine has no images")
        return ExitCode.PASSED
    brought = recipes.folders(catalogue.folders)
    _refuse_unknown(names, brought)
    gone = images.remove(names, stale_only=stale, progress=console.notice, brought=brought)
    for text in gone or ["no image of ours to remove"]:
        console.line(text)
    return ExitCode.PASSED


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
