"""Asking the host for what only the engine can do. Verbs are those of docs/reference/broker-protocol.md."""

from __future__ import annotations

import base64
import binascii
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from harness.errors import GraderError
from harness.model import Json
from harness.testing import ends
from harness.testing.check import Inconclusive


class EngineTrouble(Inconclusive):
    """The engine failed us: the check that asked is inconclusive."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """When something was caused through the broker: at an unknown moment between two stamps of our clock.

    Rely only on orders that hold for the whole interval.
    """

    before: float
    after: float


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the engine says of a sandbox now."""

    running: bool
    paused: bool
    exit_code: int | None
    """Of the last process that ended."""
    oom_killed: bool
    """It, or a process beside it, was killed because the memory limit was reached."""
    starts: int
    oom_kills: int | None = None
    """Processes of the running start that were killed for memory so far. None is unknown, not zero."""
    memory_mb: int | None = None
    """The sandbox's memory limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """A command that ran. :func:`harness.testing.ends.ended` says in words how it ended."""

    exit_code: int
    """As a shell says it: 126 for what can't be executed, 127 for what is not there, 128 + n after signal n."""
    stdout: bytes
    """Its beginning, at most the sandbox's ``output_kb``."""
    stderr: bytes
    truncated: bool
    """Whether more than that was written to either."""
    timed_out: bool
    """Whether it was still running when its time was over; everything of it is dead now."""
    seconds: float
    oom_killed: bool = False
    """Of ``run``: one of its processes was killed because the memory limit was reached."""
    memory_mb: int | None = None
    """The memory limit it ran under, in MiB; None is unknown."""
    memory_peak_mb: float | None = None
    """Of ``run``: the most memory that was seen in use, in MiB, files in ``/box`` included.

    None is unknown, not zero: it is looked at while the command runs, so a very short one may have none.
    """

    @property
    def signal(self) -> str | None:
        """The signal that ended it (``SIGSEGV``), None when none did; a command can pretend one by its exit code."""
        return ends.signal_name(self.exit_code)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Resources since the scenario opened. None is unknown, not zero."""

    cpu_seconds: float | None
    memory_peak_mb: float | None
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """How the build of a sandbox's content ended."""

    ok: bool
    log: str


class Sender(Protocol):
    """What a broker needs of a channel."""

    def send(self, message: dict[str, Json]) -> None:
        """Send one frame."""


class _Waiter:
    """One request that waits for its reply."""

    __slots__ = ("done", "reply")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.reply: dict[str, Json] | None = None


