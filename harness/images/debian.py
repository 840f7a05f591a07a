"""The Debian image everything starts from: the public one, or one bootstrapped where its registry does not answer."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from harness.errors import EngineError
from harness.images import transfers
from harness.images.building import advice, explained, heartbeat, present

if TYPE_CHECKING:
    from typing import IO

    from harness.engines.docker.connect import Link
    from harness.images.transfers import Event

PUBLIC = "debian:bookworm-slim"
"""Used where its registry answers; ``HARNESS_DEBIAN`` names another one (a company's registry)."""
NAME = "debian"
"""``harness.image`` of a bootstrapped one: no recipe, the start of them."""
_SUITE = "bookworm"
_OPTIONS = (
    "--variant=minbase",
    "--format=tar",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    # Both would tell of the machine that made the image.
    '--customize-hook=rm -f "$1/etc/resolv.conf" "$1/etc/hostname"',
)
_KEPT_LINES = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """An image to start from."""

    reference: str
    origin: str
    """``public`` or ``bootstrapped``."""


def obtain(link: Link, progress: Callable[[str], None]) -> Base:
    """Return a Debian image on the engine, pulled or bootstrapped. Raises EngineError when neither can be."""
    base = without_bootstrap(link, progress)
    if base is not None:
        return base
    progress(f"bootstrapping Debian {_SUITE} from its packages")
    _bootstrap(link, _bootstrapped(), progress)
    return Base(reference=_bootstrapped(), origin="bootstrapped")


def without_bootstrap(link: Link, progress: Callable[[str], None]) -> Base | None:
    """Return a Debian image that is here or that its registry gives, None when one must be bootstrapped.

    Raises EngineError when ``HARNESS_DEBIAN`` names one that cannot be had.
    """
    named = os.environ.get("HARNESS_DEBIAN", "")
    public = named or PUBLIC
    if present(link.api(), public):
        progress(f"starts from {public}, which is here")
        return Base(reference=public, origin="public")
    progress(f"asking the registry for {public}")
    reason = _pull(link, public, progress)
    if not reason:
        return Base(reference=public, origin="public")
    if named:
        msg = f"HARNESS_DEBIAN={named} cannot be pulled: {reason}. Correct or unset it."
        raise EngineError(msg)
    if present(link.api(), _bootstrapped()):
        progress(f"the registry does not answer ({reason}); starts from {_bootstrapped()}, bootstrapped before")
        return Base(reference=_bootstrapped(), origin="bootstrapped")
    progress(f"the registry does not answer ({reason})")
    return None


def _bootstrapped() -> str:
    return f"harness/{NAME}:{hashlib.sha256(repr((_SUITE, _OPTIONS)).encode()).hexdigest()[:16]}"


def _pull(link: Link, reference: str, progress: Callable[[str], None]) -> str:
    """Pull ``reference``; return why it did not work, or nothing when it did."""
    from docker.utils import parse_repository_tag

    repository, tag = parse_repository_tag(reference)
    return transfers.follow(
        lambda: cast("Iterable[Event]", link.api().pull(repository, tag=tag or "latest", stream=True, decode=True)),
        f"pulling {reference}",
        progress,
    )


def _bootstrap(link: Link, tag: str, progress: Callable[[str], None]) -> None:
    system = _release().get("ID", "") if platform.system() == "Linux" else ""
    tool = shutil.which("mmdebstrap")
    if tool is None or os.geteuid() != 0:
        able = (
            "as root run: apt-get install mmdebstrap debian-archive-keyring" if system in {"debian", "ubuntu"} else ""
        )
        msg = (
            f"no Debian image to start from: expected a registry that serves {PUBLIC}, or root on Debian or Ubuntu with "
            f"mmdebstrap; found no answer from the registry and "
            f"{'no root rights' if tool else 'no mmdebstrap'} on {system or platform.system()}. "
            f"What to do: set HARNESS_DEBIAN to a copy of that image in a registry you reach"
            + (f", or {able}." if able else ".")
        )
        raise EngineError(msg)
    with tempfile.TemporaryFile(prefix="harness-debian-") as archive:
        _mmdebstrap(tool, archive, progress)
        archive.seek(0)
        with explained("importing the bootstrapped Debian"), heartbeat("importing it", progress) as beat:
            beat("as " + tag)
            repository, _, name = tag.partition(":")
            # A generator, so that it is sent in chunks: for a file both lengths would be announced and be refused.
            chunks = iter(lambda: archive.read(1 << 20), b"")
            link.api().import_image_from_stream(
                chunks, repository=repository, tag=name, changes=[f"LABEL harness.image={NAME}"]
            )
    if not present(link.api(), tag):
        msg = f"importing the bootstrapped Debian failed: the engine took it and has no {tag}. Is its disk full?"
        raise EngineError(msg)


def _mmdebstrap(tool: str, archive: IO[bytes], progress: Callable[[str], None]) -> None:
    mirror = os.environ.get("HARNESS_APT_MIRROR", "")
    command = [tool, *_OPTIONS, _SUITE, "-", *([mirror] if mirror else [])]
    lines: list[str] = []
    with heartbeat("mmdebstrap", progress) as beat:
        process = subprocess.Popen(command, stdout=archive, stderr=subprocess.PIPE, text=True, errors="replace")  # noqa: S603
        try:
            assert process.stderr is not None  # noqa: S101 - asked for above
            for line in process.stderr:
                lines.append(line.rstrip())
                if line.startswith("I: "):
                    beat(line[3:].rstrip())
            code = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if code != 0:
        text = "\n".join(f"    {line}" for line in lines[-_KEPT_LINES:])
        msg = f"mmdebstrap ended with {code}. The end of its output:\n{text}\nWhat to do: {advice(text)}."
        raise EngineError(msg)


def _release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}
