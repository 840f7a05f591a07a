"""Which checks an engine leaves without a result, because they ask the broker for something that it can't do.

Read from the files of the checks, so it is known before anything runs: calls of ``broker.VERB`` in a check, and in what
the check calls by name in the same folder. What a helper of ours does on a check's behalf is not followed.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from harness.model import SubmissionFile


@dataclass(slots=True)
class _Function:
    verbs: set[str]
    names: set[str]
    check_id: str


def checks(files: Iterable[SubmissionFile], verbs: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    """Return check id -> those of ``verbs`` that it asks for, of the checks in ``files`` that ask for any.

    A file that is no Python says nothing: ``validate`` says so to its author.
    """
    functions: dict[str, list[_Function]] = {}
    for file in files:
        if file.path.endswith(".py"):
            for name, function in _functions(file.content):
                functions.setdefault(name, []).append(function)
    found = {}
    for several in functions.values():
        for one in several:
            asked = _reached(one, functions) & set(verbs) if one.check_id else set()
            if asked:
                found[one.check_id] = tuple(sorted(asked))
    return dict(sorted(found.items()))


def _reached(start: _Function, functions: Mapping[str, list[_Function]]) -> set[str]:
    verbs, seen, left = set[str](), set[str](), [start]
    while left:
        one = left.pop()
        verbs |= one.verbs
        for name in one.names - seen:
            seen.add(name)
            left += functions.get(name, [])
    return verbs


def _functions(content: bytes) -> Iterable[tuple[str, _Function]]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            inside = list(ast.walk(node))
            calls = [one.func for one in inside if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
            names = {one.id for one in inside if isinstance(one, ast.Name)}
            names |= {one.attr for one in inside if isinstance(one, ast.Attribute)}
            verbs = {one.attr for one in calls if _last_name(one.value) == "broker"}
            yield node.name, _Function(verbs=verbs, names=names, check_id=_check_id(node))


def _check_id(function: ast.FunctionDef) -> str:
    for one in function.decorator_list:
        if isinstance(one, ast.Call) and _last_name(one.func) == "check" and one.args:
            first = one.args[0]
            return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""
    return ""


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
