"""Where images come from: the engine itself, then the registry that is named, then a build; each said, none believed blindly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from harness.engines.docker.connect import Link
from harness.errors import EngineError, UsageError
from harness.images import debian, manage, recipes, registry, transfers
from tests.images.client import Client, Image, image_of, other

WHERE = "registry.example.com:5000/team/harness"


def at(name: str) -> str:
    """What an image is called in the registry."""
    return ":".join(registry.reference(WHERE, recipes.recipe(name), "amd64"))


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Client]:
    """An engine with Debian and no image of ours, which ``manage`` connects with; no registry is named."""
    one = Client()
    monkeypatch.setattr(manage, "connect", lambda: one)
    monkeypatch.setattr(debian, "obtain", lambda *_: debian.Base(reference="debian", origin="public"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv(registry.VARIABLE, raising=False)
    yield one
    assert [name for name in one.images_here if name.startswith(WHERE)] == [], "a registry's name stayed"


@pytest.fixture
def named(client: Client, monkeypatch: pytest.MonkeyPatch) -> Client:
    """The same, with a registry that has every image."""
    monkeypatch.setenv(registry.VARIABLE, WHERE + "/")
    client.registry = {at(name): image_of(recipes.recipe(name)) for name in recipes.names()}
    return client


def test_without_a_registry_everything_missing_is_built_parents_first(client: Client) -> None:
    """Nobody is asked for what nobody named."""
    lines: list[str] = []
    got = manage.obtain(["grader-core"], progress=lines.append)
    assert [one.how for one in got] == ["built"]
    assert client.asked == [f"build {manage.tag(name)}" for name in ("base", "grader", "grader-core")]
    assert [line.split(": ")[0] for line in lines if "built in" in line] == [
        "image 1/3 base",
        "image 2/3 grader",
        "image 3/3 grader-core",
    ]
    assert all("7 MB" in line for line in lines if "built in" in line)


def test_what_is_here_is_found_without_a_word(named: Client) -> None:
    """Neither registry nor builder is asked for what the engine has."""
    named.images_here[manage.tag("go")] = image_of(recipes.recipe("go"))
    lines: list[str] = []
    assert [one.how for one in manage.obtain(["go"], progress=lines.append)] == ["here"]
    assert (lines, named.asked) == ([], [])


def test_named_registry_spares_builds_and_parents(named: Client) -> None:
    """Nobody compiles Go who has a registry: the image comes alone, under its own tag, and is said with time and size."""
    lines: list[str] = []
    (got,) = manage.obtain(["go"], progress=lines.append)
    assert (got.how, got.tag) == ("pulled", manage.tag("go"))
    assert named.asked == [f"pull {at('go')}"]
    assert set(named.images_here) == {manage.tag("go")}
    assert lines[-1] == "image 1/1 go: pulled in 0 s, 7 MB"


def test_what_the_registry_lacks_is_built_and_the_rest_pulled(named: Client) -> None:
    """A registry that has some images still gives those, parents of what must be built included."""
    del named.registry[at("grader-core")]
    lines: list[str] = []
    got = manage.obtain(["python", "grader-core"], progress=lines.append)
    assert [(one.name, one.how) for one in got] == [("python", "pulled"), ("grader-core", "built")]
    assert named.asked == [
        f"pull {at('python')}",
        f"pull {at('grader-core')}",
        f"pull {at('grader')}",
        f"build {manage.tag('grader-core')}",
    ]
    assert any(line == f"image 2/2 grader-core: {WHERE} has none: building it" for line in lines)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("unauthorized: authentication required", "docker login"),
        ("denied: requested access to the resource is denied", "docker login"),
        ("Get https://x/v2/: http: server gave HTTP response to HTTPS client", "insecure-registries"),
        ("x509: certificate signed by unknown authority", "certs.d"),
        ("dial tcp: lookup x: no such host", "VPN"),
        ("silent", "VPN"),
    ],
)
def test_registry_that_refuses_is_asked_once_and_said(
    named: Client, monkeypatch: pytest.MonkeyPatch, said: str, words: str
) -> None:
    """The first refusal is explained; everything is then built, and nobody waits for the same answer again."""
    monkeypatch.setattr(transfers, "ANSWER_SECONDS", 0.2)
    named.refuses = said
    lines: list[str] = []
    got = manage.obtain(["python", "postgres"], progress=lines.append)
    assert [one.how for one in got] == ["built", "built"]
    assert [one for one in named.asked if one.startswith("pull")] == [f"pull {at('python')}"]
    (explained,) = (line for line in lines if "What to do" in line)
    assert words in explained


def test_full_disk_ends_it(named: Client) -> None:
    """A build would need more room than the pull that found none."""
    named.refuses = "failed to register layer: write /usr/lib/x: no space left on device"
    with pytest.raises(EngineError, match=r"no space left on device.*the engine's disk is full"):
        manage.obtain(["python"])
    assert not any(one.startswith("build") for one in named.asked)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (other(image_of(recipes.recipe("python")), **{"harness.recipe": "f" * 64}), "an image of another recipe"),
        (image_of(recipes.recipe("go")), "an image of another recipe"),
        (other(image_of(recipes.recipe("python")), **{"harness.recipe": ""}), "names no recipe of ours"),
        (replace(image_of(recipes.recipe("python")), architecture="arm64"), "for arm64, where the engine is amd64"),
    ],
)
def test_pulled_image_of_another_recipe_is_not_taken(named: Client, wrong: Image, words: str) -> None:
    """What the label does not name, or another processor needs, never gets our tag, and nothing of it stays."""
    named.registry[at("python")] = wrong
    with pytest.raises(EngineError, match=words):
        manage.pull(["python"])
    assert named.images_here == {}
    lines: list[str] = []
    assert [one.how for one in manage.obtain(["python"], progress=lines.append)] == ["built"]
    assert any(words in line for line in lines)


def test_other_image_under_our_tag_is_replaced(client: Client) -> None:
    """A tag is a name that anybody can give: without its recipe's label an image is not here."""
    for name in recipes.closure(["python"]):
        client.images_here[manage.tag(name)] = image_of(recipes.recipe(name))
    client.images_here[manage.tag("python")] = image_of(recipes.recipe("go"))
    assert [one.how for one in manage.obtain(["python"])] == ["built"]
    assert client.asked == [f"build {manage.tag('python')}"]


