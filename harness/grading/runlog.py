"""What commands said that ran once: kept with the other logs, because no container is left to ask."""

from __future__ import annotations

import threading

from harness.engines.base import ExecResult

_MAX_RUNS = 200
_KEPT_BYTES = 4096
"""Of each stream of each run: its beginning and its end."""


class RunLog:
    """One log for each sandbox. Adding is thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[str, list[bytes]] = {}
        self._count = 0

    def add(self, sandbox: str, argv: tuple[str, ...], result: ExecResult) -> None:
        """Keep how a run ended and what it wrote; its input is not kept. After 200 runs nothing more is."""
        with self._lock:
            self._count += 1
            if self._count <= _MAX_RUNS:
                self._runs.setdefault(sandbox, []).append(_entry(self._count, argv, result))

    def logs(self) -> dict[str, bytes]:
        """Return sandbox -> log."""
        with self._lock:
            return {name: b"".join(runs) for name, runs in self._runs.items()}


def _entry(number: int, argv: tuple[str, ...], result: ExecResult) -> bytes:
    ended = "stopped when its time was over" if result.timed_out else f"exit code {result.exit_code}"
    memory = ", out of memory" if result.oom_killed else ""
    command = f" {' '.join(argv)[:500]!r}" if argv else ""
    head = f"== run {number}{command}: {ended}{memory}, {result.seconds:.2f} s\n"
    return head.encode() + _stream("stdout", result.stdout) + _stream("stderr", result.stderr)


def _stream(name: str, data: bytes) -> bytes:
    if not data:
        return b""
    half = _KEPT_BYTES // 2
    cut = len(data) - _KEPT_BYTES
    shown = data if cut <= 0 else data[:half] + f"\n[{cut} bytes left out]\n".encode() + data[-half:]
    return f"-- {name}\n".encode() + shown + (b"" if shown.endswith(b"\n") else b"\n")
