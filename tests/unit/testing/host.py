"""A host that is none: answers the verbs of one candidate sandbox, as its process is said to be."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.model import Json
from harness.testing.broker import Broker, RunResult


@dataclass
class Process:
    """What the sandbox's process is doing."""

    running: bool = False
    exit_code: int | None = None
    oom_killed: bool = False
    oom_kills: int | None = 0
    starts: int = 0
    log: bytes = b""


@dataclass
class Host:
    """Take ``broker`` from it. ``asked`` has verb and sandbox of every request."""

    process: Process = field(default_factory=Process)
    asked: list[tuple[str, str]] = field(default_factory=list)
    on_start: Callable[[Process], None] = lambda process: None
    on_wait: Callable[[Process], None] = lambda process: None
    deaf: bool = False
    """SIGKILL does nothing."""
    runs: list[RunResult] = field(default_factory=list)
    built: dict[str, tuple[bool, str]] = field(default_factory=dict)
    broken: str = ""
    """The engine fails at this verb."""

    def __post_init__(self) -> None:
        self.broker = Broker(self)

    def send(self, message: dict[str, Json]) -> None:
        """Answer at once."""
        verb, args = str(message["verb"]), message["args"]
        assert isinstance(args, dict)
        self.asked.append((verb, str(args.get("sandbox", ""))))
        reply: dict[str, Json] = {"ok": True, "value": self._value(verb, args)}
        if verb == self.broken:
            reply = {"ok": False, "error": {"kind": "engine", "message": "the engine is away"}}
        self.broker.deliver({"id": message["id"], **reply})

    def verbs(self, *which: str) -> list[tuple[str, str]]:
        """Return the requests of some verbs, in order."""
        return [one for one in self.asked if one[0] in which]

    def _value(self, verb: str, args: dict[str, Json]) -> Json:
        one = self.process
        if verb == "start":
            one.running, one.exit_code, one.oom_killed, one.starts = True, None, False, one.starts + 1
            self.on_start(one)
        elif verb == "kill" and not self.deaf and one.running:
            one.running, one.exit_code = False, 137
        elif verb in {"state", "wait"}:
            if verb == "wait":
                self.on_wait(one)
            return {
                "running": one.running,
                "paused": False,
                "exit_code": one.exit_code,
                "oom_killed": one.oom_killed,
                "oom_kills": one.oom_kills,
                "memory_mb": 512,
                "starts": one.starts,
            }
        elif verb == "logs":
            return {"data": base64.b64encode(one.log).decode()}
        elif verb == "command":
            return {"argv": ["./test"]}
        elif verb == "built":
            ok, log = self.built.get(str(args["sandbox"]), (True, ""))
            return {"ok": ok, "log": log}
        elif verb == "run":
            return self._ran(self.runs.pop(0))
        return None

    def _ran(self, result: RunResult) -> Json:
        return {
            "exit_code": result.exit_code,
            "stdout": base64.b64encode(result.stdout).decode(),
            "stderr": base64.b64encode(result.stderr).decode(),
            "truncated": result.truncated,
            "timed_out": result.timed_out,
            "seconds": result.seconds,
        }
