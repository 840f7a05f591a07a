"""Commands beside a container's own process."""

from __future__ import annotations

import contextlib
import dataclasses
import http
import time
from typing import TYPE_CHECKING

from harness.engines.base import ExecResult
from harness.engines.docker import containers, streams
from harness.engines.docker.connect import EngineRefusal, Link, patiently, translated
from harness.errors import EngineError, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_EXEC = 125
"""Exit code of an exec the sandbox itself made impossible (dead, paused, out of processes)."""
NOT_EXECUTABLE = 126
NOT_FOUND = 127
_KILLED = 137
_NO_DETACHING = "ctrl-_,ctrl-^,ctrl-_"
"""The engine's own keys to detach would swallow Ctrl-P, which shells go back in their history with."""
_ENDS = (b"\x03", b"\x04")
_TRIES = 10
_END_SECONDS = 5.0
_LOOK_SECONDS = 0.05


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


def pipe(
    link: Link, container: str, argv: tuple[str, ...], *, user: str, env: Mapping[str, str], name: str
) -> streams.StreamAttachment:
    """Run ``argv`` in the running container of sandbox ``name`` and return its streams."""
    doing, given = f"exec in {container[:12]}", dict(env)
    number = patiently(
        doing,
        lambda: str(link.api().exec_create(container, list(argv), stdin=True, user=user, environment=given)["Id"]),
    )
    with translated(doing):
        return streams.StreamAttachment(containers.stream_of(link.api().exec_start(number, socket=True)), name)


def terminal(
    link: Link,
    container: str,
    argv: tuple[str, ...],
    *,
    user: str,
    env: Mapping[str, str],
    size: tuple[int, int],
) -> ExecTerminal:
    """Run ``argv`` in a running container with a terminal of ``size``, rows and columns."""
    doing = f"open a terminal in {container[:12]}"
    given = dict(env)

    def create() -> str:
        made = link.api().exec_create(
            container, list(argv), stdin=True, tty=True, user=user, environment=given, detach_keys=_NO_DETACHING
        )
        return str(made["Id"])

    number = patiently(doing, create)
    with translated(doing):
        stream = containers.stream_of(link.api().exec_start(number, tty=True, socket=True))
    made = ExecTerminal(link, number, stream)
    made.resize(*size)
    return made


class ExecTerminal:
    """See :class:`harness.engines.base.Terminal`. A terminal's stream has no frames: both outputs are one."""

    def __init__(self, link: Link, number: str, stream: streams.Stream) -> None:
        """Speak with the exec ``number`` over ``stream``."""
        self._link = link
        self._number = number
        self._stream = stream

    def write(self, data: bytes) -> None:
        """Type ``data``."""
        try:
            self._stream.write(data)
        except OSError as error:
            text = f"expected a terminal that takes what is typed, found it gone ({error}): open another"
            raise SandboxError(text) from error

    def read(self) -> bytes:
        """Return what there is to see, empty at the end."""
        return self._stream.read_raw()

    def resize(self, rows: int, columns: int) -> None:
        """Say how large the terminal is."""
        # A command that has ended, or has not begun by the engine's reckoning, has no terminal to be resized.
        with contextlib.suppress(EngineRefusal), translated("resize a terminal"):
            self._link.api().exec_resize(self._number, height=rows, width=columns)

    def exit_code(self) -> int:
        """Return how the command ended. What it shows may end a moment before the engine knows that it did."""
        until = time.monotonic() + _END_SECONDS
        while (found := _facts(self._link, self._number))[0] and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        return found[1]

    def close(self) -> None:
        """Hang up, after Ctrl-C and the end of input: an engine lets what runs there go on, a shell then ends by itself.

        One after the other and more than once: a shell that has read the end when it takes the signal forgets it.
        """
        with contextlib.suppress(OSError, EngineError):
            for _ in range(_TRIES):
                for key in _ENDS:
                    if not _facts(self._link, self._number)[0]:
                        break
                    self._stream.write(key)
                    time.sleep(_LOOK_SECONDS)
        self._stream.close()


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
