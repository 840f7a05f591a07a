"""Attacks on neighbours: on another sandbox through what the kernel counts, and on a command beside one's own process."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from harness.engines.base import SandboxSpec, Scenario
from harness.model import Limits

pytestmark = [pytest.mark.docker, pytest.mark.attack]

Opener = Callable[..., AbstractContextManager[Scenario]]
LIMITS = Limits(memory_mb=128, tmpfs_mb=32, pids=64)

GREEDY = """
import ctypes, os, time
libc = ctypes.CDLL(None)
watches = [fd for fd in (libc.inotify_init() for _ in range(400)) if fd >= 0]
for number in range(8):
    if os.fork() == 0:
        pipes = []
        try:
            while True: pipes += os.pipe()
        except OSError: time.sleep(120)
time.sleep(1)
print("greedy", len(watches), flush=True)
time.sleep(120)
"""
VICTIM = """
import ctypes, os
libc = ctypes.CDLL(None)
assert libc.inotify_init() >= 0, "no inotify instance is left"
reader, writer = os.pipe()
os.write(writer, bytes(60000))  # Blocks in a pipe of one page.
print(len(os.read(reader, 60000)))
"""


def test_a_greedy_neighbour_takes_nothing_of_the_victims(opened: Opener, base_image: str) -> None:
    """Who uses up inotify instances and pages in pipes has them all, and the sandbox beside it has its own."""
    with (
        opened(SandboxSpec(name="app", image=base_image, limits=LIMITS)) as theirs,
        opened(SandboxSpec(name="app", image=base_image, limits=LIMITS)) as mine,
    ):
        theirs.start("app", command=("python3", "-c", GREEDY))
        end = time.monotonic() + 60
        while not theirs.logs("app").startswith(b"greedy"):
            assert time.monotonic() < end, theirs.logs("app")
            time.sleep(0.1)
        assert int(theirs.logs("app").split()[1]) < 400
        victim = mine.run("app", ("python3", "-c", VICTIM), timeout_seconds=30)
        assert (victim.exit_code, victim.stdout, victim.timed_out) == (0, b"60000\n", False), victim.stderr


FORGER = """
import glob, os, signal, time
for folder in ("/box/.local/lib/python3.11/site-packages", "/box/lib"):
    os.makedirs(folder, exist_ok=True)
forged = "import os; os.write(1, b'forged\\n'); os._exit(0)"
for path in ("/box/.local/lib/python3.11/site-packages/usercustomize.py", "/box/json.py", "/box/sitecustomize.py"):
    with open(path, "w") as file: file.write(forged)
print("ready", flush=True)
seen = set()
while True:
    for process in glob.glob("/proc/[0-9]*"):
        try:
            if b"evid" b"ence" not in open(process + "/cmdline", "rb").read() or process in seen: continue
            seen.add(process)
        except OSError: continue
        number = int(process[6:])
        tried = []
        for name, do in (
            ("mem", lambda: os.open(process + "/mem", os.O_RDWR)),
            ("stdout", lambda: os.open(process + "/fd/1", os.O_WRONLY)),
            ("environ", lambda: open(process + "/environ").read()),
            ("kill", lambda: os.kill(number, signal.SIGKILL)),
            ("prlimit", lambda: __import__("resource").prlimit(number, __import__("resource").RLIMIT_CPU, (0, 0))),
        ):
            try: do()
            except OSError: pass
            else: tried.append(name)
        print("could", tried, flush=True)
    time.sleep(0.01)
"""


def test_a_command_beside_the_process_cannot_be_forged(opened: Opener, base_image: str) -> None:
    """The candidate's process can neither write to it, nor speak or end for it, nor slip a module of its own in."""
    with opened(SandboxSpec(name="app", image=base_image, limits=LIMITS)) as scenario:
        scenario.start("app", command=("python3", "-c", FORGER))
        end = time.monotonic() + 60
        while b"ready" not in scenario.logs("app"):
            assert time.monotonic() < end, scenario.logs("app")
            time.sleep(0.1)
        absent = ("sh", "-c", "sleep 1; test -e /box/evidence && echo ok")
        found = scenario.exec("app", absent, timeout_seconds=30)
        assert (found.exit_code, found.stdout) == (1, b"")
        assert b"could []" in scenario.logs("app")
        assert b"could ['" not in scenario.logs("app")
        code = "import json, os; print('honest', os.getcwd(), os.environ['HOME'])"
        found = scenario.exec("app", ("python3", "-c", code), timeout_seconds=30)
        assert found.stdout == b"honest /box /nonexistent\n", found


def test_a_command_beside_the_process_sees_its_files(opened: Opener, base_image: str) -> None:
    """The twin: what an honest service wrote can be read, and what is needed can be put beside it."""
    write = "import time; open('/box/state', 'w').write('settled'); print('ready', flush=True); time.sleep(60)"
    with opened(SandboxSpec(name="app", image=base_image, limits=LIMITS)) as scenario:
        scenario.start("app", command=("python3", "-c", write))
        end = time.monotonic() + 60
        while b"ready" not in scenario.logs("app"):
            assert time.monotonic() < end
            time.sleep(0.1)
        assert scenario.exec("app", ("cat", "state"), timeout_seconds=30).stdout == b"settled"
        assert scenario.exec("app", ("tee", "new"), stdin=b"x", timeout_seconds=30).exit_code == 0
        own = scenario.exec("app", ("id", "-u"), timeout_seconds=30).stdout
        owner = scenario.exec("app", ("stat", "-c", "%u", "state"), timeout_seconds=30).stdout
        assert int(own) == int(owner) + 1
