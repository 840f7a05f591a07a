"""Mistakes that a forwarder of ours makes between a client and a right service: what own tests have to see.

Each is made of requests alone. What the service answers comes back as it is, so that nothing but its behaviour tells
which target a test sees.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.testing import http1


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


def fresh_values(header: str, *, longest: int) -> Mistake:
    """Return the mistake that every request has a value of ``header`` that none had before: nothing is asked for twice.

    A value longer than ``longest`` characters stays as it is, and so does an empty one: both are to be refused.
    """
    numbers = itertools.count(1)

    def mistake(request: Passing) -> Passing:
        value = request.header(header) or ""
        if not 0 < len(value) <= longest:
            return request
        return request.with_header(header, f"{next(numbers):x}-{value}"[:longest])

    return mistake


def values_by_body(header: str, *, longest: int) -> Mistake:
    """Return the mistake that another body under a used value of ``header`` counts as another value, and is not refused.

    Values that are to be refused stay as they are, as in :func:`fresh_values`.
    """

    def mistake(request: Passing) -> Passing:
        value = request.header(header) or ""
        if not 0 < len(value) <= longest:
            return request
        return request.with_header(header, f"{hashlib.sha256(request.body).hexdigest()[:8]}-{value}"[:longest])

    return mistake


def read(stream: http1.Stream, *, most_body_bytes: int) -> Passing:
    """Return the next request. Raises http1.Broken for what can't be told to be one. Called by the forwarder."""
    head = [stream.line()]
    while line := stream.line():
        head.append(line)
        if len(head) > http1.MAX_HEADERS:
            text = f"more than {http1.MAX_HEADERS} headers"
            raise http1.Broken(text)
    request = Passing(head=tuple(head), body=b"")
    if request.header("transfer-encoding") is not None or request.header("expect") is not None:
        text = "a body whose length is not said before it"
        raise http1.Broken(text)
    length = request.header("content-length") or "0"
    if not length.isdecimal() or int(length) > most_body_bytes:
        text = f"a body of {length[:20]!r} bytes"
        raise http1.Broken(text)
    return replace(request, body=stream.exactly(int(length)))


def encode(request: Passing) -> bytes:
    """Return a request as bytes. Called by the forwarder."""
    return b"\r\n".join([*request.head, b"", request.body])
