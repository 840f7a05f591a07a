"""Conformance, the part only a real engine can keep: limits, networks, faults, and nothing left behind."""

from __future__ import annotations

import concurrent.futures
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness import owners
from harness.engines.base import SandboxSpec, Scenario, ScenarioSpec
from harness.engines.docker import containers, users
from harness.engines.docker.engine import DockerEngine
from harness.errors import ContentError, EngineError, SandboxError
from harness.images import manage as images
from harness.model import Limits
from harness.owners import Owner

pytestmark = pytest.mark.docker

Opener = Callable[..., AbstractContextManager[Scenario]]
Packer = Callable[[Mapping[str, bytes]], bytes]
SLEEP = ("sleep", "60")
GREET = (
    "import socket\n"
    "s = socket.create_server(('0.0.0.0', 8080))\n"
    "print('ready', flush=True)\n"
    "while True:\n"
    "    c, _ = s.accept()\n"
    "    c.sendall(b'hello')\n"
    "    c.close()\n"
)
SERVER = ("python3", "-c", GREET)
"""Greets everybody on port 8080."""
TALK = (
    "import socket, sys\n"
    "try:\n"
    "    c = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2)\n"
    "    print('answer', c.recv(5).decode())\n"
    "except OSError as e:\n"
    "    print('no', e)\n"
)


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs ``code`` in a sandbox."""
    return ("python3", "-c", code, *arguments)


def test_names_resolve_by_hosts_file_and_nothing_else(kernel: Opener, base_image: str) -> None:
    """A sandbox reaches its peers by the names it was given; other names fail at once."""
    app = SandboxSpec(name="app", image=base_image, hosts={"db": "store", "psp": "grader"}, command=SLEEP)
    store = SandboxSpec(name="store", image=base_image, command=SERVER)
    grader = SandboxSpec(name="grader", image=base_image, command=SLEEP)
    with kernel(app, store, grader, network=True) as scenario:
        _serve(scenario, "store")
        scenario.start("app")
        assert _talk(scenario, "app", "db") == "answer hello"
        begin = time.monotonic()
        assert _talk(scenario, "app", "example.org").startswith("no")
        assert time.monotonic() - begin < 3
        resolved = "import socket; print(socket.gethostbyname('psp'))"
        found = scenario.exec("app", python(resolved), timeout_seconds=20)
        assert found.stdout.decode().strip() == scenario.address("grader")


def test_address_names_and_hosts_survive_crash_and_lose(kernel: Opener, base_image: str) -> None:
    """Peers reach a sandbox at the same address after a crash and after a loss."""
    app = SandboxSpec(name="app", image=base_image, hosts={"db": "store"}, command=SLEEP)
    store = SandboxSpec(name="store", image=base_image, command=SERVER)
    with kernel(app, store, network=True) as scenario:
        _serve(scenario, "store")
        scenario.start("app")
        for fault in (scenario.crash, scenario.lose):
            fault("store")
            _until(lambda: _talk(scenario, "app", "db") == "answer hello")
            fault("app")
            assert _talk(scenario, "app", "db") == "answer hello"


def test_a_sandbox_reaches_neither_host_nor_internet(kernel: Opener, base_image: str) -> None:
    """No route leads out: not to the gateway's address, the engine's bridge, the internet or a link-local neighbour."""
    with kernel(SandboxSpec(name="app", image=base_image, command=SLEEP), network=True) as scenario:
        scenario.start("app")
        own = scenario.address("app").rsplit(".", 1)
        gateway = f"{own[0]}.{int(own[1]) - 1}"
        for target in (gateway, "172.17.0.1", "1.1.1.1", "169.254.169.254", "10.0.0.1"):
            assert _talk(scenario, "app", target, 22).startswith("no"), target
        six = scenario.exec("app", ("cat", "/proc/net/if_inet6"), timeout_seconds=20).stdout.decode().splitlines()
        assert [line for line in six if not line.endswith(" lo")] == []


def test_the_host_has_no_address_on_the_network(kernel: Opener, base_image: str) -> None:
    """The host cannot be reached because it is not there: its routes do not know the scenario's network."""
    with kernel(SandboxSpec(name="app", image=base_image, command=SERVER), network=True) as scenario:
        _serve(scenario, "app")
        parts = [int(part) for part in scenario.address("app").split(".")]
        network = f"{(parts[3] & 0xF0):02X}{parts[2]:02X}{parts[1]:02X}{parts[0]:02X}"
        routes = Path("/proc/net/route").read_text(encoding="ascii")
        assert network not in [line.split()[1] for line in routes.splitlines()[1:]]


