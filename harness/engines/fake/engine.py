"""A fake engine: scenarios in memory, commands as Python functions. Shipped, so that tests need no mocks.

It keeps the *contract* promises of :mod:`harness.engines.base` (the conformance suite runs on it) and none of the
kernel's: nothing is confined. Never grade a submission with it; ``capabilities().missing`` says so.

A command is a function of a :class:`Process`; give a table of your own to :class:`FakeEngine` beside the built-in ones
(``harness.engines.fake.commands``). Its process is a thread: it ends when the function returns, and a kill is an
exception raised by whatever the function does next with its process.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import tarfile
import time
from typing import TYPE_CHECKING

from harness.engines.base import BOX, Capabilities, ExecResult, SandboxState, Usage
from harness.engines.fake.attachment import FakeAttachment, FakeTerminal
from harness.engines.fake.commands import COMMANDS
from harness.engines.fake.sandboxes import Sandbox
from harness.engines.fake.strangers import Strangers, there
from harness.errors import EngineError, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.engines.base import Attachment, Interference, ReadyOnce, SandboxSpec, Scenario, ScenarioSpec, Terminal
    from harness.engines.fake.process import Command, Process
    from harness.owners import Owner

_NO_EXEC = 125
_LOG_BYTES = 1024 * 1024


def tag(name: str) -> str:
    """Return what the image ``name`` is called here: programs of the fake engine need none."""
    return f"fake/{name}"


class FakeScenario:
    """The sandboxes of one grading, in memory. See :class:`harness.engines.base.Scenario`."""

    def __init__(self, spec: ScenarioSpec, commands: Mapping[str, Command], subnet: int, strangers: Strangers) -> None:
        """Create the sandboxes of ``spec``; their addresses are of network number ``subnet``."""
        self.owner = spec.owner
        self.partitions: dict[str, set[str]] = {}
        """Sandbox -> peers it cannot reach, for tests to look at: there is no network here."""
        boxes: dict[str, dict[str, bytes]] = {}
        self._sandboxes: dict[str, Sandbox] = {}
        self._addresses: dict[str, str] = {}
        for number, sandbox in enumerate(spec.sandboxes):
            files = boxes.setdefault(sandbox.volume_of or sandbox.name, {})
            self._sandboxes[sandbox.name] = Sandbox(sandbox, commands, files)
            strangers.show(spec.owner, self._sandboxes[sandbox.name])
            if spec.network and sandbox.network:
                self._addresses[sandbox.name] = f"10.213.{subnet % 256}.{number + 2}"
        self._closed = False

    def address(self, name: str) -> str:
        """Return the fixed IPv4 address of sandbox ``name``."""
        self._sandbox(name)
        if name not in self._addresses:
            text = f"expected sandbox {name} to have a network, found none: it is declared without one"
            raise SandboxError(text)
        return self._addresses[name]

    def put(self, name: str, tar: bytes) -> None:
        """Unpack an uncompressed tar into ``/box`` of a sandbox that is not running."""
        sandbox = self._sandbox(name)
        if sandbox.running():
            text = f"expected sandbox {name} not to be running, found it running: put files before it starts"
            raise SandboxError(text)
        sandbox.files |= unpack(tar)

    def start(self, name: str, *, command: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> None:
        """Start the sandbox."""
        sandbox = self._sandbox(name)
        with sandbox.lock:
            sandbox.command = command or sandbox.command
            sandbox.env |= env or {}
            sandbox.begin(sandbox.command, sandbox.env, stdin=b"")

    def attach(self, name: str) -> Attachment:
        """Start a ``stdin`` sandbox and return its streams."""
        sandbox = self._sandbox(name)
        if not sandbox.spec.stdin:
            text = f"expected sandbox {name} to be declared with stdin, found it without: set `stdin` in its spec"
            raise SandboxError(text)
        return FakeAttachment(sandbox.begin(sandbox.command, sandbox.env, stdin=None), name)

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
        sandbox = self._sandbox(name)
        process = sandbox.begin(argv, {**sandbox.env, **(env or {})}, stdin=stdin)
        return _finish(process, timeout_seconds, sandbox)

    def exec(self, name: str, argv: tuple[str, ...], *, timeout_seconds: float, stdin: bytes = b"") -> ExecResult:
        """Run ``argv`` beside the sandbox's process; exit 125 when it is not running."""
        sandbox = self._sandbox(name)
        with sandbox.lock:
            if not sandbox.running():
                return ExecResult(exit_code=_NO_EXEC, stdout=b"", stderr=b"the sandbox is not running\n")
            process = sandbox.process(argv, sandbox.env, stdin=stdin)
            sandbox.beside.append(process)
            process.start()
        return _finish(process, timeout_seconds, sandbox)

    def pipe(self, name: str, argv: tuple[str, ...]) -> Attachment:
        """Run ``argv`` beside the sandbox's process and return its streams."""
        return FakeAttachment(self._beside(name, argv, {}), name)

    def terminal(
        self, name: str, argv: tuple[str, ...], *, rows: int, columns: int, env: Mapping[str, str] | None = None
    ) -> Terminal:
        """Run ``argv`` beside the sandbox's process; what it prints is what there is to see."""
        return FakeTerminal(self._beside(name, argv, {**(env or {}), **_size(rows, columns)}), name)

    def _beside(self, name: str, argv: tuple[str, ...], env: Mapping[str, str]) -> Process:
        sandbox = self._sandbox(name)
        with sandbox.lock:
            if not sandbox.running():
                text = f"expected sandbox {name} to run, found that it does not: start it, and see its log"
                raise SandboxError(text)
            process = sandbox.process(argv, {**sandbox.env, **env}, stdin=None)
            sandbox.beside.append(process)
            process.start()
        return process

    def kill(self, name: str) -> None:
        """End every process of the sandbox. Files and address stay."""
        self._sandbox(name).kill()

    def crash(self, name: str) -> None:
        """``kill`` and start again with the same command."""
        self.kill(name)
        self.start(name)

    def keep(self, name: str) -> None:
        """Remember what is in ``/box``: ``lose`` puts it back."""
        sandbox = self._sandbox(name)
        if sandbox.running():
            text = f"expected sandbox {name} not to be running, found it running: keep its files before it starts"
            raise SandboxError(text)
        sandbox.kept = dict(sandbox.files)

    def take(self, name: str, source: str) -> None:
        """Put what was kept of ``source`` into ``/box`` of a sandbox that is not running."""
        sandbox, kept = self._sandbox(name), self._sandbox(source).kept
        if not kept:
            text = f"expected files of sandbox {source} that were kept, found none: keep them first"
            raise SandboxError(text)
        if sandbox.running():
            text = f"expected sandbox {name} not to be running, found it running: give it files before it starts"
            raise SandboxError(text)
        sandbox.files |= kept

    def lose(self, name: str) -> None:
        """Destroy the sandbox, its faults included, and make a new one with the files that were kept."""
        sandbox = self._sandbox(name)
        ran = sandbox.running()
        sandbox.kill()
        sandbox.files.clear()
        sandbox.files |= sandbox.kept
        self.partitions.pop(name, None)
        if ran:
            self.start(name)

    def stop(self, name: str, *, grace_seconds: float) -> None:
        """Let the process end within ``grace_seconds``, then kill it."""
        sandbox = self._sandbox(name)
        if sandbox.main is not None:
            sandbox.main.terminate(grace_seconds)
        sandbox.kill()

    def pause(self, name: str) -> None:
        """Freeze the process at whatever it does next."""
        main = self._sandbox(name).main
        if main is not None:
            main.pause()

    def resume(self, name: str) -> None:
        """Thaw it."""
        main = self._sandbox(name).main
        if main is not None:
            main.resume()

    def state(self, name: str) -> SandboxState:
        """Return what became of the sandbox."""
        sandbox = self._sandbox(name)
        main = sandbox.main
        running = main is not None and main.alive()
        code = sandbox.last_exit if main is None or running else main.exit_code
        paused = main is not None and running and main.paused()
        return SandboxState(
            running=running,
            paused=paused,
            exit_code=code,
            memory_mb=sandbox.spec.limits.memory_mb,
            starts=sandbox.starts,
        )

    def wait(self, name: str, *, timeout_seconds: float) -> SandboxState:
        """Wait until the sandbox's process ends, or the time is over; return the state then."""
        main = self._sandbox(name).main
        if main is not None:
            main.join(timeout_seconds)
        return self.state(name)

    def logs(self, name: str, *, tail_kb: int = 64) -> bytes:
        """Return the end of what the sandbox's process wrote to stdout and stderr (all starts)."""
        sandbox = self._sandbox(name)
        text = bytes(sandbox.log) + (sandbox.main.output() if sandbox.main is not None else b"")
        # As where it is kept in two files: when both are full the older one goes, and not a byte for each that comes.
        half = _LOG_BYTES // 2
        gone = -(-max(0, len(text) - _LOG_BYTES) // half) * half
        return text[gone:][-tail_kb * 1024 :]

    def usage(self, name: str) -> Usage:
        """Return that nothing is known: threads of one process are not measured apart."""
        self._sandbox(name)
        return Usage(cpu_seconds=None, memory_peak_mb=None, source="fake")

    def partition(self, name: str, peers: tuple[str, ...]) -> None:
        """Record that ``name`` cannot reach ``peers``."""
        self.partitions.setdefault(name, set()).update(peer for peer in peers if self.address(peer))

    def heal(self, name: str) -> None:
        """Forget every packet fault of ``name``."""
        self.address(name)
        self.partitions.pop(name, None)

    def close(self) -> None:
        """End every process. Idempotent."""
        if not self._closed:
            for sandbox in self._sandboxes.values():
                sandbox.kill()
        self._closed = True

    def _sandbox(self, name: str) -> Sandbox:
        if self._closed:
            text = f"expected an open scenario, found it closed: {name} is gone"
            raise SandboxError(text)
        if name not in self._sandboxes:
            known = ", ".join(sorted(self._sandboxes))
            text = f"expected one of the scenario's sandboxes ({known}), found {name!r}: correct the name"
            raise SandboxError(text)
        return there(self._sandboxes[name])


class FakeEngine:
    """An engine without a kernel. See :class:`harness.engines.base.Engine`."""

    def __init__(self, commands: Mapping[str, Command] | None = None, *, memory_mb: int = 16 * 1024) -> None:
        """Know ``commands`` beside the built-in ones; say to have ``memory_mb``."""
        self._memory_mb = memory_mb
        self._commands = {**COMMANDS, **(commands or {})}
        self._open: list[FakeScenario] = []
        self.opened: list[ScenarioSpec] = []
        """Every scenario that was asked for, for tests to look at."""
        self.strangers = Strangers()
        """Whoever else may lay hands on sandboxes: a test plays them."""
        self._numbers = itertools.count()

    def capabilities(self) -> Capabilities:
        """Say that this is no engine to grade with."""
        return Capabilities(
            name="fake",
            version="1",
            runtime="threads",
            rootless=True,
            cgroup_version=2,
            memory_mb=self._memory_mb,
            posture=("nothing is confined: the fake engine runs Python functions",),
            missing=("the fake engine confines nothing; grade with --engine docker",),
            cannot={"partition": "it has no network", "heal": "it has no network"},
        )

    def images(self, names: tuple[str, ...], progress: Callable[[str], None]) -> Mapping[str, str]:
        """Return a tag for each name."""
        del progress
        return {name: tag(name) for name in names}

    @contextlib.contextmanager
    def open_scenario(self, spec: ScenarioSpec) -> Iterator[Scenario]:
        """Create the sandboxes of ``spec``; start none yet."""
        self.opened.append(spec)
        scenario = FakeScenario(spec, self._commands, next(self._numbers), self.strangers)
        self._open.append(scenario)
        try:
            yield scenario
        finally:
            scenario.close()
            with contextlib.suppress(ValueError):
                self._open.remove(scenario)

    def run_once(
        self, owner: Owner, spec: SandboxSpec, *, tar: bytes = b"", stdin: bytes = b"", timeout_seconds: float
    ) -> ExecResult:
        """Run ``spec.command`` once."""
        with self.ready_once(owner, spec, tar=tar) as ready:
            return ready.finish(stdin=stdin, timeout_seconds=timeout_seconds)

    @contextlib.contextmanager
    def ready_once(self, owner: Owner, spec: SandboxSpec, *, tar: bytes) -> Iterator[ReadyOnce]:
        """Have everything there for ``spec.command``."""
        sandbox = Sandbox(spec, self._commands, unpack(tar) if tar else {})
        self.strangers.show(owner, sandbox)
        yield _FakeReady(sandbox)

    @contextlib.contextmanager
    def attach_once(self, owner: Owner, spec: SandboxSpec) -> Iterator[Attachment]:
        """Start ``spec.command`` and give its streams."""
        sandbox = Sandbox(spec, self._commands, {})
        self.strangers.show(owner, sandbox)
        attachment = FakeAttachment(sandbox.begin(spec.command, spec.env, stdin=None), spec.name)
        try:
            yield attachment
        finally:
            attachment.close()
            sandbox.kill()

    def interferences(self, owner: Owner) -> tuple[Interference, ...]:
        """Return what strangers did so far to sandboxes of ``owner``."""
        return self.strangers.did(owner)

    def reap(self, dead: Callable[[Owner], bool]) -> list[str]:
        """Close every scenario whose owner is ``dead``."""
        gone = [scenario for scenario in self._open if dead(scenario.owner)]
        for scenario in gone:
            scenario.close()
            self._open.remove(scenario)
        return [f"scenario of run {scenario.owner.run}" for scenario in gone]

    def close(self) -> None:
        """Close whatever is open."""
        for scenario in self._open:
            scenario.close()


class _FakeReady:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def finish(self, *, stdin: bytes = b"", timeout_seconds: float) -> ExecResult:
        """Run the command to its end."""
        spec = self._sandbox.spec
        process = self._sandbox.begin(spec.command, spec.env, stdin=stdin)
        result = _finish(process, timeout_seconds, self._sandbox)
        there(self._sandbox)
        return result


def unpack(tar: bytes) -> dict[str, bytes]:
    """Return the regular files of a tar as absolute path -> content."""
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(tar), mode="r:") as archive:
            for member in archive:
                found = archive.extractfile(member) if member.isreg() else None
                if found is not None:
                    files[f"{BOX}/{member.name.removeprefix('./')}"] = found.read()
    except tarfile.TarError as error:
        text = f"expected an uncompressed tar to put, found {error}: pack it again"
        raise EngineError(text) from error
    return files


def _size(rows: int, columns: int) -> dict[str, str]:
    return {"LINES": str(rows), "COLUMNS": str(columns)}


def _finish(process: Process, timeout_seconds: float, sandbox: Sandbox) -> ExecResult:
    begin = time.monotonic()
    timed_out = not process.join(timeout_seconds)
    if timed_out:
        sandbox.kill()
    code = process.exit_code
    return ExecResult(
        exit_code=137 if code is None else code,
        stdout=process.stdout.everything(),
        stderr=process.stderr.everything(),
        truncated=process.stdout.truncated or process.stderr.truncated,
        timed_out=timed_out,
        seconds=time.monotonic() - begin,
        oom_killed=process.oom_killed,
        memory_mb=sandbox.spec.limits.memory_mb,
    )
