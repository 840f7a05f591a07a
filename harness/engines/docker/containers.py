"""The few calls on containers, networks and volumes that everything else is made of.

Each takes a :class:`~harness.engines.docker.connect.Link`, raises only our errors, and treats "already so" as done.
"""

from __future__ import annotations

import contextlib
import http
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from harness import owners
from harness.engines.docker import policy
from harness.engines.docker.connect import EngineRefusal, Link, patiently, translated
from harness.engines.docker.streams import Stream
from harness.errors import EngineError, SandboxError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping

    from harness.engines.base import Kind
    from harness.engines.docker.streams import Reader
    from harness.model import Json
    from harness.owners import Owner

_FREEZES = (0.1,) * 40
"""Pauses between tries to freeze.

Each try of an engine gives all processes some milliseconds to come to a halt, and thaws them when one did not. Many that
fork or compute on a busy machine make most tries fail, never all; so a few tries are for sale, and forty are not.
"""
KILL_SECONDS = 60.0
"""How long a killed container may take to be dead before the engine counts as broken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the engine says of a container now."""

    running: bool
    paused: bool
    exit_code: int
    oom_killed: bool
    pid: int
    """On the engine's machine; 0 when it does not run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """Something labelled of ours on the engine."""

    kind: str
    """``container``, ``network`` or ``volume``."""
    id: str
    name: str
    labels: Mapping[str, str]
    state: str = ""
    """Of a container, in the engine's word: ``running``, ``paused``, ``exited``..."""


def create(link: Link, name: str, body: dict[str, Json], kind: Kind) -> str:
    """Create a container and return its id. From now on somebody else's hand on it is seen."""
    image, found = str(body["Image"]), body.get("Labels")
    labels = {key: str(value) for key, value in found.items()} if isinstance(found, dict) else {}
    if not link.kernel.cgroup_namespaces:
        body = policy.without_cgroup_namespace(body)
    link.watch.begin()
    try:
        container = patiently(f"create container {name} from {image}", _created(link, name, body, labels))
    except EngineRefusal as error:
        if error.status == http.HTTPStatus.NOT_FOUND and "image" in str(error).lower():
            text = f"expected image {image} on the engine, found none: run `harness images build`"
            raise EngineError(text) from error
        raise
    link.watch.ledger.own(container, kind, labels)
    return container


def _created(link: Link, name: str, body: dict[str, Json], labels: Mapping[str, str]) -> Callable[[], str]:
    """Return the call that creates a container; a try after one whose answer was lost finds what that one made."""
    tries = 0

    def once() -> str:
        nonlocal tries
        tries += 1
        try:
            with translated(f"create container {name}"):
                return str(link.create("containers", body, name)["Id"])
        except EngineRefusal as error:
            if tries == 1 or error.status != http.HTTPStatus.CONFLICT:
                raise
            with translated(f"inspect container {name}"):
                found = link.api().inspect_container(name)
            theirs = dict(found["Config"]["Labels"] or {})
            if not labels.items() <= theirs.items():
                # The name is somebody else's.
                raise
            return str(found["Id"])

    return once


def start(link: Link, container: str) -> None:
    """Start a container that does not run."""
    link.watch.ready()
    _ordered(link, container, f"start container {container[:12]}", lambda: link.api().start(container), "start")


def pause(link: Link, container: str) -> None:
    """Freeze a container; nothing when it does not run, or is frozen already."""
    _switch(link, container, "pause", lambda: link.api().pause(container))


def unpause(link: Link, container: str) -> None:
    """Thaw a container; nothing when it does not run, or is not frozen."""
    _switch(link, container, "unpause", lambda: link.api().unpause(container))


def _switch(link: Link, container: str, verb: str, call: Callable[[], object]) -> None:
    pauses = _FREEZES if verb == "pause" else ()
    try:
        _ordered(link, container, f"{verb} container {container[:12]}", call, verb, pauses=pauses)
    except EngineRefusal:
        # Not running, already so, or done by a try that seemed to fail: what was asked for is so, or cannot be.
        facts = inspect(link, container)
        if facts.running and facts.paused != (verb == "pause"):
            raise


def _ordered(
    link: Link,
    container: str,
    doing: str,
    call: Callable[[], object],
    *actions: str,
    pauses: tuple[float, ...] = (),
) -> None:
    """Do what has events of its own: each try is noted as our order, and taken back when the engine refuses it."""

    def once() -> None:
        order = link.watch.ledger.order(container, *actions)
        try:
            with translated(doing):
                call()
        except EngineRefusal:
            order.refused()
            raise
        order.done()

    patiently(doing, once, pauses=pauses)


def kill(link: Link, container: str, signal: str = "SIGKILL") -> None:
    """Send ``signal`` to a container's first process; nothing when it is not running or not there."""
    actions = ("kill", "die") if signal == "SIGKILL" else ("kill",)
    with _tolerated(http.HTTPStatus.NOT_FOUND, http.HTTPStatus.CONFLICT):
        _ordered(link, container, f"kill {container[:12]}", lambda: link.api().kill(container, signal), *actions)


def kill_and_wait(link: Link, container: str) -> None:
    """SIGKILL every process of a container; return when all are dead. Raises EngineError when they do not die."""
    kill(link, container)
    if not wait(link, container, KILL_SECONDS):
        text = (
            f"expected container {container[:12]} to be dead {KILL_SECONDS:.0f} s after SIGKILL, found it running: "
            "the engine or its kernel is stuck, restart it"
        )
        raise EngineError(text)


