"""Graders in milliseconds: forked from one process that has imported what each of them needs.

Starting Python and importing pytest is most of what a small grading on the fake engine costs, and of what the tests did.
A forked grader is a process of its own with streams, environment and folder of its own, and runs the same ``main``.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn

REPOSITORY = Path(__file__).resolve().parents[1]
_LONGEST_REQUEST = 1 << 20
_FAILURE = 70


class Forked:
    """A grader; what is used of :class:`subprocess.Popen`, for a process that is another one's child."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes] | None, status: IO[bytes]) -> None:
        """Take our ends of its streams, and where its process id and, at its end, its exit code are written."""
        self.stdin: IO[bytes] | None = stdin
        self.stdout: IO[bytes] | None = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self.pid = int(status.readline())
        self._status = status
        self._over = threading.Event()
        threading.Thread(target=self._await, daemon=True, name="forked").start()

    def _await(self) -> None:
        with self._status:
            self.returncode = int(self._status.readline() or -signal.SIGKILL)
        self._over.set()

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended."""
        if not self._over.wait(timeout) or self.returncode is None:
            raise subprocess.TimeoutExpired("grader", timeout or 0)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


class _Source:
    """The process they are forked from, started with the first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    def fork(self, request: Sequence[object], fds: Sequence[int]) -> None:
        with self._lock:
            if self._socket is None:
                self._socket = self._started()
            socket.send_fds(self._socket, [json.dumps(request).encode()], fds)

    def _started(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )
        atexit.register(process.wait)
        atexit.register(ours.close)
        return ours


_SOURCE = _Source()


def start(folder: Path, root: Path, stderr: IO[bytes] | None = None) -> Forked:
    """Start a grader in ``folder`` that keeps its jobs under ``root``; its stderr is a pipe unless it is given."""
    pipes = [os.pipe() for _ in range(4 if stderr is None else 3)]
    (their_in, our_in), (our_out, their_out), (our_status, their_status), *errors = pipes
    their_err = stderr.fileno() if stderr is not None else errors[0][1]
    theirs = [their_in, their_out, their_err, their_status]
    _SOURCE.fork([str(folder), str(root), dict(os.environ)], theirs)
    for number in theirs:
        if stderr is None or number != stderr.fileno():
            os.close(number)
    return Forked(
        open(our_in, "wb", buffering=0),  # noqa: PTH123 - a descriptor; whoever starts it closes them
        open(our_out, "rb", buffering=0),  # noqa: PTH123
        open(errors[0][0], "rb", buffering=0) if errors else None,  # noqa: PTH123
        open(our_status, "rb"),  # noqa: PTH123
    )


def _serve(source: socket.socket) -> None:
    """Fork a grader for each request, until nobody is there to send one."""
    importlib.import_module("harness.testing._run.serve")._import_early()
    while True:
        request, fds, _, _ = socket.recv_fds(source, _LONGEST_REQUEST, 4)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG if request else 0)[0]:
                pass
        if not request:
            return
        if os.fork() == 0:
            _watch(source, json.loads(request), fds)
        for number in fds:
            os.close(number)


def _watch(source: socket.socket, request: tuple[str, str, dict[str, str]], fds: Sequence[int]) -> NoReturn:
    """Fork the grader, and write down how it ended."""
    try:
        source.close()
        child = os.fork()
        if child == 0:
            _grade(request, fds)
        for number in fds[:3]:
            os.close(number)
        os.write(fds[3], b"%d\n" % child)
        os.write(fds[3], b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    finally:
        os._exit(0)


def _grade(request: tuple[str, str, dict[str, str]], fds: Sequence[int]) -> NoReturn:
    """Be the grader."""
    code = _FAILURE
    folder, root, environment = request
    try:
        for number, ours in enumerate(fds[:3]):
            os.dup2(ours, number)
        for ours in fds:
            os.close(ours)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["harness.testing", "--root", root]
        code = importlib.import_module("harness.testing.__main__").main()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
