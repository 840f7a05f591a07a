"""Writes docs/reference/commands.md from the commands themselves; a test sees that nobody forgot to."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import cli

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "commands.md"


def text() -> str:
    """Return the page: the help of every command, as a terminal of 100 columns shows it."""
    parts = ["# Commands\n\nMade by `python scripts/commands_reference.py` from what `--help` prints.\n"]
    names = cli.context_settings["help_option_names"]
    top = click.Context(cli, info_name="harness", max_content_width=100, terminal_width=100, help_option_names=names)
    parts += _pages(top)
    return "\n".join(parts)


def _pages(context: click.Context) -> list[str]:
    command = context.command
    pages = [f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                # With its parent, as on the command line: click keeps in a command how its help was first asked for.
                pages += _pages(click.Context(found, info_name=name, parent=context))
    return pages


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
