"""Conformance, the part every engine keeps: what callers may rely on whatever is below."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import pytest

from harness import owners
from harness.engines.base import Engine, SandboxSpec, Scenario, ScenarioSpec
from harness.errors import SandboxError
from harness.model import Limits
from harness.owners import Owner

Opener = Callable[..., AbstractContextManager[Scenario]]
Packer = Callable[[Mapping[str, bytes]], bytes]
SLEEP = ("sleep", "60")


def test_run_once_returns_output_and_exit_code(engine: Engine, image: str, owner: Owner) -> None:
    """A command that ran is a result with its streams apart."""
    spec = SandboxSpec(name="one", image=image, command=("sh", "-c", "echo out; echo err >&2; exit 3"))

    result = engine.run_once(owner, spec, timeout_seconds=20)

    assert (result.exit_code, result.stdout, result.stderr) == (3, b"out\n", b"err\n")
    assert (result.truncated, result.timed_out) == (False, False)


def test_run_once_feeds_stdin_to_its_end(engine: Engine, image: str, owner: Owner) -> None:
    """The command reads all of stdin and then its end."""
    spec = SandboxSpec(name="one", image=image, command=("cat",))
    data = bytes(range(256)) * 1000

    result = engine.run_once(owner, spec, stdin=data, timeout_seconds=20)

    assert result.stdout == data


def test_run_once_has_files_and_stdin(engine: Engine, image: str, owner: Owner, pack: Packer) -> None:
    """Files are in the box before the command starts, and its stdin is only its own."""
    spec = SandboxSpec(name="one", image=image, command=("cat", "/box/sub/file"))
    tar = pack({"sub/file": b"content\n", "empty": b""})

    assert engine.run_once(owner, spec, tar=tar, timeout_seconds=20).stdout == b"content\n"

    spec = SandboxSpec(name="one", image=image, command=("cat",))
    assert engine.run_once(owner, spec, tar=tar, stdin=b"mine", timeout_seconds=20).stdout == b"mine"


def test_ready_once_runs_nothing_before_it_is_told_to(engine: Engine, image: str, owner: Owner, pack: Packer) -> None:
    """Everything is there, the time of the command counts from ``finish``, and its files are the given ones."""
    spec = SandboxSpec(name="app", image=image, command=("cat", "a.txt"), network=False)
    with engine.ready_once(owner, spec, tar=pack({"a.txt": b"content"})) as ready:
        time.sleep(1.2)
        result = ready.finish(timeout_seconds=20)
    assert (result.exit_code, result.stdout) == (0, b"content")
    assert result.seconds < 1.0


def test_ready_once_that_nobody_finishes_leaves_nothing(engine: Engine, image: str, owner: Owner, pack: Packer) -> None:
    """A sandbox that was made ready for nothing is removed like any other."""
    spec = SandboxSpec(name="app", image=image, command=("cat", "a.txt"), network=False)
    with engine.ready_once(owner, spec, tar=pack({"a.txt": b"content"})):
        pass
    assert engine.reap(lambda one: one.run == owner.run) == []


def test_run_once_of_unknown_command_is_127(engine: Engine, image: str, owner: Owner) -> None:
    """A command that is not there is a result, as a shell would report it."""
    spec = SandboxSpec(name="one", image=image, command=("no-such-command",))

    assert engine.run_once(owner, spec, timeout_seconds=20).exit_code == 127


def test_run_once_says_the_limit_it_ran_under(engine: Engine, image: str, owner: Owner) -> None:
    """A result carries the memory limit, and that it was not reached."""
    spec = SandboxSpec(name="one", image=image, command=("true",), limits=Limits(memory_mb=64))

    result = engine.run_once(owner, spec, timeout_seconds=20)

    assert (result.memory_mb, result.oom_killed) == (64, False)


def test_run_once_ends_at_its_timeout(engine: Engine, image: str, owner: Owner) -> None:
    """A command that takes too long is killed, and the result says so."""
    spec = SandboxSpec(name="one", image=image, command=SLEEP)
    begin = time.monotonic()

    result = engine.run_once(owner, spec, timeout_seconds=0.5)

    assert result.timed_out
    assert result.exit_code == 137
    assert time.monotonic() - begin < 20


def test_run_once_caps_output(engine: Engine, image: str, owner: Owner) -> None:
    """Output over the cap is dropped, the command still ends by itself, and the result says so."""
    limits = Limits(output_kb=4)
    spec = SandboxSpec(name="one", image=image, command=("head", "-c", "100000", "/dev/zero"), limits=limits)

    result = engine.run_once(owner, spec, timeout_seconds=20)

    assert (len(result.stdout), result.truncated, result.exit_code) == (4096, True, 0)


def test_run_once_gives_its_environment(engine: Engine, image: str, owner: Owner) -> None:
    """The environment of the spec is that of the command."""
    spec = SandboxSpec(name="one", image=image, command=("printenv", "COLOUR"), env={"COLOUR": "a b=c"})

    assert engine.run_once(owner, spec, timeout_seconds=20).stdout == b"a b=c\n"


def test_attach_once_echoes(engine: Engine, image: str, owner: Owner) -> None:
    """Bytes go both ways while the process runs, and the end of stdin ends it."""
    with engine.attach_once(owner, SandboxSpec(name="one", image=image, command=("cat",))) as attachment:
        attachment.write(b"ping")
        assert attachment.read_exactly(4) == b"ping"
        attachment.write(b"\x00\xff" * 50000)
        assert attachment.read_exactly(100000) == b"\x00\xff" * 50000


def test_put_then_start(opened: Opener, image: str, pack: Packer) -> None:
    """What was put before the start is there for the process."""
    with opened(SandboxSpec(name="app", image=image, command=("cat", "hello", "a/b"))) as scenario:
        scenario.put("app", pack({"hello": b"hello ", "a/b": b"world"}))
        scenario.start("app")
        state = scenario.wait("app", timeout_seconds=20)

        assert (state.running, state.exit_code, state.starts) == (False, 0, 1)
        assert scenario.logs("app") == b"hello world"


def test_put_into_running_sandbox_is_refused(opened: Opener, image: str, pack: Packer) -> None:
    """Nobody copies into a box while candidate code runs."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        with pytest.raises(SandboxError, match="not to be running"):
            scenario.put("app", pack({"file": b""}))


