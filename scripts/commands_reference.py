"""Writes docs/reference/commands.md from the commands themselves; a test sees that nobody forgot to."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli import cli

TARGET = Path(__file__).resolve().parent.parent / "docs" / "reference" / "commands.md"


def text() -> str:
    """Return the page: the help of every command, as a terminal of 100 columns shows it."""
    parts = ["# Commands\n\nMade by `python scripts/commands_reference.py` from what `--help` prints.\n"]
    parts += _pages(cli, "harness")
    return "\n".join(parts)


def _pages(command: click.Command, path: str) -> list[str]:
    context = click.Context(command, info_name=path, max_content_width=100, terminal_width=100)
    pages = [f"## {path}\n\n```\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                pages += _pages(found, f"{path} {name}")
    return pages


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
