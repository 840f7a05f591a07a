"""Streams: frames of the engine, caps, timeouts and attachments, over a socket pair instead of an engine."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from harness.engines.docker.streams import STDERR, STDOUT, Stream, StreamAttachment, drive
from harness.errors import SandboxError


@pytest.fixture
def pair() -> Iterator[tuple[Stream, socket.socket]]:
    """Give our end of a container's streams, and the engine's."""
    ours, engine = socket.socketpair()
    stream = Stream(ours.makefile("rb"), ours)
    yield stream, engine
    stream.close()
    engine.close()


def frame(number: int, data: bytes) -> bytes:
    """Return ``data`` as the engine sends it."""
    return struct.pack(">BxxxI", number, len(data)) + data


def test_frames_are_read_whole_however_they_arrive(pair: tuple[Stream, socket.socket]) -> None:
    """A frame in single bytes, an empty one and one larger than a buffer are what they are."""
    stream, engine = pair
    big = bytes(200_000)

    def send() -> None:
        for byte in frame(STDOUT, b"ab"):
            engine.sendall(bytes([byte]))
        engine.sendall(frame(STDOUT, b"") + frame(STDERR, b"c") + frame(STDOUT, big))
        engine.shutdown(socket.SHUT_WR)

    threading.Thread(target=send).start()
    found: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
    while (part := stream.read()) is not None:
        found[part[0]] += part[1]
    assert found == {STDOUT: b"ab" + big, STDERR: b"c"}


def test_a_stream_cut_inside_a_frame_ends(pair: tuple[Stream, socket.socket]) -> None:
    """What arrived is given, then the end."""
    stream, engine = pair
    engine.sendall(frame(STDOUT, b"abcdef")[:-3])
    engine.shutdown(socket.SHUT_WR)
    assert stream.read() == (STDOUT, b"abc")
    assert stream.read() is None


def test_drive_feeds_caps_and_ends(pair: tuple[Stream, socket.socket]) -> None:
    """Input arrives to its end; of each side the first bytes are kept."""
    stream, engine = pair
    got = bytearray()

    def serve() -> None:
        while data := engine.recv(65536):
            got.extend(data)
        engine.sendall(frame(STDOUT, b"x" * 20) + frame(STDERR, b"y" * 5) + frame(STDOUT, b"z"))
        engine.close()

    threading.Thread(target=serve).start()
    found = drive(stream, stdin=b"i" * 100_000, limit_bytes=10, timeout_seconds=10, kill=lambda: None)
    assert bytes(got) == b"i" * 100_000
    assert (found.stdout, found.stderr, found.truncated, found.timed_out) == (b"x" * 10, b"y" * 5, True, False)


def test_drive_of_exactly_the_cap_is_not_truncated(pair: tuple[Stream, socket.socket]) -> None:
    """Output that fits is not called cut."""
    stream, engine = pair
    engine.sendall(frame(STDOUT, b"x" * 10))
    engine.shutdown(socket.SHUT_WR)
    found = drive(stream, stdin=b"", limit_bytes=10, timeout_seconds=10, kill=lambda: None)
    assert (found.stdout, found.truncated) == (b"x" * 10, False)


def test_drive_kills_at_the_timeout_and_keeps_what_came(pair: tuple[Stream, socket.socket]) -> None:
    """At the timeout the process is killed, once, and its last output is still taken."""
    stream, engine = pair
    engine.sendall(frame(STDOUT, b"before"))
    kills = []

    def kill() -> None:
        kills.append(1)
        engine.sendall(frame(STDOUT, b" after"))
        engine.close()

    begin = time.monotonic()
    found = drive(stream, stdin=b"", limit_bytes=100, timeout_seconds=0.2, kill=kill)
    assert (found.stdout, found.timed_out, kills) == (b"before after", True, [1])
    assert time.monotonic() - begin < 5


def test_drive_survives_a_process_that_reads_nothing(pair: tuple[Stream, socket.socket]) -> None:
    """Input nobody reads blocks nobody."""
    stream, engine = pair
    found = drive(stream, stdin=bytes(5_000_000), limit_bytes=10, timeout_seconds=0.2, kill=engine.close)
    assert found.timed_out


def test_drive_ends_when_the_process_has(pair: tuple[Stream, socket.socket]) -> None:
    """A stream somebody else holds open does not outlast the process by much."""
    stream, engine = pair
    engine.sendall(frame(STDOUT, b"done"))
    found = drive(
        stream, stdin=b"", limit_bytes=10, timeout_seconds=30, kill=lambda: pytest.fail("killed"), ended=lambda: True
    )
    assert (found.stdout, found.timed_out) == (b"done", False)
    assert found.seconds < 5


def test_attachment_separates_stderr(pair: tuple[Stream, socket.socket]) -> None:
    """Reads give stdout only; stderr is the log, its end kept."""
    stream, engine = pair
    notes: list[bytes] = []
    attachment = StreamAttachment(stream, "grader", notes.append)
    engine.sendall(frame(STDOUT, b"ab") + frame(STDERR, b"warn") + frame(STDOUT, b"cd"))
    engine.shutdown(socket.SHUT_WR)
    assert attachment.read_exactly(3) == b"abc"
    assert attachment.read_exactly(3) == b"d"
    assert attachment.read_exactly(3) == b""
    assert attachment.logs() == b"warn"
    assert notes == [b"warn"]


def test_attachment_close_ends_a_reader(pair: tuple[Stream, socket.socket]) -> None:
    """Closing from another thread ends a read that waits."""
    attachment = StreamAttachment(pair[0], "grader")
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(attachment.read_exactly(1)))
    thread.start()
    time.sleep(0.05)
    attachment.close()
    thread.join(10)
    assert found == [b""]


def test_attachment_write_to_nobody_is_a_sandbox_error(pair: tuple[Stream, socket.socket]) -> None:
    """A reader that is gone is said."""
    attachment = StreamAttachment(pair[0], "grader")
    pair[1].close()
    with pytest.raises(SandboxError, match="grader to read its stdin"):
        attachment.write(bytes(10_000_000))
