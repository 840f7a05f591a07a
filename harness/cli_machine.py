"""The part of the command line that is about this machine: its images, its fitness, what was left on it. See :mod:`harness.cli`."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness import options
from harness.errors import ExitCode

if TYPE_CHECKING:
    from harness.commands.images import Choice

_NAMES = click.argument("names", metavar="[NAME]...", type=options.TEXT, nargs=-1)
_EXERCISE = click.option(
    "--exercise",
    metavar="ID",
    type=options.TEXT_PATH,
    help="Those that this exercise needs: its id, its pack, or a workspace of it.",
)
_LANGUAGE = click.option("--language", metavar="L", type=options.TEXT, help="With --exercise: in this language only.")


def _choice(
    context: click.Context, names: tuple[str, ...], exercise: str | None = None, language: str | None = None
) -> Choice:
    from harness.commands.images import Choice

    catalogue = options.catalogue_of(options.settings_of(context))
    return Choice(catalogue=catalogue, names=names, exercise=exercise, language=language)


@click.group(cls=options.Group)
def images() -> None:
    """Get, publish, list and remove the container images that gradings use.

    \b
    HARNESS_IMAGES=registry.example.com/harness names a registry: what is missing is pulled from there, and built
    only where it has none.

    \b
    Examples:
      harness images build
      harness images save images.tar.gz --exercise idempotent-payments --language go
    """  # noqa: D301


@images.command("build")
@_NAMES
@_EXERCISE
@_LANGUAGE
@options.ENGINE
@click.pass_context
def images_build(
    context: click.Context, names: tuple[str, ...], *, exercise: str | None, language: str | None, engine: str | None
) -> ExitCode:
    """Get what is missing (all images, or those named): pulled where HARNESS_IMAGES names a registry, else built.

    A second time it takes under a second.

    \b
    Examples:
      harness images build python postgres
      harness images build --exercise idempotent-payments --language go
    """  # noqa: D301
    from harness.commands.images import images_build

    choice = _choice(context, names, exercise, language)
    return images_build(choice, engine=options.engine_of(context, engine))


@images.command("pull")
@_NAMES
@_EXERCISE
@_LANGUAGE
@options.ENGINE
@click.pass_context
def images_pull(
    context: click.Context, names: tuple[str, ...], *, exercise: str | None, language: str | None, engine: str | None
) -> ExitCode:
    """Get what is missing from the registry in HARNESS_IMAGES, and build nothing.

    \b
    Example:
      HARNESS_IMAGES=registry.example.com/harness harness images pull go
    """  # noqa: D301
    from harness.commands.images import images_pull

    choice = _choice(context, names, exercise, language)
    return images_pull(choice, engine=options.engine_of(context, engine))


@images.command("push")
@_NAMES
@_EXERCISE
@_LANGUAGE
@options.ENGINE
@click.pass_context
def images_push(
    context: click.Context, names: tuple[str, ...], *, exercise: str | None, language: str | None, engine: str | None
) -> ExitCode:
    """Give images that are here (all, or those named) to the registry in HARNESS_IMAGES.

    \b
    Example:
      HARNESS_IMAGES=registry.example.com/harness harness images push
    """  # noqa: D301
    from harness.commands.images import images_push

    choice = _choice(context, names, exercise, language)
    return images_push(choice, engine=options.engine_of(context, engine))


@images.command("save")
@click.argument("file", metavar="FILE", type=options.PATH)
@_NAMES
@_EXERCISE
@_LANGUAGE
@options.ENGINE
@click.pass_context
def images_save(
    context: click.Context,
    file: Path,
    names: tuple[str, ...],
    *,
    exercise: str | None,
    language: str | None,
    engine: str | None,
) -> ExitCode:
    """Write images that are here (all, or those named) to a new file, for a machine that reaches no registry.

    \b
    Example:
      harness images save images.tar.gz --exercise idempotent-payments --language go
    """  # noqa: D301
    from harness.commands.images import images_save

    choice = _choice(context, names, exercise, language)
    return images_save(file, choice, engine=options.engine_of(context, engine))


@images.command("load")
@click.argument("file", metavar="FILE", type=options.PATH)
@click.option(
    "--exercise",
    metavar="ID",
    type=options.TEXT_PATH,
    help="An exercise, pack or workspace that brings recipes of its own.",
)
@options.ENGINE
@click.pass_context
def images_load(context: click.Context, file: Path, *, exercise: str | None, engine: str | None) -> ExitCode:
    """Give the engine the images in a file of `images save`. Nothing is taken unless all are of present recipes.

    \b
    Example:
      harness images load images.tar.gz
    """  # noqa: D301
    from harness.commands.images import images_load

    return images_load(file, _choice(context, (), exercise), engine=options.engine_of(context, engine))


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
@_NAMES
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

    return images_remove(_choice(context, names), stale=stale, engine=options.engine_of(context, engine))


@click.command(cls=options.Command)
@click.argument("target", metavar="[ID|FILE|WORKSPACE]", type=options.TEXT_PATH, required=False)
@click.option("--language", metavar="L", type=options.TEXT, help="In this language only.")
@click.option("--paste", "for_paste", is_flag=True, help="Without names, paths and addresses: to show to anybody.")
@options.JSON
@options.ENGINE
@click.pass_context
def doctor(
    context: click.Context,
    target: str | None,
    *,
    language: str | None,
    for_paste: bool,
    as_json: bool,
    engine: str | None,
) -> ExitCode:
    """Say within a minute whether this machine can grade, or this exercise be done here, and what to do where not.

    Two sandboxes are started for real. Nothing is built, downloaded or changed.

    \b
    Examples:
      harness doctor
      harness doctor heron.zip --language go
      harness doctor idempotent-payments --paste
    """  # noqa: D301
    from harness.commands.doctor import doctor, refusing_without_names

    with refusing_without_names(target or "") if for_paste else nullcontext():
        found = options.settings_of(context, engine=engine)
    return doctor(
        target,
        language=language,
        as_json=as_json,
        for_paste=for_paste,
        engine=found.engine,
        catalogue=options.catalogue_of(found),
        network_range=found.network_range,
    )


@click.command(cls=options.Command)
@click.option("--all", "all_", is_flag=True, help="Images, results of set-up and the base as well.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@options.ENGINE
@click.pass_context
def clean(context: click.Context, *, all_: bool, dry_run: bool, yes: bool, engine: str | None) -> ExitCode:
    """Remove what gradings that ended or died left behind. Touches nothing that is alive or not ours.

    \b
    Example:
      harness clean --dry-run
    """  # noqa: D301
    from harness.commands.clean import clean

    return clean(all_=all_, dry_run=dry_run, yes=yes, engine=options.engine_of(context, engine))
