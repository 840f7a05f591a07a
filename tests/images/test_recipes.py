"""Recipes: identity by hash, and what must never stand in one."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from harness.errors import EngineError
from harness.images import manage as images
from harness.images import recipes

DOCKER = Path(__file__).resolve().parents[2] / "docker"
NAMES = recipes.names()
DOCKERFILES = sorted(DOCKER.glob("*/Dockerfile"))
FILES = sorted(path for path in DOCKER.rglob("*") if path.is_file())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the recipes that a test may change."""
    return Path(shutil.copytree(DOCKER, tmp_path / "docker"))


def digests(root: Path) -> dict[str, str]:
    """The identity of every recipe under ``root``, read afresh."""
    recipes._load.cache_clear()
    try:
        return {name: recipes._load(root, name).digest for name in NAMES}
    finally:
        recipes._load.cache_clear()


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The names whose identity differs."""
    return {name for name in before if before[name] != after[name]}


def test_recipe_identity_is_the_same_in_another_folder(copy: Path) -> None:
    """Neither the place nor file times are part of an identity."""
    assert digests(copy) == digests(DOCKER)


def test_recipe_identity_ignores_line_endings(copy: Path) -> None:
    """A checkout with CRLF line ends makes the same images."""
    file = copy / "base" / "Dockerfile"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert digests(copy) == digests(DOCKER)


@pytest.mark.parametrize("path", [path.relative_to(DOCKER) for path in FILES], ids=str)
def test_recipe_identity_changes_with_every_file(copy: Path, path: Path) -> None:
    """A changed byte in a file changes its recipe and every recipe built on it, and no other."""
    before = digests(copy)
    content = (copy / path).read_bytes()
    (copy / path).write_bytes(content[:-1] + b"#")
    owner = path.parts[0]
    expected = {name for name in NAMES if owner == recipes.SHARED or owner in recipes.closure([name])}
    assert changed(before, digests(copy)) == expected


def test_recipe_identity_changes_with_a_renamed_file(copy: Path) -> None:
    """The name of a file counts, not only what is in it."""
    before = digests(copy)
    (copy / "go" / "requirements.txt").rename(copy / "go" / "requirements2.txt")
    assert changed(before, digests(copy)) == {"go"}


def test_grader_core_identity_changes_with_the_package(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed module of the grader's side makes a new grader-core and nothing else."""
    package = Path(shutil.copytree(Path(images.__file__).parents[1], tmp_path / "harness"))
    monkeypatch.setattr(recipes, "_PACKAGE", package)
    before = digests(copy)
    with (package / "wire.py").open("a") as file:
        file.write("# changed\n")
    assert changed(before, digests(copy)) == {"grader-core"}


def test_closure_names_parents_first() -> None:
    """What an image is built from comes before it, each once."""
    assert recipes.closure(["grader-core", "python", "grader"]) == ("base", "grader", "grader-core", "python")


def test_tag_is_the_start_of_the_digest() -> None:
    """Tag and digest are one identity."""
    assert images.tag("python") == f"harness/python:{images.digests(['python'])['python'][:16]}"


@pytest.mark.parametrize("name", ["ruby", "../base", "", "Base", "company"])
def test_unknown_image_is_refused_with_the_known_ones(name: str) -> None:
    """A name there is no recipe for is an error that lists those there are."""
    with pytest.raises(EngineError, match="expected one of base, go, grader"):
        images.tag(name)


def test_context_holds_recipe_and_settings_without_times_or_owners() -> None:
    """Two machines send the same bytes, but for the company's settings."""
    packed = recipes.context(recipes.recipe("python"), {"ca.crt": b"c", "mirrors.env": b"m"})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        members = {member.name: member for member in tar}
    assert {"Dockerfile", "requirements.txt", "company/settings.sh", "company/ca.crt", "company/mirrors.env"} <= set(
        members
    )
    assert {(member.mtime, member.uid, member.mode) for member in members.values()} == {(0, 0, 0o644)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DOCKER)))
def test_no_recipe_names_a_processor(path: Path) -> None:
    """The same recipe serves every architecture."""
    found = re.findall(
        r"\b(?:amd64|x86|x86_64|x86-64|arm64|aarch64|armhf|armv\d\w*|i[36]86|manylinux\w*)\b", path.read_text()
    )
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DOCKER)))
def test_no_recipe_names_a_registry(path: Path) -> None:
    """Where packages come from is a setting of the machine, never of a recipe."""
    text = path.read_text()
    assert [url for url in re.findall(r"\w+://[^\s\"']+", text) if "//localhost" not in url] == []
    if path.suffix not in {".go", ".mod", ".sum"}:
        text = text.replace("github.com/jackc/pgx", "")
        assert re.findall(r"\b[\w-]+\.(?:org|com|net|io|dev)\b", text) == []


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_recipes_use_only_what_the_classic_builder_has(path: Path) -> None:
    """No BuildKit: there may be no buildx, and the client library speaks with the classic builder only."""
    assert (
        re.findall(r"--mount|--chmod|--link|--network|<<|^#\s*syntax|\bTARGETARCH\b", path.read_text(), re.MULTILINE)
        == []
    )


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_recipes_flatten_whatever_saw_the_settings(path: Path) -> None:
    """The company's folder is copied into a labelled work stage only, and the final stage is one copy of it."""
    work, _, final = path.read_text().partition("\nFROM scratch\n")
    if path.parent.name == "grader-core":
        assert "company" not in work
        return
    assert "AS work\nLABEL harness.stage=work\n" in work
    assert re.search(r"\. /company/clean\.sh\n\Z", work)
    assert final.startswith("COPY --from=work / /\n")
    assert final.endswith("USER 65532:65532\nWORKDIR /box\n")
    assert set(re.findall(r"^([A-Z]+) ", final, re.MULTILINE)) == {"COPY", "ENV", "USER", "WORKDIR"}
