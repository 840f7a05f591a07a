"""Which Debian image is started from, with an engine of our own in place of a real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import cast

import pytest
from docker.errors import ImageNotFound

from harness.engines.docker.connect import Link
from harness.errors import EngineError
from harness.images import debian, transfers


class Engine:
    """Stands in for a link and its client: some images, and a registry that answers in one of three ways."""

    def __init__(self, *images: str, registry: str = "") -> None:
        """Have ``images``; answer pulls with the error ``registry``, or never when it is ``silent``."""
        self.images, self.registry, self.pulled = set(images), registry, list[str]()

    def api(self) -> Engine:
        """Be the client as well."""
        return self

    def inspect_image(self, name: str) -> dict[str, object]:
        """Know the images there are."""
        if name not in self.images:
            text = "no such image"
            raise ImageNotFound(text)
        return {"Size": 1, "Config": {"Labels": None}}

    def pull(self, repository: str, *, tag: str, **_options: object) -> Iterator[dict[str, str]]:
        """Answer as the registry would."""
        self.pulled.append(f"{repository}:{tag}")
        if self.registry == "silent":
            threading.Event().wait(5)
        if self.registry:
            yield {"error": self.registry}
        else:
            self.images.add(f"{repository}:{tag}")
            yield {"status": "done"}


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_DEBIAN", raising=False)


def found(engine: Engine) -> debian.Base | None:
    """What is started from, and None where it must be bootstrapped."""
    return debian.without_bootstrap(cast("Link", engine), lambda _line: None)


def test_debian_that_is_here_is_used_without_asking() -> None:
    """No registry is asked for what the engine has."""
    engine = Engine(debian.PUBLIC)
    assert found(engine) == debian.Base(reference=debian.PUBLIC, origin="public")
    assert engine.pulled == []


def test_debian_is_pulled_where_the_registry_answers() -> None:
    """The public image is preferred to one bootstrapped before."""
    assert found(Engine(debian._bootstrapped())) == debian.Base(reference=debian.PUBLIC, origin="public")


def test_debian_bootstrapped_before_is_used_where_the_registry_refuses() -> None:
    """Nothing is bootstrapped twice."""
    engine = Engine(debian._bootstrapped(), registry="no such host")
    assert found(engine) == debian.Base(reference=debian._bootstrapped(), origin="bootstrapped")


def test_silent_registry_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that never answers costs seconds, not minutes."""
    monkeypatch.setattr(transfers, "ANSWER_SECONDS", 0.2)
    lines: list[str] = []
    assert debian.without_bootstrap(cast("Link", Engine(registry="silent")), lines.append) is None
    assert lines[-1] == "the registry does not answer (no answer in 0 s)"


def test_named_debian_that_cannot_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names an image means that one: nothing else is taken instead."""
    monkeypatch.setenv("HARNESS_DEBIAN", "registry.invalid:5000/debian")
    engine = Engine(debian.PUBLIC, registry="dial: lookup: no such host")
    with pytest.raises(
        EngineError, match=r"^HARNESS_DEBIAN=registry\.invalid:5000/debian cannot be pulled: no such host"
    ):
        found(engine)
    assert engine.pulled == ["registry.invalid:5000/debian:latest"]


def test_without_registry_and_tool_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be bootstrapped the message names both ways out."""
    monkeypatch.setattr("shutil.which", lambda _name: None)
    monkeypatch.setattr(debian, "_release", lambda: {"ID": "debian"})
    with pytest.raises(EngineError, match=r"no mmdebstrap on debian.*HARNESS_DEBIAN.*apt-get install mmdebstrap"):
        debian.obtain(cast("Link", Engine(registry="no such host")), lambda _line: None)


def test_reason_is_the_last_cause() -> None:
    """What the registry or the network said is what is shown."""
    assert transfers.reason('Get "x": dial tcp: lookup x on 192.0.2.1:53: no such host")') == "no such host"
