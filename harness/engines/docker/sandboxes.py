"""One sandbox of a scenario on a real engine: its containers, one at a time, and what they used.

Everything that changes the sandbox runs under its lock; looking (state, logs, usage) and exec do not wait for a
``run`` in progress.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness import owners
from harness.engines.base import ExecResult, SandboxState, Usage
from harness.engines.docker import containers, execs, holders, policy, usage
from harness.engines.docker.connect import EngineRefusal, patiently
from harness.errors import EngineError, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.engines.base import SandboxSpec
    from harness.engines.docker.connect import Link
    from harness.engines.docker.holders import Holder
    from harness.engines.docker.streams import Stream, StreamAttachment
    from harness.engines.docker.users import User
    from harness.owners import Owner

_READER_SECONDS = 5.0
_LATE_SECONDS = 60
"""How much later than its owner's deadline a sandbox that was started again may end by itself."""
LOG_BYTES = 1024 * 1024
"""What is kept of the output of containers that are gone."""
NOT_STARTED = 126
"""Exit code of a sandbox whose files keep its process from starting, as a shell would say it."""


@dataclass(slots=True)
class Box:
    """A volume, and whether candidate code may have written to it."""

    dirty: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What a sandbox is built on, fixed for the scenario."""

    link: Link
    uid: str
    labels: Mapping[str, str]
    sources: tuple[str, ...]
    """Where usage may be read from, best first."""
    owner: Owner
    reopen: Callable[[SandboxSpec, User], Holder]


class Sandbox:
    """One sandbox: a holder, and at most one container of its own."""

    def __init__(self, spec: SandboxSpec, ground: Ground, holder: Holder, box: Box) -> None:
        """Manage ``spec`` on ``holder``; nothing is started."""
        self.spec = spec
        self.box = box
        self.kept = b""
        """A tar of what ``lose`` puts back. A candidate made it: it is unpacked inside a sandbox, and read nowhere else."""
        self.lock = threading.RLock()
        self._ground = ground
        self._link = ground.link
        self._holder = holder
        self._container = ""
        self._created: tuple[object, ...] = ()
        self._seconds = 0
        self._command = spec.command
        self._env = dict(spec.env)
        self._starts = 0
        self._refusal = ""
        self._last_exit: int | None = None
        self._log = b""
        self._meter = usage.Meter()

    def start(self, command: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> None:
        """Start the sandbox's process, detached."""
        with self.lock:
            self._command = command or self._command
            self._env |= env or {}
            if not self._command:
                text = f"expected a command for sandbox {self.spec.name}, found none: give one in its spec or to start"
                raise SandboxError(text)
            self._prepare(self._command, self._env, stdin=False, logged=True)
            self._start()

    def start_attached(
        self, command: tuple[str, ...], env: Mapping[str, str] | None, *, keep: bool = False
    ) -> Stream | None:
        """Start a process with its streams attached; None when its own files keep it from starting."""
        with self.lock:
            if keep:
                self._command = command or self._command
            self._prepare(command or self._command, {**self._env, **(env or {})}, stdin=True, logged=False)
            stream = containers.attach(self._link, self._container, stdin=True)
            if self._start():
                return stream
            stream.close()
            return None

    def kill(self) -> None:
        """SIGKILL everything and wait until it is dead."""
        with self.lock:
            if self._container and containers.inspect(self._link, self._container).running:
                self._measure()
                containers.kill_and_wait(self._link, self._container)

    def stop(self, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL."""
        with self.lock:
            if not self._container:
                return
            facts = containers.inspect(self._link, self._container)
            if facts.running and not facts.paused:
                self._measure()
                containers.kill(self._link, self._container, "SIGTERM")
                containers.wait(self._link, self._container, grace_seconds)
            self.kill()

    def lose(self, restore: Callable[[], None]) -> None:
        """Destroy container, holder and volume, and build all anew; ``restore`` files, and run again if it ran."""
        with self.lock:
            ran = self.state().running
            self.kill()
            self.discard()
            holders.close_holder(self._link, self.spec, self._holder)
            self._holder = self._ground.reopen(self.spec, self._holder.user)
            self.box.dirty = False
            restore()
            if ran:
                self.start()

    def discard(self) -> None:
        """Remove the container, dead or not; its log is kept."""
        with self.lock:
            if not self._container:
                return
            self.kill()
            self._remember_exit()
            self.note(self._logged())
            thing = containers.Thing(kind="container", id=self._container, name=self.spec.name, labels={})
            containers.remove(self._link, thing)
            self._container, self._created = "", ()

    def pause(self) -> None:
        """Freeze every process."""
        with self.lock:
            if self._container:
                containers.pause(self._link, self._container)

    def resume(self) -> None:
        """Thaw every process."""
        with self.lock:
            if self._container:
                containers.unpause(self._link, self._container)

    def state(self) -> SandboxState:
        """Return what the engine says now."""
        container = self._container
        if self._refusal or not container:
            code = NOT_STARTED if self._refusal else self._last_exit
            memory_mb = self.spec.limits.memory_mb
            return SandboxState(running=False, exit_code=code, memory_mb=memory_mb, starts=self._starts)
        facts = containers.inspect(self._link, container)
        return SandboxState(
            running=facts.running,
            paused=facts.paused,
            exit_code=self._last_exit if facts.running else facts.exit_code,
            oom_killed=facts.oom_killed,
            oom_kills=usage.oom_kills(container, facts.pid) if facts.running and self._link.local else None,
            memory_mb=self.spec.limits.memory_mb,
            starts=self._starts,
        )

    def wait(self, timeout_seconds: float) -> SandboxState:
        """Wait for the end of the process."""
        if self._container and not self._refusal:
            containers.wait(self._link, self._container, timeout_seconds)
        return self.state()

    def ended(self) -> containers.Facts:
        """Return how a process ended whose output has ended."""
        return containers.ended(self._link, self._container)

    def watch(self) -> usage.Watch:
        """Return a watch of the memory of the process that runs."""
        return usage.Watch(self._link, self._container)

    def logs(self, tail_bytes: int) -> bytes:
        """Return the end of the output of all starts."""
        text = self._log + self._logged() + self._refusal.encode()
        return text[-tail_bytes:] if tail_bytes > 0 else b""

    def note(self, text: bytes) -> None:
        """Add to the log what its process wrote where the engine keeps nothing."""
        self._log = (self._log + text)[-LOG_BYTES:]

    def exec(self, argv: tuple[str, ...], *, timeout_seconds: float, stdin: bytes) -> ExecResult:
        """Run ``argv`` beside the process; everything is killed at the timeout."""
        container = self._container
        if not container:
            return ExecResult(exit_code=execs.NO_EXEC, stdout=b"", stderr=b"the sandbox is not running\n")
        user, env = self._beside()
        try:
            return execs.run(
                self._link,
                container,
                argv,
                user=user,
                env=env,
                stdin=stdin,
                limit_bytes=self.spec.limits.output_kb * 1024,
                timeout_seconds=timeout_seconds,
                kill=self.kill,
            )
        except EngineRefusal as error:
            if container == self._container:
                # Raises when somebody removed it: that is no result of the sandbox.
                containers.inspect(self._link, container)
            return ExecResult(exit_code=execs.NO_EXEC, stdout=b"", stderr=self.blame(error))

    def pipe(self, argv: tuple[str, ...]) -> StreamAttachment:
        """Run ``argv`` beside the process and return its streams."""
        user, env = self._beside()
        return execs.pipe(self._link, self._runs(), argv, user=user, env=env, name=self.spec.name)

    def terminal(self, argv: tuple[str, ...], *, rows: int, columns: int, env: Mapping[str, str]) -> execs.ExecTerminal:
        """Run ``argv`` beside the process with a terminal of its own."""
        user, ours = self._beside()
        size = (rows, columns)
        return execs.terminal(self._link, self._runs(), argv, user=user, env={**env, **ours}, size=size)

    def _beside(self) -> tuple[str, Mapping[str, str]]:
        """Return whom a command beside the process runs as, and what its environment has besides."""
        beside = self.spec.kind in policy.BESIDE
        user = self._holder.user.beside if beside else self._holder.user.main
        return user, policy.EXEC_ENVIRONMENT if beside else {}

    def _runs(self) -> str:
        """Return the id of the container. Raises SandboxError when it does not run."""
        container = self._container
        if not container or not containers.inspect(self._link, container).running:
            text = f"expected sandbox {self.spec.name} to run, found that it does not: start it, and see its log"
            raise SandboxError(text)
        return container

    def used(self) -> Usage:
        """Return what all starts used."""
        with self.lock:
            facts = containers.inspect(self._link, self._container) if self._container else None
            if facts is None or not facts.running:
                return self._meter.total(None, running=False)
            return self._meter.total(self._sample(facts), running=True)

    def container(self) -> str:
        """Return the id of the container, empty before the first start."""
        return self._container

    def holder(self) -> Holder:
        """Return the ground it stands on now."""
        return self._holder

    def holder_answers(self) -> bool:
        """Return whether what is ours still works, so that a failure is the sandbox's own doing."""
        if not self._holder.container:
            return True
        try:
            return containers.inspect(self._link, self._holder.container).running
        except EngineError:
            return False

    def blame(self, error: EngineRefusal) -> bytes:
        """Return the text of a refusal the sandbox caused itself. Raises SandboxError when we are not so sure."""
        if not self.box.dirty or not self.holder_answers():
            raise error
        return f"{error}\n".encode()

    def _prepare(self, command: tuple[str, ...], env: Mapping[str, str], *, stdin: bool, logged: bool) -> None:
        """Have a container of exactly this kind that does not run."""
        self._remember_exit()
        wanted = (command, tuple(sorted(env.items())), stdin, logged)
        seconds = owners.seconds_left(self._ground.owner)
        # Each start lives as long as was left when its container was made: an old one would outlive its deadline.
        if self._container and wanted == self._created and self._seconds - seconds <= _LATE_SECONDS:
            return
        self.discard()
        body = policy.sandbox(
            self.spec,
            command=command,
            env=env,
            network=f"container:{self._holder.container}" if self._holder.container else "none",
            volume=self._holder.volume,
            stdin=stdin,
            logged=logged,
            user=self._holder.user,
            seconds=seconds,
            labels={**self._ground.labels, "harness.sandbox": self.spec.name},
        )
        name = f"harness-{self._ground.uid}-{self.spec.name}-{self._starts + 1}"
        self._container = containers.create(self._link, name, body, self.spec.kind)
        self._created = wanted
        self._seconds = seconds

    def _start(self) -> bool:
        self._refusal = ""
        self._meter.begin()
        try:
            containers.start(self._link, self._container)
        except EngineRefusal as error:
            self._refusal = self.blame(error).decode("utf-8", "replace")
        self._starts += 1
        self.box.dirty = True
        return not self._refusal

    def _remember_exit(self) -> None:
        if not self._container:
            return
        facts = containers.inspect(self._link, self._container)
        if facts.running:
            text = f"expected sandbox {self.spec.name} not to be running, found it running: kill or stop it first"
            raise SandboxError(text)
        self._last_exit = NOT_STARTED if self._refusal else facts.exit_code

    def _logged(self) -> bytes:
        if not self._container or not self._created[-1]:
            return b""
        try:
            return patiently(
                f"give the log of sandbox {self.spec.name}",
                lambda: self._link.api().logs(self._container, stdout=True, stderr=True),
            )
        except EngineRefusal:
            # Gone, or its log file is: no log is no reason to fail.
            return b""

    def _measure(self) -> None:
        facts = containers.inspect(self._link, self._container)
        if facts.running:
            self._meter.add(self._sample(facts))

    def _read_inside(self, argv: tuple[str, ...]) -> bytes:
        try:
            limit, seconds = 64 * 1024, _READER_SECONDS
            found = execs.run(
                self._link,
                self._container,
                argv,
                user=self._holder.user.beside,
                stdin=b"",
                limit_bytes=limit,
                timeout_seconds=seconds,
            )
        except EngineRefusal:
            # Out of processes, or dead by now: the next source may still know.
            return b""
        return found.stdout

    def _sample(self, facts: containers.Facts) -> usage.Sample | None:
        for source in self._ground.sources:
            found = None
            if source == "cgroup" and self._link.local:
                found = usage.from_cgroup(self._container, facts.pid)
            elif source == "exec" and not facts.paused:
                found = usage.from_inside(self._read_inside)
            elif source == "stats":
                found = usage.from_stats(self._link, self._container)
            if found is not None:
                return found
        return None
