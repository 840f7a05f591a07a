"""One image build with the classic builder: progress, heartbeat, and errors a person can act on."""

from __future__ import annotations

import collections
import contextlib
import fcntl
import io
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol, cast

from harness import places, settings
from harness.errors import EngineError

if TYPE_CHECKING:
    from docker.api import APIClient

    from harness.model import Json

_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)")
_HEARTBEAT_SECONDS = 8.0
_KEPT_LINES = 15
LABEL = "harness.image"
"""Carried by every image of ours; its value is the recipe's name."""
_WORK = "harness.stage=work"
_PRUNE_SECONDS = 5.0

_ADVICE = {
    r"no space left on device": (
        "the engine's disk is full: free some (`harness images remove` takes away images of ours), then run it again"
    ),
    r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|unknown authority|Certificate verification failed": (
        "a registry's certificate was not trusted: set HARNESS_CA_BUNDLE to a file with your company's CA certificates"
    ),
    r"non-overlapping IPv4 address pool|could not find an available": (
        "the engine has no free address range left: remove unused networks, or widen its default address pools"
    ),
    (
        r"[Tt]emporary failure resolving|Could not resolve|Name or service not known|no such host|i/o timeout|"
        r"[Nn]etwork is unreachable|Failed to establish a new connection|Unable to connect to|Connection timed out|"
        r"Temporary failure in name resolution|Could not connect to"
    ): (
        "no package registry was reached: check the network, or name mirrors with HARNESS_APT_MIRROR, PIP_INDEX_URL "
        "and GOPROXY (docs/how-to/set-up.md)"
    ),
    r"No matching distribution|Unable to locate package|404\s+Not Found": (
        "a mirror lacks a package of the recipe: complete the mirror, or unset it"
    ),
}
"""What a failed step's output shows -> what a person can do; the first that is found counts."""


class _Untyped(Protocol):
    """What docker-py's stubs leave untyped."""

    def inspect_image(self, image: str) -> dict[str, Json]: ...

    def prune_images(self, filters: dict[str, bool | str]) -> object: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One build to do."""

    title: str
    tag: str
    context: bytes
    arguments: Mapping[str, str]
    labels: Mapping[str, str]


def build(client: APIClient, job: Job, progress: Callable[[str], None]) -> None:
    """Build ``job``; leave the tagged image and nothing of its work stages. Raises EngineError when it fails."""
    output: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
    step = "sending the build context"
    try:
        with explained(f"{job.title}: building"), heartbeat(job.title, progress) as beat:
            for event in client.build(
                fileobj=io.BytesIO(job.context),
                custom_context=True,
                tag=job.tag,
                buildargs=dict(job.arguments),
                labels=dict(job.labels),
                rm=True,
                forcerm=True,
                decode=True,
            ):
                text = str(event.get("error") or event.get("stream") or "")
                if match := _STEP.match(text):
                    step = f"step {match[1]}/{match[2]} {_short(match[3])}"
                    beat(step)
                output.extend(line for line in text.splitlines() if line.strip())
                if "error" in event:
                    raise EngineError(_failure(job.title, step, output))
    finally:
        prune(client)


def prune(client: APIClient) -> None:
    """Remove what work stages left: they hold the company's settings, and a second copy of everything.

    A build that was interrupted is cancelled by the engine a moment after its client has gone; until then its last
    stage is in use, so this tries again for a while. Never raises: the next build or removal tries as well.
    """
    filters: dict[str, bool | str] = {"dangling": True, "label": _WORK}
    until = time.monotonic() + _PRUNE_SECONDS
    with contextlib.suppress(Exception):
        # Whole ones too that lost their tag to another build of the same recipe.
        cast("_Untyped", client).prune_images(filters={"dangling": True, "label": LABEL})
        while True:
            cast("_Untyped", client).prune_images(filters=filters)
            if not client.images(filters=filters) or time.monotonic() > until:
                return
            time.sleep(0.2)


def _short(instruction: str) -> str:
    words = " ".join(instruction.replace(". /company/settings.sh && ", "").split())
    return words if len(words) <= 70 else words[:67] + "..."  # noqa: PLR2004 - one terminal line


def _failure(title: str, step: str, output: collections.deque[str]) -> str:
    text = "\n".join(output)
    return (
        f"{title}: {step} failed. The end of its output:\n"
        + "".join(f"    {line}\n" for line in output)
        + (f"What to do: {advice(text)}.")
    )


def advice(text: str) -> str:
    """Return what a person can do about a build that ended with ``text``."""
    for pattern, sentence in _ADVICE.items():
        if re.search(pattern, text):
            return sentence
    return "read the lines above; `harness images build` continues with the image that failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Present:
    """An image the engine has."""

    size_mb: float
    labels: Mapping[str, str]
    architecture: str = ""
    """Of the processor that it is for, in the engine's words."""


def present(client: APIClient, reference: str) -> Present | None:
    """Return what the engine has under that name, None when nothing."""
    from docker.errors import ImageNotFound

    try:
        with explained(f"looking for image {reference}", passed=(ImageNotFound,)):
            found = cast("_Untyped", client).inspect_image(reference)
    except ImageNotFound:
        return None
    size, config = found.get("Size"), found.get("Config")
    labels = config.get("Labels") if isinstance(config, dict) else None
    return Present(
        size_mb=size / 1e6 if isinstance(size, int) else 0.0,
        labels={name: str(value) for name, value in labels.items()} if isinstance(labels, dict) else {},
        architecture=str(found.get("Architecture") or ""),
    )


@contextlib.contextmanager
def explained(doing: str, *, passed: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what docker-py and its transport raise into EngineError, but for the types ``passed``."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except passed:
        raise
    except (DockerException, RequestException, HTTPError, OSError) as error:
        msg = f"{doing} failed: {error}. What to do: {advice(str(error))}."
        raise EngineError(msg) from error


@contextlib.contextmanager
def heartbeat(title: str, progress: Callable[[str], None]) -> Iterator[Callable[[str], None]]:
    """Yield a function that reports a step; while a step lasts, say so before ten seconds are over."""
    step = ""
    began = said = time.monotonic()
    lock = threading.Lock()
    ended = threading.Event()

    def report(new: str) -> None:
        nonlocal step, began, said
        with lock:
            step, began, said = new, time.monotonic(), time.monotonic()
            progress(f"{title}: {step}")

    def beat() -> None:
        nonlocal said
        while not ended.wait(1.0):
            with lock:
                now = time.monotonic()
                if now - said >= _HEARTBEAT_SECONDS:
                    said = now
                    progress(f"{title}: {step or 'waiting for the engine'}, {now - began:.0f} s so far")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield report
    finally:
        ended.set()
        thread.join()


def _lock_file(folder: Path) -> IO[bytes]:
    with places.writing("a lock", folder):
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / "images.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "r+b")


@contextlib.contextmanager
def exclusive(progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock under which images are built on this machine; say when another process has it."""
    with _lock_file(settings.state_dir(os.environ)) as handle:
        said = 0.0
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() - said >= _HEARTBEAT_SECONDS:
                    said = time.monotonic()
                    progress("another process is building images: waiting for it")
                time.sleep(0.2)
        yield
