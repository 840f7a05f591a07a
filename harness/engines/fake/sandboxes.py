"""One sandbox of the fake engine: files in memory, and at most one main process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from harness.engines.fake.process import Process
from harness.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.engines.base import SandboxSpec
    from harness.engines.fake.process import Command

_JOIN_SECONDS = 10.0


class Sandbox:
    """One sandbox: files, and at most one main process."""

    def __init__(self, spec: SandboxSpec, commands: Mapping[str, Command], files: dict[str, bytes]) -> None:
        """Know ``commands``; ``files`` are those of its volume."""
        self.spec = spec
        self.files = files
        self.kept: dict[str, bytes] = {}
        self.lock = threading.RLock()
        self.command = spec.command
        self.env = dict(spec.env)
        self.main: Process | None = None
        self.beside: list[Process] = []
        self.starts = 0
        self.last_exit: int | None = None
        self.log = bytearray()
        self.gone = False
        """Somebody else removed it."""
        self._commands = commands

    def running(self) -> bool:
        """Whether its main process is there."""
        return self.main is not None and self.main.alive()

    def process(self, argv: tuple[str, ...], env: Mapping[str, str], *, stdin: bytes | None) -> Process:
        """Return a process that is not started."""
        limit = self.spec.limits.output_kb * 1024
        return Process(self._commands, argv, env=env, files=self.files, stdin=stdin, limit_bytes=limit)

    def begin(self, argv: tuple[str, ...], env: Mapping[str, str], *, stdin: bytes | None) -> Process:
        """Start the main process."""
        with self.lock:
            if self.running():
                text = f"expected sandbox {self.spec.name} not to be running, found it running: kill or stop it first"
                raise SandboxError(text)
            if not argv:
                text = f"expected a command for sandbox {self.spec.name}, found none: give one in its spec or to start"
                raise SandboxError(text)
            self.remember()
            self.main = self.process(argv, env, stdin=stdin)
            self.starts += 1
            self.main.start()
            return self.main

    def remember(self) -> None:
        """Keep the log and exit code of the process that is about to be replaced."""
        if self.main is not None:
            self.last_exit = self.main.exit_code
            self.log += self.main.output()

    def kill(self) -> None:
        """End every process."""
        with self.lock:
            for process in (self.main, *self.beside):
                if process is not None:
                    process.kill(_JOIN_SECONDS)
            self.beside.clear()
