"""Client of the payment provider (PSP.md). Connections are kept; one deadline holds for a whole call."""

import http.client
import json
import select
import socket
import time
from collections import deque
from dataclasses import dataclass
from urllib.parse import quote, urlsplit


class ProviderError(Exception):
    """The provider did not say how the charge ended."""


class ProviderTimeout(ProviderError):
    """No complete answer in time: none at all, too slow, cut off, or not understood."""


class ProviderUnavailable(ProviderError):
    """An answer of 429 or 5xx."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the provider answered {status}")
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Outcome:
    status: str
    """``captured`` or ``declined``."""
    capture: str | None


class Provider:
    """Safe to use from many threads."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "psp", parts.port or 80)
        self._timeout_seconds = timeout_seconds
        self._idle: deque[_Connection] = deque()

    def capture(self, *, ref: str, merchant: str, amount: str, currency: str) -> Outcome:
        """Capture money under ``ref``, or learn the outcome ``ref`` already has. Raises ProviderError."""
        body = {"ref": ref, "merchant": merchant, "amount": amount, "currency": currency}
        status, answer = self._call("POST", "/captures", body)
        if status in (201, 402, 409):
            return _outcome(answer)
        raise ProviderUnavailable(status)

    def find(self, ref: str) -> Outcome | None:
        """Return the outcome of ``ref`` in the provider's books; None when it has none. Raises ProviderError."""
        status, answer = self._call("GET", f"/captures?ref={quote(ref)}", None)
        if status != 200:
            raise ProviderUnavailable(status)
        captures = answer.get("captures")
        return _outcome(captures[0]) if captures else None

    def _call(self, method: str, path: str, body: dict | None) -> tuple[int, dict]:
        connection = self._connection()
        connection.deadline = time.monotonic() + self._timeout_seconds
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            connection.close()
            raise ProviderTimeout(f"no complete answer to {method} {path}: {error!r}") from error
        if response.will_close:
            connection.close()
        else:
            self._idle.append(connection)
        return response.status, answer if isinstance(answer, dict) else {}

    def _connection(self) -> "_Connection":
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:  # another thread took the last one
                break
            if not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()  # the provider closed it while it was idle
        return _Connection(*self._address)


class _Connection(http.client.HTTPConnection):
    deadline = 0.0

    def connect(self) -> None:
        self.sock = _Socket(self)
        self.sock.settimeout(max(0.001, self.deadline - time.monotonic()))
        self.sock.connect((self.host, self.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class _Socket(socket.socket):
    """A timeout for each read would let a slow provider take forever, byte by byte."""

    def __init__(self, connection: _Connection) -> None:
        super().__init__(socket.AF_INET, socket.SOCK_STREAM)
        self._connection = connection

    def recv_into(self, *args: object) -> int:
        self.settimeout(max(0.001, self._connection.deadline - time.monotonic()))
        return super().recv_into(*args)


def _outcome(answer: dict) -> Outcome:
    if answer.get("status") not in ("captured", "declined"):
        raise ProviderTimeout(f"an answer without an outcome: {answer}")
    return Outcome(status=answer["status"], capture=answer.get("capture"))
