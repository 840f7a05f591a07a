"""Images moved for real: through a registry of this machine, through a file, and one built that a catalogue brings.

The registry is go-containerregistry's, in memory, built from its Go module: one small program without settings. The
reference one (distribution) would bring drivers for every cloud's storage, minutes of compiling, and nothing that is used here.
"""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

import pytest

from harness import owners
from harness.engines.base import SandboxSpec
from harness.engines.docker.connect import Link, connect
from harness.engines.docker.engine import DockerEngine
from harness.errors import EngineError, UsageError
from harness.images import building, manage, recipes, registry
from harness.images.recipes import Recipe

pytestmark = [pytest.mark.docker, pytest.mark.images]

MODULE = "github.com/google/go-containerregistry/cmd/registry@v0.20.6"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "add-an-image.md"


class Untyped(Protocol):
    """What docker-py's stubs leave untyped."""

    def import_image_from_data(self, data: bytes, *, repository: str, tag: str, changes: list[str]) -> object: ...


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The registry, built from its Go module."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go on this machine to build a registry with")
    folder = tmp_path_factory.mktemp("registry")
    environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
    subprocess.run([go, "install", MODULE], env=environment, cwd=folder, check=True, timeout=600)
    return folder / "registry"


@pytest.fixture
def where(program: Path) -> Iterator[str]:
    """A registry that listens on a free port of this machine."""
    with subprocess.Popen([program, "-port", "0"], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            first = process.stderr.readline()
            found = re.search(r"serving on port (\d+)", first)
            assert found, first
            yield f"localhost:{found[1]}"
        finally:
            process.kill()


@pytest.fixture
def link() -> Iterator[Link]:
    """The engine."""
    one = connect()
    yield one
    one.close()


@pytest.fixture
def tiny(tmp_path: Path, link: Link) -> Iterator[tuple[Recipe, recipes.Folders]]:
    """A recipe of a catalogue whose image is on the engine: one file, and what a build would label it with."""
    folder = tmp_path / "docker" / f"tiny-{secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "salt").write_text(secrets.token_hex(8))
    brought = recipes.folders([tmp_path])
    source = recipes.recipe(folder.name, brought)
    lay(link, source, source.tag, source)
    yield source, brought
    for image in link.api().images():
        for tag in image["RepoTags"] or ():
            if folder.name in tag:
                link.api().remove_image(tag)


def lay(link: Link, source: Recipe, name: str, labelled: Recipe) -> None:
    """Make an image called ``name`` that says to be that of ``labelled``."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(source.name))
    repository, _, tag = name.rpartition(":")
    labels = f'LABEL {building.LABEL}="{labelled.name}" harness.recipe="{labelled.digest}"'
    cast("Untyped", link.api()).import_image_from_data(out.getvalue(), repository=repository, tag=tag, changes=[labels])


def names_of(link: Link, source: Recipe) -> set[str]:
    """Every name on the engine that has the recipe's in it."""
    return {tag for image in link.api().images() for tag in image["RepoTags"] or () if source.name in tag}


def test_registry_is_one(where: str) -> None:
    """The program that the other tests rely on speaks the registry's protocol."""
    with urllib.request.urlopen(f"http://{where}/v2/", timeout=10) as answer:
        assert answer.status == 200


def test_pushed_image_is_pulled_on_a_machine_that_has_none(
    where: str, link: Link, tiny: tuple[Recipe, recipes.Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is built where a registry has it, and no name but ours stays."""
    source, brought = tiny
    monkeypatch.setenv(registry.VARIABLE, f"{where}/team/harness")
    (reference,) = manage.push([source.name], brought=brought)
    assert reference.startswith(f"{where}/team/harness/{source.name}:{source.identity}-")
    link.api().remove_image(source.tag)
    assert names_of(link, source) == set()
    (got,) = manage.obtain([source.name], brought=brought)
    assert (got.how, names_of(link, source)) == ("pulled", {source.tag})
    assert registry.offers(link, source, f"{where}/team/harness")
    assert not registry.offers(link, source, f"{where}/nowhere")


def test_registry_that_lacks_an_image_says_so(
    where: str, link: Link, tiny: tuple[Recipe, recipes.Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine's word for it is told from a refusal."""
    source, brought = tiny
    link.api().remove_image(source.tag)
    monkeypatch.setenv(registry.VARIABLE, f"{where}/harness")
    with pytest.raises(registry.AbsentError, match="harness images push"):
        manage.pull([source.name], brought=brought)


def test_image_of_another_recipe_in_the_registry_is_not_taken(
    where: str, link: Link, tiny: tuple[Recipe, recipes.Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's image under the right name never gets our tag, and does not stay."""
    source, brought = tiny
    monkeypatch.setenv(registry.VARIABLE, where)
    repository, tag = registry.reference(where, source, registry.architecture(link))
    lay(link, source, f"{repository}:{tag}", recipes.recipe("base"))
    assert not [event for event in link.api().push(repository, tag=tag, stream=True, decode=True) if "error" in event]
    link.api().remove_image(f"{repository}:{tag}")
    link.api().remove_image(source.tag)
    with pytest.raises(EngineError, match="an image of another recipe"):
        manage.pull([source.name], brought=brought)
    assert names_of(link, source) == set()


def test_registry_that_is_not_there_is_said(
    link: Link, tiny: tuple[Recipe, recipes.Folders], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port ends in a sentence with what to do."""
    source, brought = tiny
    link.api().remove_image(source.tag)
    monkeypatch.setenv(registry.VARIABLE, "localhost:9/harness")
    with pytest.raises(EngineError, match=r"connection refused\. What to do: see that the engine reaches the registry"):
        manage.pull([source.name], brought=brought)


def test_saved_image_is_loaded_on_an_engine_that_has_none(
    link: Link, tiny: tuple[Recipe, recipes.Folders], tmp_path: Path
) -> None:
    """The real archive of a real engine is understood, and a damaged one never reaches it."""
    source, brought = tiny
    file = tmp_path / "images.tar.gz"
    assert manage.save([source.name], file, brought=brought) == file.stat().st_size
    link.api().remove_image(source.tag)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageError, match="get it again"):
        manage.load(file, brought=brought)
    assert names_of(link, source) == set()
    file.write_bytes(whole)
    assert manage.load(file, brought=brought) == [(source.tag, False)]
    assert names_of(link, source) == {source.tag}


def test_images_of_an_exercise_are_saved_together(built: dict[str, str], tmp_path: Path) -> None:
    """Several images in one file, layers that they share once: what the engine writes for that is understood too."""
    file = tmp_path / "images.tar.gz"
    manage.save(["grader", "grader-core"], file)
    # In which order is the engine's affair.
    assert sorted(manage.load(file)) == sorted((built[name], True) for name in ("grader", "grader-core"))


def test_redis_of_the_guide_answers(tmp_path: Path, built: dict[str, str]) -> None:
    """What the guide says to add is built, and runs as a sandbox that has no name in it."""
    assert "base" in built
    folder = tmp_path / "docker" / "redis"
    folder.mkdir(parents=True)
    found = re.findall(r"```dockerfile\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "Dockerfile").write_text(found[0], encoding="utf-8")
    tag = manage.ensure(["redis"], brought=recipes.folders([tmp_path]))["redis"]
    script = (
        "redis-server --dir /box --save '' --protected-mode no >/box/log & "
        "for try in 1 2 3 4 5 6 7 8 9; do redis-cli ping && break; sleep 0.3; done"
    )
    engine = DockerEngine()
    try:
        done = engine.run_once(
            owners.make_owner("test-redis", seconds=300),
            SandboxSpec(name="redis", image=tag, command=("sh", "-c", script)),
            timeout_seconds=60,
        )
    finally:
        engine.close()
    assert done.stdout.decode().splitlines()[-1:] == ["PONG"], done
