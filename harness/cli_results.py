"""The part of the command line that is about results that are there: whether they are what was signed. See :mod:`harness.cli`."""

from __future__ import annotations

from pathlib import Path

import click

from harness import options
from harness.errors import ExitCode


@click.command(cls=options.Command)
@click.argument("path", metavar="RESULT", type=options.PATH)
@click.option(
    "--key",
    "named",
    metavar="FILE",
    multiple=True,
    type=options.PATH,
    help="A public key to believe, instead of those of this machine (repeatable).",
)
@options.JSON
@click.pass_context
def verify(context: click.Context, path: Path, *, named: tuple[Path, ...], as_json: bool) -> ExitCode:
    """Say whether a result is what was signed when it was graded. 0: it is, 6: what does not match is listed.

    \b
    Examples:
      harness verify results/heron
      harness verify results/heron --key grading-machine.pem
    """  # noqa: D301
    from harness.commands.verify import verify

    return verify(path, named=named, as_json=as_json, found=options.settings_of(context))


@click.command(cls=options.Command)
@click.argument("path", metavar="RESULT", type=options.PATH)
@click.option("--as", "marker", metavar="NAME", type=options.TEXT, help="Who marks (default: your login name).")
@click.option("--item", metavar="ID", type=options.TEXT, help="Only this item; again, where you have marked it before.")
def mark(path: Path, *, marker: str | None, item: str | None) -> ExitCode:
    """Ask what only people can judge of a submission, item by item, and keep each mark as it is given.

    \b
    Two people mark everything, neither sees the other's marks; a third marks what they differ on by more than one step.

    \b
    Examples:
      harness mark results/heron
      harness mark results/heron --as mia --item failure-table
    """  # noqa: D301
    from harness.commands.mark import mark

    return mark(path, marker=marker, item=item)


@click.command(cls=options.Command)
@click.argument("one", metavar="A", type=options.PATH)
@click.argument("other", metavar="B", type=options.PATH)
@options.JSON
def diff(one: Path, other: Path, *, as_json: bool) -> ExitCode:
    """Say what differs between two results of one exercise: two candidates, or one submission graded twice.

    Each is a folder, a result.json, or the folder of a name, as for harness report.

    \b
    Example:
      harness diff results/heron results/otter
    """  # noqa: D301
    from harness.commands.diff import diff

    return diff(one, other, as_json=as_json)


COMMANDS = (diff, verify, mark)
