"""Images of ours in a company's registry: ``HARNESS_IMAGES=PREFIX``.

Each is at ``PREFIX/NAME:IDENTITY-ARCHITECTURE``: the identity of its recipe says what it is, and images of one recipe for
two kinds of processors lie side by side. What comes from there is taken only when the label in it names this recipe and it
is for the engine's processor; else nothing of it stays on the engine.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol, cast

from harness.errors import EngineError, UsageError
from harness.images import building, recipes, transfers
from harness.wording import quoted

if TYPE_CHECKING:
    from harness.engines.docker.connect import Link
    from harness.images.recipes import Recipe
    from harness.images.transfers import Event
    from harness.model import Json

VARIABLE = "HARNESS_IMAGES"
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_PREFIX = re.compile(rf"(?:[A-Za-z0-9.-]+(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)(?:/{_PART})*")
_ABSENT = re.compile(
    r"manifest unknown|name unknown|unknown (?:name|manifest)|not known to registry|\bnot found\b|repository does not exist",
    re.IGNORECASE,
)
_ADVICE = {
    r"no space left on device": building.advice("no space left on device"),
    r"unauthorized|authentication required|no basic auth|denied|\b40[13]\b": (
        "log in to the registry (`docker login HOST`) as somebody who may, or ask whoever runs it"
    ),
    r"HTTP response to HTTPS client": (
        "the registry speaks HTTP: name one with TLS, or have the engine's administrator list it under "
        "insecure-registries in daemon.json"
    ),
    r"x509|certificate": (
        "the engine does not trust the registry's certificate: its administrator puts the company's CA into "
        "/etc/docker/certs.d/HOST/ca.crt"
    ),
    r"no answer|no such host|i/o timeout|timeout|refused|unreachable|Client\.Timeout": (
        f"see that the engine reaches the registry (network, VPN, proxy), correct {VARIABLE}, or unset it"
    ),
}
"""What a registry or the network said -> what a person can do; the first that is found counts."""


class _Untyped(Protocol):
    """What docker-py's stubs leave untyped."""

    def inspect_distribution(self, image: str) -> dict[str, Json]: ...


def prefix(environment: Mapping[str, str] | None = None) -> str:
    """Return the registry and path that images are looked for under; empty: none is named. Raises UsageError."""
    found = (os.environ if environment is None else environment).get(VARIABLE, "").rstrip("/")
    if found and not _PREFIX.fullmatch(found):
        text = (
            f"{VARIABLE}: expected a registry and a path, as in registry.example.com/harness, found {quoted(found)}: "
            "leave out scheme, tag and digest, and write the path in lower case"
        )
        raise UsageError(text)
    return found


def reference(where: str, source: Recipe, architecture: str) -> tuple[str, str]:
    """Return repository and tag of an image in the registry ``where``."""
    return f"{where}/{source.name}", f"{source.identity}-{architecture}"


def architecture(link: Link) -> str:
    """Return what the engine calls its processor: ``amd64``, ``arm64``... Raises EngineError when it does not answer."""
    with building.explained("asking the engine for its processor"):
        return str(link.api().version().get("Arch", ""))


def mismatch(found: building.Present | None, source: Recipe, processor: str) -> str:
    """Return in words what keeps ``found`` from being the image of ``source`` on this engine; empty: it is."""
    if found is None:
        return "nothing of that name"
    said = found.labels.get("harness.recipe", "")
    if (found.labels.get(building.LABEL), said) != (source.name, source.digest):
        return f"an image of another recipe ({quoted(said[:16])})" if said else "an image that names no recipe of ours"
    if processor and found.architecture and found.architecture != processor:
        return f"an image for {found.architecture}, where the engine is {processor}"
    return ""


def advice(reason: str) -> str:
    """Return what a person can do about a transfer that ended with ``reason``."""
    for pattern, sentence in _ADVICE.items():
        if re.search(pattern, reason):
            return sentence
    return "ask whoever runs the registry"


class AbsentError(EngineError):
    """The registry answered, and has no such image."""


def pull(link: Link, source: Recipe, where: str, progress: Callable[[str], None]) -> building.Present:
    """Get the image of ``source`` from the registry ``where`` and give it its tag.

    Raises AbsentError when the registry has none, EngineError when it does not give it or gives another.
    """
    processor = architecture(link)
    repository, tag = reference(where, source, processor)
    remote, client = f"{repository}:{tag}", link.api()
    had = building.present(client, remote) is not None
    why = transfers.follow(
        lambda: cast("Iterable[Event]", link.api().pull(repository, tag=tag, stream=True, decode=True)),
        f"pulling {remote}",
        progress,
    )
    if why:
        refuse = AbsentError if _ABSENT.search(why) else EngineError
        build = "`harness images push` on a machine that has it" if refuse is AbsentError else advice(why)
        text = f"{remote}: expected the registry to give it, found: {why}. What to do: {build}"
        raise refuse(text)
    try:
        found = building.present(client, remote)
        wrong = mismatch(found, source, processor)
        if wrong or found is None:
            text = (
                f"{remote}: expected the image of recipe {source.identity}, found {wrong}. It was not taken. "
                "What to do: push it again from a machine that built it"
            )
            raise EngineError(text)
        with building.explained(f"naming {remote}"):
            client.tag(remote, f"{recipes.REPOSITORY}/{source.name}", source.identity)
    finally:
        if not had:
            _forget(link, remote)
    return found


def push(link: Link, source: Recipe, where: str, progress: Callable[[str], None]) -> str:
    """Give the image of ``source``, which must be on the engine, to the registry ``where``; return what it is there.

    Raises UsageError when the engine has none, EngineError when the registry does not take it.
    """
    processor = architecture(link)
    client = link.api()
    if wrong := mismatch(building.present(client, source.tag), source, processor):
        text = f"{source.tag}: expected it on the engine, found {wrong}: `harness images build {source.name}` first"
        raise UsageError(text)
    repository, tag = reference(where, source, processor)
    remote = f"{repository}:{tag}"
    had = building.present(client, remote) is not None
    with building.explained(f"naming {remote}"):
        client.tag(source.tag, repository, tag)
    try:
        why = transfers.follow(
            lambda: cast("Iterable[Event]", link.api().push(repository, tag=tag, stream=True, decode=True)),
            f"pushing {remote}",
            progress,
        )
    finally:
        if not had:
            _forget(link, remote)
    if why:
        text = f"{remote}: expected the registry to take it, found: {why}. What to do: {advice(why)}"
        raise EngineError(text)
    return remote


def offers(link: Link, source: Recipe, where: str) -> bool:
    """Whether the registry ``where`` says that it has the image of ``source``; a few seconds, nothing is moved.

    Raises EngineError with what it said when that can't be told.
    """
    from docker.errors import APIError

    remote = ":".join(reference(where, source, architecture(link)))
    try:
        with building.explained(f"asking for {remote}", passed=(APIError,)):
            cast("_Untyped", link.api()).inspect_distribution(remote)
    except APIError as error:
        why = transfers.reason(str(error.explanation or error))
        if _ABSENT.search(why):
            return False
        text = f"{remote}: expected the registry to say whether it has it, found: {why}. What to do: {advice(why)}"
        raise EngineError(text) from error
    return True


def _forget(link: Link, remote: str) -> None:
    """Take the registry's name off: images of ours are known by their own, and what is not ours does not stay."""
    from docker.errors import DockerException

    # Whatever keeps it there keeps a name, and no more: the next pull or push finds it.
    with contextlib.suppress(DockerException):
        link.api().remove_image(remote)
