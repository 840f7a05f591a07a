"""What a command does not import: a second of a grading is its own start, and most of that is imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNWANTED = {
    "harness.commands.grade": {
        "docker",
        "harness.catalogue.known",
        "harness.commands.desk",
        "harness.engines.docker.scenario",
        "harness.reports",
        "harness.signing",
        "cryptography",
        "securesystemslib",
        "jinja2",
        "kubernetes",
        "rich",
    },
    "harness.commands.list": {"docker", "harness.catalogue.manifest", "pydantic", "rich"},
    "harness.cli": {"cryptography", "docker", "harness.catalogue", "harness.commands", "pydantic", "rich"},
}
"""Module of a command -> what is imported only when something else happens, or while a grader starts."""


@pytest.mark.parametrize("command", sorted(UNWANTED))
def test_commands_import_only_what_they_begin_with(command: str) -> None:
    """What only another path needs, or what is needed only at the end, is not imported at the start of a command."""
    beside = ", harness.engines.docker.engine, harness.images.manage" if command.endswith("grade") else ""
    code = f"import sys, {command}{beside}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert UNWANTED[command].intersection(done.stdout.split()) == set()
