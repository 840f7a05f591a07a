"""Byte streams of containers: the engine's multiplexed frames, capped capture, and attachments.

An engine sends stdout and stderr of a container over one connection, in frames of an 8-byte header (stream number,
three zeros, big-endian length) and that many bytes. See "Attach to a container" in the engine's API.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from harness.engines.base import ExecResult
from harness.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

STDOUT = 1
STDERR = 2
_HEADER = struct.Struct(">BxxxI")
_CHUNK_BYTES = 64 * 1024
_STDERR_TAIL_BYTES = 64 * 1024
_DRAIN_SECONDS = 10.0
"""How long the rest of a killed container's output may take to arrive."""


class Reader(Protocol):
    """What is read from: a buffered file over the connection."""

    def read1(self, size: int, /) -> bytes:
        """Return what is there, at most ``size`` bytes; empty at the end."""


class Stream:
    """One hijacked connection to a container's standard streams. One thread reads, one writes."""

    def __init__(self, reader: Reader, connection: socket.socket, keep: object = None) -> None:
        """Take over ``connection``; ``keep`` must live as long (it closes the connection when collected)."""
        self._reader = reader
        self._connection = connection
        self._keep = keep
        self._left = 0
        self._number = 0
        self._pending = b""
        # The client library's own time limit is for calls, not for a stream that may be silent for minutes.
        connection.settimeout(None)

    def read(self) -> tuple[int, bytes] | None:
        """Return (stream number, bytes), or None at the end of the stream."""
        try:
            while self._left == 0:
                header = self._header()
                if header is None:
                    return None
                self._number, self._left = header
            data = self._take(min(self._left, _CHUNK_BYTES))
        except (OSError, ValueError):
            # Closed under us, by the engine or by our own close(): the end of the stream either way.
            return None
        self._left -= len(data)
        return (self._number, data) if data else None

    def read_raw(self) -> bytes:
        """Return what is there of a stream without frames, as a terminal's is; empty at the end."""
        try:
            return self._take(_CHUNK_BYTES)
        except (OSError, ValueError):
            return b""

    def write(self, data: bytes) -> None:
        """Send all of ``data`` to stdin. Raises OSError when the other side is gone."""
        self._connection.sendall(data)

    def end_input(self) -> None:
        """Close stdin; output still comes."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both directions, also under a reader in another thread."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError):
            self._connection.close()
        # The descriptor stays open as long as one of the file objects over it does.
        for holder in (self._reader, self._keep):
            close = getattr(holder, "close", None)
            if close is not None:
                with contextlib.suppress(OSError, ValueError):
                    close()

    def _header(self) -> tuple[int, int] | None:
        header = b""
        while len(header) < _HEADER.size:
            more = self._take(_HEADER.size - len(header))
            if not more:
                return None
            header += more
        number, length = _HEADER.unpack(header)
        return number, length

    def _take(self, count: int) -> bytes:
        return self._reader.read1(count)


@dataclass(frozen=True, kw_only=True, slots=True)
class Captured:
    """What came out of a process."""

    stdout: bytes
    stderr: bytes
    truncated: bool
    timed_out: bool
    seconds: float

    def result(
        self,
        exit_code: int,
        *,
        oom_killed: bool = False,
        memory_mb: int | None = None,
        memory_peak_mb: float | None = None,
    ) -> ExecResult:
        """Return this with how the process ended."""
        return ExecResult(
            exit_code=exit_code,
            oom_killed=oom_killed,
            memory_mb=memory_mb,
            memory_peak_mb=memory_peak_mb,
            stdout=self.stdout,
            stderr=self.stderr,
            truncated=self.truncated,
            timed_out=self.timed_out,
            seconds=self.seconds,
        )


class _Capture:
    """Reads a stream to its end, keeps the first ``limit_bytes`` of each side and drops the rest."""

    def __init__(self, stream: Stream, limit_bytes: int) -> None:
        self._stream = stream
        self._limit_bytes = limit_bytes
        self.kept = {STDOUT: bytearray(), STDERR: bytearray()}
        self.truncated = False
        self.thread = threading.Thread(target=self._run, daemon=True, name="capture")
        self.thread.start()

    def _run(self) -> None:
        while (frame := self._stream.read()) is not None:
            number, data = frame
            kept = self.kept.setdefault(number, bytearray())
            room = self._limit_bytes - len(kept)
            self.truncated = self.truncated or len(data) > room
            kept += data[: max(room, 0)]


def drive(
    stream: Stream,
    *,
    stdin: bytes,
    limit_bytes: int,
    timeout_seconds: float,
    kill: Callable[[], None],
    ended: Callable[[], bool] | None = None,
    started: float | None = None,
) -> Captured:
    """Feed ``stdin``, read to the end, and ``kill`` when that takes longer than ``timeout_seconds``.

    ``ended`` is asked now and then whether the process is gone although the stream is not at its end (a child that
    lives on holds it open); the rest of the output then has a moment to arrive. ``kill`` must end the stream.
    """
    begin = time.monotonic() if started is None else started
    capture = _Capture(stream, limit_bytes)
    writer = threading.Thread(target=_feed, args=(stream, stdin), daemon=True, name="feed")
    writer.start()
    timed_out = not _wait(capture.thread, begin + timeout_seconds, ended)
    if timed_out:
        kill()
        capture.thread.join(_DRAIN_SECONDS)
    seconds = time.monotonic() - begin
    stream.close()
    capture.thread.join(_DRAIN_SECONDS)
    writer.join(_DRAIN_SECONDS)
    return Captured(
        stdout=bytes(capture.kept[STDOUT]),
        stderr=bytes(capture.kept[STDERR]),
        truncated=capture.truncated,
        timed_out=timed_out,
        seconds=seconds,
    )


def _wait(thread: threading.Thread, deadline: float, ended: Callable[[], bool] | None) -> bool:
    """Return whether the stream (or the process) ended before ``deadline``."""
    pause = 0.2
    while thread.is_alive():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        thread.join(min(left, pause) if ended else left)
        if ended and thread.is_alive() and ended():
            thread.join(pause)
            return True
        pause = min(pause * 1.5, 1.0)
    return True


def _feed(stream: Stream, stdin: bytes) -> None:
    # A process that does not read its input, or is dead, is no error.
    with contextlib.suppress(OSError):
        stream.write(stdin)
    stream.end_input()


class StreamAttachment:
    """A container's stdin and stdout as plain byte streams; the end of stderr is kept for its log."""

    def __init__(self, stream: Stream, name: str, note: Callable[[bytes], None] | None = None) -> None:
        """Speak with sandbox ``name`` over ``stream``; what comes on stderr is given to ``note`` as well."""
        self._stream = stream
        self._note = note
        self._name = name
        self._buffer = bytearray()
        self._stderr = bytearray()
        self._writing = threading.Lock()

    def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises SandboxError when the other side is gone."""
        try:
            with self._writing:
                self._stream.write(data)
        except OSError as error:
            text = f"expected sandbox {self._name} to read its stdin, found it gone ({error}): see its log"
            raise SandboxError(text) from error

    def read_exactly(self, count: int) -> bytes:
        """Return ``count`` bytes, fewer only at the end of the stream."""
        while len(self._buffer) < count:
            frame = self._stream.read()
            if frame is None:
                break
            number, data = frame
            if number == STDERR:
                self._stderr = (self._stderr + data)[-_STDERR_TAIL_BYTES:]
                if self._note is not None:
                    self._note(data)
            else:
                self._buffer += data
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def logs(self) -> bytes:
        """Return the end of what the process wrote to stderr so far."""
        return bytes(self._stderr)

    def close(self) -> None:
        """Close both directions; the sandbox sees its stdin end."""
        self._stream.close()
