"""Which sandboxes the files of a grader name: a name that nobody declared is seen without running anything.

Seen are calls of our two fixtures, ``broker.kill("app")`` and ``job.address("app")``, by whatever way they come
(``world.broker.kill``), with the name written out or as a constant of a module of the exercise. What a helper takes as
an argument can't be told and is left alone, and so is everything in files where ``broker`` or ``job`` is somebody else's.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_VERBS = {
    "broker": frozenset(
        {
            *("start", "kill", "crash", "lose", "stop", "pause", "resume", "paused", "partition", "heal"),
            *("state", "wait", "logs", "exec", "built", "usage", "command"),
        }
    ),
    "job": frozenset({"address"}),
}
"""Fixture -> methods whose first argument is a sandbox."""
_KEYWORD = "sandbox"
_PEERS = "peers"


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """One place that names a sandbox."""

    where: Path
    line: int
    call: str
    """``broker.kill``, for people."""
    name: str
    may_be_grader: bool
    """Whether the grader itself may be meant: it has an address and can be cut off, but not driven."""


def sandboxes(trees: Mapping[Path, ast.Module]) -> Iterator[Named]:
    """Yield every place in the files of one grading that names a sandbox for certain."""
    constants = {where.stem: _constants(tree) for where, tree in trees.items()}
    ours = [one for one in _VERBS if not any(_is_redefined(one, tree) for tree in trees.values())]
    for where, tree in trees.items():
        known = _visible(tree, constants)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = _last_name(node.func.value)
                if owner in ours:
                    yield from _named(node, owner, node.func.attr, known, where)


def _named(call: ast.Call, owner: str, verb: str, known: Mapping[str, str], where: Path) -> Iterator[Named]:
    said = [one.value for one in call.keywords if one.arg == _KEYWORD]
    if verb in _VERBS[owner]:
        said += call.args[:1]
    peers = [one.value for one in call.keywords if one.arg == _PEERS] + call.args[1:2] if verb == "partition" else []
    listed = [one for peer in peers if isinstance(peer, ast.List | ast.Tuple) for one in peer.elts]
    for node, grader in [*((one, owner == "job") for one in said), *((one, True) for one in listed)]:
        if (name := _text(node, known)) is not None:
            yield Named(where=where, line=node.lineno, call=f"{owner}.{verb}", name=name, may_be_grader=grader)


def _text(node: ast.expr, known: Mapping[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return known.get(node.id)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _constants(tree: ast.Module) -> dict[str, str]:
    """Return the texts that a module gives a name once, at its top."""
    found: dict[str, str] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                found.update((name.id, text) for name, text in _pairs(target, statement.value))
    times = Counter(_bound(tree))
    return {name: text for name, text in found.items() if times[name] == 1}


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.Name, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from _pairs(one, other)
    elif isinstance(target, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield target, value.value


def _visible(tree: ast.Module, constants: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the constants that a module can say by a bare name: its own, and those it takes from its neighbours."""
    known, own = dict(_constants(tree)), set(_bound(tree))
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom):
            theirs = constants.get((statement.module or "").rpartition(".")[2], {})
            for one in statement.names:
                name = one.asname or one.name
                if one.name in theirs and name not in own:
                    known[name] = theirs[one.name]
    return known


def _bound(tree: ast.Module) -> list[str]:
    """Return every name that a module, or something in it, assigns or takes as an argument; once for each time."""
    names: Iterable[str | None] = (
        node.id
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
        else node.arg
        if isinstance(node, ast.arg)
        else None
        for node in ast.walk(tree)
    )
    return [name for name in names if name]


def _is_redefined(fixture: str, tree: ast.Module) -> bool:
    """Whether a file makes something of its own by the name of a fixture of ours."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == fixture:
            return True
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        if value is not None and _last_name(value) != fixture and fixture in map(_last_name, targets):
            return True
    return False