def test_scenarios_do_not_reach_each_other(kernel: Opener, base_image: str) -> None:
    """A server in one scenario is silence for another one."""
    server = SandboxSpec(name="app", image=base_image, command=SERVER)
    client = SandboxSpec(name="app", image=base_image, command=SLEEP)
    with kernel(server, network=True) as one, kernel(client, network=True) as two:
        _serve(one, "app")
        two.start("app")
        assert _talk(one, "app", one.address("app")) == "answer hello"
        assert _talk(two, "app", one.address("app")).startswith("no")


def test_a_sandbox_without_network_has_only_loopback(kernel: Opener, base_image: str) -> None:
    """``network=False`` holds in a scenario that has a network."""
    app = SandboxSpec(name="app", image=base_image, command=SLEEP)
    build = SandboxSpec(name="build", image=base_image, network=False, volume_of="app")
    alone = SandboxSpec(name="alone", image=base_image, network=False)
    with kernel(app, build, alone, network=True) as scenario:
        for name in ("build", "alone"):
            found = scenario.run(name, python("import os; print(os.listdir('/sys/class/net'))"), timeout_seconds=20)
            assert found.stdout == b"['lo']\n"
            with pytest.raises(SandboxError, match="to have a network"):
                scenario.address(name)


def test_partition_and_heal(kernel: Opener, base_image: str) -> None:
    """Packets between two sandboxes stop both ways, survive a crash, and flow again when healed."""
    specs = [SandboxSpec(name=name, image=base_image, command=SERVER) for name in ("app", "db", "other")]
    with kernel(*specs, network=True) as scenario:
        for spec in specs:
            _serve(scenario, spec.name)
        scenario.partition("app", ("db",))
        for _ in range(2):
            assert _talk(scenario, "app", scenario.address("db")).startswith("no")
            assert _talk(scenario, "db", scenario.address("app")).startswith("no")
            assert _talk(scenario, "app", scenario.address("other")) == "answer hello"
            scenario.crash("app")
            _until(lambda: _talk(scenario, "other", scenario.address("app")) == "answer hello")
        scenario.heal("app")
        scenario.heal("app")
        assert _talk(scenario, "app", scenario.address("db")) == "answer hello"
        assert _talk(scenario, "db", scenario.address("app")) == "answer hello"


def test_a_sandbox_with_peers_exchanges_packets_with_nobody_else(kernel: Opener, base_image: str) -> None:
    """The wall is there from the first moment, stands when a fault is healed and when the sandbox is lost."""
    names = ("app", "db", "other")
    specs = [
        SandboxSpec(name=name, image=base_image, command=SERVER, peers=("db",) if name == "app" else None)
        for name in names
    ]
    with kernel(*specs, network=True) as scenario:
        for spec in specs:
            _serve(scenario, spec.name)
        for disturb in (None, scenario.heal, scenario.lose):
            if disturb is not None:
                disturb("app")
            _until(lambda: _talk(scenario, "db", scenario.address("app")) == "answer hello")
            assert _talk(scenario, "app", scenario.address("db")) == "answer hello"
            assert _talk(scenario, "app", scenario.address("other")).startswith("no")
            assert _talk(scenario, "other", scenario.address("app")).startswith("no")
            assert _talk(scenario, "other", scenario.address("db")) == "answer hello"


