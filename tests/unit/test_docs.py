"""Documentation says what is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def test_commands_reference_is_what_help_prints() -> None:
    """docs/reference/commands.md is renewed when an option changes."""
    spec = importlib.util.spec_from_file_location("generator", CHECKOUT / "scripts" / "commands_reference.py")
    assert spec is not None
    assert spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert generator.TARGET.read_text(encoding="utf-8") == generator.text(), "run scripts/commands_reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_in_documentation_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder that exists."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_documentation_names_no_path_of_a_build_machine(page: Path) -> None:
    """Nothing of the machine somebody wrote it on is left in a page."""
    assert re.findall(r"(?:/root/|/home/\w+/|/work/)\S*", page.read_text(encoding="utf-8")) == []
