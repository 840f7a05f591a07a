"""Every example that an author reads is executed: whole checks in a real grader, fragments against stand-ins.

A stand-in has the signatures of what it stands for: an argument that is not there, or a function that was renamed, fails.
"""

from __future__ import annotations

import ast
import base64
import builtins
import contextlib
import dataclasses
import enum
import functools
import importlib
import inspect
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from harness import testing
from harness.model import Json
from harness.testing.broker import Broker
from harness.testing.job import Job
from harness.testing.proxies import PostgresProxy
from harness.testing.service import Service
from tests.unit.testing.grader import Grader, job

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = (DOCS / "how-to" / "write-a-check.md", DOCS / "reference" / "testing-api.md")
BLOCKS = [
    (f"{page.stem}-{number}", block)
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL), start=1
    )
]
WHOLE = [(name, block) for name, block in BLOCKS if "import" in block and "@check(" in block]
FRAGMENTS = [(name, block) for name, block in BLOCKS if (name, block) not in WHOLE]


class Listening(ThreadingHTTPServer):
    """Where the service is; nothing but errors comes from there until a check has started it."""

    started = False


class Charges(BaseHTTPRequestHandler):
    """A service that does what the first example asks for."""

    protocol_version = "HTTP/1.1"
    server: Listening

    def do_GET(self) -> None:
        """Answer a charge, or its health."""
        self._answer(200)

    def do_POST(self) -> None:
        """Create a charge."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(201)

    def _answer(self, status: int) -> None:
        body = b'{"id": "c-1"}'
        self.send_response(status if self.server.started else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def charges() -> Iterator[Listening]:
    """Run the service on port 8080 of a loopback address that nobody else has."""
    server = None
    for last in range(2, 250):
        with contextlib.suppress(OSError):
            server = Listening((f"127.9.{time.time_ns() % 200}.{last}", 8080), Charges)
            break
    assert server is not None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def answer(verb: str, args: dict[str, Json]) -> dict[str, Json]:
    """Answer as a host whose service lives, and whose program adds the numbers of a file up."""
    state: dict[str, Json] = {"running": True, "paused": False, "exit_code": None, "oom_killed": False, "starts": 1}
    files = args.get("files")
    numbers = base64.b64decode(str(files.get("numbers.txt", ""))).split() if isinstance(files, dict) else []
    ran: dict[str, Json] = {
        "exit_code": 0,
        "stdout": base64.b64encode(str(sum(map(int, numbers))).encode()).decode(),
        "stderr": "",
    }
    return {"ok": True, "value": {"state": state, "wait": state, "run": ran}.get(verb)}


@pytest.mark.parametrize(("name", "block"), WHOLE, ids=[name for name, _ in WHOLE])
def test_whole_example_is_a_check_that_passes(name: str, block: str, tmp_path: Path) -> None:
    """It is collected, and a service that does right passes it."""
    ids = re.findall(r'@check\("([^"]+)"\)', block)
    with Grader(tmp_path) as grader, charges() as app:

        def host(verb: str, args: dict[str, Json]) -> dict[str, Json]:
            app.started |= verb == "start" and args["sandbox"] == "app"
            return answer(verb, args)

        address = str(app.server_address[0])
        facts: dict[str, Json] = {"addresses": {"app": address}, "timeouts": {"startup_seconds": 5.0}}
        seen = grader.run(job({f"test_{name.replace('-', '_')}.py": block}, *ids, **facts), host)
    assert seen.of("broken") == []
    assert seen.statuses == dict.fromkeys(ids, "passed"), seen.outcomes


@functools.cache
def exported() -> dict[str, object]:
    """Return every public name of the API as a stand-in with the same signature, and its modules by name."""
    found: dict[str, object] = {}
    modules = [f"harness.testing.{path.stem}" for path in Path(testing.__file__).parent.glob("[a-z]*.py")]
    modules += ["harness.checkers.ratios", "harness.checkers.ledgers"]
    for module in map(importlib.import_module, modules):
        names = SimpleNamespace()
        for name, value in vars(module).items():
            if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__ and callable(value):
                setattr(names, name, value if is_plain(value) else mock.create_autospec(value))
        short = module.__name__.rpartition(".")[2]
        found[short] = names
        found |= {name: value for name, value in vars(names).items() if name not in found}
    found["check"] = lambda check_id: lambda function: function if check_id else None
    return found


def is_plain(value: object) -> bool:
    """Whether a name is data: it is used as it is."""
    return inspect.isclass(value) and (dataclasses.is_dataclass(value) or issubclass(value, BaseException | enum.Enum))


def stand_ins() -> dict[str, object]:
    """Return what the fragments take for granted."""
    service = mock.create_autospec(Service, instance=True)
    service.start_again.return_value = 1.0
    facts = mock.create_autospec(Job, instance=True)
    facts.address.return_value = "127.0.0.1"
    facts.timeout.return_value = 1.0
    given: dict[str, object] = {
        **exported(),
        "job": facts,
        "broker": mock.create_autospec(Broker, instance=True),
        "service": service,
        "proxy": mock.create_autospec(PostgresProxy, instance=True),
        "time": SimpleNamespace(sleep=lambda _: None),
        "orders": [mock.MagicMock()],
        "answered": ["c-1"],
    }
    return given | dict.fromkeys(("answer_limit", "pending_limit", "provider_timeout"), 1.0)


@pytest.mark.parametrize(("name", "block"), FRAGMENTS, ids=[name for name, _ in FRAGMENTS])
def test_fragment_calls_what_there_is(name: str, block: str) -> None:
    """It runs to its end, and each call of ours has the arguments that it takes."""
    namespace = stand_ins()
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Name) and node.id not in namespace and not hasattr(builtins, node.id):
            namespace[node.id] = mock.MagicMock(name=node.id)
    exec(compile(block, name, "exec"), namespace)
