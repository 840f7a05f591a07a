"""Where one can look into a scenario from outside: read off what ``exercise.toml`` tells the candidate's service. Pure.

The main service listens at the ``PORT`` of its environment. What it is told the URL of, by a name of its ``hosts``, can be
reached as well: the sandbox of that very name where there is one (a database itself, past any proxy of the grader), else
the one that the name stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.model import Exercise

LOOPBACK = "127.0.0.1"
_PORT = "PORT"
"""Of the service's environment, which its exercise declares; none of ours."""
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<who>[^@/\s]*@)?(?P<host>[A-Za-z0-9.-]+):(?P<port>\d{1,5})(?P<rest>[/?#]\S*)?"
)
_DATABASES = frozenset({"postgres", "postgresql"})
_SHELL = ("sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash; exec sh")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One port of one sandbox that is worth a URL."""

    name: str
    """As the service knows it."""
    sandbox: str
    port: int
    scheme: str = "http"
    who: str = ""
    """``user@``, or nothing."""
    rest: str = ""
    """Path and query."""

    def url(self, port: int) -> str:
        """Return the URL at ``port`` of this machine."""
        return f"{self.scheme}://{self.who}{LOOPBACK}:{port}{self.rest}"


def endpoints(exercise: Exercise, env: Mapping[str, str]) -> tuple[Endpoint, ...]:
    """Return them, the main service first; ``env`` is its environment, placeholders filled."""
    main, names = exercise.main, {one.name for one in exercise.sandboxes}
    found: dict[tuple[str, int], Endpoint] = {}
    port = env.get(_PORT, "")
    if port.isdecimal():
        found[main.name, int(port)] = Endpoint(name=main.name, sandbox=main.name, port=int(port))
    for value in env.values():
        match = _URL.fullmatch(value)
        if match is None or match["host"] not in main.hosts:
            continue
        host, number = match["host"], int(match["port"])
        one = Endpoint(
            name=host,
            sandbox=host if host in names else main.hosts[host],
            port=number,
            scheme=match["scheme"],
            who=match["who"] or "",
            rest=match["rest"] or "",
        )
        found.setdefault((host, number), one)
    return tuple(found.values())


def shell(sandbox: str, known: tuple[Endpoint, ...]) -> tuple[str, ...]:
    """Return the command of a shell in ``sandbox``: of a database that the service is told of, the database's own."""
    for one in known:
        if one.sandbox == sandbox and one.scheme in _DATABASES:
            user, database = one.who.rstrip("@").partition(":")[0], one.rest.partition("?")[0].strip("/")
            options = [f"--username={user}"] if user else []
            # What it shows is scrolled by the terminal that it is shown on, and may be read by a program.
            return ("psql", "--pset=pager=off", *options, *([f"--dbname={database}"] if database else []))
    return _SHELL
