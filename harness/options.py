"""What the options of several verbs share: types that refuse what no command could use, and what is made of them."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.catalogue.finder import Catalogue
    from harness.settings import Settings

_LONGEST_SHOWN = 80
_NO_PATH = {errno.EACCES, errno.ELOOP, errno.ENAMETOOLONG}
"""What no command can do anything with, whether it reads the path or writes it."""


class _Path(click.Path):
    """A path that is not empty: an unset variable of a script would otherwise mean the folder it runs in."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Return the path; empty ones are wrong usage."""
        if not os.fspath(value):
            self.fail("expected a path, found an empty one: name it", param, ctx)
        try:
            os.stat(value)  # noqa: PTH116 - it may be text
        except OSError as error:
            if error.errno in _NO_PATH:
                self.fail(f"{_shown(value)}: expected a path that can be used, found: {error.strerror}", param, ctx)
        return super().convert(value, param, ctx)


class _Text(click.types.StringParamType):
    """Text that is not empty."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; empty ones are wrong usage."""
        if not value:
            self.fail("expected a value, found an empty one: name it, or leave it out", param, ctx)
        return super().convert(value, param, ctx)


class Points(click.FloatRange):
    """Points of a hundred; what is no number is in no range."""

    def convert(self, value: float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the points; NaN is wrong usage."""
        points = float(super().convert(value, param, ctx))
        return self.fail("expected points, found no number", param, ctx) if math.isnan(points) else points


def _shown(path: str | os.PathLike[str]) -> str:
    text = os.fspath(path)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _be_plain(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - as click calls it
    """Remember that nobody sees this terminal as a picture; for the processes that we start as well."""
    del context
    if value:
        from harness import console

        os.environ[console.PLAIN] = "1"


class _Plain:
    """What every verb takes beside its own options."""

    option = click.Option(
        ["--plain"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_be_plain,
        help="No colour, no live line: for screen readers (or HARNESS_PLAIN=1).",
    )


class Command(click.Command):
    """A verb."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its options, those of every verb among them, help last."""
        return _with_plain(super().get_params(ctx))


class Group(click.Group):
    """Verbs."""

    command_class = Command
    group_class = type

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return its options, those of every verb among them, help last."""
        return _with_plain(super().get_params(ctx))


def _with_plain(params: list[click.Parameter]) -> list[click.Parameter]:
    *own, help_ = params
    return [*own, _Plain.option, help_]


# What can't be read is said where it is read: it may be one of many.
PATH = _Path(path_type=Path, readable=False)
TEXT_PATH = _Path(readable=False)
TEXT = _Text()
COUNT = click.IntRange(1, 1000)
JSON = click.option("--json", "as_json", is_flag=True, help="Machine-readable output on stdout, all else on stderr.")
ENGINE = click.option(
    "--engine", metavar="NAME", type=TEXT, help="Container engine (default: the first one that answers)."
)
AUDIENCE = click.option(
    "--audience",
    type=click.Choice(["assessor", "candidate"]),
    default="assessor",
    show_default=True,
    help="Who will read it: candidates see no hidden detail.",
)


def settings_of(context: click.Context, *, engine: str | None = None, graded: tuple[str, ...] = ()) -> Settings:
    from harness import console, settings

    found = settings.load(catalogue=context.obj, engine=engine, graded=graded)
    if found.not_taken:
        console.notice(found.not_taken)
    return found


def catalogue_of(found: Settings) -> Catalogue:
    from harness.catalogue.finder import Catalogue

    return Catalogue(*(found.catalogues or ((),)))


def engine_of(context: click.Context, name: str | None) -> str | None:
    return settings_of(context, engine=name).engine
