"""Drives a real grader process the way the host does, without an engine."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from harness import wire
from harness.model import Json
from tests import graders

REPOSITORY = Path(__file__).parents[3]
Answerer = Callable[[str, dict[str, Json]], dict[str, Json]]


def refuse(verb: str, _args: dict[str, Json]) -> dict[str, Json]:
    """Answer every request as a host that knows no verb."""
    return {"ok": False, "error": {"kind": "request", "message": f"no verb {verb}"}}


def pack(files: Mapping[str, str]) -> str:
    """Return files as the base64 tar of a job."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return base64.b64encode(buffer.getvalue()).decode()


def job(files: Mapping[str, str], *checks: str | dict[str, Json], **fields: Json) -> dict[str, Json]:
    """Return a job that declares ``checks`` (ids, or whole declarations) over ``files``."""
    declared: list[Json] = [
        {"id": check, "title": "", "skill": "s", "points": 1, "public": True, "requires": []}
        if isinstance(check, str)
        else {"title": "", "skill": "s", "points": 1, "public": True, **check}
        for check in checks
    ]
    base: dict[str, Json] = {"exercise": "demo", "version": "1", "mode": "grade", "seed": 7, "variant": 0}
    return {**base, "checks": declared, "files": pack(files), **fields}


@dataclass
class Seen:
    """Every event of one job."""

    events: list[dict[str, Json]] = field(default_factory=list)

    def of(self, name: str) -> list[dict[str, Json]]:
        """Return the events of that name."""
        return [event for event in self.events if event["event"] == name]

    @property
    def outcomes(self) -> dict[str, dict[str, Json]]:
        """Return outcomes by check; fails when a check has two."""
        found: dict[str, dict[str, Json]] = {}
        for event in self.of("outcome"):
            check = str(event["check"])
            assert check not in found, f"two outcomes for {check}"
            found[check] = event
        return found

    @property
    def statuses(self) -> dict[str, str]:
        """Return check -> status."""
        return {check: str(event["status"]) for check, event in self.outcomes.items()}

    @property
    def collected(self) -> list[str]:
        """Return the ids of the one ``collected`` event."""
        (event,) = self.of("collected")
        checks = event["checks"]
        assert isinstance(checks, list)
        return [str(check) for check in checks]

    @property
    def notes(self) -> str:
        """Return all notes."""
        return "\n".join(str(event["text"]) for event in self.of("note"))

    @property
    def finished(self) -> dict[str, Json]:
        """Return the one ``finished`` event, which is the last."""
        (event,) = self.of("finished")
        assert self.events[-1] is event
        return event


class Grader:
    """One grader process; use it in ``with``."""

    def __init__(self, root: Path, *, forked: bool = True) -> None:
        """Keep its jobs under ``root``; ``forked`` from a process that has imported what it needs, or started as a host does."""
        self.root = root / "g"
        self.stderr = root / "stderr"
        self._forked = forked

    def __enter__(self) -> Self:
        """Start it."""
        with self.stderr.open("wb") as log:
            self.process = graders.start(REPOSITORY, self.root, log) if self._forked else self._started(log)
        return self

    def _started(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "harness.testing", "--root", str(self.root)],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its stdin: it must end by itself."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(10)

    def send(self, message: dict[str, Json]) -> None:
        """Send one frame."""
        assert self.process.stdin is not None
        data = wire.encode(message)
        while data:
            data = data[self.process.stdin.write(data) :]

    def read(self) -> dict[str, Json] | None:
        """Read one frame."""
        return wire.read(self._read_exactly)

    def _read_exactly(self, count: int) -> bytes:
        assert self.process.stdout is not None
        chunks = b""
        while len(chunks) < count and (chunk := self.process.stdout.read(count - len(chunks))):
            chunks += chunk
        return chunks

    def run(self, one: dict[str, Json], answer: Answerer = refuse) -> Seen:
        """Run one job to its end, answering requests."""
        self.send({"type": "job", "job": one})
        seen = Seen()
        while True:
            message = self.read()
            assert message is not None, self.stderr.read_text()
            if message["type"] == "request":
                args = message["args"]
                assert isinstance(args, dict)
                self.send({"type": "reply", "id": message["id"], **answer(str(message["verb"]), args)})
                continue
            seen.events.append(message)
            if message["event"] == "finished":
                return seen
