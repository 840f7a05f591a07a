"""What is tried for real when a machine is looked at: sandboxes that start, confined, and reach each other."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass

from harness import owners
from harness.engines.base import Engine, Kind, SandboxSpec, ScenarioSpec
from harness.errors import EngineError
from harness.wording import visible

_SECONDS = 30
_LIFE_SECONDS = 120
"""Sandboxes end by themselves by then, whatever happens to this process."""
_FAR = """
import socket
listener = socket.create_server(("", 8080))
while True:
    near, _ = listener.accept()
    near.sendall(near.recv(64))
    near.close()
"""
_NEAR = """
import os, socket, sys, time
until = time.monotonic() + 10
while True:
    try:
        far = socket.create_connection((sys.argv[1], 8080), timeout=2)
        break
    except OSError as error:
        if time.monotonic() > until:
            sys.exit(f"no connection in 10 s: {error}")
        time.sleep(0.05)
far.sendall(sys.argv[2].encode())
disk = os.statvfs("/")
print(far.recv(64).decode(), disk.f_bavail * disk.f_frsize // 1_000_000)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trip:
    """Two sandboxes spoke with each other."""

    seconds: float
    """From nothing to everything closed."""
    free_mb: int
    """Free on the disk under a sandbox: the engine's own, wherever that is."""


def round_trip(engine: Engine, image: str) -> Trip:
    """Start two sandboxes on a network of their own and have one answer the other. Raises EngineError when that fails."""
    began, word = time.monotonic(), secrets.token_hex(4)
    owner = owners.make_owner("doctor", seconds=_LIFE_SECONDS)
    sandboxes = (
        SandboxSpec(name="far", image=image, kind=Kind.SERVICE, command=("python3", "-c", _FAR)),
        SandboxSpec(name="near", image=image),
    )
    with engine.open_scenario(ScenarioSpec(owner=owner, sandboxes=sandboxes)) as scenario:
        address = scenario.address("far")
        scenario.start("far")
        done = scenario.run("near", ("python3", "-c", _NEAR, address, word), timeout_seconds=_SECONDS)
    said, _, free = done.stdout.decode(errors="replace").strip().partition(" ")
    if done.exit_code or said != word or not free.isdecimal():
        found = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or [f"{said!r}, code {done.exit_code}"]
        text = (
            f"expected two sandboxes to reach each other over a network of their own, found: {visible(found[0])}: a "
            "firewall or a VPN of this machine keeps their packets; give the networks of sandboxes another range "
            "(network_range in harness.toml, HARNESS_NETWORK_RANGE), or have the firewall leave the engine's bridges alone"
        )
        raise EngineError(text)
    return Trip(seconds=time.monotonic() - began, free_mb=int(free))


def selftest(engine: Engine, image: str) -> list[str]:
    """Start a sandbox and return a sentence for each confinement it does not have."""
    owner = owners.make_owner("doctor", seconds=_LIFE_SECONDS)
    spec = SandboxSpec(name="doctor", image=image, command=("cat", "/proc/self/status"))
    result = engine.run_once(owner, spec, timeout_seconds=_SECONDS)
    status = dict(line.split(":\t", 1) for line in result.stdout.decode().splitlines() if ":\t" in line)
    wanted = {
        "Uid": ("\t".join([_own_user(status.get("Uid", ""))] * 4), "it does not run as a user of its own"),
        "CapEff": ("0000000000000000", "it has capabilities"),
        "CapBnd": ("0000000000000000", "it can gain capabilities"),
        "NoNewPrivs": ("1", "it can gain privileges from a setuid file"),
        "Seccomp": ("2", "no seccomp filter applies to it"),
    }
    return [
        f"a sandbox started here is not confined: {text} ({key} is {status.get(key, 'not shown')}, not {value}); "
        "use an engine that applies its security options"
        for key, (value, text) in wanted.items()
        if status.get(key) != value
    ]


def _own_user(ids: str) -> str:
    """Return the id that a line of four ids begins with, if it is one that sandboxes are given."""
    from harness.engines.docker import users

    first = ids.partition("\t")[0]
    given = first.isdecimal() and (int(first) in users.ALL or int(first) in users.MAPPED)
    return first if given else "that of a sandbox"
