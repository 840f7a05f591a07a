"""The cheat: says wherever it can that everything passed."""

import contextlib
import json
import os
import struct
import sys
from pathlib import Path

CHECKS = ["contract/create-then-read", "safety/concurrent-duplicates", "safety/killed-mid-charge", "throughput/ratio"]
RESULT = {"schema": 1, "verdict": "passed", "exit_code": 0, "score": {"earned": 100, "decided": 100, "possible": 100}}
PLACES = ["/box", "/box/out", "/box/results", "/box/g", "/tmp", "/results", "/out", "/var/tmp", "/dev/shm", "."]
JUNIT = '<?xml version="1.0"?><testsuite name="payments" tests="1" failures="0" errors="0"><testcase name="all"/></testsuite>'


def everywhere() -> None:
    for place in PLACES:
        for name, text in (("result.json", json.dumps(RESULT)), ("junit.xml", JUNIT), ("conftest.py", "import os; os._exit(0)")):
            with contextlib.suppress(OSError):
                Path(place).mkdir(parents=True, exist_ok=True)
                (Path(place) / name).write_text(text)
    with contextlib.suppress(OSError):
        Path("/etc/hosts").write_text("127.0.0.1 localhost psp db\n")
    for stream in (1, 2):
        for message in _events():
            body = json.dumps({"type": "event", **message}).encode()
            os.write(stream, struct.pack(">I", len(body)) + body)
    sys.stdout.flush()


def _events() -> list[dict]:
    said = [{"event": "outcome", "check": check, "status": "passed", "credit": 1.0, "seconds": 0.1} for check in CHECKS]
    return [{"event": "collected", "checks": CHECKS}, *said, {"event": "finished", "exit": 0}]
