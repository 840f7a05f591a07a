"""The broker against a scripted grader on the other end of a socket pair."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from harness import wire
from harness.engines.base import ExecResult, SandboxState, Scenario
from harness.errors import EngineError, GraderError, SandboxError
from harness.events import Evidence
from harness.grading.broker import Broker, BuildResult, Deadline, Desk
from harness.grading.machinelock import MachineLock
from harness.model import Json


class Wire:
    """One end of the stream; for the broker's side it is an Attachment."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._file = end.makefile("rb")

    def write(self, data: bytes) -> None:
        try:
            self._end.sendall(data)
        except OSError as error:
            raise SandboxError(str(error)) from error

    def read_exactly(self, count: int) -> bytes:
        return self._file.read(count)

    def logs(self) -> bytes:
        return b""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)

    def free(self) -> None:
        self._file.close()
        self._end.close()


class Peer:
    """The grader's end: sends requests and events, reads replies."""

    def __init__(self, wire_: Wire) -> None:
        self.wire = wire_

    def read(self) -> dict[str, Json]:
        message = wire.read(self.wire.read_exactly)
        assert message is not None
        return message

    def send(self, **message: Json) -> None:
        self.wire.write(wire.encode(message))

    def ask(self, verb: str, **args: Json) -> dict[str, Json]:
        self.send(type="request", id=1, verb=verb, args=args)
        return self.read()

    def finish(self) -> None:
        self.send(type="event", event="finished", exit=0)


class FakeScenario:
    """Records what was asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.release = threading.Event()

    def start(self, name: str, *, command: tuple[str, ...], env: dict[str, str]) -> None:
        self.calls.append(("start", name, command, env))

    def kill(self, name: str) -> None:
        self.calls.append(("kill", name))
        self.release.set()

    def wait(self, name: str, *, timeout_seconds: float) -> SandboxState:
        self.release.wait(timeout_seconds)
        return SandboxState(running=False, exit_code=137, starts=1)

    def crash(self, name: str) -> None:
        raise SandboxError(f"{name} could not be driven")

    def pause(self, name: str) -> None:
        raise EngineError("the engine is gone")

    def exec(self, name: str, argv: tuple[str, ...], **_: object) -> ExecResult:
        raise AssertionError(name, argv)

    def partition(self, name: str, peers: tuple[str, ...]) -> None:
        raise AssertionError(name, peers)

    def run(self, name: str, argv: tuple[str, ...], **_: object) -> ExecResult:
        self.calls.append(("run", name, argv))
        return ExecResult(exit_code=127, stdout=b"\xff", stderr=b"")


DESK = Desk(
    main="app",
    sandboxes=frozenset({"app"}),
    commands={"app": {"run": ("./app",), "test": ("./test",)}},
    env={"app": {"PORT": "8080"}},
    builds={"app": BuildResult(ok=False, log="no")},
)


@contextlib.contextmanager
def serving(talk: Callable[[Peer], None], *, seconds: float = 20) -> Iterator[tuple[Broker, FakeScenario]]:
    """Give a broker whose grader is ``talk``, run in a thread; an assertion that fails there fails the test."""
    ours, theirs = socket.socketpair()
    failures: list[BaseException] = []

    def grader(wire_: Wire) -> None:
        peer = Peer(wire_)
        try:
            assert peer.read()["type"] == "job"
            talk(peer)
        except BaseException as error:  # noqa: BLE001 - carried to the test's own thread
            failures.append(error)
        finally:
            peer.wire.close()

    scenario, mine, peers = FakeScenario(), Wire(ours), Wire(theirs)
    thread = threading.Thread(target=grader, args=(peers,))
    thread.start()
    try:
        yield Broker(mine, cast("Scenario", scenario), DESK, Deadline(seconds)), scenario
    finally:
        mine.close()
        thread.join(10)
        mine.free()
        peers.free()
    assert failures == []


def serve(talk: Callable[[Peer], None], *, seconds: float = 20) -> tuple[Evidence, FakeScenario]:
    """Serve ``talk`` to its end."""
    with serving(talk, seconds=seconds) as (broker, scenario):
        evidence = broker.serve({})
    return evidence, scenario


def test_broker_starts_with_the_declared_environment_and_what_is_asked_for_on_top() -> None:
    """The environment of exercise.toml is there, and a request adds to it."""

    def talk(peer: Peer) -> None:
        assert peer.ask("start", sandbox="app", env={"A": "1"})["ok"] is True
        peer.finish()

    _, scenario = serve(talk)
    assert scenario.calls == [("start", "app", (), {"PORT": "8080", "A": "1"})]


def test_broker_answers_a_second_request_while_the_first_still_waits() -> None:
    """A grader that holds one call can still kill: requests do not queue behind one another."""

    def talk(peer: Peer) -> None:
        peer.send(type="request", id=1, verb="wait", args={"sandbox": "app", "timeout_seconds": 10})
        peer.send(type="request", id=2, verb="kill", args={"sandbox": "app"})
        replies = {reply["id"]: reply for reply in (peer.read(), peer.read())}
        assert replies[2]["ok"] is True
        value = replies[1]["value"]
        assert isinstance(value, dict)
        assert value["exit_code"] == 137
        peer.finish()

    began = time.monotonic()
    serve(talk)
    assert time.monotonic() - began < 9


@pytest.mark.parametrize(
    ("verb", "args", "expected"),
    [
        ("format-disk", {}, "expected one of the verbs"),
        ("kill", {"sandbox": "grader"}, "expected one of app"),
        ("kill", {"sandbox": "app-build"}, "expected one of app"),
        ("kill", {}, "expected one of app"),
        ("exec", {"sandbox": "app", "argv": [], "timeout_seconds": 1}, "a list of 1 to 64 strings"),
        ("exec", {"sandbox": "app", "argv": ["a"]}, "a time in seconds"),
        ("exec", {"sandbox": "app", "argv": ["a"], "timeout_seconds": 1, "stdin": "?"}, "base64"),
        ("wait", {"sandbox": "app", "timeout_seconds": 1e9}, "a number from 0 to 600"),
        ("partition", {"sandbox": "app", "peers": ["host"]}, "expected one of app"),
        ("start", {"sandbox": "app", "env": {"A": 1}}, "an object of strings"),
    ],
)
def test_broker_refuses_what_is_not_on_its_list(verb: str, args: dict[str, Json], expected: str) -> None:
    """Unknown verbs, sandboxes of others and malformed arguments are the author's bug, said in words."""

    def talk(peer: Peer) -> None:
        reply = peer.ask(verb, **args)
        error = reply["error"]
        assert isinstance(error, dict)
        assert error["kind"] == "request"
        assert expected in str(error["message"])
        peer.finish()

    _, scenario = serve(talk)
    assert scenario.calls == []


