"""Somebody else's hand on sandboxes of the fake engine, for tests of what becomes of a grading then."""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol, TypeVar

from harness.engines.base import Interference
from harness.errors import SandboxError

if TYPE_CHECKING:
    from harness.engines.base import SandboxSpec
    from harness.engines.fake.process import Process
    from harness.owners import Owner

_DID = {
    "kill": "was sent SIGKILL",
    "stop": "was stopped",
    "pause": "was paused",
    "unpause": "was resumed",
    "remove": "was removed",
    "disconnect": "was cut off from its network",
}


class Touchable(Protocol):
    """What a stranger can get hold of."""

    gone: bool
    main: Process | None

    @property
    def spec(self) -> SandboxSpec:
        """How it was declared."""

    def kill(self) -> None:
        """End every process of it."""


_There = TypeVar("_There", bound=Touchable)


class Strangers:
    """What a test lets somebody else do. Thread-safe."""

    def __init__(self) -> None:
        """Nobody did anything yet."""
        self._lock = threading.Lock()
        self._seen: list[tuple[Owner, Touchable]] = []
        self._did: dict[str, list[Interference]] = defaultdict(list)

    def show(self, owner: Owner, sandbox: Touchable) -> None:
        """Put a sandbox where strangers can reach it."""
        with self._lock:
            self._seen.append((owner, sandbox))

    def do(self, action: str, name: str) -> None:
        """Do ``action`` (a command of docker: kill, stop, pause, unpause, remove, disconnect) to the last ``name``.

        Raises LookupError when there is no sandbox of that name.
        """
        with self._lock:
            owner, sandbox = next((one for one in reversed(self._seen) if one[1].spec.name == name), (None, None))
            if owner is None or sandbox is None:
                raise LookupError(name)
            found = Interference(sandbox=name, what=_DID[action], at=f"{dt.datetime.now(dt.UTC):%H:%M:%S} UTC")
            self._did[owner.run].append(found)
            sandbox.gone = sandbox.gone or action == "remove"
        if action in {"kill", "stop", "remove"}:
            sandbox.kill()
        elif sandbox.main is not None and action == "pause":
            sandbox.main.pause()
        elif sandbox.main is not None and action == "unpause":
            sandbox.main.resume()

    def did(self, owner: Owner) -> tuple[Interference, ...]:
        """Return what was done to sandboxes of ``owner``."""
        with self._lock:
            return tuple(self._did[owner.run])


def there(sandbox: _There) -> _There:
    """Return ``sandbox``. Raises SandboxError when somebody removed it."""
    if sandbox.gone:
        text = f"expected sandbox {sandbox.spec.name} on the engine, found that it was removed while it was in use"
        raise SandboxError(text)
    return sandbox
