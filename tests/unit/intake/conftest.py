"""A catalogue with one small exercise, and archives made by hand: what a hostile sender would send."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands.new import skeleton
from harness.model import Exercise, Json

Members = Iterable[tuple[tarfile.TarInfo, bytes]]
SERVICE = b'run = ["python3", "solve.py"]\n'
SOLVE = b"print(sum(map(int, open(0))))\n"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A catalogue folder with the exercise ``tiny`` and its grader."""
    root = tmp_path / "catalogue"
    for part, folder in (("exercise", "exercises"), ("grader", "graders")):
        for path, content in skeleton(part, "tiny"):
            file = root / folder / "tiny" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return root


@pytest.fixture
def catalogue(home: Path) -> Catalogue:
    """The catalogue of ``home``."""
    return Catalogue([home])


@pytest.fixture
def tiny(catalogue: Catalogue) -> Exercise:
    """The exercise ``tiny``."""
    return catalogue.exercise("tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good submission of ``tiny`` as a plain folder."""
    root = tmp_path / "Ünï cödé work"
    root.mkdir()
    (root / "service.toml").write_bytes(SERVICE)
    (root / "solve.py").write_bytes(SOLVE)
    return root


@pytest.fixture
def manifest_of() -> Callable[..., bytes]:
    """Return the first member of a packed submission with these files, other fields as given."""

    def build(files: dict[str, bytes], /, **changes: Json) -> bytes:
        listed: list[Json] = [
            {"path": path, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "executable": False}
            for path, data in files.items()
        ]
        document: dict[str, Json] = {
            "schema": 1,
            "exercise": "tiny",
            "version": "0.1",
            "variant": 0,
            "alias": "heron",
            "files": listed,
            "claim": {},
        }
        return json.dumps(document | changes).encode()

    return build


@pytest.fixture
def tar() -> Callable[[Members], bytes]:
    """Return the bytes of an uncompressed tar with these members, as Python's own writer makes it."""

    def build(members: Members) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for member, content in members:
                if member.isreg():
                    member.size = len(content)
                archive.addfile(member, io.BytesIO(content) if content else None)
        return buffer.getvalue()

    return build


@pytest.fixture
def packed(tmp_path: Path, manifest_of: Callable[..., bytes], tar: Callable[[Members], bytes]) -> Callable[..., Path]:
    """Write a packed submission: good files, then ``extra`` members; ``changes`` go into its manifest."""

    def build(
        extra: Members = (), own: dict[str, bytes] | None = None, unlisted: tuple[str, ...] = (), **changes: Json
    ) -> Path:
        holds = {"service.toml": SERVICE, "solve.py": SOLVE} if own is None else own
        listed = {path: content for path, content in holds.items() if path not in unlisted}
        members = [(tarfile.TarInfo("harness-submission.json"), manifest_of(listed, **changes))]
        members += [(tarfile.TarInfo(f"files/{path}"), content) for path, content in holds.items()]
        file = tmp_path / "heron.tar.gz"
        file.write_bytes(gzip.compress(tar([*members, *extra]), mtime=0))
        return file

    return build
