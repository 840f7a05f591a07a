"""Fixtures of the tests that prove exercises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``harness`` in a temporary folder."""
    return Cli(folder=tmp_path)