def wait(link: Link, container: str, seconds: float) -> bool:
    """Return whether the container stopped, or is not there, within ``seconds``."""
    from requests.exceptions import ConnectionError as Disconnected
    from requests.exceptions import ReadTimeout

    try:
        with _tolerated(http.HTTPStatus.NOT_FOUND), translated(f"wait for {container[:12]}"):
            try:
                link.api().wait(container, timeout=cast("int", max(seconds, 0.001)))
            except (ReadTimeout, Disconnected):
                # Both are how a read that took too long ends; an engine that went away fails the next call.
                return not inspect(link, container).running
    except EngineRefusal:
        return not inspect(link, container).running
    return True


def exit_code(link: Link, container: str) -> int:
    """Return the exit code of a container whose output has ended, once it is dead."""
    return ended(link, container).exit_code


def ended(link: Link, container: str) -> Facts:
    """Return what the engine says of a container whose output has ended, once it is dead."""
    if not wait(link, container, KILL_SECONDS):
        kill_and_wait(link, container)
    return inspect(link, container)


def inspect(link: Link, container: str) -> Facts:
    """Return what the engine says of a container. Raises SandboxError when there is none: that is no end of a process."""
    try:
        state = patiently(f"inspect {container[:12]}", lambda: link.api().inspect_container(container)["State"])
    except EngineRefusal as error:
        if error.status != http.HTTPStatus.NOT_FOUND:
            raise
        link.watch.ledger.gone(container)
        text = f"expected container {container[:12]} on the engine, found that it was removed while it was in use"
        raise SandboxError(text) from error
    facts = Facts(
        running=bool(state["Running"]),
        paused=bool(state["Paused"]),
        exit_code=int(state["ExitCode"]),
        oom_killed=bool(state["OOMKilled"]),
        pid=int(state["Pid"]),
    )
    if not facts.running:
        link.watch.ledger.dead(container, oom=facts.oom_killed)
    return facts


def attach(link: Link, container: str, *, stdin: bool) -> Stream:
    """Attach to a container that is not started yet, so that nothing of its output is missed."""
    params = {"stdin": int(stdin), "stdout": 1, "stderr": 1, "stream": 1, "logs": 0}
    return patiently(
        f"attach to {container[:12]}", lambda: stream_of(link.api().attach_socket(container, params=params))
    )


def stream_of(hijacked: object) -> Stream:
    """Return docker-py's raw socket as a stream.

    What the engine sent right behind its answer may already be in the buffer of the HTTP response: that buffer is
    read, not the socket below it.
    """
    response = getattr(hijacked, "_response", None)
    buffered = getattr(getattr(getattr(response, "raw", None), "_fp", None), "fp", None)
    reader = cast("Reader", buffered if hasattr(buffered, "read1") else hijacked)
    connection = cast("socket.socket", getattr(hijacked, "_sock", hijacked))
    return Stream(reader, connection, response)


def remove(link: Link, thing: Thing) -> None:
    """Remove a thing, running or not; nothing when it is gone."""
    api = link.api()
    calls: dict[str, Callable[[], object]] = {
        "container": lambda: api.remove_container(thing.id, v=True, force=True),
        "network": lambda: api.remove_network(thing.id),
        "volume": lambda: api.remove_volume(thing.id),
    }
    first, tries = link.watch.ledger.removing(thing.id), 0

    def once() -> None:
        nonlocal tries
        tries += 1
        calls[thing.kind]()

    try:
        patiently(f"remove {thing.kind} {thing.name}", once)
    except EngineRefusal as error:
        if error.status == http.HTTPStatus.NOT_FOUND:
            if first and tries == 1:
                link.watch.ledger.gone(thing.id, despite_us=True)
            return
        if thing.kind != "container" or error.status != http.HTTPStatus.CONFLICT:
            raise
        # "Removal is already in progress": somebody else reaps it too; it is over when the container is gone.
        with _tolerated(http.HTTPStatus.NOT_FOUND), translated(f"remove container {thing.name}"):
            api.wait(thing.id, timeout=int(KILL_SECONDS), condition="removed")


def labelled(link: Link, label: str) -> list[Thing]:
    """Return everything that carries ``label`` (``key`` or ``key=value``), in an order it can be removed in."""
    return patiently("list what is ours", lambda: _listed(link, {"label": [label]}))


def _listed(link: Link, filters: dict[str, list[str]]) -> list[Thing]:
    api = link.api()
    things = [
        Thing(
            kind="container",
            id=found["Id"],
            name=found["Names"][0].strip("/"),
            labels=found["Labels"] or {},
            state=str(found["State"]),
        )
        for found in api.containers(all=True, filters=filters)
    ]
    # A container that joined another's network goes before it: what was made last is listed first.
    things += [
        Thing(kind="network", id=found["Id"], name=found["Name"], labels=found["Labels"] or {})
        for found in api.networks(filters=filters)
    ]
    things += [
        Thing(kind="volume", id=found["Name"], name=found["Name"], labels=found["Labels"] or {})
        for found in api.volumes(filters=filters)["Volumes"] or []
    ]
    return things


def reap(link: Link, dead: Callable[[Owner], bool]) -> list[str]:
    """Remove whatever of ours has a dead owner; return a line for each thing removed."""
    lines = []
    for thing in labelled(link, owners.LABEL_OWNER):
        owner = owners.owner_of(thing.labels)
        if owner is None or not dead(owner):
            continue
        try:
            remove(link, thing)
        except EngineRefusal:
            # Somebody else uses it, or reaps it this moment. The next one who reaps tries again.
            continue
        lines.append(f"{thing.kind} {thing.name} of run {owner.run}")
    return lines


@contextlib.contextmanager
def _tolerated(*statuses: int) -> Iterator[None]:
    try:
        yield
    except EngineRefusal as error:
        if error.status not in statuses:
            raise