def test_put_after_a_run(opened: Opener, image: str, pack: Packer) -> None:
    """Files can be put again once the process is dead; what was there stays."""
    with opened(SandboxSpec(name="app", image=image)) as scenario:
        scenario.run("app", ("tee", "old"), stdin=b"old ", timeout_seconds=20)
        scenario.put("app", pack({"new": b"new"}))

        assert scenario.run("app", ("cat", "old", "new"), timeout_seconds=20).stdout == b"old new"


def test_start_keeps_command_and_environment(opened: Opener, image: str) -> None:
    """A crash starts again what was started, with the environment given then."""
    spec = SandboxSpec(name="app", image=image, command=SLEEP, env={"A": "1", "B": "1"})
    with opened(spec) as scenario:
        command = ("sh", "-c", "printenv A; printenv B; sleep 60")
        scenario.start("app", command=command, env={"B": "2"})
        _until(lambda: scenario.logs("app").count(b"\n") == 2)
        scenario.crash("app")
        _until(lambda: scenario.logs("app").count(b"\n") == 4)

        assert scenario.logs("app") == b"1\n2\n1\n2\n"
        assert scenario.state("app").starts == 2


def test_start_of_a_running_sandbox_is_refused(opened: Opener, image: str) -> None:
    """A second start is the caller's mistake, not a second process."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        with pytest.raises(SandboxError, match="not to be running"):
            scenario.start("app")


def test_state_follows_the_process(opened: Opener, image: str) -> None:
    """State tells: never started, running, killed, and running again after a kill."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        before = scenario.state("app")
        assert (before.running, before.exit_code, before.starts) == (False, None, 0)
        scenario.start("app")
        running = scenario.state("app")
        assert (running.running, running.exit_code, running.starts) == (True, None, 1)
        scenario.kill("app")
        killed = scenario.state("app")
        assert (killed.running, killed.exit_code) == (False, 137)
        scenario.start("app")
        again = scenario.state("app")
        assert (again.running, again.exit_code, again.starts) == (True, 137, 2)


