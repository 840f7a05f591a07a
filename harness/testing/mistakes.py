"""Mistakes that a forwarder of ours makes between a client and a right service: what own tests have to see.

Each is made of requests alone. What the service answers comes back as it is, so that nothing but its behaviour tells
which target a test sees.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from harness.testing import http1

_FRAMING = frozenset({"transfer-encoding", "content-length", "trailer", "expect"})
"""Headers that say where a body ends, or that it is waited for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passing:
    """A request on its way: all of it is here, nothing of it has been passed on."""

    head: tuple[bytes, ...]
    """The request line and the header lines as they came, without their ends."""
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header of that name, in any case."""
        lines = (line.decode("latin-1").partition(":") for line in self.head[1:])
        return next((value.strip(" \t") for key, _, value in lines if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str) -> Passing:
        """Return it with another value of a header that it has; its name stays as it is written."""
        wanted = name.lower().encode()
        lines = (
            line.partition(b":")[0] + b": " + value.encode("latin-1")
            if line.partition(b":")[0].lower() == wanted
            else line
            for line in self.head[1:]
        )
        return replace(self, head=(self.head[0], *lines))


Mistake = Callable[[Passing], Passing]
"""What is made of a request. Called from the thread of its connection; must not raise."""


def unchanged(request: Passing) -> Passing:
    """Make no mistake. A target that is right is reached the way of those that are not, or its way would tell it."""
    return request


def fresh_values(header: str, *, longest: int) -> Mistake:
    """Return the mistake that every request has a value of ``header`` that none had before: nothing is asked for twice.

    A value longer than ``longest`` characters, an empty one and one with anything but visible ASCII stay as they are:
    they are to be refused.
    """
    numbers = itertools.count(1)

    def mistake(request: Passing) -> Passing:
        value = request.header(header) or ""
        if not _is_right(value, longest):
            return request
        return request.with_header(header, f"{next(numbers):x}-{value}"[:longest])

    return mistake


def values_by_body(header: str, *, longest: int, fields: Collection[str]) -> Mistake:
    """Return the mistake that another body under a used value of ``header`` counts as another value, and is not refused.

    Another body is a JSON object with another value of one of ``fields``: however an equal one is written, it stays the
    same request. Values and bodies that are to be refused stay as they are, as in :func:`fresh_values`.
    """

    def mistake(request: Passing) -> Passing:
        value = request.header(header) or ""
        try:
            body = http1.parse_json(request.body)
        except ValueError:
            return request
        if not isinstance(body, dict) or not _is_right(value, longest):
            return request
        # Of the whole value: two that differ in their last character are two.
        said = json.dumps([value, *(body.get(name) for name in fields)])
        return request.with_header(header, hashlib.sha256(said.encode()).hexdigest()[:longest])

    return mistake


def _is_right(value: str, longest: int) -> bool:
    return 0 < len(value) <= longest and all("!" <= char <= "~" for char in value)


def read(stream: http1.Stream, *, most_body_bytes: int, go_on: Callable[[], None]) -> Passing:
    """Return the next request. Raises http1.Broken for what can't be told to be one. Called by the forwarder.

    A body in chunks is put together, and ``go_on()`` is called for a client that waits to be told so: what comes to the
    target has its length before it, whichever way it was sent.
    """
    head = [stream.line()]
    while line := stream.line():
        head.append(line)
        if len(head) > http1.MAX_HEADERS:
            text = f"more than {http1.MAX_HEADERS} headers"
            raise http1.Broken(text)
    headers = tuple(_field(line) for line in head[1:])
    if http1.header(headers, "expect") is not None:
        go_on()
    body = http1.read_body(stream, headers, most_body_bytes, until_end=False)
    if any(name in _FRAMING for name, _ in headers):
        lines = (line for line, (name, _) in zip(head[1:], headers, strict=True) if name not in _FRAMING)
        head = [head[0], *lines, f"Content-Length: {len(body)}".encode()]
    return Passing(head=tuple(head), body=body)


def _field(line: bytes) -> tuple[str, str]:
    name, _, value = line.decode("latin-1").partition(":")
    return name.strip().lower(), value.strip(" \t")


def encode(request: Passing) -> bytes:
    """Return a request as bytes. Called by the forwarder."""
    return b"\r\n".join([*request.head, b"", request.body])
