"""Who is answerable for what we made outside the process, and how anybody can tell that they are gone.

Containers, networks, volumes and scratch directories carry their :class:`Owner` from the moment
they exist. They are reaped when the owner is known to be dead (same boot, same pid namespace, and no such process).
Of an owner on another machine, in another pid namespace or before a reboot nobody can tell: it is dead past its deadline.
"""

from __future__ import annotations

import contextlib
import functools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import places
from harness.errors import HarnessError

LABEL_RUN = "harness.run"
LABEL_OWNER = "harness.owner"
LABEL_DEADLINE = "harness.deadline"
SCRATCH_PREFIX = "harness-scratch-"
_OWNER_FILE = "owner.json"
_MAX_OWNER_BYTES = 64 * 1024
_UNKNOWN = "unknown"
_TOKEN_PARTS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Who is answerable for a scenario; written into every label."""

    run: str
    """Id of the grading."""
    token: str
    """``boot id:pid namespace:pid:start time`` of the process."""
    deadline: int
    """Unix time after which anybody may reap it who can't see whether its process still runs."""


def make_owner(run: str, *, seconds: float) -> Owner:
    """Return this process as the owner of ``run``, for ``seconds``: see :func:`is_dead`."""
    owner = Owner(run=run, token=token(), deadline=int(time.time() + seconds) + 1)
    _end(owner)
    return owner


@functools.lru_cache(maxsize=1024)
def _end(owner: Owner) -> float:
    """Return when the deadline of ``owner`` is on this process's monotonic clock: asked first when it is new."""
    return time.monotonic() + owner.deadline - time.time()


def seconds_left(owner: Owner) -> int:
    """Return how long what ``owner`` makes now may live, whatever happens to the clock on the wall; at least 1."""
    return max(1, math.ceil(_end(owner) - time.monotonic()))


def token(pid: int | None = None) -> str:
    """Return ``boot id:pid namespace:pid:start time`` of a process, by default this one."""
    number = os.getpid() if pid is None else pid
    return f"{boot_id()}:{_pid_namespace()}:{number}:{_start_time(number)}"


def is_dead(owner: Owner, now: float | None = None) -> bool:
    """Return whether anybody may remove what ``owner`` left: it is gone, or past its deadline where nobody can tell.

    Who is seen to be alive is not dead, whatever the clock on the wall says: it jumps, and machines sleep.
    """
    alive = _is_alive(owner)
    if alive is None:
        return (time.time() if now is None else now) >= owner.deadline
    return not alive


def _is_alive(owner: Owner) -> bool | None:
    """Whether the process that owns something still runs; None where that can't be seen from here."""
    parts = owner.token.split(":")
    if len(parts) != _TOKEN_PARTS:
        return None
    boot, namespace, pid, started = parts
    if _UNKNOWN in parts or (boot, namespace) != (boot_id(), _pid_namespace()) or not pid.isdecimal():
        return None
    found = _start_time(int(pid))
    return None if found == _UNKNOWN else found == started


def labels(owner: Owner) -> dict[str, str]:
    """Return the labels that say who answers for a thing."""
    return {LABEL_RUN: owner.run, LABEL_OWNER: owner.token, LABEL_DEADLINE: str(owner.deadline)}


def owner_of(found: Mapping[str, str]) -> Owner | None:
    """Return the owner that labels name, or None when they are not ours."""
    run, who, deadline = (found.get(key, "") for key in (LABEL_RUN, LABEL_OWNER, LABEL_DEADLINE))
    if not (run and who and deadline.isdecimal()):
        return None
    return Owner(run=run, token=who, deadline=int(deadline))


@contextlib.contextmanager
def scratch(owner: Owner) -> Iterator[Path]:
    """Give a private temporary directory that is reaped as containers are when this process dies."""
    directory = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getuid()}-"))
    try:
        record = {"run": owner.run, "token": owner.token, "deadline": owner.deadline}
        (directory / _OWNER_FILE).write_text(json.dumps(record), encoding="utf-8")
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def reap_scratch(dead: Callable[[Owner], bool] = is_dead, *, remove: bool = True) -> list[str]:
    """Remove scratch directories of dead owners; return a line for each (``remove=False`` only says which)."""
    lines = []
    for directory in sorted(Path(tempfile.gettempdir()).glob(f"{SCRATCH_PREFIX}{os.getuid()}-*")):
        try:
            facts = directory.lstat()
        except FileNotFoundError:
            continue
        # Ours by name is not enough in a directory everybody writes to.
        if facts.st_uid != os.getuid() or directory.is_symlink() or not directory.is_dir():
            continue
        owner = _scratch_owner(directory, facts.st_mtime)
        if owner is not None and dead(owner):
            lines.append(f"scratch directory {directory} of run {owner.run}")
            if remove:
                shutil.rmtree(directory, ignore_errors=True)
    return lines


def _scratch_owner(directory: Path, modified: float) -> Owner | None:
    try:
        found = json.loads(places.read(directory / _OWNER_FILE, _MAX_OWNER_BYTES))
        return Owner(run=str(found["run"]), token=str(found["token"]), deadline=int(found["deadline"]))
    except (HarnessError, ValueError, LookupError, TypeError, RecursionError):
        # Killed between making the directory and writing who made it: nobody's, once it is a minute old.
        return Owner(run=_UNKNOWN, token=_UNKNOWN, deadline=int(modified) + 60)


def boot_id() -> str:
    """Return what tells this start of the machine from every other, or ``unknown``."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        return _output("sysctl", "-n", "kern.bootsessionuuid")
    return _UNKNOWN


def _pid_namespace() -> str:
    with contextlib.suppress(OSError):
        # The link reads pid, a colon, and the number in square brackets.
        return "".join(character for character in str(Path("/proc/self/ns/pid").readlink()) if character.isdecimal())
    # macOS has one pid namespace, and no /proc to say so.
    return "host" if sys.platform == "darwin" else _UNKNOWN


def _start_time(pid: int) -> str:
    """Return when ``pid`` started, ``gone`` when there is no such process, or ``unknown``."""
    if not Path("/proc/self/stat").exists():
        return _start_time_by_ps(pid)
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    except OSError:
        return _UNKNOWN
    # The command's name may hold spaces and brackets; what follows the last bracket is fixed. Field 3 is the state:
    # a zombie holds nothing any more.
    fields = text.rpartition(")")[2].split()
    return "gone" if fields[0] in {"Z", "X"} else fields[19]


def _start_time_by_ps(pid: int) -> str:
    found = _output("ps", "-o", "lstart=", "-p", str(pid))
    if found == _UNKNOWN:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return "gone"
        except PermissionError:
            return _UNKNOWN
        return _UNKNOWN
    return found.replace(":", ".").replace(" ", "_")


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)  # noqa: S603 - our words
    except (OSError, subprocess.SubprocessError):
        return _UNKNOWN
    return done.stdout.strip() or _UNKNOWN
