"""Writes docs/reference/testing-api.md from the docstrings of what checks import; a test sees that nobody forgot to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "reference" / "testing-api.md"
PLUGIN = ROOT / "harness" / "testing" / "_run" / "plugin.py"
INTERNAL = frozenset({"__init__", "__main__", "exits", "http1", "pgwire", "pulse", "sql", "text"})
"""Modules that lie beside the authors' API and are no part of it."""
FIRST = ("check", "properties", "measure", "job", "broker", "timeline", "ends", "clients", "history", "load")
"""What every author needs comes first, the rest by name."""
OURS = "Called by the "
"""A docstring that says so is of something that the machinery calls, and no author."""
_ROLE = re.compile(r":(?:class|func|meth|data|mod|attr):`[~!]?([^`]+)`")
_Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_HEAD = """# What checks import

Made by `python scripts/testing_reference.py` from the docstrings. How to use it: [Write a check](../how-to/write-a-check.md).
Times are seconds, on `time.monotonic()` where they are stamps; bytes of a candidate are capped and cleaned wherever they
are shown. What is said to raise `GraderError` is an author's mistake, `EngineTrouble` is the engine's: either makes the
check inconclusive.
"""


def modules() -> list[Path]:
    """Return the modules of the API, in the order of the page."""
    testing = [path for path in (ROOT / "harness" / "testing").glob("*.py") if path.stem not in INTERNAL]
    rank = {name: number for number, name in enumerate(FIRST)}
    testing.sort(key=lambda path: (rank.get(path.stem, len(rank)), path.stem))
    checkers = sorted(path for path in (ROOT / "harness" / "checkers").glob("*.py") if path.stem != "__init__")
    return [*testing, *checkers]


def text() -> str:
    """Return the page."""
    parts = [_HEAD, "## Fixtures\n", *_fixtures(), *(_module(path) for path in modules())]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts)


def public(body: list[ast.stmt]) -> Iterator[_Documented]:
    """Yield the functions and classes of a module or class that an author may use."""
    for node in body:
        if not isinstance(node, _Documented) or node.name.startswith("_"):
            continue
        if OURS not in (ast.get_docstring(node) or ""):
            yield node


def _fixtures() -> list[str]:
    plugin = next(
        node
        for node in ast.parse(PLUGIN.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name == "GraderPlugin"
    )
    found = []
    for node in plugin.body:
        if isinstance(node, ast.FunctionDef) and any("fixture" in ast.unparse(one) for one in node.decorator_list):
            kind = ast.unparse(node.returns) if node.returns is not None else ""
            found.append(f"`{node.name}` ([{kind}](#{_module_of(kind)}), for the whole grading): {_prose(node)}\n")
    return found


def _module_of(kind: str) -> str:
    return f"harnesstesting{kind.lower()}"


def _module(path: Path) -> str:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    parts = [f"## {name}\n\n{_prose(tree)}"]
    parts += [f"`{line}`{f': {said}' if said else ''}" for line, said in _constants(tree.body)]
    for node in public(tree.body):
        parts.append(_class(_with_base(node, tree)) if isinstance(node, ast.ClassDef) else _function(node, "###"))
    return "\n\n".join(parts)


def _with_base(node: ast.ClassDef, tree: ast.Module) -> ast.ClassDef:
    """Return a class with what it has from a private base of its module, which has no entry of its own."""
    bases = {ast.unparse(base) for base in node.bases}
    for one in tree.body:
        if isinstance(one, ast.ClassDef) and one.name in bases and one.name.startswith("_"):
            body = [*node.body, *one.body[1:]]
            return ast.ClassDef(name=node.name, bases=one.bases, keywords=[], body=body, decorator_list=[])
    return node


def _class(node: ast.ClassDef) -> str:
    bases = ", ".join(ast.unparse(base) for base in node.bases)
    parts = [f"### class {node.name}{f'({bases})' if bases else ''}\n\n{_prose(node)}"]
    fields = [f"- `{line}`{f': {said}' if said else ''}" for line, said in _constants(node.body)]
    if fields:
        parts.append("\n".join(fields))
    start = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    if start is not None:
        parts.append(f"```text\n{node.name}{_arguments(start)}\n```\n\n{_prose(start)}")
    called = next((one for one in node.body if isinstance(one, ast.FunctionDef) and one.name == "__call__"), None)
    if called is not None:
        parts.append(_function(called, "####"))
    parts += [_function(one, "####") for one in public(node.body) if not isinstance(one, ast.ClassDef)]
    return "\n\n".join(parts)


def _function(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, level: str) -> str:
    if isinstance(node, ast.ClassDef):
        return _class(node)
    decorators = {ast.unparse(one) for one in node.decorator_list}
    if "property" in decorators:
        kind = ast.unparse(node.returns) if node.returns is not None else ""
        return f"{level} {node.name}: property\n\n`{kind}`. {_prose(node)}"
    returned = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    use = "Use it in `with`. " if "contextmanager" in decorators else ""
    return f"{level} {node.name}\n\n```text\n{node.name}{_arguments(node)}{returned}\n```\n\n{use}{_prose(node)}"


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    shown = ast.unparse(node.args)
    for own in ("self, ", "self", "cls, ", "cls"):
        if shown.startswith(own):
            shown = shown.removeprefix(own)
            break
    return f"({shown})"


def _constants(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield fields and constants with what the string after each says; a private or undocumented constant is left out."""
    following: list[ast.stmt | None] = [*body[1:], None]
    for node, after in zip(body, following, strict=True):
        said = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            said = _clean(after.value.value)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if not node.target.id.startswith("_"):
                default = f" = {ast.unparse(node.value)}" if node.value is not None else ""
                yield f"{node.target.id}: {ast.unparse(node.annotation)}{default}", said
        elif isinstance(node, ast.Assign) and said and not ast.unparse(node.targets[0]).startswith("_"):
            yield ast.unparse(node), said


def _prose(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return _clean(ast.get_docstring(node) or "")


def _clean(doc: str) -> str:
    """Return a docstring as Markdown: roles become names, and indented blocks after ``::`` become code."""
    lines: list[str] = []
    code = False
    for line in _ROLE.sub(lambda found: f"`{found[1].rpartition('.')[2]}`", doc).splitlines():
        if code and line and not line.startswith("    "):
            while lines and not lines[-1]:
                lines.pop()
            lines += ["```", ""]
            code = False
        if not code and line.endswith("::"):
            lines += [line.removesuffix(":"), "", "```python"]
            code = True
            continue
        if code and not line and lines[-1] == "```python":
            continue
        lines.append(line.removeprefix("    ") if code else line.replace("``", "`"))
    return "\n".join([*lines, *(["```"] if code else [])]).strip()


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
