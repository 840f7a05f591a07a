"""The part of the command line that is about container images: see :mod:`harness.cli`."""

from __future__ import annotations

import click

from harness import options
from harness.errors import ExitCode


@click.group()
def images() -> None:
    """Build, list and remove the container images that gradings use.

    \b
    Example:
      harness images build
    """  # noqa: D301


@images.command("build")
@click.argument("names", metavar="[NAME]...", type=options.TEXT, nargs=-1)
@options.ENGINE
@click.pass_context
def images_build(context: click.Context, names: tuple[str, ...], *, engine: str | None) -> ExitCode:
    """Build what is missing (all images, or those named). A second time it takes under a second.

    \b
    Example:
      harness images build python postgres
    """  # noqa: D301
    from harness.commands.images import images_build

    found = options.settings_of(context, engine=engine)
    return images_build(names, engine=found.engine, catalogue=options.catalogue_of(found))


@images.command("list")
@options.JSON
@options.ENGINE
@click.pass_context
def images_list(context: click.Context, *, as_json: bool, engine: str | None) -> ExitCode:
    """List the images, whether they are built, and how large they are.

    \b
    Example:
      harness images list
    """  # noqa: D301
    from harness.commands.images import images_list

    found = options.settings_of(context, engine=engine)
    return images_list(as_json=as_json, engine=found.engine, catalogue=options.catalogue_of(found))


@images.command("remove")
@click.argument("names", metavar="[NAME]...", type=options.TEXT, nargs=-1)
@click.option("--stale", is_flag=True, help="Only images that no present recipe makes.")
@options.ENGINE
@click.pass_context
def images_remove(context: click.Context, names: tuple[str, ...], *, stale: bool, engine: str | None) -> ExitCode:
    """Remove images of ours (all, or those named), and no others.

    \b
    Example:
      harness images remove java
    """  # noqa: D301
    from harness.commands.images import images_remove

    found = options.settings_of(context, engine=engine)
    return images_remove(names, stale=stale, engine=found.engine, catalogue=options.catalogue_of(found))
