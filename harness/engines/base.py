"""What an engine must be able to do: a small contract, proven by one conformance suite (tests/engines).

A **scenario** is the sandboxes of one grading and the private network between them. Every sandbox that lives
through faults is a *holder* (owns the network namespace, the fixed address and the ``/box`` volume) and the
sandbox's own container, which joins both; so a crash keeps address, network faults and volume. A **one-shot** has
neither network nor holder.

Promises every engine keeps:

* A command that ran is an :class:`ExecResult` whatever its exit code; "not found" is 127, "not executable" 126.
* Output is capped at ``limits.output_kb`` for each stream, and ``truncated`` says so.
* No two living sandboxes run as the same user, and each ends by itself once its owner's deadline is over, also when
  the owner was killed.
* A timeout kills the whole sandbox before the call returns: nothing is left running, ``timed_out`` is set.
* Only :class:`~harness.errors.SandboxError` and :class:`~harness.errors.EngineError` are raised, and only for what
  is not the candidate's doing. Driving a sandbox that is not running is a result (``state`` tells), not an error.
* Limits and network rules are enforced exactly, or ``open_scenario`` raises EngineError with what to do.
* Everything is labelled before anything can fail; closing is idempotent and leaves nothing.
* What somebody else does to a sandbox (kills, stops, pauses, restarts or removes it, cuts its network) is told by
  ``interferences``, and nothing that can be done inside a candidate's sandbox is. Driving a sandbox that was removed by
  somebody else is a SandboxError: it has no state, and no exit code.
* A call that fails for a passing reason is tried again a few times before it is an error.
* Methods may be called from several threads.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from harness.model import Limits
from harness.owners import Owner

BOX = "/box"
"""Where a sandbox's writable volume is mounted; also its working directory and HOME."""


class Kind(enum.StrEnum):
    """What a container is for. The engine's policy chooses a wall (a runtime) for each kind."""

    CANDIDATE = "candidate"
    """Runs a submission's code."""
    BUILD = "build"
    """Runs a submission's build command."""
    YARDSTICK = "yardstick"
    """Ours, and what a submission is compared with."""
    SERVICE = "service"
    """A server of ours that a submission talks with."""
    GRADER = "grader"
    HOLDER = "holder"
    """Keeps a sandbox's network and volume."""
    HELPER = "helper"
    """Writes packet rules, and is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxSpec:
    """One sandbox. There is no field for privilege, host namespaces, bind mounts or devices, on purpose."""

    name: str
    image: str
    """A tag of an image of ours that exists on the engine."""
    kind: Kind = Kind.CANDIDATE
    command: tuple[str, ...] = ()
    """Run by ``start``; may be given there instead."""
    env: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Name in this sandbox's hosts file -> name of a sandbox of the scenario."""
    network: bool = True
    """False: no network at all, whatever the scenario has."""
    peers: tuple[str, ...] | None = None
    """The only sandboxes it may exchange packets with, from its first moment, enforced outside it. None: all."""
    volume_of: str = ""
    """Share the ``/box`` of this other sandbox instead of having one (a build sandbox)."""
    stdin: bool = False
    """Keep stdin open for ``attach``; it closes when the attached client goes (StdinOnce)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioSpec:
    """All sandboxes of one grading."""

    owner: Owner
    sandboxes: tuple[SandboxSpec, ...]
    network: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecResult:
    """A command that ran."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    truncated: bool = False
    timed_out: bool = False
    seconds: float = 0.0
    oom_killed: bool = False
    """One of its processes was killed because the memory limit was reached; of an ``exec``, never known."""
    memory_mb: int | None = None
    """The memory limit it ran under."""
    memory_peak_mb: float | None = None
    """The most memory that was seen in use while it ran; None is unknown, not zero."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxState:
    """What the engine says of a sandbox now."""

    running: bool
    paused: bool = False
    exit_code: int | None = None
    """Of the last process that ended; None while the first runs, or when none was started."""
    oom_killed: bool = False
    """The last process that ended, or one beside it, was killed because the memory limit was reached."""
    oom_kills: int | None = None
    """Processes of the running start that were killed for memory so far; None is unknown, not zero."""
    memory_mb: int | None = None
    """The sandbox's memory limit."""
    starts: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Resources since the scenario opened, summed over starts. None is unknown, not zero."""

    cpu_seconds: float | None
    memory_peak_mb: float | None
    source: str
    """``cgroup``, ``exec`` or ``stats``: goes into the posture."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Interference:
    """What was done to a sandbox of ours, or to all of them: not by our order, and by nothing that runs inside."""

    sandbox: str
    """Empty: it was the whole machine."""
    what: str
    """Goes on from the sandbox's name, where there is one: ``was removed``."""
    at: str
    """By the engine's clock; of the machine, by its own."""

    def __str__(self) -> str:
        """Return it as a clause."""
        return f"{f'sandbox {self.sandbox} ' if self.sandbox else ''}{self.what} at {self.at}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What this engine is and can do, probed, never assumed."""

    name: str
    """``docker`` or ``podman`` or ``fake``."""
    version: str
    runtime: str
    """Of the sandboxes that run a submission's code."""
    rootless: bool
    cgroup_version: int
    memory_mb: int
    """Of the machine that the engine runs on; 0 is unknown."""
    posture: tuple[str, ...]
    """One plain sentence for each thing that is weaker than the standard class."""
    missing: tuple[str, ...]
    """One plain sentence, with what to do, for each thing a grading needs and this engine can't do."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Broker verbs that this engine does not have -> why: what asks for one is inconclusive."""