def test_pull_builds_nothing(named: Client) -> None:
    """Whoever says pull means the registry: what it lacks is an error with what to do."""
    named.registry.clear()
    with pytest.raises(EngineError, match=r"manifest unknown\. What to do: `harness images push`"):
        manage.pull(["python"])
    assert named.asked == [f"pull {at('python')}"]


def test_push_gives_what_is_here_and_says_where(named: Client) -> None:
    """Images of one recipe for two processors lie side by side, and a later pull finds its own."""
    named.registry.clear()
    named.images_here[manage.tag("go")] = image_of(recipes.recipe("go"))
    assert manage.push(["go"]) == [f"{WHERE}/go:{recipes.recipe('go').identity}-amd64"]
    assert set(named.registry) == {at("go")}
    named.images_here.clear()
    assert [one.how for one in manage.pull(["go"])] == ["pulled"]


def test_push_of_what_is_not_here_is_wrong_usage(named: Client) -> None:
    """Nothing is built to be published, and nothing of another recipe is published under our name."""
    with pytest.raises(UsageError, match=r"found nothing of that name: `harness images build go` first"):
        manage.push(["go"])
    named.images_here[manage.tag("go")] = image_of(recipes.recipe("python"))
    with pytest.raises(UsageError, match="found an image of another recipe"):
        manage.push(["go"])
    assert named.asked == []


def test_push_that_is_refused_is_an_error_with_what_to_do(named: Client) -> None:
    """The registry's own word, and who can help."""
    named.images_here[manage.tag("go")] = image_of(recipes.recipe("go"))
    named.refuses = "denied: requested access to the resource is denied"
    with pytest.raises(EngineError, match=r"resource is denied\. What to do: log in to the registry"):
        manage.push(["go"])


@pytest.mark.parametrize("verb", [manage.pull, manage.push])
def test_registry_must_be_named(client: Client, verb: Callable[[list[str]], object]) -> None:
    """Without one pull and push are wrong usage."""
    with pytest.raises(UsageError, match=r"expected a registry in HARNESS_IMAGES, found none"):
        verb(["go"])


@pytest.mark.parametrize(
    "found",
    ["https://registry.example.com/x", "registry.example.com/x:1", "registry.example.com/X", "a b", "x@sha256:1", "/x"],
)
def test_prefix_that_is_none_is_refused(found: str) -> None:
    """A scheme, a tag or capitals would end in an answer of the engine that nobody understands."""
    with pytest.raises(UsageError, match=r"HARNESS_IMAGES: expected a registry and a path"):
        registry.prefix({registry.VARIABLE: found})


@pytest.mark.parametrize("found", ["localhost:5000", "[::1]:5000/h", "registry.example.com/a/b-c", "team/harness", ""])
def test_prefix_may_be_any_registry(found: str) -> None:
    """With and without port and path; a last slash is nobody's mistake."""
    assert registry.prefix({registry.VARIABLE: f"{found}/"}) == found


def test_registry_is_asked_without_moving_anything(named: Client) -> None:
    """Doctor tells what a registry has before anything is downloaded."""
    del named.registry[at("java")]
    link = cast("Link", named)
    assert registry.offers(link, recipes.recipe("go"), WHERE)
    assert not registry.offers(link, recipes.recipe("java"), WHERE)
    named.refuses = "unauthorized: authentication required"
    with pytest.raises(EngineError, match=r"authentication required\. What to do: log in"):
        registry.offers(link, recipes.recipe("go"), WHERE)
