"""Sandboxes that live for one command: no network, no holder, ``/box`` a tmpfs of their own.

Files travel as a tar on stdin, in front of the command's own input, and are unpacked inside, by the sandbox's user,
before the command is exec'd: copying into a tmpfs from outside is refused or lost, depending on the engine.
"""

from __future__ import annotations

import contextlib
import secrets
from typing import TYPE_CHECKING

from harness import owners
from harness.engines.docker import containers, policy, streams, usage, users
from harness.engines.docker.connect import EngineRefusal
from harness.engines.docker.ledger import LABEL_SCENARIO
from harness.errors import ContentError, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.engines.base import ExecResult, SandboxSpec
    from harness.engines.docker.connect import Link
    from harness.engines.docker.users import User
    from harness.owners import Owner

UNPACK = (
    "sh",
    "-c",
    # The first line of stdin is a nonce that is gone when the command runs: only we can say that unpacking failed.
    (
        'IFS= read -r nonce && head -c "$1" | tar -xf - -C /box --no-same-owner 2>/tmp/.unpack '
        '|| { printf "%s" "$nonce" >&2; tail -c 400 /tmp/.unpack >&2; exit 125; }; '
        'rm -f /tmp/.unpack; shift; unset nonce; exec "$@"'
    ),
    "sh",
)
"""Followed by the length of the tar and the command."""


def unpacked(tar: bytes) -> tuple[bytes, bytes]:
    """Return (what stderr starts with when unpacking failed, what goes to stdin first) for :data:`UNPACK`."""
    nonce = secrets.token_hex(16).encode()
    return nonce, nonce + b"\n" + tar


class Ready:
    """A one-shot sandbox that is started; with a tar, its command waits for that on stdin."""

    def __init__(self, link: Link, spec: SandboxSpec, container: str, stream: streams.Stream, tar: bytes) -> None:
        """``container`` runs ``spec.command`` behind :data:`UNPACK` when there is a ``tar``, else it runs already."""
        self._link = link
        self._spec = spec
        self._container = container
        self._stream = stream
        self._memory = usage.Watch(link, container)
        self._nonce, self._head = unpacked(tar) if tar else (b"", b"")

    def finish(self, *, stdin: bytes = b"", timeout_seconds: float) -> ExecResult:
        """Send files and ``stdin``, run the command to its end."""
        with self._memory as memory:
            captured = streams.drive(
                self._stream,
                stdin=self._head + stdin,
                limit_bytes=self._spec.limits.output_kb * 1024,
                timeout_seconds=timeout_seconds,
                kill=lambda: containers.kill_and_wait(self._link, self._container),
            )
        ended = containers.ended(self._link, self._container)
        if self._nonce and captured.stderr.startswith(self._nonce):
            found = captured.stderr[len(self._nonce) :].decode("utf-8", "replace").strip()
            text = f"expected the files to fit into sandbox {self._spec.name}, found: {found}; see its tmpfs limits"
            raise ContentError(text)
        return memory.result(captured, ended, self._spec.limits)


@contextlib.contextmanager
def ready_once(link: Link, owner: Owner, spec: SandboxSpec, *, tar: bytes) -> Iterator[Ready]:
    """Start a sandbox for ``spec.command``; see :meth:`harness.engines.base.Engine.ready_once`."""
    command = (*UNPACK, str(len(tar)), *spec.command) if tar else spec.command
    with _opened(link, owner, spec, command) as (container, stream):
        yield Ready(link, spec, container, stream, tar)


@contextlib.contextmanager
def attach_once(link: Link, owner: Owner, spec: SandboxSpec) -> Iterator[streams.StreamAttachment]:
    """Start ``spec.command`` and give its streams; everything is removed afterwards."""
    with _opened(link, owner, spec, spec.command) as (_, stream):
        yield streams.StreamAttachment(stream, spec.name)


@contextlib.contextmanager
def _opened(
    link: Link, owner: Owner, spec: SandboxSpec, command: tuple[str, ...]
) -> Iterator[tuple[str, streams.Stream]]:
    if not command:
        text = f"expected a command for sandbox {spec.name}, found none: give one in its spec"
        raise SandboxError(text)
    uid = secrets.token_hex(6)
    labels = {**owners.labels(owner), LABEL_SCENARIO: uid, "harness.sandbox": spec.name}

    def create(user: User) -> str:
        body = policy.sandbox(
            spec,
            command=command,
            env=spec.env,
            network="none",
            volume="",
            stdin=True,
            logged=False,
            user=user,
            seconds=owners.seconds_left(owner),
            labels=labels,
        )
        return containers.create(link, user.name, body, spec.kind)

    container, stream = "", None
    try:
        _, container = users.claim(link, create)
        stream = containers.attach(link, container, stdin=True)
        containers.start(link, container)
        yield container, stream
    finally:
        if stream is not None:
            stream.close()
        # One may exist although the call that created it never returned.
        mine = containers.Thing(kind="container", id=container, name=spec.name, labels={})
        left = [mine] if container else containers.labelled(link, f"{LABEL_SCENARIO}={uid}")
        with contextlib.suppress(EngineRefusal):
            for thing in left:
                containers.remove(link, thing)