def test_memory_over_the_limit_is_killed(kernel: Opener, base_image: str) -> None:
    """A process that takes more memory than its limit dies of it, and the state says so."""
    limits = Limits(memory_mb=48, tmpfs_mb=16)
    with kernel(SandboxSpec(name="app", image=base_image, limits=limits)) as scenario:
        found = scenario.run("app", python("x = bytearray(200 * 2**20); print(len(x))"), timeout_seconds=30)
        assert (found.stdout, found.exit_code) == (b"", 137)
        assert scenario.state("app").oom_killed
        found = scenario.run("app", python("x = bytearray(30 * 2**20); print('fits')"), timeout_seconds=30)
        assert found.stdout == b"fits\n"


def test_processes_are_limited(kernel: Opener, base_image: str) -> None:
    """The limit counts every process and thread, and what is under it works."""
    limits = Limits(pids=32)
    code = (
        "import threading, time\n"
        "n = 0\n"
        "try:\n"
        "    while n < 100:\n"
        "        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
        "        n += 1\n"
        "except RuntimeError:\n"
        "    pass\n"
        "print(n)\n"
    )
    with kernel(SandboxSpec(name="app", image=base_image, limits=limits)) as scenario:
        count = int(scenario.run("app", python(code), timeout_seconds=30).stdout)
        assert 20 <= count <= 31


def test_box_size_and_inodes_are_limited(kernel: Opener, base_image: str) -> None:
    """``/box`` holds what it says and no more, in bytes and in files."""
    limits = Limits(tmpfs_mb=8, tmpfs_inodes=64)
    fill = (
        "import sys\nf = open('/box/big', 'wb')\nfor i in range(100): f.write(bytes(2**20)); print(i + 1, flush=True)\n"
    )
    many = "for i in range(1000):\n    open(f'/box/f{i}', 'w').close(); print(i + 1, flush=True)\n"
    with kernel(SandboxSpec(name="app", image=base_image, limits=limits)) as scenario:
        found = scenario.run("app", python(fill), timeout_seconds=30)
        assert b"No space left" in found.stderr
        assert 6 <= int(found.stdout.split()[-1]) <= 8
        scenario.run("app", ("rm", "/box/big"), timeout_seconds=30)
        found = scenario.run("app", python(many), timeout_seconds=30)
        assert b"No space left" in found.stderr
        assert int(found.stdout.split()[-1]) <= 63


def test_one_shot_over_its_memory_limit_says_so(docker_engine: DockerEngine, owner: Owner, base_image: str) -> None:
    """A one-shot that takes more than its limit is killed for it; one that stays below is measured and was not."""
    limits = Limits(memory_mb=48, tmpfs_mb=16)
    hungry = ("sh", "-c", "head -c 200000000 /dev/zero | tail -c 190000000 | wc -c; sleep 0.3; exit 9")
    spec = SandboxSpec(name="one", image=base_image, command=hungry, limits=limits, network=False)
    result = docker_engine.run_once(owner, spec, timeout_seconds=20)
    assert (result.oom_killed, result.exit_code, result.memory_mb) == (True, 9, 48)
    modest = ("sh", "-c", "head -c 20000000 /dev/zero | tail -c 16000000 | wc -c; sleep 0.3")
    spec = SandboxSpec(name="one", image=base_image, command=modest, limits=limits, network=False)
    result = docker_engine.run_once(owner, spec, timeout_seconds=20)
    assert (result.oom_killed, result.exit_code) == (False, 0)
    if docker_engine.capabilities().rootless or result.memory_peak_mb is None:
        pytest.skip("this machine's engine runs on another kernel: its files can't be read here")
    assert 10 < result.memory_peak_mb <= 64


