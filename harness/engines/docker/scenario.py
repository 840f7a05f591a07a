"""A scenario on a real engine: sandboxes by name, and what can be done to them."""

from __future__ import annotations

import math
import secrets
import threading
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING, TypeVar

from harness import owners
from harness.engines.base import BOX, ExecResult, Kind
from harness.engines.docker import containers, holders, netfault, policy, streams
from harness.engines.docker.connect import patiently
from harness.engines.docker.ledger import LABEL_SCENARIO
from harness.engines.docker.oneshot import UNPACK, unpacked
from harness.engines.docker.sandboxes import NOT_STARTED, Box, Ground, Sandbox
from harness.engines.docker.tars import owned
from harness.errors import ContentError, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import ThreadPoolExecutor

    from harness.engines.base import Attachment, SandboxSpec, SandboxState, ScenarioSpec, Terminal, Usage
    from harness.engines.docker.connect import Link
    from harness.engines.docker.holders import Holder
    from harness.engines.docker.users import User
    from harness.model import Json

_In = TypeVar("_In")
_Out = TypeVar("_Out")
_UNPACK_SECONDS = 60.0
_FAULT_SECONDS = 30.0
_SAID_BYTES = 64 * 1024
_TAR_OVERHEAD_MB = 32
"""What a tar has beside the bytes of files: two blocks for each, of which a volume may hold thousands."""
_PACK = ("tar", "--create", "--file=-", "--sparse", "--ignore-failed-read", "--directory=/box", ".")
"""What its own user can't read could not be run either; sparse, because a file of holes is larger than any volume."""
_CLOSE_SECONDS = 15


