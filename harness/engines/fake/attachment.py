"""Streams of a process of the fake engine, for whoever speaks with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import SandboxError

if TYPE_CHECKING:
    from harness.engines.fake.process import Process

_CTRL_C, _CTRL_D = b"\x03", b"\x04"
_CHUNK_BYTES = 65536
_END_SECONDS = 10.0


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


class FakeTerminal:
    """See :class:`harness.engines.base.Terminal`: Ctrl-C kills, Ctrl-D ends the input, its last size is kept."""

    def __init__(self, process: Process, name: str) -> None:
        """Speak with ``process`` of sandbox ``name``."""
        self._process = process
        self._name = name
        self.size = (0, 0)
        """Rows and columns, once it was resized."""

    def write(self, data: bytes) -> None:
        """Type ``data``."""
        if not self._process.alive():
            text = f"expected a terminal that takes what is typed, found it gone in sandbox {self._name}: open another"
            raise SandboxError(text)
        if _CTRL_C in data:
            self._process.kill(_END_SECONDS)
            return
        typed, end, _ = data.partition(_CTRL_D)
        self._process.stdin.write(typed)
        if end:
            self._process.stdin.close()

    def read(self) -> bytes:
        """Return what there is to see, empty at the end."""
        return self._process.stdout.read(_CHUNK_BYTES)

    def resize(self, rows: int, columns: int) -> None:
        """Keep the size."""
        self.size = (rows, columns)

    def exit_code(self) -> int:
        """Return how the command ended."""
        self._process.join(_END_SECONDS)
        return self._process.exit_code or 0

    def close(self) -> None:
        """Hang up."""
        self._process.kill(_END_SECONDS)