def test_driving_a_dead_sandbox_is_no_error(opened: Opener, image: str) -> None:
    """Kill, stop, pause and resume of what does not run do nothing; exec is a result."""
    with opened(SandboxSpec(name="app", image=image, command=("true",))) as scenario:
        for name in ("before its first start", "after its end"):
            scenario.kill("app")
            scenario.stop("app", grace_seconds=0.1)
            scenario.pause("app")
            scenario.resume("app")
            assert scenario.exec("app", ("true",), timeout_seconds=20).exit_code == 125, name
            assert not scenario.state("app").running, name
            scenario.start("app")
            scenario.wait("app", timeout_seconds=20)


def test_crash_keeps_the_box_and_the_address(opened: Opener, image: str) -> None:
    """Files and address are those of before the kill."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP), network=True) as scenario:
        scenario.start("app")
        address = scenario.address("app")
        scenario.exec("app", ("tee", "file"), stdin=b"kept", timeout_seconds=20)
        scenario.crash("app")

        assert scenario.exec("app", ("cat", "file"), timeout_seconds=20).stdout == b"kept"
        assert scenario.address("app") == address


def test_lose_empties_the_box_and_keeps_the_address(opened: Opener, image: str) -> None:
    """A lost sandbox starts anew: same address and command, no files."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP), network=True) as scenario:
        scenario.start("app")
        address = scenario.address("app")
        scenario.exec("app", ("tee", "file"), stdin=b"lost", timeout_seconds=20)
        scenario.lose("app")

        assert scenario.state("app").running
        assert scenario.exec("app", ("cat", "file"), timeout_seconds=20).exit_code == 1
        assert scenario.address("app") == address


def test_lose_of_a_sandbox_with_a_build(opened: Opener, image: str) -> None:
    """A box that a build sandbox shares can be lost as well."""
    app = SandboxSpec(name="app", image=image, command=SLEEP)
    with opened(app, SandboxSpec(name="build", image=image, network=False, volume_of="app")) as scenario:
        assert scenario.run("build", ("tee", "made"), stdin=b"x", timeout_seconds=20).exit_code == 0
        scenario.start("app")
        assert scenario.exec("app", ("cat", "made"), timeout_seconds=20).stdout == b"x"
        scenario.lose("app")

        assert scenario.exec("app", ("cat", "made"), timeout_seconds=20).exit_code == 1


def test_lose_puts_back_what_was_kept(opened: Opener, image: str) -> None:
    """What was there when it was kept, programs and links included; what was written, changed or removed since is lost."""
    box = SandboxSpec(name="app", image=image, command=SLEEP)
    with opened(box, SandboxSpec(name="build", image=image, network=False, volume_of="app"), network=True) as scenario:
        assert scenario.run("build", ("tee", "made"), stdin=b"made", timeout_seconds=20).exit_code == 0
        assert scenario.run("build", ("tee", "left"), stdin=b"left", timeout_seconds=20).exit_code == 0
        scenario.keep("app")
        scenario.start("app")
        for file in ("made", "written"):
            scenario.exec("app", ("tee", file), stdin=b"later", timeout_seconds=20)
        scenario.exec("app", ("rm", "left"), timeout_seconds=20)
        for _ in range(2):
            scenario.lose("app")
            assert scenario.state("app").running
            found = [scenario.exec("app", ("cat", one), timeout_seconds=20) for one in ("made", "left", "written")]
            assert [(one.exit_code, one.stdout) for one in found] == [(0, b"made"), (0, b"left"), (1, b"")]


def test_what_was_kept_of_one_can_be_put_into_another(opened: Opener, image: str) -> None:
    """As it was when it was kept; into what does not run, and of what was kept."""
    boxes = [SandboxSpec(name=name, image=image, command=SLEEP) for name in ("app", "tests")]
    with opened(*boxes, network=True) as scenario:
        with pytest.raises(SandboxError, match="keep them first"):
            scenario.take("tests", "app")
        assert scenario.run("app", ("tee", "made"), stdin=b"made", timeout_seconds=20).exit_code == 0
        scenario.keep("app")
        assert scenario.run("app", ("tee", "made"), stdin=b"later", timeout_seconds=20).exit_code == 0
        scenario.take("tests", "app")
        scenario.start("tests")
        assert scenario.exec("tests", ("cat", "made"), timeout_seconds=20).stdout == b"made"
        with pytest.raises(SandboxError, match="not to be running"):
            scenario.take("tests", "app")