class Broker:
    """The verbs. Thread-safe: any number of threads may wait for replies at once.

    Every method raises EngineTrouble when the engine or a sandbox failed us, GraderError when the host refused the
    request (an author's mistake); either makes the check inconclusive. Neither is ever the candidate's: what runs in a
    sandbox is told by ``state``, ``wait`` and the results of ``run`` and ``exec``.
    """

    def __init__(self, sender: Sender, *, clock: Callable[[], float] = time.monotonic, first_id: int = 1) -> None:
        """Send requests through ``sender``; replies come in through :meth:`deliver`."""
        self._sender = sender
        self._clock = clock
        self._ids = itertools.count(first_id)
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiter] = {}
        self._gone = ""
        self.waiting_for_lock = False
        """True while :meth:`lock` waits: that time does not count against a check."""

    def deliver(self, reply: Mapping[str, Json]) -> None:
        """Hand a ``reply`` frame to whoever waits for it; an unknown id is ignored. Called by the reader thread."""
        request_id = reply.get("id")
        with self._lock:
            waiter = self._waiting.pop(request_id, None) if isinstance(request_id, int) else None
        if waiter is not None:
            waiter.reply = dict(reply)
            waiter.done.set()

    def disconnect(self, reason: str) -> None:
        """Fail every waiting and later request. Called when the stream ends."""
        with self._lock:
            self._gone = reason
            waiters = list(self._waiting.values())
            self._waiting.clear()
        for waiter in waiters:
            waiter.done.set()

    def request(self, verb: str, **args: Json) -> Json:
        """Send one request and wait for its value."""
        waiter = _Waiter()
        with self._lock:
            if self._gone:
                raise EngineTrouble(self._gone)
            request_id = next(self._ids)
            self._waiting[request_id] = waiter
        try:
            self._sender.send({"type": "request", "id": request_id, "verb": verb, "args": args})
        except OSError as error:
            text = f"expected the broker to take {verb!r}, found {error}: the host has gone"
            raise EngineTrouble(text) from error
        waiter.done.wait()
        return _value(verb, waiter.reply, self._gone)

    def _timed(self, verb: str, **args: Json) -> Interval:
        before = self._clock()
        self.request(verb, **args)
        return Interval(before=before, after=self._clock())

    def start(
        self, sandbox: str, *, command: Sequence[str] | None = None, env: Mapping[str, str] | None = None
    ) -> Interval:
        """Start the sandbox's process; ``command`` and ``env`` replace and extend those of its plan."""
        args: dict[str, Json] = {"sandbox": sandbox}
        if command is not None:
            args["command"] = list(command)
        if env is not None:
            args["env"] = dict(env)
        return self._timed("start", **args)

    def kill(self, sandbox: str) -> Interval:
        """SIGKILL every process of the sandbox; all are dead when this returns."""
        return self._timed("kill", sandbox=sandbox)

    def crash(self, sandbox: str) -> Interval:
        """Kill and start again; network and volume stay."""
        return self._timed("crash", sandbox=sandbox)

    def lose(self, sandbox: str) -> Interval:
        """Destroy the sandbox with its volume; a new one is at the same address, running again if it ran.

        What it had when the checks began is there again where the exercise declares ``restore`` on the sandbox.
        """
        return self._timed("lose", sandbox=sandbox)

    def stop(self, sandbox: str, *, grace_seconds: float = 10.0) -> Interval:
        """SIGTERM, then SIGKILL after the grace."""
        return self._timed("stop", sandbox=sandbox, grace_seconds=grace_seconds)

    def pause(self, sandbox: str) -> Interval:
        """Freeze every process."""
        return self._timed("pause", sandbox=sandbox)

    def resume(self, sandbox: str) -> Interval:
        """Thaw it."""
        return self._timed("resume", sandbox=sandbox)

    def partition(self, sandbox: str, peers: Sequence[str]) -> Interval:
        """Drop every packet between ``sandbox`` and ``peers``, both ways."""
        return self._timed("partition", sandbox=sandbox, peers=list(peers))

    def heal(self, sandbox: str) -> Interval:
        """Take every packet fault off."""
        return self._timed("heal", sandbox=sandbox)

    @contextmanager
    def paused(self, sandbox: str) -> Iterator[None]:
        """Freeze ``sandbox`` for the body, and thaw it whatever happens."""
        self.pause(sandbox)
        try:
            yield
        finally:
            self.resume(sandbox)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the machine-wide lock of timed phases for the body. Waiting does not count against the deadline."""
        self.waiting_for_lock = True
        try:
            self.request("lock")
        finally:
            self.waiting_for_lock = False
        try:
            yield
        finally:
            self.request("unlock")

    def state(self, sandbox: str) -> State:
        """Return what the engine says of the sandbox now."""
        return _state("state", self.request("state", sandbox=sandbox))

    def wait(self, sandbox: str, *, timeout_seconds: float) -> State:
        """Wait until the sandbox's process ends or the time is over; return the state then."""
        return _state("wait", self.request("wait", sandbox=sandbox, timeout_seconds=timeout_seconds))

    def logs(self, sandbox: str, *, tail_kb: int = 64) -> bytes:
        """Return the end of what the sandbox's process wrote: a candidate's bytes, for evidence, never for a verdict."""
        value = _object("logs", self.request("logs", sandbox=sandbox, tail_kb=tail_kb))
        return _bytes("logs", value, "data")

    def exec(self, sandbox: str, argv: Sequence[str], *, timeout_seconds: float, stdin: bytes = b"") -> RunResult:
        """Run ``argv`` beside the sandbox's process.

        In a candidate's sandbox it is another user of the same group, so that no process of theirs can speak or end
        for it; what it sees is still their world. Its working directory is ``/box``, its HOME is empty.
        """
        return self._ran("exec", sandbox=sandbox, argv=list(argv), timeout_seconds=timeout_seconds, stdin=_b64(stdin))

    def run(
        self,
        sandbox: str | None = None,
        argv: Sequence[str] | None = None,
        *,
        timeout_seconds: float,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        files: Mapping[str, bytes] | None = None,
    ) -> RunResult:
        """Run one command as the sandbox's only process and wait; without ``argv``, the submission's own ``run``.

        Without a sandbox, in that of the candidate's main service: the only one there is without a network.
        ``files`` (relative path -> content, at most 100 of 8 MiB together) lie in ``/box``, the working directory,
        before it starts, in place of whatever the submission has there; only in an exercise with ``network = false``,
        where every run has a sandbox of its own. Say in the brief how they are named.
        """
        args: dict[str, Json] = {"timeout_seconds": timeout_seconds, "stdin": _b64(stdin)}
        if sandbox is not None:
            args["sandbox"] = sandbox
        if argv is not None:
            args["argv"] = list(argv)
        if env is not None:
            args["env"] = dict(env)
        if files:
            args["files"] = {path: _b64(content) for path, content in files.items()}
        return self._ran("run", **args)

    def _ran(self, verb: str, **args: Json) -> RunResult:
        value = _object(verb, self.request(verb, **args))
        return RunResult(
            exit_code=_integer(verb, value, "exit_code"),
            stdout=_bytes(verb, value, "stdout"),
            stderr=_bytes(verb, value, "stderr"),
            truncated=value.get("truncated") is True,
            timed_out=value.get("timed_out") is True,
            seconds=_number(value, "seconds") or 0.0,
            oom_killed=value.get("oom_killed") is True,
            memory_mb=_optional(value, "memory_mb"),
            memory_peak_mb=_number(value, "memory_peak_mb"),
        )

    def built(self, sandbox: str) -> Built:
        """Return how the build of the sandbox's content ended; one without a build step is built."""
        value = _object("built", self.request("built", sandbox=sandbox))
        return Built(ok=value.get("ok") is True, log=str(value.get("log", "")))

    def usage(self, sandbox: str) -> Usage:
        """Return resources used since the scenario opened, summed over starts."""
        value = _object("usage", self.request("usage", sandbox=sandbox))
        return Usage(
            cpu_seconds=_number(value, "cpu_seconds"),
            memory_peak_mb=_number(value, "memory_peak_mb"),
            source=str(value.get("source", "")),
        )

    def command(self, sandbox: str, which: str) -> tuple[str, ...]:
        """Return the argv that the manifest of the sandbox's content declares for ``run`` or ``test``."""
        value = _object("command", self.request("command", sandbox=sandbox, which=which))
        argv = value.get("argv")
        if not isinstance(argv, list):
            raise _odd("command", "a list 'argv'", argv)
        return tuple(str(part) for part in argv)


