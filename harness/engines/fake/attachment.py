"""Streams of a process of the fake engine, for whoever speaks with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import SandboxError

if TYPE_CHECKING:
    from harness.engines.fake.process import Process


class FakeAttachment:
    """See :class:`harness.engines.base.Attachment`."""

    def __init__(self, process: Process, name: str) -> None:
        """Speak with ``process`` of sandbox ``name``."""
        self._process = process
        self._name = name

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""
        if not self._process.alive():
            text = f"expected sandbox {self._name} to read its stdin, found it gone: see its log"
            raise SandboxError(text)
        self._process.stdin.write(data)

    def read_exactly(self, count: int) -> bytes:
        """Return ``count`` bytes, fewer only at the end of the stream."""
        return self._process.stdout.read(count, exactly=True)

    def logs(self) -> bytes:
        """Return what the process wrote to stderr."""
        return self._process.stderr.everything()

    def close(self) -> None:
        """Close both directions."""
        self._process.stdin.close()
        self._process.stdout.close()
