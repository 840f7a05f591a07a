"""Cutting a byte stream into whole frames without ever reading past what has arrived."""

from __future__ import annotations

import json

from harness import wire
from harness.errors import GraderError
from harness.model import Json

_HEADER_BYTES = 4


class FrameBuffer:
    """Bytes in, frames out. A frame that never completes is never returned."""

    def __init__(self) -> None:
        """Begin empty."""
        self._bytes = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what arrived."""
        self._bytes += data

    def next(self) -> tuple[bytes, dict[str, Json]] | None:
        """Return the next frame, raw and parsed, or None when it is not complete. Raises GraderError on garbage."""
        if len(self._bytes) < _HEADER_BYTES:
            return None
        length = int.from_bytes(self._bytes[:_HEADER_BYTES], "big")
        if length > wire.MAX_FRAME_BYTES:
            text = f"expected a frame of at most {wire.MAX_FRAME_BYTES} bytes, found one of {length}"
            raise GraderError(text)
        if len(self._bytes) < _HEADER_BYTES + length:
            return None
        raw = bytes(self._bytes[: _HEADER_BYTES + length])
        del self._bytes[: _HEADER_BYTES + length]
        try:
            message = json.loads(raw[_HEADER_BYTES:])
        except (ValueError, RecursionError) as error:
            text = f"expected JSON in a frame, found {raw[_HEADER_BYTES:84]!r}"
            raise GraderError(text) from error
        if not isinstance(message, dict):
            text = f"expected a JSON object in a frame, found {type(message).__name__}"
            raise GraderError(text)
        return raw, message
