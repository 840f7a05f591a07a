"""Fixtures of the tests that run the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli import CHECKOUT, Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """``harness`` in a temporary folder."""
    return Cli(folder=tmp_path)


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout under test."""
    return CHECKOUT
