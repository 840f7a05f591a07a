"""Processes of the fake engine: a thread that runs a Python function, with streams, files and a kill switch."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping

KILLED = 137
NOT_FOUND = 127
_TERMINATED = 143


class KilledError(Exception):
    """Raised in a process that was killed, by whatever it does next."""


class Pipe:
    """Bytes from one thread to another. What is over ``limit_bytes`` is dropped; None means no limit."""

    def __init__(self, limit_bytes: int | None = None) -> None:
        """Begin empty and open."""
        self.truncated = False
        self._limit = limit_bytes
        self._data = bytearray()
        self._taken = 0
        self._open = True
        self._changed = threading.Condition()

    def write(self, data: bytes) -> None:
        """Append ``data``."""
        with self._changed:
            room = len(data) if self._limit is None else max(self._limit - len(self._data), 0)
            self.truncated = self.truncated or len(data) > room
            self._data += data[:room]
            self._changed.notify_all()

    def read(self, count: int, *, exactly: bool = False) -> bytes:
        """Wait for bytes and return at most ``count`` (``exactly``: fewer only at the end); empty at the end."""
        with self._changed:
            while self._open and len(self._data) - self._taken < (count if exactly else 1):
                self._changed.wait()
            taken = bytes(self._data[self._taken : self._taken + count])
            self._taken += len(taken)
            return taken

    def everything(self) -> bytes:
        """Return all that was ever written and kept."""
        with self._changed:
            return bytes(self._data)

    def close(self) -> None:
        """Say that nothing more comes."""
        with self._changed:
            self._open = False
            self._changed.notify_all()


class Process:
    """What a command sees of itself, and what the engine sees of it."""

    def __init__(
        self,
        commands: Mapping[str, Command],
        argv: tuple[str, ...],
        *,
        env: Mapping[str, str],
        files: dict[str, bytes],
        stdin: bytes | None,
        limit_bytes: int | None,
    ) -> None:
        """Prepare ``argv``; ``stdin`` None leaves it open, for an attached client to write to."""
        self.commands = commands
        self.argv = argv
        self.env = dict(env)
        self.files = files
        """Absolute path -> content; shared by every process of the sandbox."""
        self.stdin = Pipe()
        self.stdout = Pipe(limit_bytes if stdin is not None else None)
        self.stderr = Pipe(limit_bytes)
        self.exit_code: int | None = None
        self.oom_killed = False
        self._killed = threading.Event()
        self._terminated = threading.Event()
        self._awake = threading.Event()
        self._awake.set()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"fake {argv[:1]}")
        if stdin is not None:
            self.stdin.write(stdin)
            self.stdin.close()

    def start(self) -> None:
        """Begin to run."""
        self._thread.start()

    def check(self) -> None:
        """Stop here while paused, and for good once killed."""
        while not self._awake.wait(0.01):
            if self._killed.is_set():
                raise KilledError
        if self._killed.is_set():
            raise KilledError

    def sleep(self, seconds: float) -> None:
        """Sleep, killable; a pause does not stop the clock."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.check()
            if self._terminated.is_set():
                raise KilledError
            self._killed.wait(min(left, 0.01))
        self.check()

    def run_out_of_memory(self) -> None:
        """End as a process does that the kernel kills at its memory limit."""
        self.oom_killed = True
        raise KilledError

    def read(self, count: int = 65536) -> bytes:
        """Return some of stdin, empty at its end."""
        self.check()
        data = self.stdin.read(count)
        self.check()
        return data

    def write(self, data: bytes) -> None:
        """Write to stdout."""
        self.check()
        self.stdout.write(data)

    def complain(self, text: str) -> None:
        """Write a line to stderr."""
        self.check()
        self.stderr.write(text.encode() + b"\n")

    def call(self, argv: tuple[str, ...]) -> int:
        """Run another command in this process's place, and return its exit code."""
        self.check()
        command = self.commands.get(argv[0]) if argv else None
        if command is None:
            self.complain(f"{argv[0] if argv else ''}: not found")
            return NOT_FOUND
        outer, self.argv = self.argv, argv
        try:
            return command(self)
        finally:
            self.argv = outer

    def alive(self) -> bool:
        """Return whether it runs."""
        return self.exit_code is None

    def paused(self) -> bool:
        """Return whether it is frozen."""
        return not self._awake.is_set()

    def pause(self) -> None:
        """Freeze it at its next step."""
        if self.alive():
            self._awake.clear()

    def resume(self) -> None:
        """Thaw it."""
        self._awake.set()

    def terminate(self, seconds: float) -> None:
        """Ask it to end; it may ignore that for ``seconds``."""
        self._terminated.set()
        self.join(seconds)

    def kill(self, seconds: float) -> None:
        """End it and wait until it has ended."""
        self._killed.set()
        self.stdin.close()
        self.join(seconds)

    def join(self, seconds: float) -> bool:
        """Return whether it ended within ``seconds``."""
        self._thread.join(max(seconds, 0))
        return not self._thread.is_alive()

    def output(self) -> bytes:
        """Return what it wrote so far to stdout and stderr."""
        return self.stdout.everything() + self.stderr.everything()

    def _run(self) -> None:
        code = KILLED
        try:
            code = self.call(self.argv)
        except KilledError:
            code = _TERMINATED if self._terminated.is_set() and not self._killed.is_set() else KILLED
        except Exception as error:  # noqa: BLE001 - a program that dies of its own error is an exit code
            code = 1
            with contextlib.suppress(KilledError):
                self.complain(f"{type(error).__name__}: {error}")
        finally:
            self.exit_code = KILLED if self._killed.is_set() else code
            self.stdout.close()
            self.stderr.close()


Command = Callable[[Process], int]
"""A program of the fake engine: returns its exit code."""