def test_one_shot_has_the_same_box(docker_engine: DockerEngine, owner: Owner, base_image: str) -> None:
    """A sandbox without a holder is limited, owned and mounted as one with a holder."""
    limits = Limits(tmpfs_mb=8, tmpfs_inodes=64)
    command = ("sh", "-c", "grep ' /box ' /proc/mounts; stat -c '%u %g %a' /box; pwd; id -u")
    spec = SandboxSpec(name="one", image=base_image, limits=limits, command=command)
    once = docker_engine.run_once(owner, spec, timeout_seconds=20).stdout.decode()
    with docker_engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(spec,), network=False)) as scenario:
        held = scenario.run("one", command, timeout_seconds=20).stdout.decode()
    found: set[int] = set()
    for text, mode in ((once, "755"), (held, "775")):
        mount, *rest = text.splitlines()
        options = mount.split()[3].split(",")
        user = rest[-1]
        assert {"rw", "nosuid", "nodev", "size=8192k", "nr_inodes=64", f"uid={user}", f"gid={user}"} <= set(options)
        assert "noexec" not in options
        assert rest == [f"{user} {user} {mode}", "/box", user]
        found.add(int(user))
    assert len(found) == 2
    assert all(one in users.ALL or one in users.MAPPED for one in found)


def test_file_size_is_limited(kernel: Opener, base_image: str) -> None:
    """No file grows over its limit, sparse or not."""
    with kernel(SandboxSpec(name="app", image=base_image, limits=Limits(file_size_mb=2))) as scenario:
        code = "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nos.truncate('/box/f', {})\n"
        assert scenario.run("app", ("sh", "-c", "touch /box/f"), timeout_seconds=20).exit_code == 0
        assert scenario.run("app", python(code.format(2**20)), timeout_seconds=20).exit_code == 0
        found = scenario.run("app", python(code.format(2**30)), timeout_seconds=20)
        assert b"File too large" in found.stderr


def test_cpu_is_limited(kernel: Opener, base_image: str) -> None:
    """Two busy processes get half a processor between them when that is the limit."""
    code = "import os, time\nend = time.monotonic() + 2\nos.fork()\nwhile time.monotonic() < end: pass\n"
    with kernel(SandboxSpec(name="app", image=base_image, limits=Limits(cpus=0.5))) as scenario:
        scenario.start("app", command=("sh", "-c", 'python3 -c "$0"; sleep 60', code))
        time.sleep(2.5)  # What is measured takes this long.
        usage = scenario.usage("app")
        assert usage.cpu_seconds is not None
        assert usage.cpu_seconds < 1.6


def test_open_files_are_limited(kernel: Opener, base_image: str) -> None:
    """The descriptor limit is hard."""
    code = (
        "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE))"
    )
    with kernel(SandboxSpec(name="app", image=base_image, limits=Limits(nofile=128))) as scenario:
        assert scenario.run("app", python(code), timeout_seconds=20).stdout == b"(128, 128) (0, 0)\n"


def test_timeout_leaves_no_daemon(kernel: Opener, base_image: str) -> None:
    """A process that left its session and parent dies with the sandbox."""
    daemon = "(setsid sh -c 'while :; do date +%s%N > /box/next; mv /box/next /box/alive; sleep 0.05; done' >/dev/null 2>&1 &) ; sleep 60"
    with kernel(SandboxSpec(name="app", image=base_image)) as scenario:
        assert scenario.run("app", ("sh", "-c", daemon), timeout_seconds=3).timed_out
        first = scenario.run("app", ("cat", "alive"), timeout_seconds=20).stdout
        second = scenario.run("app", ("cat", "alive"), timeout_seconds=20).stdout
        assert first
        assert first == second


def test_exec_ends_although_a_child_holds_its_output(kernel: Opener, base_image: str) -> None:
    """A background child that keeps stdout open does not turn its parent's end into a timeout."""
    with kernel(SandboxSpec(name="app", image=base_image, command=SLEEP)) as scenario:
        scenario.start("app")
        found = scenario.exec("app", ("sh", "-c", "sleep 50 & echo hi"), timeout_seconds=20)
        assert (found.stdout, found.timed_out) == (b"hi\n", False)
        assert found.seconds < 10


def test_stop_gives_the_process_its_grace(kernel: Opener, base_image: str) -> None:
    """SIGTERM comes first; who ignores it is killed when the grace is over."""
    polite = ("sh", "-c", "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done")
    rude = ("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done")
    ups = 0
    with kernel(SandboxSpec(name="app", image=base_image)) as scenario:
        for command, code in ((polite, 7), (rude, 137)):
            scenario.start("app", command=command)
            ups += 1
            _until(lambda expected=ups: scenario.logs("app").count(b"up") == expected)  # type: ignore[misc]
            scenario.stop("app", grace_seconds=1)
            assert scenario.state("app").exit_code == code
        assert b"bye" in scenario.logs("app")


