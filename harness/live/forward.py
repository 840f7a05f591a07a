"""Free ports of this machine's loopback that lead into a scenario.

No address of a scenario can be reached from here, on purpose: its network is internal, its bridge has no address, and an
engine may be in a virtual machine. So every connection goes through a process of ours in the grader's sandbox, over the
streams that the engine gives us of it, on every engine alike.
"""

from __future__ import annotations

import contextlib
import inspect
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.engines.base import Attachment
from harness.errors import SandboxError
from harness.live import mux
from harness.live.endpoints import LOOPBACK, Endpoint

RELAY = ("/usr/bin/python3", "-P", "-c", inspect.getsource(mux))
"""What runs in the grader's sandbox."""
_BACKLOG = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """A port of ours and where it leads."""

    endpoint: Endpoint
    listener: socket.socket

    @property
    def url(self) -> str:
        """Where it is reached from here."""
        return self.endpoint.url(int(self.listener.getsockname()[1]))


class Forwarder:
    """Listens from when it is made until it is closed."""

    def __init__(
        self,
        attachment: Attachment,
        endpoints: Sequence[Endpoint],
        addresses: Mapping[str, str],
        gone: Callable[[], None] = lambda: None,
    ) -> None:
        """Lead to ``endpoints`` (at ``addresses`` of their sandboxes) through the relay behind ``attachment``.

        ``gone`` is called when the relay ended by itself: nothing leads anywhere from then on.
        """
        self._gone = gone
        self._closed = threading.Event()
        self._attachment = attachment
        self._addresses = addresses
        self._mux = mux.Mux(attachment.read_exactly, self._write)
        self.doors = tuple(
            Door(endpoint=one, listener=socket.create_server((LOOPBACK, 0), backlog=_BACKLOG)) for one in endpoints
        )
        threading.Thread(target=self._serve, daemon=True, name="relay").start()
        for door in self.doors:
            threading.Thread(target=self._accept, args=(door,), daemon=True, name=f"door {door.endpoint.name}").start()

    def close(self) -> None:
        """Stop listening and cut every connection."""
        self._closed.set()
        for door in self.doors:
            with contextlib.suppress(OSError):
                door.listener.shutdown(socket.SHUT_RDWR)
            door.listener.close()
        self._attachment.close()

    def _serve(self) -> None:
        self._mux.serve()
        if not self._closed.is_set():
            self._gone()

    def _write(self, data: bytes) -> None:
        try:
            self._attachment.write(data)
        except SandboxError as error:
            raise OSError(str(error)) from error

    def _accept(self, door: Door) -> None:
        while True:
            try:
                client, _ = door.listener.accept()
            except OSError:
                return
            try:
                self._mux.open(client, self._addresses[door.endpoint.sandbox], door.endpoint.port)
            except OSError:
                client.close()
