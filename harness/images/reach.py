"""What of the package inside an image some programs reach by their imports: nothing else of it can change what they do.

An exercise's record would otherwise be stale whenever anybody adds a helper for another exercise. Imports are read, not
run: each counts wherever it stands, and a module brings the packages that it is in. What can't be read so (a program
that does not parse) reaches everything.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator

from harness.images.recipes import Recipe, recipe

PACKAGE = "harness/"
"""Where the files of the package are in a build context."""
STARTS = ("harness/testing/_run/", "harness/testing/__main__.py")
"""What runs every program of a grader, and so counts for each of them."""


def identity(image: Recipe, programs: Iterable[bytes]) -> str:
    """Return a sha256 over an image's parent and files, without modules of the package that ``programs`` do not reach."""
    counted = _reached(image, tuple(programs))
    total = hashlib.sha256(recipe(image.parent).digest.encode() if image.parent else b"")
    for path in sorted(image.files):
        if path in counted or not _is_module(path):
            total.update(f"\0{path}\0{len(image.files[path])}\0".encode())
            total.update(image.files[path])
    return total.hexdigest()


def _reached(image: Recipe, programs: Iterable[bytes]) -> frozenset[str]:
    """Return the paths of modules that are reached, those of :data:`STARTS` among them."""
    modules = {path for path in image.files if _is_module(path)}
    found = {path for path in modules if path.startswith(STARTS)}
    try:
        waiting = [name for program in programs for name in _imports(program, "")]
        waiting += [name for path in found for name in _imports(image.files[path], path)]
        while waiting:
            fresh = [path for path in _files_of(waiting.pop()) if path in modules and path not in found]
            found.update(fresh)
            waiting += [name for path in fresh for name in _imports(image.files[path], path)]
    except (SyntaxError, ValueError):
        return frozenset(modules)
    return frozenset(found)


def _is_module(path: str) -> bool:
    return path.startswith(PACKAGE) and path.endswith(".py")


def _imports(source: bytes, path: str) -> Iterator[str]:
    """Yield the dotted names that a module imports; one that is imported from a module may be a module itself."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(part for part in (_package(path, node.level), node.module) if part)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _package(path: str, level: int) -> str:
    """Return the package that so many dots mean in the module at ``path``; none for a program, which is in no package."""
    return ".".join(path.split("/")[:-level]) if level else ""


def _files_of(name: str) -> Iterator[str]:
    """Yield every file that importing a dotted name may run: each package on the way, and the module."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        stem = "/".join(parts[:count])
        yield f"{stem}/__init__.py"
        yield f"{stem}.py"
