"""The life of a service: begun, started, killed, started again, and named when it ends by itself."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from harness.testing import CheckFailed, Inconclusive, Unproven, causes, pulse
from harness.testing.answers import Meaning, Said
from harness.testing.clients import Answer
from harness.testing.diary import Diary
from harness.testing.killing import Point, Round, kill_while_held
from harness.testing.scripted import AFTER, BEFORE, Script, Step
from harness.testing.service import Service
from harness.testing.upstreams import Reply, Request, Upstream
from tests.unit.testing.host import Host, Process


class App(Upstream):
    """A candidate's service that answers one status."""

    status = 200
    seconds = 0.0

    def handle(self, request: Request) -> Reply:
        time.sleep(self.seconds)
        return Reply(status=self.status, json={"path": request.path})


OPEN: list[Service] = []


@pytest.fixture(autouse=True)
def _no_watchers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(causes, "_watchers", [])
    yield
    while OPEN:
        OPEN.pop().close()


@pytest.fixture
def app() -> Iterator[App]:
    with App(host="127.0.0.1") as started:
        yield started


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def service(host: Host, port: int, **changes: float) -> Service:
    known = {"startup_seconds": 0.05, "patience_seconds": 100.0} | changes
    one = Service(
        host.broker,
        "127.0.0.1",
        Diary(lambda stamp: stamp),
        sandbox="app",
        port=port,
        startup_seconds=known["startup_seconds"],
        patience_seconds=known["patience_seconds"],
    )
    OPEN.append(one)
    return one


def cause() -> causes.Cause | None:
    """What the one service adds to a lost check."""
    (watcher,) = causes.watchers()
    return watcher()


def dies(code: int, log: bytes = b"", *, oom: bool = False) -> Host:
    """A host whose process ends as soon as it is started."""

    def end(process: Process) -> None:
        process.running, process.exit_code, process.oom_killed = False, code, oom
        process.log += log

    return Host(on_start=end)


def test_begin_starts_once(app: App) -> None:
    """The first check starts the service, later ones find it there."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    one.begin()
    assert host.verbs("start", "kill") == [("start", "app")]


def test_slow_answers_buy_no_time(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long waits go on is told by how busy the machine is, whatever the service does."""
    monkeypatch.setattr(pulse, "_slowdown", lambda: 1.02)
    app.seconds = 0.02
    one = service(Host(), app.port)
    one.begin()
    assert one.tick == pytest.approx(0.051)
    assert one.allowance(5.0) == pytest.approx(0.51)


@pytest.mark.parametrize(("slowdown", "short", "long"), [(1.0, 0.5, 0.5), (3.0, 0.5, 1.5), (50.0, 0.5, 2.0)])
def test_busy_machine_gives_waits_a_share_of_what_is_declared(
    monkeypatch: pytest.MonkeyPatch, slowdown: float, short: float, long: float
) -> None:
    """Half a second at least, a fifth of the declared time at most."""
    monkeypatch.setattr(pulse, "_slowdown", lambda: slowdown)
    assert pulse.allowance(1.0, tick=pulse.tick()) == pytest.approx(short)
    assert pulse.allowance(10.0, tick=pulse.tick()) == pytest.approx(long)


def test_slowdown_is_that_of_our_own_work() -> None:
    """Nothing works faster than its processor."""
    assert pulse._slowdown() >= 0.99


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (dies(7), "its process ended with exit code 7."),
        (dies(0), "its process ended with exit code 0."),
        (dies(139), "its process ended with exit code 139, as after SIGSEGV."),
        (dies(127), "its process ended with exit code 127: its program was not found."),
        (dies(137, oom=True), "its process was killed out of memory: its memory limit of 512 MiB was reached"),
        (Host(), "its process runs, but nothing listens on port"),
    ],
)
def test_service_that_is_not_ready_says_why(host: Host, said: str) -> None:
    """Exit code, signal, memory or a port nobody listens on: the reason is in what the candidate reads."""
    with pytest.raises(CheckFailed) as caught:
        service(host, closed_port()).begin(liveness=True)
    assert said in caught.value.feedback


def test_service_that_answers_otherwise_is_quoted(app: App) -> None:
    """A service that runs and listens is told by its answer."""
    app.status = 500
    with pytest.raises(Unproven) as caught:
        service(Host(), app.port, startup_seconds=0.5).begin()
    assert 'GET /health comes to 500 {"path": "/health"}' in caught.value.feedback


