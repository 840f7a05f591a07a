"""Frames between the broker (host) and the grader sandbox, over the grader's own stdin and stdout.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON, one object, with a ``type``:

===========  =========  ==================================================================================
type         direction  fields
===========  =========  ==================================================================================
``job``      to grader  ``job`` (see :class:`Job` in ``harness.testing.job``): what to collect and with which facts
``reply``    to grader  ``id``, ``ok``; ``value`` when ok, else ``error`` (``kind``, ``message``)
``request``  to broker  ``id``, ``verb``, ``args``
``event``    to broker  ``event`` (``collected outcome phase mark note finished``) and its own fields
===========  =========  ==================================================================================

Bytes travel as base64 strings. Both ends cap a frame: a peer that announces more is a protocol error, not an
allocation. Reading returns ``None`` at a clean end of stream.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable

from harness.errors import GraderError
from harness.model import Json

MAX_FRAME_BYTES = 16 * 1024 * 1024
_HEADER = struct.Struct(">I")


def encode(message: dict[str, Json]) -> bytes:
    """Return the frame of ``message``. Raises GraderError when it is over the cap."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME_BYTES:
        text = f"expected a frame of at most {MAX_FRAME_BYTES} bytes, found {len(body)}: send less in one message"
        raise GraderError(text)
    return _HEADER.pack(len(body)) + body


def read(read_exactly: Callable[[int], bytes]) -> dict[str, Json] | None:
    """Return the next message, or None at the end of the stream.

    ``read_exactly(n)`` returns n bytes, or fewer only when the stream has ended. Raises GraderError when the
    stream ends inside a frame, or holds anything but frames.
    """
    header = read_exactly(_HEADER.size)
    if not header:
        return None
    if len(header) < _HEADER.size:
        text = "expected a frame header of 4 bytes, found the end of the stream inside it"
        raise GraderError(text)
    (length,) = _HEADER.unpack(header)
    if length > MAX_FRAME_BYTES:
        text = f"expected a frame of at most {MAX_FRAME_BYTES} bytes, found one of {length}: something else writes here"
        raise GraderError(text)
    body = read_exactly(length)
    if len(body) < length:
        text = f"expected a frame of {length} bytes, found the end of the stream after {len(body)}"
        raise GraderError(text)
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        text = f"expected JSON in a frame, found {body[:80]!r}"
        raise GraderError(text) from error
    if not isinstance(message, dict):
        text = f"expected a JSON object in a frame, found {type(message).__name__}"
        raise GraderError(text)
    return message
