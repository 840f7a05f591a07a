"""The grader as a program of the fake engine: our own code in a process of its own. It is what makes the fake enough to grade.

Only our grader is started here, never anything of a submission: what a submission would run has to be a command of the
fake engine, or is not found.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from harness.engines.fake.process import NOT_FOUND, KilledError

if TYPE_CHECKING:
    from harness.engines.fake.process import Pipe, Process

PROGRAM = "/usr/bin/python3"
_MODULE = ("-P", "-m", "harness.testing")
_CHUNK = 65536
_POLL_SECONDS = 0.005
_END_SECONDS = 10.0


class Child(Protocol):
    """The grader's process, as far as it is used here."""

    @property
    def stdin(self) -> IO[bytes] | None:
        """Where its frames go."""

    @property
    def stdout(self) -> IO[bytes] | None:
        """Where its frames come from."""

    @property
    def stderr(self) -> IO[bytes] | None:
        """What else it says."""

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code once it has ended."""

    def kill(self) -> None:
        """SIGKILL."""


def python(process: Process) -> int:
    """Run the grader until its stdin ends or it is killed; nothing else that Python could run is there."""
    if process.argv[1:] != _MODULE:
        process.complain(f"{PROGRAM}: only the grader runs on the fake engine")
        return NOT_FOUND
    with tempfile.TemporaryDirectory(prefix="harness-fake-") as folder:
        return _serve(process, start(Path(folder), Path(folder) / "g"))


def start(folder: Path, root: Path) -> Child:
    """Start the grader in ``folder``, a process of its own that keeps its jobs under ``root``."""
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "harness.testing", "--root", str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        bufsize=0,
    )


def _serve(process: Process, child: Child) -> int:
    if child.stdin is None or child.stdout is None or child.stderr is None:
        text = "expected pipes to the grader, found none"
        raise RuntimeError(text)
    copies = [
        threading.Thread(target=_feed, args=(process.stdin, child.stdin), daemon=True, name="grader stdin"),
        threading.Thread(target=_copy, args=(child.stdout, process.stdout), daemon=True, name="grader stdout"),
        threading.Thread(target=_copy, args=(child.stderr, process.stderr), daemon=True, name="grader stderr"),
    ]
    for copy in copies:
        copy.start()
    try:
        while child.poll() is None:
            process.check()
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(_POLL_SECONDS)
    except KilledError:
        child.kill()
        raise
    finally:
        code = child.wait(_END_SECONDS)
        for copy in copies[1:]:
            copy.join(_END_SECONDS)
    return code


def _feed(source: Pipe, target: IO[bytes]) -> None:
    """Copy what comes until it ends; the child sees its stdin end then."""
    with contextlib.suppress(OSError), target:
        while data := source.read(_CHUNK):
            rest = memoryview(data)
            while rest:
                rest = rest[target.write(rest) :]


def _copy(source: IO[bytes], target: Pipe) -> None:
    with source:
        while data := source.read(_CHUNK):
            target.write(data)
