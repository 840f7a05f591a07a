"""Images that a catalogue brings: found by name like ours, held to what keeps this machine out of what is published."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.errors import ExerciseError, HarnessError
from harness.grading import static
from harness.images import manage as images
from harness.images import recipes
from tests.unit.grading import harbour

ROOT = Path(__file__).resolve().parents[2]
OURS = recipes.names()
GUIDE = (ROOT / "docs" / "how-to" / "add-an-image.md").read_text(encoding="utf-8")
REDIS = re.findall(r"```dockerfile\n(.*?)```", GUIDE, re.DOTALL)[0]


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    """Recipes are read once; a test changes them."""
    recipes._load.cache_clear()
    yield
    recipes._load.cache_clear()


def bring(catalogue: Path, name: str, dockerfile: str = REDIS, **files: str) -> recipes.Folders:
    """Lay a recipe into ``catalogue``; return the folders of recipes that it brings."""
    folder = catalogue / "docker" / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in {"Dockerfile": dockerfile, **files}.items():
        (folder / file.replace("_", ".")).write_text(text, encoding="utf-8")
    return recipes.folders([catalogue])


def test_private_catalogue_adds_redis(tmp_path: Path) -> None:
    """The recipe of the guide is found beside ours, starts from ours, and has an identity of its own."""
    brought = bring(tmp_path, "redis")
    assert set(recipes.names(brought)) == {*OURS, "redis"}
    assert recipes.closure(["redis"], brought) == ("base", "redis")
    assert re.fullmatch(r"harness/redis:[0-9a-f]{16}", images.tag("redis", brought))
    assert {"Dockerfile", "company/settings.sh"} <= set(recipes.recipe("redis", brought).files)


def test_what_a_catalogue_brings_changes_no_identity_of_ours(tmp_path: Path) -> None:
    """Records depend on tags of ours: nothing that lies beside them is in one."""
    before = {name: images.tag(name) for name in OURS}
    brought = bring(tmp_path, "redis")
    assert {name: images.tag(name, brought) for name in OURS} == before


WITH_REDIS = {"exercises/harbour/exercise.toml": harbour.EXERCISE.replace('"postgres"', '"redis"')}


def test_exercise_may_name_an_image_of_its_catalogue(tmp_path: Path) -> None:
    """Validate takes a sandbox of an image that the catalogue brings, and not without it."""
    pair = harbour.catalogue(tmp_path, WITH_REDIS).pair("harbour")
    (unknown,) = (line for line in static.problems(pair) if "unknown image" in line)
    assert 'sandboxes.store.image: unknown image "redis"' in unknown
    assert "add a recipe in docker/redis/ of the catalogue" in unknown
    assert [line for line in static.problems(pair, bring(tmp_path, "redis")) if "image" in line] == []


def test_broken_recipe_of_a_catalogue_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    """What is wrong with a recipe is said by validate with everything else."""
    pair = harbour.catalogue(tmp_path, WITH_REDIS).pair("harbour")
    said = "\n".join(static.problems(pair, bring(tmp_path, "redis", "FROM debian\nCOPY company /company\n")))
    assert "docker/redis/Dockerfile: line 2: expected company/ in work stages only" in said


def test_name_of_ours_is_taken(tmp_path: Path) -> None:
    """Nothing that a catalogue brings stands in for an image of ours."""
    brought = bring(tmp_path, "python")
    with pytest.raises(ExerciseError, match=r"docker/python: expected a name of its own.*the harness has: rename it"):
        images.tag("python", brought)


def test_same_files_in_two_catalogues_are_one_image(tmp_path: Path) -> None:
    """Two catalogues of a company may share a recipe; two recipes of one name are refused with both places."""
    both = (*bring(tmp_path / "a", "redis"), *bring(tmp_path / "b", "redis"))
    assert images.tag("redis", both) == images.tag("redis", both[:1])
    recipes._load.cache_clear()
    bring(tmp_path / "b", "redis", REDIS + "ENV X=1\n")
    with pytest.raises(ExerciseError, match=r"b/docker/redis: expected a name of its own.*a/docker/redis is"):
        images.tag("redis", both)


def test_checkout_of_the_harness_as_a_catalogue_brings_no_images() -> None:
    """Ours come with the harness that runs: those of another version would be others of the same names."""
    assert recipes.folders([ROOT]) == ()


@pytest.mark.parametrize(
    ("dockerfile", "files", "words"),
    [
        (
            "ARG BASE=redis\nFROM ${BASE}\n",
            {},
            "expected an image that does not start from itself, found redis <- redis",
        ),
        ("ARG BASE=sailor\nFROM ${BASE}\n", {}, "no image is called 'sailor': expected one of base, go"),
        ("", {}, "expected a FROM, found none"),
        (REDIS.replace("LABEL harness.stage=work\n", ""), {}, "line 2: expected LABEL harness.stage=work"),
        (REDIS + "COPY company/ca.crt /etc/ssl/\n", {}, "expected company/ in work stages only"),
        (REDIS + "COPY . /srv\n", {}, "expected company/ in work stages only"),
        (REDIS + 'COPY ["./company", "/srv"]\n', {}, "expected company/ in work stages only"),
        (REDIS + "ADD comp* \\\n  /srv\n", {}, "expected company/ in work stages only"),
        (REDIS + "COPY\tcompany\t/srv\n", {}, "expected company/ in work stages only"),
        (REDIS + "COPY comp[a]ny /srv\n", {}, "expected company/ in work stages only"),
        (REDIS + "ARG X=company\nCOPY $X /srv\n", {}, "expected company/ in work stages only"),
        (REDIS + "COPY --chown=0:0 /company /srv\n", {}, "expected company/ in work stages only"),
        (REDIS + "COPY --from=work /company /srv\n", {}, "expected company/ in work stages only"),
        (REDIS.replace("FROM scratch", "FROM --platform=linux/amd64 work"), {}, "that it goes on from work"),
        (REDIS.replace("FROM scratch", "FROM 0"), {}, "that it goes on from 0"),
        (REDIS + 'CMD\t["redis-server"]\n', {}, "expected no CMD"),
        (REDIS.replace("FROM scratch", "FROM work"), {}, "expected the last stage to start afresh"),
        (REDIS + 'entrypoint ["redis-server"]\n', {}, "expected no ENTRYPOINT"),
        (REDIS + "VOLUME /data\n", {}, "expected no VOLUME"),
        (REDIS, {"recipe_toml": "package ="}, "recipe.toml: expected package"),
        (REDIS, {"recipe_toml": "package = [1]"}, "recipe.toml: expected package"),
        (REDIS, {"recipe_toml": 'package = ["nothing.py"]'}, "nothing.py: expected a readable file"),
    ],
)
def test_wrong_recipe_is_refused_before_it_is_built(
    tmp_path: Path, dockerfile: str, files: dict[str, str], words: str
) -> None:
    """One sentence with the file, what was expected and found."""
    with pytest.raises(HarnessError) as raised:
        images.tag("redis", bring(tmp_path, "redis", dockerfile, **files))
    assert words in str(raised.value)
    assert raised.value.exit_code == 5


def test_last_stage_may_copy_files_of_its_own(tmp_path: Path) -> None:
    """A thin layer on an image, or files beside the recipe, are no settings of this machine."""
    brought = bring(tmp_path, "thin", "ARG BASE=python\nFROM ${BASE}\nCOPY server.py companyless /srv/\n", server_py="")
    assert recipes.closure(["thin"], brought) == ("base", "python", "thin")
