"""What an image is made from, and the identity that follows from it. Reads files; needs no engine.

A recipe is a folder of ``docker/`` with a Dockerfile. Its parent is the default of ``ARG BASE``. Its identity is the
hash of everything that goes into the build (Dockerfile, the folder, the shared scripts in ``docker/company``, files of
the package named by ``recipe.toml``) and of its parent's identity, never of the built bytes.

A catalogue may have recipes of its own in a ``docker/`` beside its exercises. They start from ours or from each other,
have names that ours have not, and are held to what keeps this machine's settings out of what is published
(:mod:`harness.images.dockerfiles`).
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
from harness.errors import EngineError, ExerciseError, HarnessError
from harness.images import dockerfiles

REPOSITORY = "harness"
"""First part of every tag of ours: ``harness/NAME:IDENTITY``."""
SHARED = "company"
"""Folder of the build context with the scripts every work stage sources, and the company's settings."""

Folders = tuple[Path, ...]
"""Folders of recipes that catalogues bring: each holds ``NAME/Dockerfile``."""

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
        return f"{REPOSITORY}/{self.name}:{self.identity}"

    @property
    def identity(self) -> str:
        """Return the part of the digest that tags have."""
        return self.digest[:16]


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


def folders(catalogues: Iterable[Path]) -> Folders:
    """Return the folders of recipes that ``catalogues`` bring. A checkout of the harness brings none: it has ours."""
    found = [catalogue / "docker" for catalogue in catalogues]
    return tuple(one for one in found if one.is_dir() and not (one / SHARED / "settings.sh").is_file())


def names(brought: Folders = ()) -> tuple[str, ...]:
    """Return the names of all recipes, ours and those in ``brought``, parents before their children."""
    return closure(_known(directory(), brought), brought)


def closure(wanted: Iterable[str], brought: Folders = ()) -> tuple[str, ...]:
    """Return ``wanted`` and everything they are built from, parents first, each once."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name in ordered:
            return
        parent = recipe(name, brought).parent
        if parent:
            visit(parent)
        ordered.append(name)

    for name in wanted:
        visit(name)
    return tuple(ordered)


def recipe(name: str, brought: Folders = ()) -> Recipe:
    """Return the recipe called ``name``, ours or one of those in ``brought``.

    Raises EngineError for a name there is none of, ExerciseError when one that a catalogue brings is wrong.
    """
    return _load(directory(), name, brought)


@functools.cache
def _load(root: Path, name: str, brought: Folders = (), children: tuple[str, ...] = ()) -> Recipe:
    home = _home(root, name, brought)
    refuse = EngineError if home.parent == root else ExerciseError
    if name in children:
        circle = " <- ".join((*children[children.index(name) :], name))
        text = (
            f"{home / 'Dockerfile'}: expected an image that does not start from itself, found {circle}: change ARG BASE"
        )
        raise refuse(text)
    files = _tree(home, "", refuse) | _tree(root / SHARED, f"{SHARED}/", EngineError)
    dockerfile = _text(files, home, "Dockerfile", refuse)
    if "recipe.toml" in files:
        for entry in _package(_text(files, home, "recipe.toml", refuse), home, refuse):
            files |= _package_files(entry)
    if home.parent != root:
        dockerfiles.hold(dockerfile, home / "Dockerfile")
    parent = "".join(_PARENT.findall(dockerfile)[:1])
    hashed = hashlib.sha256(_load(root, parent, brought, (*children, name)).digest.encode() if parent else b"")
    for path in sorted(files):
        hashed.update(f"\0{path}\0{len(files[path])}\0".encode())
        hashed.update(files[path])
    return Recipe(name=name, parent=parent, files=files, digest=hashed.hexdigest())


def _known(root: Path, brought: Folders) -> list[str]:
    return sorted({path.parent.name for folder in (root, *brought) for path in folder.glob("*/Dockerfile")})


def _home(root: Path, name: str, brought: Folders) -> Path:
    """Return the folder of recipe ``name``. Two of one name are one only if they have the same files."""
    found = [folder / name for folder in (root, *brought) if (folder / name / "Dockerfile").is_file()]
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or not found:
        msg = f"no image is called {name!r}: expected one of {', '.join(_known(root, brought))}"
        raise EngineError(msg)
    first, *others = found
    for other in others:
        if _tree(other, "", ExerciseError) != _tree(first, "", ExerciseError):
            whose = "the harness has" if first.parent == root else f"{first} is"
            text = f"{other}: expected a name of its own, found another image of that name, which {whose}: rename it"
            raise ExerciseError(text)
    return first


def _text(files: Mapping[str, bytes], home: Path, name: str, refuse: type[HarnessError]) -> str:
    try:
        return files[name].decode()
    except (KeyError, UnicodeDecodeError) as error:
        text = f"{home / name}: expected text in UTF-8, found something else ({error}): correct it"
        raise refuse(text) from error


def _package(text: str, home: Path, refuse: type[HarnessError]) -> list[str]:
    """Return what ``recipe.toml`` takes from the package."""
    try:
        found: object = tomllib.loads(text)["package"]
    except (tomllib.TOMLDecodeError, KeyError, RecursionError) as error:
        found = error
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        msg = f'{home / "recipe.toml"}: expected package = ["FILE", ...], found {found!r}: correct it'
        raise refuse(msg)
    return found


def _package_files(entry: str) -> dict[str, bytes]:
    source = _PACKAGE / entry
    if source.is_dir():
        return _tree(source, f"harness/{entry}/", EngineError)
    return {f"harness/{entry}": places.read(source, refuse=EngineError)}


def _tree(folder: Path, prefix: str, refuse: type[HarnessError]) -> dict[str, bytes]:
    """Return every file under ``folder``, line endings made the same on every checkout."""
    return {
        prefix + relative: places.read(path, refuse=refuse).replace(b"\r\n", b"\n")
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
