"""The part of the command line that works on a candidate's workspace: see :mod:`harness.cli`."""

from __future__ import annotations

from pathlib import Path

import click

from harness import options
from harness.errors import ExitCode


@click.command(cls=options.Command)
@click.argument("workspace", type=options.TEXT_PATH, default=".")
@click.option(
    "--only",
    metavar="CHECK",
    type=options.TEXT,
    multiple=True,
    help="Run only checks whose id matches (globs, repeatable).",
)
@click.option("--keep", is_flag=True, help="Keep logs of all sandboxes, also of checks that passed.")
@click.option("--watch", is_flag=True, help="Run what failed last again on each save, until Ctrl-C.")
@options.JSON
@options.ENGINE
@click.pass_context
def check(
    context: click.Context,
    workspace: str,
    *,
    only: tuple[str, ...],
    keep: bool,
    watch: bool,
    as_json: bool,
    engine: str | None,
) -> ExitCode:
    """Run the public checks on a workspace. 0: all hold, 1: some fail, 2: inconclusive.

    From any folder of the workspace it needs no name. The first check or up starts your own clock (harness
    clock), once the images that it needs are there.

    \b
    Examples:
      harness check heron --only 'safety/*'
      harness check --watch
    """  # noqa: D301
    from harness.commands import standing
    from harness.commands.check import check

    found = options.settings_of(context, engine=engine)
    return check(
        workspace,
        only=only,
        keep=keep,
        as_json=as_json,
        engine=found.engine,
        catalogue=options.catalogue_of(found),
        network_range=found.network_range,
        watching=watch,
        caller=standing.caller(workspace, engine or ""),
    )


@click.command(cls=options.Command)
@click.argument("action", metavar="[pause|resume]", type=click.Choice(["show", "pause", "resume"]), default="show")
@click.argument("word", metavar="[WORD]", type=options.TEXT, required=False)
@click.option(
    "--workspace", metavar="DIR", type=options.PATH, default=".", help="Where it is (default: here, or above)."
)
@options.JSON
@click.pass_context
def clock(context: click.Context, action: str, word: str | None, *, workspace: Path, as_json: bool) -> ExitCode:
    """Show your own clock, or pause it with a word that the assessor sees. Nothing enforces it.

    The first up or check starts it. What counts is the time in which this machine was awake and the clock not paused; across a
    restart of the machine, the time since it started. What it says travels with what you submit, as your word.

    \b
    Examples:
      harness clock
      harness clock pause lunch
      harness clock resume
    """  # noqa: D301
    from harness.commands import clock as verb

    catalogue = options.catalogue_of(options.settings_of(context))
    return verb.clock(workspace, action, word or "", as_json=as_json, catalogue=catalogue)


@click.command(cls=options.Command)
@click.argument("workspace", type=options.PATH, default=".")
@click.option(
    "--out", metavar="DIR", type=options.PATH, help="Where the packed file goes (default: WORKSPACE/submissions)."
)
@click.option("--list", "only_list", is_flag=True, help="Only show all that travels and what stays behind.")
@click.option("--no-check", is_flag=True, help="Do not run the public checks from the packed file.")
@options.JSON
@options.ENGINE
@click.pass_context
def submit(
    context: click.Context,
    workspace: Path,
    *,
    out: Path | None,
    only_list: bool,
    no_check: bool,
    as_json: bool,
    engine: str | None,
) -> ExitCode:
    """Pack a workspace into one file to send, and try it: build it and run the public checks from that file alone.

    Repeatable; nothing is overwritten, nothing leaves this machine. 0: packed. 1 and 2: packed, but a check fails, or
    could not be measured. 3: refused, nothing is packed. 5: packed, but it could not be tried.

    \b
    Examples:
      harness submit heron
      harness submit --list
    """  # noqa: D301
    from harness.commands import standing
    from harness.commands.submit import submit

    found = options.settings_of(context, engine=engine)
    return submit(
        workspace,
        out=out,
        as_json=as_json,
        catalogue=options.catalogue_of(found),
        only_list=only_list,
        try_it=not no_check,
        engine=found.engine,
        network_range=found.network_range,
        caller=standing.caller(str(workspace), engine or ""),
    )