def test_log_flood_is_bounded(kernel: Opener, base_image: str) -> None:
    """A service that floods its log fills no disk, and the end of it can be read."""
    with kernel(
        SandboxSpec(name="app", image=base_image, command=("sh", "-c", "yes 0123456789 & sleep 60"))
    ) as scenario:
        scenario.start("app")
        time.sleep(2)  # The flood takes this long.
        scenario.kill("app")
        assert 64 * 1024 <= len(scenario.logs("app", tail_kb=4096)) <= 2 * 1024 * 1024


@pytest.mark.parametrize("source", ["cgroup", "exec", "stats"])
def test_usage_is_summed_over_starts(docker_engine: DockerEngine, base_image: str, owner: Owner, source: str) -> None:
    """CPU time survives a kill, grows with the next start, and says where it was read."""
    engine = DockerEngine(docker_engine.link, sources=(source,))
    burn = python("import time\nwhile time.process_time() < 0.4: pass\nprint('done', flush=True)\ntime.sleep(60)")
    spec = SandboxSpec(name="app", image=base_image, command=burn)
    with engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=(spec,), network=False)) as scenario:
        scenario.start("app")
        _until(lambda: b"done" in scenario.logs("app"))
        first = scenario.usage("app")
        scenario.kill("app")
        second = scenario.usage("app")
        scenario.start("app")
        _until(lambda: scenario.logs("app").count(b"done") == 2)
        third = scenario.usage("app")

    assert {usage.source for usage in (first, second, third)} == {source}
    assert first.cpu_seconds is not None
    assert 0.35 < first.cpu_seconds < 2
    assert second.cpu_seconds is not None
    assert third.cpu_seconds is not None
    assert first.cpu_seconds <= second.cpu_seconds < third.cpu_seconds - 0.35


def test_usage_of_a_start_nobody_measured_is_unknown(kernel: Opener, base_image: str) -> None:
    """A process that ended by itself took its counters along: unknown, not zero."""
    with kernel(SandboxSpec(name="app", image=base_image, command=("true",))) as scenario:
        assert scenario.usage("app").cpu_seconds == 0
        scenario.start("app")
        scenario.wait("app", timeout_seconds=20)
        assert scenario.usage("app").cpu_seconds is None


def test_root_is_read_only_and_tmp_is_small(kernel: Opener, base_image: str) -> None:
    """Only ``/box``, ``/tmp`` and ``/dev/shm`` can be written to, and the last two are small."""
    code = (
        "import os\n"
        "for p in ('/', '/etc', '/usr', '/var/tmp', '/run', '/home', '/proc', '/sys', '/dev'):\n"
        "    try:\n"
        "        open(p + '/x', 'w').close(); print('wrote', p)\n"
        "    except OSError: pass\n"
        "for p in ('/tmp', '/dev/shm'):\n"
        "    s = os.statvfs(p); print(p, s.f_blocks * s.f_frsize >> 20)\n"
    )
    with kernel(SandboxSpec(name="app", image=base_image)) as scenario:
        found = scenario.run("app", python(code), timeout_seconds=20)
        assert found.stdout == b"/tmp 64\n/dev/shm 16\n"


def test_files_put_are_owned_by_the_sandbox(kernel: Opener, base_image: str, pack: Packer) -> None:
    """What was put can be changed by its process, whichever way it came in."""
    with kernel(SandboxSpec(name="app", image=base_image)) as scenario:
        scenario.put("app", pack({"first": b"1"}))
        scenario.run("app", ("true",), timeout_seconds=20)
        scenario.put("app", pack({"second": b"2"}))
        command = ("sh", "-c", "id -u; stat -c '%n %u %g %a' first second")
        user, *lines = scenario.run("app", command, timeout_seconds=20).stdout.decode().splitlines()
        assert lines == [f"first {user} {user} 755", f"second {user} {user} 755"]


