"""What to type where something is missing that only an administrator can give: the lines, for the one who may.

Each is chosen by what was found. A sentence beside it says what it changes, because it changes somebody's machine.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

_DELEGATE = (
    "sudo mkdir -p /etc/systemd/system/user@.service.d",
    r"printf '[Service]\nDelegate=cpu cpuset io memory pids\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf",
    "sudo systemctl daemon-reload    # then log out and in; needs cgroup v2",
)
_LINES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    (
        r"Permission denied.*member of the group",
        "let this user use the engine (as good as root on this machine)",
        ('sudo usermod -aG docker "$USER"    # then log out and in',),
    ),
    (
        r"none of the usual sockets exists",
        "install and start an engine",
        ("sudo apt-get install -y docker.io    # Debian, Ubuntu", "sudo systemctl enable --now docker"),
    ),
    (
        r"No such file or directory|Connection refused|does not answer|did not answer",
        "start the engine, or see why it does not",
        ("sudo systemctl restart docker", "sudo journalctl -u docker -n 50"),
    ),
    (r"cannot enforce", "let the engine limit what a sandbox uses (rootless engines)", _DELEGATE),
    (
        r"install 20\.10 or newer",
        "bring the engine up to date",
        ("sudo apt-get update && sudo apt-get install -y docker.io    # Debian, Ubuntu",),
    ),
    (
        r"no runtime called (\S+)",
        "register the runtime",
        (
            'sudoedit /etc/docker/daemon.json    # add under "runtimes": {"NAME": {"path": "/usr/local/bin/NAME"}}',
            "sudo systemctl restart docker",
        ),
    ),
    (
        r"free subnet|address pool|keeps their packets",
        "give sandboxes addresses that nothing else uses (of this user only, in the shell that runs harness)",
        ("export HARNESS_NETWORK_RANGE=172.31.240.0/20    # any private range that no VPN and no network here uses",),
    ),
    (
        r"MB are free|no space left on device",
        "free some of the engine's disk (only what nothing uses)",
        ("docker system df", "docker image prune", "docker builder prune"),
    ),
)
"""What was found (a pattern) -> what the lines do, and the lines. The first that fits counts."""
_DESKTOP = {
    r"none of the usual sockets|No such file|Connection refused|does not answer|did not answer": (
        "start an engine: open Docker Desktop, or `colima start --cpu 2 --memory 4`"
    ),
    r"MiB of memory|MB of memory": (
        "give it more: Docker Desktop, Settings, Resources; or `colima stop && colima start --memory 4`"
    ),
}
"""The same where the engine is an application with a virtual machine."""


def lines(found: Iterable[str], system: str = sys.platform) -> Iterator[str]:
    """Yield what an administrator may type against what was ``found`` missing, with what it does, each once."""
    said: set[str] = set()
    for text in found:
        for one in _for(text, system):
            if one not in said:
                said.add(one)
                yield one


def _for(text: str, system: str) -> Iterator[str]:
    if not system.startswith("linux"):
        yield from (sentence for pattern, sentence in _DESKTOP.items() if re.search(pattern, text))
        return
    for pattern, what, commands in _LINES:
        if match := re.search(pattern, text, re.DOTALL):
            yield f"{what}:"
            name = match[1] if match.groups() else ""
            yield from (f"  {command.replace('NAME', name) if name else command}" for command in commands)
            return