def test_broker_says_that_a_sandbox_it_cannot_drive_is_ours_and_goes_on() -> None:
    """What the candidate does is a result; a sandbox that could not be driven is our trouble, and only that check's."""

    def talk(peer: Peer) -> None:
        error = peer.ask("crash", sandbox="app")["error"]
        assert isinstance(error, dict)
        assert error["kind"] == "engine"
        assert str(error["message"]).startswith(
            "our container engine had trouble with 'crash', which is not the submission's"
        )
        assert "\n" not in str(error["message"])
        assert peer.ask("built", sandbox="app")["value"] == {"ok": False, "log": "no"}
        peer.finish()

    evidence, _ = serve(talk)
    assert evidence.complete


def test_broker_raises_when_the_engine_is_gone() -> None:
    """Without an engine there is nothing to grade with: the grader's stream ends and the error surfaces."""

    def talk(peer: Peer) -> None:
        peer.send(type="request", id=1, verb="pause", args={"sandbox": "app"})
        assert peer.wire.read_exactly(1) == b""

    with serving(talk) as (broker, _), pytest.raises(EngineError, match="the engine is gone"):
        broker.serve({})


def test_broker_ends_a_grader_that_is_past_its_deadline() -> None:
    """An overrun leaves evidence without an end."""

    def talk(peer: Peer) -> None:
        peer.send(type="event", event="note", text="busy")
        assert peer.wire.read_exactly(1) == b""

    evidence, _ = serve(talk, seconds=0.5)
    assert not evidence.complete
    assert evidence.notes == ["busy"]


def test_broker_takes_a_stream_that_ends_early_as_incomplete() -> None:
    """A grader that dies is no error of the broker."""
    evidence, _ = serve(lambda _: None)
    assert evidence.finished is None


@pytest.mark.parametrize(
    "message",
    [
        {"type": "event", "event": "outcome", "check": "a/b", "status": "excellent"},
        {"type": "event", "event": "outcome", "check": "a/b", "status": "passed", "credit": 2},
        {"type": "event", "event": "outcome", "check": "a/b", "status": "passed", "points": 100},
        {"type": "event", "event": "outcome", "check": "a/b", "status": "failed", "feedback": "x" * 2001},
        {"type": "event", "event": "verdict", "passed": True},
        {"type": "reply"},
    ],
)
def test_broker_refuses_events_that_are_not_of_the_protocol(message: dict[str, Json]) -> None:
    """A stream that says anything else ends the grading: it can't be trusted to judge."""

    def talk(peer: Peer) -> None:
        peer.send(**message)

    with serving(talk) as (broker, _), pytest.raises(GraderError):
        broker.serve({})


def test_broker_run_without_argv_uses_the_declared_command() -> None:
    """``run`` is the service's own command unless the check names another; its result is data, whatever it is."""

    def talk(peer: Peer) -> None:
        value = peer.ask("run", sandbox="app", timeout_seconds=5)["value"]
        assert isinstance(value, dict)
        assert (value["exit_code"], value["stdout"]) == (127, "/w==")
        peer.finish()

    _, scenario = serve(talk)
    assert scenario.calls == [("run", "app", ("./app",))]


def test_machine_lock_is_held_by_one_and_gives_waiting_time_back(tmp_path: Path) -> None:
    """The second holder waits until the first releases, and hears how long."""
    first, second = MachineLock(tmp_path), MachineLock(tmp_path)
    waited: list[float] = []
    assert first.acquire(lambda: True, waited.append) < 0.05
    threading.Timer(0.3, first.release).start()
    seconds = second.acquire(lambda: True, waited.append)
    second.release()
    assert seconds >= 0.25
    assert sum(waited) == pytest.approx(seconds, abs=0.2)


def test_machine_lock_gives_up_when_the_time_is_over(tmp_path: Path) -> None:
    """Waiting ends with words when the grading's time is over."""
    first, second = MachineLock(tmp_path), MachineLock(tmp_path)
    first.acquire(lambda: True, lambda _: None)
    with pytest.raises(Exception, match="found the grading's time over"):
        second.acquire(lambda: False, lambda _: None)
    first.release()
