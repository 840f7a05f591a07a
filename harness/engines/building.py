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
from typing import TYPE_CHECKING

from harness.errors import EngineError

if TYPE_CHECKING:
    import docker

_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)")
_HEARTBEAT_SECONDS = 8.0
_KEPT_LINES = 15

_ADVICE = (
    (
        r"no space left on device",
        "the engine's disk is full: free some (`harness images remove` takes away images of ours), then run it again",
    ),
    (
        r"certificate verify failed|CERTIFICATE_VERIFY_FAILED|unknown authority|Certificate verification failed",
        "a registry's certificate was not trusted: set HARNESS_CA_BUNDLE to a file with your company's CA certificates",
    ),
    (
        r"non-overlapping IPv4 address pool|could not find an available",
        "the engine has no free address range left: remove unused networks, or widen its default address pools",
    ),
    (
        r"[Tt]emporary failure resolving|Could not resolve|Name or service not known|no such host|"
        r"[Nn]etwork is unreachable|Failed to establish a new connection|Unable to connect to|Connection timed out|"
        r"i/o timeout|Temporary failure in name resolution|Could not connect to",
        "no package registry was reached: check the network, or name mirrors with HARNESS_APT_MIRROR, PIP_INDEX_URL "
        "and GOPROXY (docs/how-to/set-up.md)",
    ),
    (
        r"No matching distribution|Unable to locate package|404\s+Not Found",
        "a mirror lacks a package of the recipe: complete the mirror, or unset it",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One build to do."""

    title: str
    tag: str
    context: bytes
    arguments: Mapping[str, str]
    labels: Mapping[str, str]


def build(client: docker.DockerClient, job: Job, progress: Callable[[str], None]) -> None:
    """Build ``job``; leave the tagged image and nothing of its work stages. Raises EngineError when it fails."""
    output: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
    step = "sending the build context"
    try:
        with translated(f"{job.title}: building"), heartbeat(job.title, progress) as beat:
            for event in client.api.build(
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
        with contextlib.suppress(Exception):
            # The work stages hold the company's settings and a second copy of everything.
            client.images.prune(filters={"dangling": True, "label": "harness.stage=work"})


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
    for pattern, sentence in _ADVICE:
        if re.search(pattern, text):
            return sentence
    return "read the lines above; `harness images build` continues with the image that failed"


@contextlib.contextmanager
def translated(doing: str, *, passed: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Turn what docker-py and its transport raise into EngineError, but for the types ``passed``."""
    from docker.errors import DockerException  # noqa: PLC0415 - keeps `harness --help` fast
    from requests.exceptions import RequestException  # noqa: PLC0415
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

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
    current = ["", time.monotonic(), time.monotonic()]
    lock = threading.Lock()
    ended = threading.Event()

    def report(step: str) -> None:
        with lock:
            current[:] = [step, time.monotonic(), time.monotonic()]
            progress(f"{title}: {step}")

    def beat() -> None:
        while not ended.wait(1.0):
            with lock:
                step, began, last = current
                now = time.monotonic()
                if now - float(last) >= _HEARTBEAT_SECONDS:
                    current[2] = now
                    progress(f"{title}: {step or 'waiting for the engine'}, {now - float(began):.0f} s so far")

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield report
    finally:
        ended.set()
        thread.join()


@contextlib.contextmanager
def exclusive(progress: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock under which images are built on this machine; say when another process has it."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "harness"
    state.mkdir(parents=True, exist_ok=True)
    with (state / "images.lock").open("w") as handle:
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
