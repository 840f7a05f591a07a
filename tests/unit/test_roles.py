"""The harness knows roles, not names: what an exercise calls its sandboxes and its checks is the author's choice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from harness.catalogue.finder import Catalogue

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = {"submission", "starter", "yardstick", "grader"}
"""Words of the format itself (contents, roles) that an exercise may also use as a name."""
ELSEWHERE = {
    # Members of formats that are not ours to name: whoever reads them looks for this word.
    ("reports/junit.py", "tests"),
    ("reports/ctrf.py", "tests"),
    ("reports/gradescope.py", "tests"),
    # For authors, who say what is meant: the word for the first of two sides in a sentence, unless they give another one.
    ("checkers/ledgers.py", "ledger"),
    # The name of a role in a database, of our own recipe of PostgreSQL, which makes it: no sandbox is looked for by it.
    ("testing/postgres.py", "app"),
}
"""What means something else there."""


def literals(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield each string in a module that is no docstring, and whether it is compared with a ``name`` or an ``id``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = list(ast.walk(tree))
    said = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    beside_names: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Attribute) and side.attr in {"name", "id"} for side in sides):
                beside_names |= {id(below) for side in sides for below in ast.walk(side)}
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said:
            yield node.value, id(node) in beside_names


def test_no_module_knows_a_sandbox_or_a_family_of_checks_by_name() -> None:
    """No string is a sandbox's name or begins with a family; a word of the format is never compared with a name."""
    catalogue = Catalogue([ROOT])
    exercises = [catalogue.exercise(id_) for id_ in catalogue.ids()]
    names = {box.name for exercise in exercises for box in exercise.sandboxes} - VOCABULARY
    families = {check.id.partition("/")[0] for exercise in exercises for check in exercise.checks}
    assert {"app", "db", "tests"} <= names
    assert {"contract", "safety", "answers"} <= families
    known = []
    for path in sorted((ROOT / "harness").rglob("*.py")):
        place = path.relative_to(ROOT / "harness").as_posix()
        for text, is_beside_a_name in literals(path):
            found = text in names or text in families or text.partition("/")[0] in families & set(text.split("/")[:-1])
            if (found or (is_beside_a_name and text in VOCABULARY)) and (place, text) not in ELSEWHERE:
                known.append(f"{place}: {text!r}")
    assert known == []
