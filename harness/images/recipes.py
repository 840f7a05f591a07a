"""What an image is made from, and the identity that follows from it. Reads files; needs no engine.

A recipe is a folder of ``docker/`` with a Dockerfile. Its parent is the default of ``ARG BASE``. Its identity is the
hash of everything that goes into the build (Dockerfile, the folder, the shared scripts in ``docker/company``, files of
the package named by ``recipe.toml``) and of its parent's identity, never of the built bytes.
"""

from __future__ import annotations

import functools
import hashlib
import io
import re
import tarfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import droppings, places
from harness.errors import EngineError

REPOSITORY = "harness"
"""First part of every tag of ours: ``harness/NAME:IDENTITY``."""
SHARED = "company"
"""Folder of the build context with the scripts every work stage sources, and the company's settings."""

_PACKAGE = Path(__file__).resolve().parents[1]
_PARENT = re.compile(r"^ARG BASE=(\S+)$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One image's recipe."""

    name: str
    parent: str
    """Name of the recipe whose image it starts from; empty for the one that starts from Debian."""
    files: Mapping[str, bytes]
    """Path in the build context -> content, without the company's settings."""
    digest: str
    """SHA-256 over the files and the parent's digest, in hexadecimal."""

    @property
    def tag(self) -> str:
        """Return the name of its image on an engine."""
        return f"{REPOSITORY}/{self.name}:{self.digest[:16]}"


def directory() -> Path:
    """Return where the recipes are: inside the wheel, else beside the package in a checkout."""
    for folder in (_PACKAGE / "_recipes", _PACKAGE.parent / "docker"):
        if (folder / "base" / "Dockerfile").is_file():
            return folder
    msg = (
        f"no image recipes: expected them in {_PACKAGE / '_recipes'} (a wheel) or {_PACKAGE.parent / 'docker'} "
        "(a checkout), found neither. Install the harness again."
    )
    raise EngineError(msg)


def names() -> tuple[str, ...]:
    """Return the names of all recipes, parents before their children."""
    found = sorted(path.parent.name for path in directory().glob("*/Dockerfile"))
    return closure(found)


def closure(wanted: Iterable[str]) -> tuple[str, ...]:
    """Return ``wanted`` and everything they are built from, parents first, each once."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        parent = recipe(name).parent
        if parent:
            visit(parent)
        ordered.append(name)

    for name in wanted:
        visit(name)
    return tuple(ordered)


def recipe(name: str) -> Recipe:
    """Return the recipe called ``name``. Raises EngineError for a name there is none of."""
    return _load(directory(), name)


@functools.cache
def _load(root: Path, name: str) -> Recipe:
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not (root / name / "Dockerfile").is_file():
        known = ", ".join(sorted(path.parent.name for path in root.glob("*/Dockerfile")))
        msg = f"no image is called {name!r}: expected one of {known}"
        raise EngineError(msg)
    files = _tree(root / name, "") | _tree(root / SHARED, f"{SHARED}/")
    if "recipe.toml" in files:
        for entry in tomllib.loads(files["recipe.toml"].decode())["package"]:
            files |= _package_files(entry)
    parent = "".join(_PARENT.findall(files["Dockerfile"].decode())[:1])
    hashed = hashlib.sha256(_load(root, parent).digest.encode() if parent else b"")
    for path in sorted(files):
        hashed.update(f"\0{path}\0{len(files[path])}\0".encode())
        hashed.update(files[path])
    return Recipe(name=name, parent=parent, files=files, digest=hashed.hexdigest())


def _package_files(entry: str) -> dict[str, bytes]:
    source = _PACKAGE / entry
    if source.is_dir():
        return _tree(source, f"harness/{entry}/")
    return {f"harness/{entry}": places.read(source, refuse=EngineError)}


def _tree(folder: Path, prefix: str) -> dict[str, bytes]:
    """Return every file under ``folder``, line endings made the same on every checkout."""
    return {
        prefix + relative: places.read(path, refuse=EngineError).replace(b"\r\n", b"\n")
        for relative, path in droppings.files(folder)
        if path.is_file() and path.suffix != ".pyc"
    }


def context(source: Recipe, settings: Mapping[str, bytes]) -> bytes:
    """Return the build context as a tar: the recipe's files and the company's settings, no times, no owners."""
    buffer = io.BytesIO()
    files = dict(source.files) | {f"{SHARED}/{name}": data for name, data in settings.items()}
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size = len(files[path])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(files[path]))
    return buffer.getvalue()