def test_log_of_a_crash_at_start_is_shown_once() -> None:
    """The end of the log is evidence where the reason is said first; checks after it only say the reason."""
    host = dies(1, b"Traceback\nRuntimeError: no config found\n")
    one = service(host, closed_port())
    shown = []
    for _ in range(2):
        with pytest.raises(Unproven) as caught:
            one.begin()
        assert "exit code 1" in caught.value.feedback
        shown.append(caught.value.evidence)
        assert cause() is None, "the check has said it itself"
    assert shown == [("last lines of the service's log:", "Traceback", "RuntimeError: no config found"), ()]
    assert host.verbs("start") == [("start", "app")], "a service that never was ready is started once"


def test_service_that_writes_nothing_says_so() -> None:
    """No log is said too: nobody looks for one."""
    with pytest.raises(Unproven) as caught:
        service(dies(3), closed_port()).begin()
    assert caught.value.evidence == ("the service wrote nothing to its log",)


def test_log_is_that_of_the_last_start(app: App) -> None:
    """What earlier starts wrote does not explain this end."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    host.process.log = b"first life\n"
    one.kill()
    one.start_again()
    host.process.log += b"second life\n"
    host.process.running, host.process.exit_code = False, 1
    found = cause()
    assert found is not None
    assert found.lines == ("last lines of the service's log:", "second life")


def test_end_in_the_middle_of_a_check_is_a_cause(app: App) -> None:
    """A check that is lost after the process ended says so, once."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    host.process.running, host.process.exit_code, host.process.log = False, 7, b"boom\n"
    expected = causes.Cause(
        sentence="The service's process ended with exit code 7.", lines=("last lines of the service's log:", "boom")
    )
    assert cause() == expected
    assert cause() is None


def test_healthy_service_is_no_cause(app: App) -> None:
    """A check that is lost while the process runs and listens has nothing to add."""
    service(Host(), app.port).begin()
    assert cause() is None


def test_kill_of_ours_is_no_cause(app: App) -> None:
    """A process that we ended did not end by itself."""
    one = service(Host(), app.port)
    one.begin()
    one.kill()
    assert cause() is None


def test_end_before_our_kill_is_remembered(app: App) -> None:
    """A process that had ended when we came to kill it ended by itself, though it runs again."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    host.process.running, host.process.exit_code = False, 9
    one.kill()
    one.start_again()
    found = cause()
    assert found is not None
    assert "exit code 9" in found.sentence


def test_worker_killed_for_memory_is_a_cause(app: App) -> None:
    """The main process lives, and a worker of it reached the memory limit in this check."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    host.process.oom_kills = 1
    found = cause()
    assert found is not None
    assert "killed out of memory: the memory limit of 512 MiB was reached" in found.sentence
    one.begin()
    assert cause() is None, "what happened in an earlier check is none of this one's"


def test_listener_that_went_away_is_a_cause() -> None:
    """The process runs, and nobody listens any more."""
    with App(host="127.0.0.1") as app:
        one = service(Host(), app.port)
        one.begin()
    found = cause()
    assert found is not None
    assert f"runs, but nothing listens on port {app.port} (it must listen on 0.0.0.0" in found.sentence


def test_end_that_the_engine_sees_late_is_named() -> None:
    """Clients see the end of a process first: nobody listens any more, and a moment later it has ended."""

    def end(process: Process) -> None:
        process.running, process.exit_code = False, 7

    with App(host="127.0.0.1") as app:
        one = service(Host(on_wait=end), app.port)
        one.begin()
    found = cause()
    assert found is not None
    assert found.sentence == "The service's process ended with exit code 7."


def test_service_that_does_not_die_is_our_trouble(app: App) -> None:
    """A fault that was not on proves nothing."""
    host = Host(deaf=True)
    one = service(host, app.port)
    one.begin()
    with pytest.raises(Inconclusive, match="the fault was not on"):
        one.kill()