def test_lose_of_what_does_not_run_starts_nothing(opened: Opener, image: str) -> None:
    """A sandbox that was killed is lost and waits: when it starts is for whoever measures that."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP), network=True) as scenario:
        scenario.start("app")
        scenario.kill("app")
        scenario.lose("app")
        assert not scenario.state("app").running
        scenario.start("app")
        assert scenario.state("app").running


def test_keep_of_a_running_sandbox_is_refused(opened: Opener, image: str) -> None:
    """What a process is writing just now is no state to go back to."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        with pytest.raises(SandboxError, match="not to be running"):
            scenario.keep("app")


def test_exec_returns_streams_and_code(opened: Opener, image: str) -> None:
    """An exec beside the process has its own streams and exit code."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        result = scenario.exec("app", ("sh", "-c", "cat; echo err >&2; exit 4"), stdin=b"in", timeout_seconds=20)

        assert (result.exit_code, result.stdout, result.stderr) == (4, b"in", b"err\n")
        assert scenario.exec("app", ("no-such-command",), timeout_seconds=20).exit_code == 127
        assert scenario.state("app").running


def test_exec_timeout_kills_the_whole_sandbox(opened: Opener, image: str) -> None:
    """After a timeout nothing of the sandbox runs: not the exec, not its process."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        result = scenario.exec("app", SLEEP, timeout_seconds=0.5)

        assert result.timed_out
        assert not scenario.state("app").running


def test_run_timeout_kills_the_sandbox(opened: Opener, image: str) -> None:
    """A run that takes too long is over when the call returns."""
    with opened(SandboxSpec(name="app", image=image)) as scenario:
        assert scenario.run("app", SLEEP, timeout_seconds=0.5).timed_out
        assert not scenario.state("app").running


def test_run_does_not_replace_the_command(opened: Opener, image: str) -> None:
    """A run is for once: the next start is that of the spec."""
    with opened(SandboxSpec(name="app", image=image, command=("echo", "service"), env={"A": "1"})) as scenario:
        result = scenario.run("app", ("printenv", "A", "B"), env={"A": "2"}, timeout_seconds=20)
        assert result.stdout.startswith(b"2")
        scenario.start("app")
        scenario.wait("app", timeout_seconds=20)

        assert scenario.logs("app").endswith(b"service\n")


def test_pause_and_resume(opened: Opener, image: str) -> None:
    """A paused process makes no progress, and goes on when resumed."""
    with opened(SandboxSpec(name="app", image=image, command=("sh", "-c", "sleep 0.5; echo done"))) as scenario:
        scenario.start("app")
        scenario.pause("app")
        scenario.pause("app")
        assert scenario.state("app").paused
        assert scenario.wait("app", timeout_seconds=1).running
        assert scenario.logs("app") == b""
        scenario.resume("app")
        scenario.resume("app")

        assert scenario.wait("app", timeout_seconds=20).exit_code == 0
        assert scenario.logs("app") == b"done\n"