class DockerScenario:
    """The sandboxes of one grading. See :class:`harness.engines.base.Scenario` for what each method promises."""

    def __init__(
        self,
        link: Link,
        pool: ThreadPoolExecutor,
        spec: ScenarioSpec,
        *,
        network_range: str,
        sources: tuple[str, ...],
    ) -> None:
        """Describe the scenario; :meth:`open` creates it. What can be done at once is, in ``pool``."""
        self._link = link
        self._pool = pool
        self._spec = spec
        self._uid = secrets.token_hex(6)
        self._range = network_range
        self._sources = sources
        self._network = holders.Network(name="", addresses={})
        self._sandboxes: dict[str, Sandbox] = {}
        self._closing = threading.Lock()
        self._closed = False

    def open(self) -> None:
        """Create network, volumes and holders."""
        self._network = holders.open_network(self._link, self._spec, self._uid, self._range)
        own = [sandbox for sandbox in self._spec.sandboxes if not sandbox.volume_of]
        shared = [sandbox for sandbox in self._spec.sandboxes if sandbox.volume_of]
        found: dict[str, Holder] = {}
        for group in (own, shared):
            users = [found[sandbox.volume_of].user if sandbox.volume_of else None for sandbox in group]
            opened = self._at_once(lambda one: self._reopen(*one), list(zip(group, users, strict=True)))
            found |= {sandbox.name: holder for sandbox, holder in zip(group, opened, strict=True)}
        boxes = {sandbox.name: Box() for sandbox in own}
        ground = Ground(
            link=self._link,
            uid=self._uid,
            labels=holders.labels(self._spec, self._uid),
            sources=self._sources,
            owner=self._spec.owner,
            reopen=self._reopen,
        )
        for sandbox in self._spec.sandboxes:
            box = boxes[sandbox.volume_of or sandbox.name]
            self._sandboxes[sandbox.name] = Sandbox(sandbox, ground, found[sandbox.name], box)

    def address(self, name: str) -> str:
        """Return the fixed IPv4 address of sandbox ``name``."""
        self._sandbox(name)
        if name not in self._network.addresses:
            text = f"expected sandbox {name} to have a network, found none: it is declared without one"
            raise SandboxError(text)
        return self._network.addresses[name]

    def put(self, name: str, tar: bytes) -> None:
        """Unpack an uncompressed tar into ``/box`` of a sandbox that is not running, owned by its user."""
        sandbox = self._sandbox(name)
        with sandbox.lock:
            _require_resting(sandbox, "put files")
            holder = sandbox.holder()
            if sandbox.box.dirty or not holder.container or sandbox.spec.volume_of:
                # Somebody else has written there: no process with more rights than theirs follows its paths.
                self._unpack_inside(sandbox, tar)
                return
            ours = owned(tar, holder.user)
            patiently(
                f"copy files into sandbox {name}",
                lambda: self._link.api().put_archive(holder.container, BOX, ours),
            )

    def start(self, name: str, *, command: tuple[str, ...] = (), env: Mapping[str, str] | None = None) -> None:
        """Start the sandbox; ``command`` and ``env`` replace and extend those of its spec. Kept for later starts."""
        self._sandbox(name).start(command, env)

    def attach(self, name: str) -> Attachment:
        """Start a ``stdin`` sandbox and return its streams."""
        sandbox = self._sandbox(name)
        if not sandbox.spec.stdin:
            text = f"expected sandbox {name} to be declared with stdin, found it without: set `stdin` in its spec"
            raise SandboxError(text)
        stream = sandbox.start_attached((), None)
        if stream is None:
            text = f"expected sandbox {name} to start, found: {sandbox.logs(2000).decode('utf-8', 'replace')}"
            raise SandboxError(text)
        return streams.StreamAttachment(stream, name, sandbox.note)

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
        with sandbox.lock:
            begin = time.monotonic()
            stream = sandbox.start_attached(argv, env)
        if stream is None:
            return ExecResult(exit_code=NOT_STARTED, stdout=b"", stderr=sandbox.logs(2000))
        with sandbox.watch() as memory:
            captured = streams.drive(
                stream,
                stdin=stdin,
                limit_bytes=sandbox.spec.limits.output_kb * 1024,
                timeout_seconds=timeout_seconds,
                kill=sandbox.kill,
                started=begin,
            )
        return memory.result(captured, sandbox.ended(), sandbox.spec.limits)

    def exec(self, name: str, argv: tuple[str, ...], *, timeout_seconds: float, stdin: bytes = b"") -> ExecResult:
        """Run ``argv`` beside the sandbox's process; exit 125 when the sandbox itself makes that impossible."""
        return self._sandbox(name).exec(argv, timeout_seconds=timeout_seconds, stdin=stdin)

    def pipe(self, name: str, argv: tuple[str, ...]) -> Attachment:
        """Run ``argv`` beside the sandbox's process and return its streams."""
        return self._sandbox(name).pipe(argv)

    def terminal(
        self, name: str, argv: tuple[str, ...], *, rows: int, columns: int, env: Mapping[str, str] | None = None
    ) -> Terminal:
        """Run ``argv`` beside the sandbox's process with a terminal of that size."""
        return self._sandbox(name).terminal(argv, rows=rows, columns=columns, env=env or {})

    def kill(self, name: str) -> None:
        """SIGKILL every process of the sandbox and return when all are dead. Volume, address and faults stay."""
        self._sandbox(name).kill()

    def crash(self, name: str) -> None:
        """``kill`` and start again with the same command."""
        sandbox = self._sandbox(name)
        with sandbox.lock:
            sandbox.kill()
            sandbox.start()

    def keep(self, name: str) -> None:
        """Remember what is in ``/box`` of a sandbox that is not running: ``lose`` puts it back."""
        sandbox = self._sandbox(name)
        with sandbox.lock:
            _require_resting(sandbox, "keep its files")
            most = (sandbox.spec.limits.tmpfs_mb + _TAR_OVERHEAD_MB) * 1024 * 1024
            done = self._aside(sandbox, _PACK, stdin=b"", seconds=_UNPACK_SECONDS, limit_bytes=most)
            if done.exit_code != 0 or done.truncated or done.timed_out:
                why = "more" if done.truncated else done.stderr.decode("utf-8", "replace").strip()[-300:] or "none"
                text = f"expected files that can be read in sandbox {name}, at most {most} bytes of them, found {why}"
                raise ContentError(text)
            sandbox.kept = done.stdout

    def take(self, name: str, source: str) -> None:
        """Put what was kept of sandbox ``source`` into ``/box`` of one that is not running."""
        sandbox, kept = self._sandbox(name), self._sandbox(source).kept
        if not kept:
            text = f"expected files of sandbox {source} that were kept, found none: keep them first"
            raise SandboxError(text)
        with sandbox.lock:
            _require_resting(sandbox, "give it files")
            self._unpack_inside(sandbox, kept)

    def lose(self, name: str) -> None:
        """Destroy the sandbox, volume and faults included, and make a new one with the files that were kept."""
        sandbox = self._sandbox(name)
        for other in self._sandboxes.values():
            if other.spec.volume_of == name:
                # A volume in use cannot be removed, and what is left of a build is no use without it.
                other.discard()
        sandbox.lose(lambda: self._unpack_inside(sandbox, sandbox.kept) if sandbox.kept else None)

    def stop(self, name: str, *, grace_seconds: float) -> None:
        """SIGTERM, then SIGKILL after ``grace_seconds``."""
        self._sandbox(name).stop(grace_seconds)

    def pause(self, name: str) -> None:
        """Freeze every process of the sandbox."""
        self._sandbox(name).pause()

    def resume(self, name: str) -> None:
        """Thaw it."""
        self._sandbox(name).resume()

    def state(self, name: str) -> SandboxState:
        """Return what the engine says of the sandbox now."""
        return self._sandbox(name).state()

    def wait(self, name: str, *, timeout_seconds: float) -> SandboxState:
        """Wait until the sandbox's process ends, or the time is over; return the state then."""
        return self._sandbox(name).wait(timeout_seconds)

    def logs(self, name: str, *, tail_kb: int = 64) -> bytes:
        """Return the end of what the sandbox's process wrote to stdout and stderr (all starts)."""
        return self._sandbox(name).logs(tail_kb * 1024)

    def usage(self, name: str) -> Usage:
        """Return resources used since the scenario opened."""
        return self._sandbox(name).used()

    def partition(self, name: str, peers: tuple[str, ...]) -> None:
        """Drop every packet between ``name`` and ``peers``, both ways, from outside both."""
        addresses = tuple(self.address(peer) for peer in peers)
        self.address(name)
        if addresses:
            netfault.apply(self._helper(name), netfault.drop_command(addresses), name)

    def heal(self, name: str) -> None:
        """Take every packet fault off ``name``."""
        self.address(name)
        netfault.apply(self._helper(name), netfault.heal_command(), name)

    def close(self) -> None:
        """Remove everything of the scenario. Idempotent."""
        with self._closing:
            if self._closed:
                return
            self._probe()
            self._remove_all()
            self._closed = True

    def _probe(self) -> None:
        """See once ourselves whether all is as we ordered: events may have been missed."""
        things = containers.labelled(self._link, f"{LABEL_SCENARIO}={self._uid}")
        states = {thing.id: thing.state for thing in things if thing.kind == "container"}
        self._link.watch.ledger.probe(self._uid, states)

    def _remove_all(self) -> None:
        # By label, not by what we remember, and again: a create call that an interrupt cut off may still create, and
        # what it creates holds a volume.
        until = time.monotonic() + _CLOSE_SECONDS
        while things := containers.labelled(self._link, f"{LABEL_SCENARIO}={self._uid}"):
            refusals: list[SandboxError] = []
            for kind in ("container", "network", "volume"):
                some = [thing for thing in things if thing.kind == kind]
                refusals += [error for error in self._at_once(self._try_to_remove, some) if error is not None]
            if refusals and time.monotonic() > until:
                raise refusals[0]

    def _try_to_remove(self, thing: containers.Thing) -> SandboxError | None:
        try:
            containers.remove(self._link, thing)
        except SandboxError as error:
            return error
        return None

    def _at_once(self, do: Callable[[_In], _Out], items: Sequence[_In]) -> list[_Out]:
        """Return ``do(item)`` for each item. Interrupted or failed, none is still being done afterwards."""
        futures = [self._pool.submit(do, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
            wait(futures)

    def _sandbox(self, name: str) -> Sandbox:
        if self._closed:
            text = f"expected an open scenario, found it closed: {name} is gone"
            raise SandboxError(text)
        try:
            return self._sandboxes[name]
        except KeyError:
            known = ", ".join(sorted(self._sandboxes))
            text = f"expected one of the scenario's sandboxes ({known}), found {name!r}: correct the name"
            raise SandboxError(text) from None

    def _reopen(self, sandbox: SandboxSpec, user: User | None) -> Holder:
        holder = holders.open_holder(self._link, self._spec, sandbox, self._uid, self._network, user=user)
        if sandbox.peers is not None and holder.container and sandbox.name in self._network.addresses:
            addresses = tuple(self._network.addresses[peer] for peer in sandbox.peers)
            run = self._helper_at(sandbox, holder)
            netfault.apply(run, netfault.wall_command(addresses), sandbox.name)
        return holder

    def _unpack_inside(self, sandbox: Sandbox, tar: bytes) -> None:
        head, data = unpacked(tar)
        done = self._aside(sandbox, (*UNPACK, str(len(tar)), "true"), stdin=data, seconds=_UNPACK_SECONDS)
        if done.exit_code != 0 or done.stderr.startswith(head):
            found = done.stderr.decode("utf-8", "replace").strip()[-500:]
            text = f"expected the files to fit into sandbox {sandbox.spec.name}, found: {found}; see its tmpfs limits"
            raise SandboxError(text)

    def _aside(
        self,
        sandbox: Sandbox,
        argv: tuple[str, ...],
        *,
        stdin: bytes,
        seconds: float,
        limit_bytes: int = _SAID_BYTES,
    ) -> ExecResult:
        """Run ``argv`` in a container beside the sandbox's own, on the same volume, without a network."""
        body = policy.sandbox(
            sandbox.spec,
            command=argv,
            env={},
            network="none",
            volume=sandbox.holder().volume,
            stdin=True,
            logged=False,
            user=sandbox.holder().user,
            seconds=min(owners.seconds_left(self._spec.owner), math.ceil(seconds)),
            labels=holders.labels(self._spec, self._uid, sandbox.spec.name),
        )
        return self._throwaway(body, stdin=stdin, seconds=seconds, limit_bytes=limit_bytes)

    def _helper(self, name: str) -> Callable[[tuple[str, ...]], ExecResult]:
        sandbox = self._sandbox(name)
        return self._helper_at(sandbox.spec, sandbox.holder())

    def _helper_at(self, sandbox: SandboxSpec, holder: Holder) -> Callable[[tuple[str, ...]], ExecResult]:
        def run(argv: tuple[str, ...]) -> ExecResult:
            ours = holders.labels(self._spec, self._uid, sandbox.name)
            body = policy.fault_helper(
                sandbox.image,
                argv,
                network=f"container:{holder.container}",
                seconds=math.ceil(_FAULT_SECONDS),
                labels=ours,
            )
            return self._throwaway(body, stdin=b"", seconds=_FAULT_SECONDS)

        return run

    def _throwaway(
        self, body: dict[str, Json], *, stdin: bytes, seconds: float, limit_bytes: int = _SAID_BYTES
    ) -> ExecResult:
        link = self._link
        container = containers.create(link, f"harness-{self._uid}-{secrets.token_hex(4)}", body, Kind.HELPER)
        try:
            stream = containers.attach(link, container, stdin=bool(body.get("OpenStdin")))
            containers.start(link, container)
            captured = streams.drive(
                stream,
                stdin=stdin,
                limit_bytes=limit_bytes,
                timeout_seconds=seconds,
                kill=lambda: containers.kill_and_wait(link, container),
            )
            return captured.result(containers.exit_code(link, container))
        finally:
            containers.remove(link, containers.Thing(kind="container", id=container, name=container, labels={}))


def _require_resting(sandbox: Sandbox, what: str) -> None:
    if sandbox.state().running:
        text = f"expected sandbox {sandbox.spec.name} not to be running, found it running: {what} before it starts"
        raise SandboxError(text)