class Attachment(Protocol):
    """A sandbox's stdin and stdout as byte streams. stderr goes to the sandbox's log."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``. Raises SandboxError when the other side is gone."""

    def read_exactly(self, count: int) -> bytes:
        """Return ``count`` bytes, fewer only at the end of the stream."""

    def logs(self) -> bytes:
        """Return the end of what the process wrote to stderr, as far as it was read past."""

    def close(self) -> None:
        """Close both directions; the sandbox sees its stdin end."""


class Terminal(Protocol):
    """A command with a terminal of its own beside a sandbox's process: what it draws comes out, what is typed goes in."""

    def write(self, data: bytes) -> None:
        """Type ``data``. Raises SandboxError when the other side is gone."""

    def read(self) -> bytes:
        """Return what there is to see, empty at the end."""

    def resize(self, rows: int, columns: int) -> None:
        """Say how large the terminal is; nothing when the command has ended."""

    def exit_code(self) -> int:
        """Return how the command ended whose output has ended."""

    def close(self) -> None:
        """Hang up. What runs there may go on until the sandbox ends."""


class ReadyOnce(Protocol):
    """A one-shot sandbox that waits for its files."""

    def finish(self, *, stdin: bytes = b"", timeout_seconds: float) -> ExecResult:
        """Send files and ``stdin``, run the command to its end. Once; the time counts from here."""