def test_kill_of_a_paused_sandbox(opened: Opener, image: str) -> None:
    """A frozen process dies all the same, and can be started again."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        scenario.pause("app")
        scenario.kill("app")
        assert not scenario.state("app").running
        scenario.start("app")

        state = scenario.state("app")
        assert (state.running, state.paused) == (True, False)


def test_stop_ends_the_process(opened: Opener, image: str) -> None:
    """After a stop the process is gone, however it takes the signal."""
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")
        scenario.stop("app", grace_seconds=0.5)

        assert not scenario.state("app").running


def test_attach_speaks_and_ends_with_its_client(opened: Opener, image: str) -> None:
    """A stdin sandbox echoes, and ends when the attached client goes."""
    with opened(SandboxSpec(name="grader", image=image, command=("cat",), stdin=True)) as scenario:
        attachment = scenario.attach("grader")
        attachment.write(b"one")
        assert attachment.read_exactly(3) == b"one"
        attachment.close()

        assert not scenario.wait("grader", timeout_seconds=20).running


def test_attach_reads_to_the_end(opened: Opener, image: str) -> None:
    """The end of a stream is fewer bytes than asked for; stderr is in the log."""
    command = ("sh", "-c", "echo err >&2; echo out")
    with opened(SandboxSpec(name="grader", image=image, command=command, stdin=True)) as scenario:
        attachment = scenario.attach("grader")

        assert attachment.read_exactly(100) == b"out\n"
        assert attachment.logs() == b"err\n"
        scenario.wait("grader", timeout_seconds=20)
        assert b"err\n" in scenario.logs("grader")
        attachment.close()


def test_attach_to_a_sandbox_without_stdin_is_refused(opened: Opener, image: str) -> None:
    """Only a sandbox declared with stdin can be talked to."""
    spec = SandboxSpec(name="app", image=image, command=("cat",))
    with opened(spec) as scenario, pytest.raises(SandboxError, match="declared with stdin"):
        scenario.attach("app")


def test_write_to_a_dead_sandbox_is_an_error_of_the_sandbox(opened: Opener, image: str) -> None:
    """Writing to a process that is gone is said, not swallowed."""
    with opened(SandboxSpec(name="grader", image=image, command=("true",), stdin=True)) as scenario:
        attachment = scenario.attach("grader")
        scenario.wait("grader", timeout_seconds=20)

        def write() -> bool:
            try:
                attachment.write(b"x" * 100000)
            except SandboxError:
                return True
            return False

        _until(write)
        attachment.close()


def test_names_outside_the_scenario_are_refused(opened: Opener, image: str) -> None:
    """A name that is not of this scenario is an error that says which are."""
    with opened(SandboxSpec(name="app", image=image)) as scenario, pytest.raises(SandboxError, match=r"\(app\)"):
        scenario.state("other")


def test_logs_are_the_end(opened: Opener, image: str) -> None:
    """Of long output the last bytes are kept."""
    with opened(SandboxSpec(name="app", image=image, command=("cat", "/box/long"))) as scenario:
        scenario.run("app", ("tee", "long"), stdin=b"a" * 3000 + b"end", timeout_seconds=20)
        scenario.start("app")
        scenario.wait("app", timeout_seconds=20)

        assert scenario.logs("app", tail_kb=1) == b"a" * 1021 + b"end"


def test_two_scenarios_at_once_do_not_meet(opened: Opener, image: str) -> None:
    """The same sandbox names in two scenarios are different sandboxes."""
    spec = SandboxSpec(name="app", image=image, command=SLEEP)
    with opened(spec, network=True) as one, opened(spec, network=True) as two:
        one.start("app")
        two.start("app")
        one.exec("app", ("tee", "file"), stdin=b"one", timeout_seconds=20)

        assert two.exec("app", ("cat", "file"), timeout_seconds=20).exit_code == 1
        one.kill("app")
        assert two.state("app").running
        assert one.address("app") != two.address("app")


def test_methods_may_be_called_from_several_threads(opened: Opener, image: str) -> None:
    """Execs from four threads at once each get their own answer."""
    found: dict[int, bytes] = {}
    with opened(SandboxSpec(name="app", image=image, command=SLEEP)) as scenario:
        scenario.start("app")

        def work(number: int) -> None:
            found[number] = scenario.exec("app", ("cat",), stdin=b"%d" % number, timeout_seconds=60).stdout

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert found == {number: b"%d" % number for number in range(4)}


def test_close_is_idempotent_and_final(engine: Engine, image: str, owner: Owner) -> None:
    """A closed scenario can be closed again, and nothing else."""
    spec = ScenarioSpec(owner=owner, sandboxes=(SandboxSpec(name="app", image=image, command=SLEEP),), network=False)
    with engine.open_scenario(spec) as scenario:
        scenario.start("app")
        scenario.close()
        scenario.close()
        with pytest.raises(SandboxError, match="closed"):
            scenario.state("app")


def test_reap_takes_the_dead_and_leaves_the_living(engine: Engine, image: str, owner: Owner) -> None:
    """Only what belongs to a dead owner is removed."""
    other = owners.make_owner(f"{owner.run}-other", seconds=300)
    sandboxes = (SandboxSpec(name="app", image=image, command=SLEEP),)
    with (
        engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=sandboxes, network=False)) as living,
        engine.open_scenario(ScenarioSpec(owner=other, sandboxes=sandboxes, network=False)) as dead,
    ):
        living.start("app")
        dead.start("app")

        lines = engine.reap(lambda found: found.run == other.run)

        assert lines
        assert all(other.run in line for line in lines)
        assert living.state("app").running
        assert engine.reap(lambda found: found.run == other.run) == []


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)
