"""Which faults ``harness up`` will have of an exercise, as far as its files say: nothing of it is run to find out. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from harness.catalogue.pair import Pair
from harness.model import Exercise

NAME = "FAULTS"
USUAL = {
    "cut": "nothing reaches it, and it reaches nothing",
    "down": "it is killed, and started again at the end",
    "frozen": "it stands still, and goes on at the end",
}
"""What can be done to every sandbox that has an address, under its name, and what that is."""


def of(pair: Pair) -> tuple[str, ...]:
    """Return the names of faults: of the sandboxes a service works with, and those of the exercise where its script names them."""
    return tuple(described(pair))


def described(pair: Pair) -> Mapping[str, str]:
    """Return the same, in their order, and what each does: of an exercise's own, the first line of its docstring."""
    found = {f"{box}-{each}": words for box in boxes(pair.exercise) for each, words in USUAL.items()}
    for file in pair.script():
        found |= _named(file.content)
    return dict(sorted(found.items()))


def short(pair: Pair) -> str:
    """Return the same on one line, those of sandboxes as a shell would write them."""
    names = ",".join(boxes(pair.exercise))
    usual = [f"{{{names}}}-{{{','.join(USUAL)}}}"] if names else []
    return ", ".join([*usual, *_own(pair)]) or "it has none"


def boxes(exercise: Exercise) -> tuple[str, ...]:
    """Return the sandboxes of the service and of what it is told of: who else is there is of no use to whoever works on it."""
    told = {exercise.main.name, *exercise.main.hosts, *exercise.main.hosts.values()}
    return tuple(box.name for box in exercise.sandboxes if box.name in told) if exercise.network else ()


def _own(pair: Pair) -> tuple[str, ...]:
    return tuple(sorted({name for file in pair.script() for name in _named(file.content)}))


def _named(script: bytes) -> dict[str, str]:
    """Return the keys of what is called :data:`NAME` at the top of a module, and what each is; none of one that is no Python."""
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError):
        return {}  # "harness validate" says so, and an up would
    words = {node.name: (ast.get_docstring(node) or "") for node in tree.body if isinstance(node, ast.FunctionDef)}
    return {name: words.get(function, "").partition("\n")[0].rstrip(".") for name, function in _table(tree)}


def _table(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield each key of the table of faults, and the name of the function beside it, empty where that is none."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == NAME and isinstance(value, ast.Dict):
            for key, named in zip(value.keys, value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, named.id if isinstance(named, ast.Name) else ""
