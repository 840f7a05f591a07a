"""Gives a candidate a pack of the harbour exercise, as a company without a network does: its wheels lie in a folder."""

from __future__ import annotations

import functools
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness import settings
from harness.catalogue.finder import Catalogue
from harness.commands.pack import pack
from harness.errors import ExitCode
from harness.packs import wheels
from tests.unit.grading import harbour

OWN = functools.cache(wheels.own)
"""Our wheel, made once: most of what a pack costs, and it is always the same."""
WHEEL = "needed-1.0-py3-none-any.whl"
BRIEF = "# {{ exercise.title }}\n\n{{ alias }}, say it in {{ parameters.colour }} and in {{ language }}.\n"
PROVIDER = "{% if parameters.colour == 'red' %}\nStop at every light.\n{% else %}\nGo at every light.\n{% endif %}\n"
FILES = {
    "exercises/harbour/brief.md.j2": BRIEF,
    "exercises/harbour/STORE.md.j2": PROVIDER,
    "exercises/harbour/exercise.toml": harbour.EXERCISE.replace('["python"]', '["python", "go"]'),
    "exercises/harbour/starter/go/service.toml": harbour.SERVICE.replace("python", "go"),
    "exercises/harbour/starter/go/mode": "starter in go\n",
    "exercises/harbour/up.py": "FAULTS = {}\n",
    "exercises/harbour/environment/tides.txt": "high\nlow\n",
    "exercises/harbour/notes-of-the-author.md": "What the next version asks for is on no list.\n",
    "graders/harbour/references/loud/service.toml": harbour.SERVICE,
    "graders/harbour/references/loud/mode": "loud\n",
    "graders/harbour/mutants/hush.patch": "a mistake that nobody may read\n",
}


def catalogue(root: Path, changes: Mapping[str, str] | None = None) -> Catalogue:
    """Return the catalogue at ``root``, with files of ``changes`` in place of ours."""
    return harbour.catalogue(root, FILES | dict(changes or {}))


def surroundings(root: Path, **environment: str) -> settings.Settings:
    """Return settings that name a folder with one wheel."""
    wheels = root / "trusted"
    wheels.mkdir(parents=True, exist_ok=True)
    (wheels / WHEEL).write_bytes(b"what it holds is not looked at")
    named = {"HOME": str(root), "HARNESS_WHEELS": str(wheels), **environment}
    return settings.load(environment=named, directory=root)


def give(root: Path, known: Catalogue, candidate: str = "heron", out: Path | None = None, **changes: object) -> Path:
    """Give ``candidate`` a pack, and return where it is."""
    target = out or root / f"{candidate}.zip"
    options: dict[str, object] = {"variant": None, "language": None, "deliver": "", "found": surroundings(root)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wheels, "own", OWN)
        code = pack("harbour", candidate=candidate, out=target, catalogue=known, **options | changes)  # type: ignore[arg-type]
    assert code is ExitCode.PASSED
    return target


def unpacked(data: bytes) -> dict[str, bytes]:
    """Return what is in a pack, and in our wheel in it, by path."""
    found: dict[str, bytes] = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            content = archive.read(name)
            found[name.partition("/")[2]] = content
            if name.rpartition("/")[2].startswith("assessment_harness-"):
                with zipfile.ZipFile(io.BytesIO(content)) as wheel:
                    found |= {f"{name}!{inner}": wheel.read(inner) for inner in wheel.namelist()}
    return found
