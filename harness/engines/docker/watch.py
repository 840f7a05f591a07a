"""Listening to the engine's events, for as long as a connection is open: one thread, begun with the first container.

A question afterwards ("what happened since then?") would not do: an engine remembers its last 256 events, and a machine
that grades makes more than that in seconds. A stream that ends is opened again where it ended.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from harness.engines.docker.ledger import WATCHED, Ledger

if TYPE_CHECKING:
    from docker.api import APIClient

_log = logging.getLogger(__name__)
_OPEN_SECONDS = 5.0
_PAUSE_SECONDS = 0.5
_LATE_SECONDS = 2
"""How much earlier than one that was told before it an event may be stamped: engines tell some a little late."""


class _Stream(Protocol):
    def close(self) -> None: ...


class Watch:
    """The stream of one connection, into a ledger."""

    def __init__(self, client: Callable[[], APIClient]) -> None:
        """Listen with a ``client`` of its own, once :meth:`begin` is called."""
        self.ledger = Ledger()
        self._client = client
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._listening = threading.Event()
        self._over = threading.Event()
        self._stream: _Stream | None = None
        self._newest = 0
        self._heard: dict[str, int] = {}
        """Events that come again when a stream is opened again, and their stamps."""

    def begin(self) -> None:
        """Begin to listen, unless that was done."""
        with self._lock:
            if self._thread is None and not self._over.is_set():
                self._thread = threading.Thread(target=self._listen, daemon=True, name="events")
                self._thread.start()

    def ready(self) -> None:
        """Wait until what happens from now on is heard, or it is clear that it is not."""
        self._listening.wait(_OPEN_SECONDS)

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            self._over.set()
            if self._stream is not None:
                # Ended by the engine this moment: as good as closed.
                with contextlib.suppress(OSError):
                    self._stream.close()
        if self._thread is not None:
            self._thread.join(_OPEN_SECONDS)

    def _listen(self) -> None:
        from docker.errors import DockerException
        from requests.exceptions import RequestException
        from urllib3.exceptions import HTTPError

        client = self._client()
        try:
            while not self._over.is_set():
                try:
                    self._hear(client)
                except (DockerException, RequestException, HTTPError, OSError, ValueError) as error:
                    if self.ledger.hears or not self._listening.is_set():
                        _log.warning("the engine's events cannot be heard: %s", error)
                finally:
                    self.ledger.deaf()
                    self._listening.set()
                self._over.wait(_PAUSE_SECONDS)
        finally:
            client.close()

    def _hear(self, client: APIClient) -> None:
        filters = {"type": ["container", "network"], "event": list(WATCHED)}
        stream = client.events(since=self._since() or None, filters=filters, decode=True)
        with self._lock:
            if self._over.is_set():
                stream.close()
                return
            self._stream = stream
        self.ledger.hears = True
        self._listening.set()
        try:
            for event in stream:
                if self._is_new(event):
                    self.ledger.take(event)
        finally:
            with self._lock:
                self._stream = None

    def _since(self) -> int:
        """Return the second from which on events are asked for again, so that none that is late is missed."""
        return max(self._newest // 10**9 - _LATE_SECONDS, 0)

    def _is_new(self, event: Mapping[str, object]) -> bool:
        """Return whether an event was not heard yet. Its stamp does not tell: not all come in the order of their stamps."""
        name = json.dumps(event, sort_keys=True)
        if name in self._heard:
            return False
        stamp = event.get("timeNano")
        at = stamp if isinstance(stamp, int) else 0
        before, self._newest = self._since(), max(self._newest, at)
        self._heard[name] = at
        if self._since() > before:
            begin = self._since() * 10**9
            self._heard = {name: at for name, at in self._heard.items() if at >= begin}
        return True
