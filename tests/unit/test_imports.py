"""The import rules of pyproject.toml, each seen broken by a line that is planted, and what no rule there can say."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")
IN_THE_GRADER_IMAGE = {"_pytest", "harness", "psycopg", "pytest"}
"""Top-level packages that the grader's side may import, beside the standard library."""

PLANTED = (
    ("layers", "reports/words.py", "import harness.commands.grade"),
    ("layers", "reports/words.py", "import harness.grading.runner"),
    ("layers", "grading/plan.py", "import harness.reports.words"),
    ("layers", "scoring.py", "from harness import store"),
    ("layers", "model.py", "import harness.names"),
    ("layers", "events.py", "import harness.catalogue.finder"),
    ("layers", "names.py", "import harness.intake.submission"),
    ("layers", "packs/making.py", "import harness.grading.runner"),
    ("layers", "intake/bundle.py", "import harness.packs.source"),
    ("engines-inside", "packs/wheels.py", "import harness.engines.docker.connect"),
    ("layers", "engines/base.py", "import harness.images.manage"),
    ("layers", "checkers/ratios.py", "import harness.testing.check"),
    ("layers", "testing/check.py", "from harness import owners"),
    ("layers", "testing/_run/selection.py", "from harness.intake import submission"),
    ("grader-apart", "grading/runner.py", "from harness.testing import check"),
    ("grader-image", "testing/_run/selection.py", "import pydantic"),
    ("grader-image", "model.py", "import requests"),
    ("engines-inside", "grading/session.py", "import harness.engines.fake.engine"),
    ("run-inside", "checkers/ledgers.py", "import harness.testing._run.record"),
    ("click", "commands/list.py", "import click"),
    ("docker", "scoring.py", "import docker"),
    ("docker", "engines/fake/engine.py", "import requests"),
    ("clusters", "grading/plan.py", "import kubernetes"),
    ("pydantic", "scoring.py", "import pydantic"),
    ("jinja2", "reports/terminal.py", "import jinja2"),
    ("layers", "signing/keys.py", "from harness import store"),
    ("signing", "commands/verify.py", "import securesystemslib"),
    ("signing", "store/disk.py", "import cryptography"),
    ("tomlkit", "catalogue/manifest.py", "import tomlkit"),
    ("rich", "console.py", "import rich"),
    ("pytest", "grading/plan.py", "import pytest"),
)


NOWHERE = "nowhere.py"
"""A module that has no layer."""


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what is said against each contract, by its id, once all lines and the module are planted.

    One run for all of them: most of it is reading the package. That nothing is said of the package as it is, ``make
    check`` sees.
    """
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(CHECKOUT / "harness", folder / "harness", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    (folder / "harness" / NOWHERE).write_text("")
    for _, file, line in PLANTED:
        path = folder / "harness" / file
        path.write_text(f"{path.read_text()}\n{line}\n")
    done = _lint(folder)
    assert done.returncode == 1, done.stdout
    said = done.stdout.partition("Broken contracts")[2]
    sections = {rule["id"]: re.search(rf"^{re.escape(rule['name'])}\n-+\n", said, re.MULTILINE) for rule in _rules()}
    starts = [*sorted(found.start() for found in sections.values() if found), len(said)]
    return {
        rule: said[found.end() : next(start for start in starts if start > found.start())] if found else ""
        for rule, found in sections.items()
    }


def _rules() -> list[dict[str, str]]:
    rules: list[dict[str, str]] = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
    return rules


def _lint(folder: Path) -> subprocess.CompletedProcess[str]:
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run([LINTER], cwd=folder, env=wide, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("contract", sorted({contract for contract, _, _ in PLANTED}))
def test_planted_imports_break_their_contract(broken: dict[str, str], contract: str) -> None:
    for rule, file, line in PLANTED:
        if rule != contract:
            continue
        importer = ".".join(("harness", *Path(file).with_suffix("").parts))
        imported = line.split(" import ")[-1].removeprefix("import ").rpartition(".")[2]
        assert re.search(rf"{re.escape(importer)} -> \S*\b{imported} ", broken[contract]), f"{line} in {file} unseen"


def test_a_module_without_a_layer_breaks_the_layers(broken: dict[str, str]) -> None:
    assert re.search(r"^- .*\bharness\.nowhere$", broken["layers"], re.MULTILINE)


def test_every_contract_has_a_planted_line() -> None:
    assert {rule["id"] for rule in _rules()} == {contract for contract, _, _ in PLANTED}


def test_the_grader_side_needs_nothing_but_what_its_image_has() -> None:
    recipe = tomllib.loads((CHECKOUT / "docker" / "grader-core" / "recipe.toml").read_text())
    inside = [CHECKOUT / "harness" / name for name in recipe["package"]]
    modules = [path for entry in inside for path in ([entry] if entry.is_file() else sorted(entry.rglob("*.py")))]
    carried = {_module(path) for path in modules}
    for path in modules:
        for name in _imported(path):
            top = name.partition(".")[0]
            assert top in IN_THE_GRADER_IMAGE or top in sys.stdlib_module_names, f"{path} imports {name}"
            if top == "harness":
                assert name in carried, f"{path} imports {name}, which {recipe['package']} does not carry"


def _module(path: Path) -> str:
    parts = path.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # What is imported may be a module of the package or a name in it: the package itself is there either way.
            yield node.module
