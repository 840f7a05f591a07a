"""Which faults ``harness up`` will have of an exercise, as far as its files say: nothing of it is run to find out. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from harness.catalogue.pair import Pair

NAME = "FAULTS"
USUAL = ("cut", "down", "frozen")
"""What can be done to every sandbox that has an address, under its name."""


def of(pair: Pair) -> tuple[str, ...]:
    """Return the names of faults: of the sandboxes a service works with, and those of the exercise where its script names them."""
    usual = (f"{box}-{each}" for box in _boxes(pair) for each in USUAL)
    return tuple(sorted({*usual, *_own(pair)}))


def short(pair: Pair) -> str:
    """Return the same on one line, those of sandboxes as a shell would write them."""
    boxes = ",".join(_boxes(pair))
    usual = [f"{{{boxes}}}-{{{','.join(USUAL)}}}"] if boxes else []
    return ", ".join([*usual, *_own(pair)]) or "it has none"


def _boxes(pair: Pair) -> tuple[str, ...]:
    """Return the sandboxes of the service and of what it is told of: who else is there is of no use to whoever works on it."""
    exercise = pair.exercise
    told = {exercise.main.name, *exercise.main.hosts, *exercise.main.hosts.values()}
    return tuple(box.name for box in exercise.sandboxes if box.name in told) if exercise.network else ()


def _own(pair: Pair) -> tuple[str, ...]:
    return tuple(sorted({name for file in pair.script() for name in _named(file.content)}))


def _named(script: bytes) -> Iterator[str]:
    """Yield the keys of what is called :data:`NAME` at the top of a module; none of a module that is no Python."""
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError):
        return  # "harness validate" says so, and an up would
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if isinstance(target, ast.Name) and target.id == NAME and isinstance(value, ast.Dict):
            keys = (key.value for key in value.keys if isinstance(key, ast.Constant))
            yield from (key for key in keys if isinstance(key, str))