def test_service_that_does_not_come_back_fails(app: App) -> None:
    """Coming back is promised: staying away is a failure, with the reason; the next check starts it again."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    one.kill()
    app.status = 503
    with pytest.raises(CheckFailed, match=r"After a kill the service did not come back.*503"):
        one.start_again()
    app.status = 200
    one.begin()
    assert len(host.verbs("start")) == 3


def test_service_is_launched_before_what_it_needs_is_there(app: App) -> None:
    """It is not waited for until it is asked for: meanwhile its own word on its health is heard."""
    host = Host()
    one = service(host, app.port)
    one.begin()
    one.kill()
    app.status = 503
    one.launch()
    assert one.health().status == 503
    app.status = 200
    assert one.await_ready() > 0
    assert host.verbs("start", "kill") == [("start", "app"), ("kill", "app"), ("start", "app")]


def test_impatience_and_restarts_end(app: App) -> None:
    """Checks don't wait for ever for a service that keeps them waiting, nor start it for ever."""
    slow = service(Host(), app.port, patience_seconds=0.0)
    slow.begin()
    with pytest.raises(Unproven, match="so slow that the checks before this one"):
        slow.begin()
    host = Host()
    often = service(host, app.port)
    for _ in range(4):
        often.suspect()
        often.begin()
    often.suspect()
    with pytest.raises(Unproven, match="started again too often"):
        often.begin()
    assert len(host.verbs("start")) == 4


class Held:
    """A service that calls a scripted upstream for each thing it is asked for, unless it never calls."""

    def __init__(self, *, calls: bool = True) -> None:
        self.script: Script[Step] = Script()
        self.went: list[str] = []
        self._calls = calls

    def ask(self, thing: str) -> Said:
        if self._calls and self.script.reach(self.script.taken(thing), BEFORE, lambda: None):
            self.went.append(thing)
        answer = Answer(status=None, error="gone", start=0.0, end=0.0)
        return Said(meaning=Meaning.BROKEN if self._calls else Meaning.REFUSED, answer=answer)


def test_service_is_killed_while_its_calls_are_held(app: App) -> None:
    """All calls stand there when it dies; afterwards some go on and the others are dropped."""
    host, held = Host(), Held()
    one = service(host, app.port)
    one.begin()
    holds = {thing: held.script.hold(thing, BEFORE) for thing in "abc"}
    told = kill_while_held(one, held.script, holds, held.ask, forward=["b"], within_seconds=5.0, together_seconds=5.0)
    assert set(told) == {"a", "b", "c"}
    assert held.went == ["b"]
    assert host.process.exit_code == 137


def test_round_says_what_is_held_where_and_what_goes_on() -> None:
    """Each thing at its point; late calls go on after the kill; those that are not silent ask again."""
    points = {"a": Point.BEFORE_LOST, "b": Point.BEFORE_LATE, "c": Point.AFTER}
    one: Round[str] = Round(number=1, points=points, silent=frozenset("bc"))
    assert [point.when for point in points.values()] == [BEFORE, BEFORE, AFTER]
    assert (one.forward, one.loud, one.lose) == (("b",), ("a",), False)


@pytest.mark.parametrize("lose", [False, True])
def test_kill_may_take_the_files(app: App, *, lose: bool) -> None:
    """The process is dead, then its files are taken; nothing runs until it is started, and that is told as a kill is."""
    host, held = Host(), Held()
    one = service(host, app.port)
    one.begin()
    holds = {"a": held.script.hold("a", BEFORE)}
    limits = {"within_seconds": 5.0, "together_seconds": 5.0}
    kill_while_held(one, held.script, holds, held.ask, forward=(), **limits, lose=lose)
    assert not host.process.running
    one.start_again()
    verbs = ["start", "kill", "lose", "start"] if lose else ["start", "kill", "start"]
    assert [verb for verb, _ in host.verbs("start", "kill", "lose")] == verbs


def test_service_that_never_calls_is_not_killed(app: App) -> None:
    """An outcome was promised by then, and there is none without a call; whatever waited is let go."""
    host, held = Host(), Held(calls=False)
    one = service(host, app.port)
    one.begin()
    holds = {"a": held.script.hold("a", BEFORE)}
    with pytest.raises(CheckFailed, match="made none of 1 calls in the time"):
        kill_while_held(one, held.script, holds, held.ask, forward=(), within_seconds=60.0, together_seconds=1.0)
    assert host.process.running
    assert held.script.taken("a") is None