def test_files_that_do_not_fit_are_our_error(
    kernel: Opener, docker_engine: DockerEngine, owner: Owner, base_image: str, pack: Packer
) -> None:
    """Files over the box's size are said, not half unpacked and graded."""
    big = pack({"big": bytes(9 * 2**20)})
    spec = SandboxSpec(name="app", image=base_image, limits=Limits(tmpfs_mb=4), command=("true",))
    with pytest.raises(SandboxError, match="to fit into sandbox app"):
        docker_engine.run_once(owner, spec, tar=big, timeout_seconds=20)
    with kernel(spec) as scenario:
        with pytest.raises(SandboxError, match="app"):
            scenario.put("app", big)
        scenario.run("app", ("true",), timeout_seconds=20)
        with pytest.raises(SandboxError, match="to fit into sandbox app"):
            scenario.put("app", big)


def test_a_box_its_owner_locked_is_the_sandboxs_doing(kernel: Opener, base_image: str) -> None:
    """A service that takes its own directory away is started and fails by itself; no error of ours."""
    with kernel(SandboxSpec(name="app", image=base_image, command=("touch", "/box/new"))) as scenario:
        scenario.run("app", ("chmod", "000", "/box"), timeout_seconds=20)
        scenario.start("app")
        state = scenario.wait("app", timeout_seconds=20)
        assert (state.running, state.exit_code) == (False, 1)


def test_an_image_that_is_not_there_is_said(docker_engine: DockerEngine, owner: Owner) -> None:
    """A missing image ends with what to do, and leaves nothing."""
    spec = SandboxSpec(name="app", image="harness/none:0", command=("true",))
    with pytest.raises(EngineError, match="images build"):
        docker_engine.run_once(owner, spec, timeout_seconds=20)
    scenario = ScenarioSpec(owner=owner, sandboxes=(spec,), network=True)
    with pytest.raises(EngineError, match="images build"), docker_engine.open_scenario(scenario):
        pass
    assert containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}") == []


def test_a_range_that_is_taken_is_said(docker_engine: DockerEngine, owner: Owner, base_image: str) -> None:
    """When every subnet of the range is in use, the error says what to do."""
    engine = DockerEngine(docker_engine.link, network_range="10.211.255.240/28")
    spec = ScenarioSpec(owner=owner, sandboxes=(SandboxSpec(name="app", image=base_image),))
    with (
        engine.open_scenario(spec),
        pytest.raises(EngineError, match="harness clean"),
        engine.open_scenario(spec),
    ):
        pass


def test_scenarios_open_at_once_get_different_networks(kernel: Opener, base_image: str) -> None:
    """Four scenarios that open together all open, each with addresses of its own."""

    def address(number: int) -> str:
        del number
        with kernel(SandboxSpec(name="app", image=base_image, command=SLEEP), network=True) as scenario:
            scenario.start("app")
            time.sleep(0.5)
            return scenario.address("app")

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        found = list(pool.map(address, range(4)))
    assert len(set(found)) == 4


def test_a_container_removed_behind_our_back_is_no_state(
    kernel: Opener, docker_engine: DockerEngine, owner: Owner, base_image: str
) -> None:
    """Somebody else's ``docker rm`` is no end of a candidate's; a lost holder is our error as well."""
    with kernel(SandboxSpec(name="app", image=base_image, command=SLEEP), network=True) as scenario:
        scenario.start("app")
        things = containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}")
        main, holder = (thing for thing in things if thing.kind == "container")  # The last made is listed first.
        containers.remove(docker_engine.link, main)
        with pytest.raises(SandboxError, match="removed while it was in use"):
            scenario.state("app")
        containers.remove(docker_engine.link, holder)
        with pytest.raises(SandboxError):
            scenario.start("app", command=("sleep", "61"))


