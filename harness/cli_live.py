"""The part of the command line that holds a scenario and works with it: see :mod:`harness.cli`."""

from __future__ import annotations

from pathlib import Path

import click

from harness import options
from harness.errors import ExitCode

_SANDBOX = click.argument("sandbox", type=options.TEXT)
_WORKSPACE = click.option(
    "--workspace", metavar="DIR", type=options.PATH, default=".", help="Workspace that is up (default: around here)."
)
_SECONDS = 10.0


@click.command(cls=options.Command)
@click.argument("workspace", type=options.TEXT_PATH, default=".")
@options.ENGINE
@click.pass_context
def up(context: click.Context, workspace: str, *, engine: str | None) -> ExitCode:
    """Run the workspace with everything around it as a grading does, until Ctrl-C or "harness down". Nothing is judged.

    Prints URLs on this machine for the service and what it talks with. From another terminal, in the workspace: logs,
    shell, kill, restart, fault, reload and down.

    \b
    Example:
      harness up heron
    """  # noqa: D301
    from harness.commands.up import up

    found = options.settings_of(context, engine=engine)
    return up(
        workspace,
        engine=found.engine,
        catalogue=options.catalogue_of(found),
        network_range=found.network_range,
    )


@click.command(cls=options.Command)
@_SANDBOX
@click.option("-f", "--follow", is_flag=True, help="Go on with what it writes, until Ctrl-C.")
@_WORKSPACE
def logs(sandbox: str, *, follow: bool, workspace: Path) -> ExitCode:
    """Print the log of a sandbox of the running up.

    \b
    Example:
      harness logs -f app
    """  # noqa: D301
    from harness.commands.clients import logs

    return logs(sandbox, workspace_path=workspace, follow=follow)


@click.command(cls=options.Command)
@_SANDBOX
@_WORKSPACE
def shell(sandbox: str, *, workspace: Path) -> ExitCode | int:
    """Open a shell in a sandbox of the running up; in a database that your service uses, its own.

    \b
    Example:
      harness shell db
    """  # noqa: D301
    from harness.commands.clients import shell

    return shell(sandbox, workspace_path=workspace)


@click.command(cls=options.Command)
@_SANDBOX
@_WORKSPACE
def kill(sandbox: str, *, workspace: Path) -> ExitCode:
    """Kill a sandbox of the running up, every process at once: files and address stay.

    \b
    Example:
      harness kill app
    """  # noqa: D301
    from harness.commands.clients import kill

    return kill(sandbox, workspace_path=workspace)


@click.command(cls=options.Command)
@_SANDBOX
@_WORKSPACE
def restart(sandbox: str, *, workspace: Path) -> ExitCode:
    """Kill a sandbox of the running up and start it again, with the files that it has.

    \b
    Example:
      harness restart db
    """  # noqa: D301
    from harness.commands.clients import restart

    return restart(sandbox, workspace_path=workspace)


@click.command(cls=options.Command)
@click.argument("name", metavar="[NAME]", type=options.TEXT, required=False)
@click.option(
    "--for",
    "seconds",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=_SECONDS,
    show_default=True,
    help="How long it is on.",
)
@_WORKSPACE
def fault(name: str | None, *, seconds: float, workspace: Path) -> ExitCode:
    """Put a fault on in the running up, for a while; without NAME, list the faults there are.

    \b
    Examples:
      harness fault
      harness fault db-down --for 30
    """  # noqa: D301
    from harness.commands.clients import fault

    return fault(name, workspace_path=workspace, seconds=seconds)


@click.command("reload", cls=options.Command)
@_WORKSPACE
def reload_command(*, workspace: Path) -> ExitCode:
    """Build the workspace again in the running up and start it: what a database holds is kept.

    \b
    Example:
      harness reload
    """  # noqa: D301
    from harness.commands.clients import reload

    return reload(workspace_path=workspace)


@click.command(cls=options.Command)
@_WORKSPACE
def down(*, workspace: Path) -> ExitCode:
    """End the running up of a workspace, and wait until nothing of it is left.

    \b
    Example:
      harness down
    """  # noqa: D301
    from harness.commands.clients import down

    return down(workspace_path=workspace)


COMMANDS = (up, logs, shell, kill, restart, fault, reload_command, down)
