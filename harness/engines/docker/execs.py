"""Commands beside a container's own process."""

from __future__ import annotations

import dataclasses
import http
import time
from typing import TYPE_CHECKING

from harness.engines.base import ExecResult
from harness.engines.docker import containers, streams
from harness.engines.docker.connect import EngineRefusal, Link, patiently, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_EXEC = 125
"""Exit code of an exec the sandbox itself made impossible (dead, paused, out of processes)."""
NOT_EXECUTABLE = 126
NOT_FOUND = 127
_KILLED = 137


def run(
    link: Link,
    container: str,
    argv: tuple[str, ...],
    *,
    stdin: bytes,
    limit_bytes: int,
    timeout_seconds: float,
    user: str = "",
    env: Mapping[str, str] | None = None,
    kill: Callable[[], None] | None = None,
) -> ExecResult:
    """Run ``argv`` in a running container, as its own user or ``user``, with ``env`` over its environment.

    Raises EngineRefusal when the engine cannot.

    At the timeout ``kill`` is called, which must end the container; without it the call returns, and the command may
    go on: only for readers of ours.
    """
    begin = time.monotonic()
    doing, given = f"exec in {container[:12]}", dict(env or {})
    number = patiently(
        doing,
        lambda: str(link.api().exec_create(container, list(argv), stdin=True, user=user, environment=given)["Id"]),
    )
    # Once: a try whose answer was lost may have started it.
    with translated(doing):
        stream = containers.stream_of(link.api().exec_start(number, socket=True))
    captured = streams.drive(
        stream,
        stdin=stdin,
        limit_bytes=limit_bytes,
        timeout_seconds=timeout_seconds,
        kill=kill or stream.close,
        ended=lambda: not _facts(link, number)[0],
        started=begin,
    )
    return _explained(captured.result(_facts(link, number)[1]))


def _facts(link: Link, number: str) -> tuple[bool, int]:
    """Return whether an exec runs, and its exit code."""
    try:
        found = patiently("inspect an exec", lambda: link.api().exec_inspect(number))
    except EngineRefusal as error:
        if error.status != http.HTTPStatus.NOT_FOUND:
            raise
        # The container, and the exec with it, was removed meanwhile.
        return False, _KILLED
    code = found["ExitCode"]
    return bool(found["Running"]), _KILLED if code is None else int(code)


def _explained(found: ExecResult) -> ExecResult:
    """Return ``found`` as a shell would report a command that could not be run: engines say it on stdout."""
    if found.exit_code not in {NOT_EXECUTABLE, NOT_FOUND} or not found.stdout.startswith(b"OCI runtime exec failed"):
        return found
    missing = b"not found" in found.stdout or b"no such file" in found.stdout
    code = NOT_FOUND if missing else NOT_EXECUTABLE
    return dataclasses.replace(found, exit_code=code, stdout=b"", stderr=found.stdout)
