"""What images and doctor mean by an exercise: its id, the pack that was sent, or a workspace, with the recipes that come along."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands import target
from harness.commands.images import Choice, images_build, images_load, images_save
from harness.commands.start import start
from harness.errors import ExitCode, UsageError
from harness.images import recipes
from tests.unit.packs import giving

NOTHING = Catalogue([])
REDIS = {
    "docker/redis/Dockerfile": "ARG BASE=base\nFROM ${BASE}\n",
    "exercises/harbour/exercise.toml": giving.FILES["exercises/harbour/exercise.toml"].replace('"postgres"', '"redis"'),
}


@pytest.fixture
def company(tmp_path: Path) -> Path:
    """A catalogue whose exercise needs an image that it brings."""
    giving.catalogue(tmp_path / "company", REDIS)
    return tmp_path / "company"


@pytest.fixture
def sent(company: Path, tmp_path: Path) -> Path:
    """A pack of that exercise, in a folder with a name as people give them."""
    mail = tmp_path / "Größe 日本 mail"
    mail.mkdir()
    return giving.give(company, Catalogue([company]), out=mail / "heron.zip", variant=1)


def test_pack_brings_the_recipes_of_its_images(
    company: Path, sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is started: the same images, by the same identities, and nothing is left behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    theirs = recipes.recipe("redis", recipes.folders([company])).tag
    with target.opened(str(sent), "go", NOTHING) as found:
        assert set(found.images) == {"go", "redis", "grader-core"}
        assert recipes.recipe("redis", found.brought).tag == theirs
        assert found.memory_mb() > 0
    assert list(scratch.iterdir()) == []


def test_workspace_of_a_pack_takes_what_it_came_with(sent: Path, tmp_path: Path) -> None:
    """Also from a folder inside it, and without any catalogue."""
    start(str(sent), language="go", into=tmp_path / "w", alias=None, catalogue=NOTHING)
    with target.opened(str(tmp_path / "w" / "mode"), None, NOTHING) as found:
        assert set(found.images) == {"go", "redis", "grader-core"}
        assert "redis" in recipes.names(found.brought)


def test_pack_for_one_language_means_that_language(company: Path, tmp_path: Path) -> None:
    """Nobody gets images of languages that were not offered."""
    given = giving.give(company, Catalogue([company]), out=tmp_path / "otter.zip", language="go")
    with target.opened(str(given), None, NOTHING) as found:
        assert set(found.images) == {"go", "redis", "grader-core"}


@pytest.mark.parametrize(
    ("argument", "words"),
    [("gone.zip", "gone.zip: expected a pack"), ("harbuor", "no catalogue here"), ("cut.zip", "expected a pack")],
)
def test_what_is_no_pack_is_wrong_usage(
    sent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, words: str
) -> None:
    """A file that is not there, one that broke off, and a mistyped id."""
    (tmp_path / "cut.zip").write_bytes(sent.read_bytes()[:2000])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=words), target.opened(argument, None, NOTHING):
        pytest.fail("it was opened")


def test_images_of_an_exercise_and_no_others_are_chosen(company: Path, sent: Path) -> None:
    """By id in all its languages or one, by pack, and beside others that are named."""
    known = Catalogue([company])
    for choice, expected in (
        (Choice(catalogue=known, exercise="harbour"), {"python", "go", "redis", "grader-core"}),
        (Choice(catalogue=known, exercise="harbour", language="python"), {"python", "redis", "grader-core"}),
        (Choice(catalogue=NOTHING, exercise=str(sent), language="go"), {"go", "redis", "grader-core"}),
        (
            Choice(catalogue=known, names=("java",), exercise="harbour", language="go"),
            {"java", "go", "redis", "grader-core"},
        ),
        (Choice(catalogue=known), {*recipes.names(), "redis"}),
        (Choice(catalogue=NOTHING), {*recipes.names()}),
        (Choice(catalogue=known, names=("redis",)), {"redis"}),
    ):
        with choice.opened() as (names, _):
            assert set(names) == expected
            assert len(names) == len(expected)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(catalogue=NOTHING, names=("pyhton",)), 'did you mean "python"'),
        (Choice(catalogue=NOTHING, names=("redis",)), 'no image is called "redis"'),
        (Choice(catalogue=NOTHING, language="go"), "expected --exercise ID with --language go"),
        (Choice(catalogue=NOTHING, exercise="harbour"), "no catalogue here"),
    ],
)
def test_wrong_choice_is_said_before_an_engine_is_asked(choice: Choice, words: str) -> None:
    """Whatever the engine, a mistyped word is code 4."""
    with pytest.raises(UsageError, match=words):
        images_build(choice, engine=None)


def test_fake_engine_has_no_images_to_move(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said, and no file is written."""
    everything = Choice(catalogue=NOTHING)
    assert images_save(tmp_path / "file", everything, engine="fake") is ExitCode.PASSED
    assert images_load(tmp_path / "file", everything, engine="fake") is ExitCode.PASSED
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().err.count("the fake engine has and needs no images") == 2
