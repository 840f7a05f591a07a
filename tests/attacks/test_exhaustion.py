"""Attacks that use everything up: each hits its limit, ends with its sandbox, and leaves the next start intact."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from harness.engines.base import ExecResult, SandboxSpec, Scenario
from harness.model import Limits

pytestmark = [pytest.mark.docker, pytest.mark.attack]

Attack = Callable[..., ExecResult]
Opener = Callable[..., AbstractContextManager[Scenario]]

FORK_BOMB = """
import os
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
HONEST_WORKERS = """
import multiprocessing
with multiprocessing.Pool(8) as pool:
    print(sum(pool.map(int, range(100))))
"""


def test_fork_bomb_is_bounded_and_dies(opened: Opener, base_image: str) -> None:
    """A fork bomb gets its processes and no more, dies with its sandbox, and is not our error."""
    spec = SandboxSpec(name="app", image=base_image, limits=Limits(pids=64, cpus=0.5))
    with opened(spec) as scenario:
        scenario.start("app", command=("python3", "-c", FORK_BOMB))
        before, end = 0, time.monotonic() + 20
        while before <= 32 and time.monotonic() < end:
            before = _processes()
        found = scenario.exec("app", ("true",), timeout_seconds=20)
        assert found.exit_code in {0, 125, 126, 128, 137, 255}
        assert 32 < before <= 64
        begin = time.monotonic()
        scenario.kill("app")
        assert time.monotonic() - begin < 10
        assert not scenario.state("app").running
        assert scenario.run("app", ("echo", "well"), timeout_seconds=20).stdout == b"well\n"


def test_honest_worker_pool_works(attack: Attack) -> None:
    """The twin: a pool of eight processes is no bomb."""
    assert attack(HONEST_WORKERS).stdout == b"4950\n"


def test_memory_bomb_is_killed(attack: Attack) -> None:
    """Memory without end ends with SIGKILL, in this sandbox only."""
    found = attack("x = []\nwhile True: x.append(bytearray(2**20))")
    assert (found.exit_code, found.timed_out) == (137, False)
    assert attack("x = bytearray(64 * 2**20); print('fits')").stdout == b"fits\n"


def test_memory_bomb_in_shared_memory_is_killed_or_full(attack: Attack) -> None:
    """``/dev/shm`` and ``/tmp`` are no memory beside the limit."""
    code = (
        "import os\n"
        "for path in ('/dev/shm/a', '/tmp/a', '/box/a'):\n"
        "    try:\n"
        "        for i in range(400):\n"
        "            with open(path + str(i), 'wb') as f: f.write(bytes(2**20))\n"
        "    except OSError as e: print(path, e.strerror, i)\n"
    )
    found = attack(code)
    assert found.exit_code in {0, 137}
    if found.exit_code == 0:
        counts = [int(line.split()[-1]) for line in found.stdout.decode().splitlines()]
        assert all(count <= limit for count, limit in zip(counts, (16, 64, 32), strict=True))


def test_disk_is_filled_to_its_limit(attack: Attack) -> None:
    """The box is full at its size, and a full box does not keep us from killing and starting."""
    fill = "import os\ni = 0\nwhile True:\n    i += 1\n    open(f'/box/{i}', 'wb').write(bytes(2**20))\n    print(i)\n"
    found = attack(fill)
    assert b"No space left" in found.stderr
    assert int(found.stdout.split()[-1]) <= 32
    assert attack("print('well')").stdout == b"well\n"


def test_inodes_are_used_up_to_their_limit(attack: Attack) -> None:
    """A million empty files are five hundred."""
    code = "i = 0\nwhile True:\n    open(f'/box/{i}', 'w').close()\n    i += 1\n    print(i)\n"
    found = attack(code)
    assert b"No space left" in found.stderr
    assert int(found.stdout.split()[-1]) < 512


def test_sparse_file_is_too_large(attack: Attack) -> None:
    """A sparse file of fifty gigabytes is refused; an honest seek is not."""
    huge = "import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nopen('/box/f','w').close()\n"
    assert b"File too large" in attack(huge + "os.truncate('/box/f', 50 * 2**30)").stderr
    assert attack(huge + "os.truncate('/box/f', 2**20); print('well')").stdout == b"well\n"


def test_sparse_file_dies_of_its_signal(attack: Attack) -> None:
    """Who does not ask for the error gets SIGXFSZ."""
    found = attack("import os, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n"
                   "open('/box/f','w').close()\nos.truncate('/box/f', 50 * 2**30)")  # fmt: skip
    assert found.exit_code == 153


def test_descriptors_are_used_up_to_their_limit(attack: Attack) -> None:
    """Descriptors end at the limit, which cannot be raised again."""
    code = (
        "import os, resource\n"
        "try:\n    resource.setrlimit(resource.RLIMIT_NOFILE, (99999, 99999))\n"
        "except (OSError, ValueError): pass\n"
        "n = 0\n"
        "try:\n"
        "    while True: os.open('/dev/null', 0); n += 1\n"
        "except OSError as e: print(n, e.strerror)\n"
    )
    count, _, reason = attack(code).stdout.decode().strip().partition(" ")
    assert int(count) < 1024
    assert reason == "Too many open files"


def test_output_flood_is_cut(attack: Attack) -> None:
    """Output without end is cut at the cap, and costs us no memory; it ends at the timeout."""
    found = attack("while True: print('x' * 1000)", seconds=2)
    assert found.timed_out
    assert found.truncated
    assert len(found.stdout) == 64 * 1024


def test_log_flood_is_bounded_on_disk(opened: Opener, base_image: str) -> None:
    """A service that floods its log keeps one megabyte of it."""
    with opened(SandboxSpec(name="app", image=base_image)) as scenario:
        scenario.start("app", command=("python3", "-c", "while True: print('x' * 1000)"))
        time.sleep(2)  # The flood takes this long.
        assert scenario.state("app").running
        scenario.kill("app")
        assert len(scenario.logs("app", tail_kb=100_000)) < 3 * 1024 * 1024


def test_ignoring_every_signal_does_not_help(opened: Opener, base_image: str) -> None:
    """A service deaf to SIGTERM, in a session of its own, is dead after the grace."""
    deaf = (
        "import os, signal, time\n"
        "for s in range(1, 65):\n"
        "    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\n"
        "if os.fork() == 0: os.setsid()\n"
        "while True: time.sleep(1)\n"
    )
    with opened(SandboxSpec(name="app", image=base_image)) as scenario:
        scenario.start("app", command=("python3", "-c", deaf))
        time.sleep(0.5)  # It has to become deaf first.
        begin = time.monotonic()
        scenario.stop("app", grace_seconds=0.5)
        assert time.monotonic() - begin < 10
        assert not scenario.state("app").running


def test_sleeping_past_the_end_does_nothing(opened: Opener, base_image: str) -> None:
    """Work left for after the deadline is never done."""
    late = "(setsid sh -c 'sleep 2; echo late > /box/late' &) ; sleep 60"
    with opened(SandboxSpec(name="app", image=base_image)) as scenario:
        assert scenario.run("app", ("sh", "-c", late), timeout_seconds=1).timed_out
        time.sleep(2)  # Its time would come now.
        assert scenario.run("app", ("cat", "late"), timeout_seconds=20).exit_code == 1


def _processes() -> int:
    """Count processes of this machine that run the bomb."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            count += b"os.fork()" in path.read_bytes()
        except OSError:
            continue
    return count