def _value(verb: str, reply: dict[str, Json] | None, gone: str) -> Json:
    if reply is None:
        raise EngineTrouble(gone or f"expected a reply to {verb!r}, found none")
    if reply.get("ok") is True:
        return reply.get("value")
    error = reply.get("error")
    kind, message = (error.get("kind"), error.get("message")) if isinstance(error, dict) else ("engine", error)
    text = f"{verb}: {message}"
    if kind == "request":
        raise GraderError(text)
    raise EngineTrouble(text)


def _odd(verb: str, wanted: str, found: object) -> GraderError:
    return GraderError(f"expected {wanted} in the reply to {verb!r}, found {str(found)[:80]!r}: the host sent it")


def _object(verb: str, value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise _odd(verb, "an object", value)
    return value


def _integer(verb: str, value: dict[str, Json], name: str) -> int:
    found = value.get(name)
    if not isinstance(found, int):
        raise _odd(verb, f"an integer {name!r}", found)
    return found


def _optional(value: dict[str, Json], name: str) -> int | None:
    found = value.get(name)
    return found if isinstance(found, int) else None


def _number(value: dict[str, Json], name: str) -> float | None:
    found = value.get(name)
    return float(found) if isinstance(found, int | float) else None


def _bytes(verb: str, value: dict[str, Json], name: str) -> bytes:
    found = value.get(name, "")
    try:
        return base64.b64decode(str(found), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _odd(verb, f"base64 in {name!r}", found) from error


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _state(verb: str, raw: Json) -> State:
    value = _object(verb, raw)
    return State(
        running=value.get("running") is True,
        paused=value.get("paused") is True,
        exit_code=_optional(value, "exit_code"),
        oom_killed=value.get("oom_killed") is True,
        starts=_integer(verb, value, "starts"),
        oom_kills=_optional(value, "oom_kills"),
        memory_mb=_optional(value, "memory_mb"),
    )