class Scenario(Protocol):
    """The sandboxes of one grading. Opened by an engine, closed by whoever opened it."""

    def address(self, name: str) -> str:
        """Return the fixed IPv4 address of sandbox ``name``."""

    def put(self, name: str, tar: bytes) -> None:
        """Unpack an uncompressed tar into ``/box`` of a sandbox that is not running, owned by its user."""

    def start(self, name: str, *, command: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> None:
        """Start the sandbox; ``command`` and ``env`` replace and extend those of its spec. Kept for later starts."""

    def attach(self, name: str) -> Attachment:
        """Start a ``stdin`` sandbox and return its streams."""

    def run(
        self,
        name: str,
        argv: tuple[str, ...],
        *,
        timeout_seconds: float,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> ExecResult:
        """Run ``argv`` as the sandbox's only process and wait for its end."""

    def exec(self, name: str, argv: tuple[str, ...], *, timeout_seconds: float, stdin: bytes = b"") -> ExecResult:
        """Run ``argv`` beside the sandbox's process.

        In a candidate's sandbox it runs as another user of the same group, which the candidate's processes can neither
        trace nor signal, and with a HOME that is not theirs. What it sees is still their world: its files, its
        processes, what they let the group read.
        """

    def pipe(self, name: str, argv: tuple[str, ...]) -> Attachment:
        """Run ``argv`` beside the sandbox's process, as ``exec`` does, and return its streams; it may take its time.

        Raises SandboxError when the sandbox does not run.
        """

    def terminal(
        self, name: str, argv: tuple[str, ...], *, rows: int, columns: int, env: Mapping[str, str] | None = None
    ) -> Terminal:
        """Run ``argv`` beside the sandbox's process, as ``exec`` does, with a terminal of that size.

        Raises SandboxError when the sandbox does not run.
        """

    def kill(self, name: str) -> None:
        """SIGKILL every process of the sandbox and return when all are dead. Volume, address and faults stay."""

    def crash(self, name: str) -> None:
        """``kill`` and start again with the same command."""

    def keep(self, name: str) -> None:
        """Remember what is in ``/box`` of a sandbox that is not running: ``lose`` puts it back.

        Raises ContentError when that can't be: its files are the candidate's, and as many as they like.
        """

    def take(self, name: str, source: str) -> None:
        """Put what ``keep`` remembered of sandbox ``source`` into ``/box`` of one that is not running.

        Raises SandboxError when it does not fit, or nothing was kept.
        """

    def lose(self, name: str) -> None:
        """Destroy the sandbox, its volume included, and make a new one at the same address, with what ``keep`` remembered.

        It runs again when it ran before; else it waits for ``start``.
        """

    def stop(self, name: str, *, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL after ``grace_seconds``."""

    def pause(self, name: str) -> None:
        """Freeze every process of the sandbox."""

    def resume(self, name: str) -> None:
        """Thaw it."""

    def state(self, name: str) -> SandboxState:
        """Return what the engine says of the sandbox now."""

    def wait(self, name: str, *, timeout_seconds: float) -> SandboxState:
        """Wait until the sandbox's process ends, or the time is over; return the state then."""

    def logs(self, name: str, *, tail_kb: int = 64) -> bytes:
        """Return the end of what the sandbox's process wrote to stdout and stderr (all starts)."""

    def usage(self, name: str) -> Usage:
        """Return resources used since the scenario opened."""

    def partition(self, name: str, peers: tuple[str, ...]) -> None:
        """Drop every packet between ``name`` and ``peers``, both ways, from outside both."""

    def heal(self, name: str) -> None:
        """Take every packet fault off ``name``."""

    def close(self) -> None:
        """Remove everything of the scenario. Idempotent."""


class Engine(Protocol):
    """A container engine."""

    def capabilities(self) -> Capabilities:
        """Probe the engine. Raises EngineError when it does not answer."""

    def images(self, names: tuple[str, ...], progress: Callable[[str], None]) -> Mapping[str, str]:
        """Return the tag of each named image of ours, made first where it is missing. Raises EngineError.

        ``progress`` hears of what is being made, a line at a time.
        """

    def open_scenario(self, spec: ScenarioSpec) -> AbstractContextManager[Scenario]:
        """Create holders, volumes and the network of ``spec``; start no sandbox yet."""

    def run_once(
        self,
        owner: Owner,
        spec: SandboxSpec,
        *,
        tar: bytes = b"",
        stdin: bytes = b"",
        timeout_seconds: float,
    ) -> ExecResult:
        """Run ``spec.command`` once without network in a sandbox of its own; ``tar`` is in ``/box`` before it starts."""

    def ready_once(self, owner: Owner, spec: SandboxSpec, *, tar: bytes) -> AbstractContextManager[ReadyOnce]:
        """Like ``run_once`` in two steps: everything is there, and nothing of ``tar`` runs before ``finish``."""

    def attach_once(self, owner: Owner, spec: SandboxSpec) -> AbstractContextManager[Attachment]:
        """Like ``run_once`` for a process we talk to (a grader without a network)."""

    def interferences(self, owner: Owner) -> tuple[Interference, ...]:
        """Return what somebody else did so far to sandboxes of ``owner``, in the order it was heard of.

        What happened before a sandbox was closed is known once it is closed.
        """

    def reap(self, dead: Callable[[Owner], bool]) -> list[str]:
        """Remove everything of ours whose owner is ``dead``; return a line for each thing removed."""

    def close(self) -> None:
        """Close connections."""