def test_a_committed_row_survives_crash(kernel: Opener, docker_engine: DockerEngine) -> None:
    """What PostgreSQL said is committed is there after SIGKILL; after a loss it is not."""
    del docker_engine
    image = images.ensure(["postgres"])["postgres"]
    db = SandboxSpec(name="db", image=image, command=("harness-postgres",), limits=Limits(nofile=4096))
    with kernel(db, network=True) as scenario:
        scenario.start("db")
        _until(lambda: _sql(scenario, "SELECT 1") == b"1\n")
        _sql(scenario, "CREATE TABLE t(n int)")
        _sql(scenario, "INSERT INTO t VALUES (7)")
        scenario.crash("db")
        _until(lambda: _sql(scenario, "SELECT n FROM t") == b"7\n")
        scenario.lose("db")
        _until(lambda: _sql(scenario, "SELECT 1") == b"1\n")
        assert _sql(scenario, "SELECT count(*) FROM pg_tables WHERE tablename = 't'") == b"0\n"


def _sql(scenario: Scenario, statement: str) -> bytes:
    argv = ("psql", "-XAtq", "-h", "/box", "-U", "app", "-d", "app", "-c", statement)
    return scenario.exec("db", argv, timeout_seconds=30).stdout


def _serve(scenario: Scenario, name: str) -> None:
    scenario.start(name)
    _until(lambda: b"ready" in scenario.logs(name))


def _talk(scenario: Scenario, name: str, host: str, port: int = 8080) -> str:
    found = scenario.exec(name, python(TALK, host, str(port)), timeout_seconds=30)
    return found.stdout.decode().strip()


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _nothing_left(docker_engine: DockerEngine, owner: Owner) -> Iterator[None]:
    yield
    left = containers.labelled(docker_engine.link, f"{owners.LABEL_RUN}={owner.run}")
    assert [thing.name for thing in left] == []


def test_kept_files_come_back_as_their_user_left_them(kernel: Opener, base_image: str) -> None:
    """Programs stay programs and links links; a file of holes and one that nobody can read keep nothing from being kept."""
    build = (
        "mkdir -p sub/deep && printf '#!/bin/sh\\necho runs' > sub/tool && chmod 755 sub/tool && ln -s sub/tool link && "
        "ln sub/tool again && truncate -s 60M holes && mkfifo pipe && echo secret > closed && chmod 000 closed && "
        "printf spaced > 'a name  with spaces' && printf -- dash > -dash"
    )
    app = SandboxSpec(name="app", image=base_image, command=SLEEP, limits=Limits(tmpfs_mb=64))
    with kernel(app, SandboxSpec(name="build", image=base_image, network=False, volume_of="app")) as scenario:
        made = scenario.run("build", ("sh", "-c", build), timeout_seconds=20)
        assert made.exit_code == 0, made
        scenario.keep("app")
        scenario.start("app")
        scenario.exec("app", ("sh", "-c", "rm -rf /box/* && echo new > /box/new"), timeout_seconds=20)
        scenario.kill("app")
        scenario.lose("app")
        scenario.start("app")
        look = "./link && ./again && cat 'a name  with spaces' -- -dash && ls && stat -c %s holes"
        seen = scenario.exec("app", ("sh", "-c", look), timeout_seconds=20)
    words = seen.stdout.decode().split()
    assert words[:4] == ["runs", "runs", "spaceddash-dash", "a"], seen
    assert "new" not in words
    assert words[-1] == str(60 * 1024 * 1024)


def test_more_than_a_volume_holds_is_not_kept(kernel: Opener, base_image: str) -> None:
    """A build can make more names than bytes; it is said, and nothing of it is half kept."""
    app = SandboxSpec(name="app", image=base_image, limits=Limits(tmpfs_mb=16, tmpfs_inodes=100_000))
    build = SandboxSpec(name="build", image=base_image, network=False, volume_of="app")
    with kernel(app, build) as scenario:
        many = "mkdir d && cd d && seq -f %0200.0f 1 40000 | xargs touch"
        assert scenario.run("build", ("sh", "-c", many), timeout_seconds=60).exit_code == 0
        with pytest.raises(
            ContentError, match=r"expected files that can be read in sandbox app, at most .* found more"
        ):
            scenario.keep("app")
