"""How clients find the ``up`` of a workspace: a lock that dies with its process, and a file beside it that says where.

The lock decides who is there; the file is only read. A process that was killed leaves the file, and whoever reads it
then finds nobody at the socket that it names.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import places
from harness.errors import EngineError, HarnessError, UsageError
from harness.intake import workspace
from harness.model import Json

FILE = "up.json"
LOCK = "up.lock"
_MAX_BYTES = 64 * 1024
_TRY_SECONDS = 0.5
_PATH_BYTES = 1024
"""What macOS writes a path to."""
_COMING = "wait until it says that it is up, or end it with Ctrl-C where it runs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """An ``up`` that was there when its file was written."""

    pid: int
    owner: str
    """Which process: boot, pid namespace, pid and start time."""
    run: str
    """Of its sandboxes."""
    socket: str
    """Where it is asked; empty while it comes up."""
    urls: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A workspace that is ours alone to be up."""

    root: Path
    """Where it was when it was claimed."""
    place: int
    """Its ``.harness``, open: it is that also when it is called otherwise by now."""

    def where(self) -> Path:
        """Return where the workspace is now, whatever it is called by now. Raises UsageError when nobody can tell, or it is gone."""
        for root in (self.root, *_places(self.place)):
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(root / workspace.FOLDER), os.fstat(self.place)):  # noqa: PTH116 - as below
                    return root
        text = (
            f"expected the workspace that came up at {self.root}, found its {workspace.FOLDER} moved out of it, or removed: end "
            "this up with Ctrl-C where it runs; nothing of your work is touched"
        )
        raise UsageError(text)


def _places(folder: int) -> Iterator[Path]:
    """Yield where the workspace is of the open ``folder``, as the kernel knows it: Linux, then macOS."""
    with contextlib.suppress(OSError):
        yield Path(f"/proc/self/fd/{folder}").readlink().parent
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):
            yield Path(os.fsdecode(fcntl.fcntl(folder, fcntl.F_GETPATH, bytes(_PATH_BYTES)).rstrip(b"\0"))).parent


@contextlib.contextmanager
def claimed(root: Path) -> Iterator[Claim]:
    """Be the only ``up`` of the workspace at ``root``. Raises UsageError when there is one.

    Nothing is left at the end, unless an engine failed under one that was up: then what says whose it was stays, for
    something of it may be there.
    """
    folder = root / workspace.FOLDER
    with places.writing(LOCK, folder):
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not _locked(handle):
            raise UsageError(_taken(root, read(root)))
        in_order = True
        try:
            write(root, Running(pid=os.getpid(), owner="", run="", socket="", urls={}))
            claim = Claim(root=root, place=place)
            yield claim
        except EngineError:
            with contextlib.suppress(UsageError):
                found = read(claim.where())
                in_order = found is None or not found.owner
            raise
        finally:
            if in_order:
                with contextlib.suppress(OSError):
                    os.unlink(FILE, dir_fd=place)
    finally:
        os.close(place)
        os.close(handle)


def write(root: Path, running: Running) -> None:
    """Say where this process is."""
    document: dict[str, Json] = {
        "pid": running.pid,
        "owner": running.owner,
        "run": running.run,
        "socket": running.socket,
        "urls": dict(running.urls),
    }
    workspace.write(root / workspace.FOLDER / FILE, json.dumps(document, indent=2).encode() + b"\n")


def read(root: Path) -> Running | None:
    """Return what the file says, None when there is none, or it is none of ours."""
    file = root / workspace.FOLDER / FILE
    if not os.path.isfile(file):  # noqa: PTH113 - pathlib raises for a folder that can't be read
        return None
    try:
        found = json.loads(places.read(file, _MAX_BYTES))
        urls = {str(name): str(url) for name, url in found["urls"].items()}
        return Running(
            pid=int(found["pid"]),
            owner=str(found["owner"]),
            run=str(found["run"]),
            socket=str(found["socket"]),
            urls=urls,
        )
    except (HarnessError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def connected(root: Path) -> socket.socket:
    """Return a connection to the ``up`` of the workspace at ``root``. Raises UsageError when there is none any more."""
    running = read(root)
    if (running is None or not running.socket) and is_up(root):
        text = f"{root}: expected a workspace that is up, found it coming up{_by(running)}: {_COMING}"
        raise UsageError(text)
    if running is None:
        text = f'{root}: expected a workspace that is up, found none: run "harness up" in another terminal'
        raise UsageError(text)
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(running.socket)
    except (OSError, ValueError) as error:  # what is no path at all is nobody's either
        client.close()
        text = (
            f"{root}: expected a workspace that is up, found one that ended without a word{_by(running)}: run "
            '"harness up" again, which removes what it left'
        )
        raise UsageError(text) from error
    return client


def is_up(root: Path) -> bool:
    """Whether a process holds the workspace at ``root`` now, whatever it does with it."""
    try:
        handle = os.open(root / workspace.FOLDER / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def _taken(root: Path, running: Running | None) -> str:
    """Return why nobody else can be up here."""
    if running is None or not running.socket:
        return f"{root}: expected a workspace that is not up, found it coming up{_by(running)}: {_COMING}"
    return (
        f'{root}: expected a workspace that is not up, found it up{_by(running)}: use it ("harness reload" '
        'builds again), or end it with "harness down"'
    )


def _locked(handle: int) -> bool:
    until = time.monotonic() + _TRY_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


def _by(running: Running | None) -> str:
    return f" (process {running.pid})" if running is not None else ""
