"""Documentation says what is there."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PAGES = [CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def test_commands_reference_is_what_help_prints() -> None:
    """docs/reference/commands.md is renewed when an option changes."""
    # In a process of its own: click keeps in a command how its help was first asked for, here by some other test.
    code = "import commands_reference as made; print(made.text(), end='')"
    folders = os.pathsep.join(map(str, (CHECKOUT / "scripts", CHECKOUT)))
    env = {**os.environ, "PYTHONPATH": folders, "PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout
    page = CHECKOUT / "docs" / "reference" / "commands.md"
    assert page.read_text(encoding="utf-8") == made, "run scripts/commands_reference.py"


def test_testing_reference_is_what_docstrings_say() -> None:
    """docs/reference/testing-api.md is renewed when what checks import changes, and nothing there is without words."""
    spec = importlib.util.spec_from_file_location("reference", CHECKOUT / "scripts" / "testing_reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    assert reference.TARGET.read_text(encoding="utf-8") == reference.text(), "run scripts/testing_reference.py"
    bare = []
    for path in reference.modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in reference.public(tree.body):
            inner = list(reference.public(node.body)) if isinstance(node, ast.ClassDef) else []
            bare += [f"{path.stem}.{one.name}" for one in (node, *inner) if not ast.get_docstring(one)]
    # The properties of a protocol are said where it is met, by RunResult.
    assert [name for name in bare if not name.startswith("ends.")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_links_in_documentation_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder that exists."""
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_documentation_names_no_path_of_a_build_machine(page: Path) -> None:
    """Nothing of the machine somebody wrote it on is left in a page."""
    assert re.findall(r"(?:/root/|/home/\w+/|/work/)\S*", page.read_text(encoding="utf-8")) == []


def test_readme_shows_a_real_report_and_the_exercises_there_are() -> None:
    """Both parts of the README that are facts are what scripts/readme.py makes of the examples and records."""
    spec = importlib.util.spec_from_file_location("readme", CHECKOUT / "scripts" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(readme)
    text = readme.README.read_text(encoding="utf-8")
    assert text == readme.renewed(text), "run scripts/readme.py"


@pytest.mark.parametrize("alias", ["otter", "heron"])
def test_examples_are_reported_without_an_engine(alias: str) -> None:
    """`harness report docs/examples/NAME` renders the report that is kept beside the result."""
    from harness import store
    from harness.reports import terminal, view

    folder = CHECKOUT / "docs" / "examples" / alias
    assert terminal.render(view.build(store.load(folder))) == (folder / "report.txt").read_text(encoding="utf-8")
