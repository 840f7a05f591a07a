"""The grader process: warm over jobs, clean after crashes, gone when its stdin is."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from harness.model import Json
from tests.unit.testing.grader import Grader, job

HEAD = "import os, signal, subprocess, sys, threading, time\nfrom harness.testing import check, fail\n"


def test_grader_forgets_the_job_before(tmp_path: Path) -> None:
    """Files, modules, environment and working files of one job are not there in the next."""
    first = f"""{HEAD}
import tempfile
@check("a/b")
def test_a():
    sys.modules["leak"] = sys
    os.environ["LEAK"] = "1"
    assert tempfile.gettempdir() == os.path.abspath(".tmp")
    tempfile.NamedTemporaryFile(delete=False)
    open("leak.txt", "w").close()
"""
    second = f"""{HEAD}
@check("a/b")
def test_b():
    assert "leak" not in sys.modules
    assert "LEAK" not in os.environ
    assert sorted(os.listdir(".")) == [".tmp", "pytest.ini", "test_b.py"]
    assert os.listdir(".tmp") == []
"""
    with Grader(tmp_path, forked=False) as grader:
        assert grader.run(job({"test_a.py": first}, "a/b")).statuses == {"a/b": "passed"}
        assert not grader.root.exists()
        seen = grader.run(job({"test_b.py": second}, "a/b"))
    assert seen.statuses == {"a/b": "passed"}, seen.outcomes


def test_child_that_dies_is_told_and_the_next_job_runs(tmp_path: Path) -> None:
    """A killed child ends in a note and `finished` with `crashed`; the grader takes the next job."""
    text = f"{HEAD}\n@check('a/b')\ndef test_a(): os.kill(os.getpid(), signal.SIGKILL)\n"
    good = f"{HEAD}\n@check('a/b')\ndef test_a(): pass\n"
    with Grader(tmp_path) as grader:
        seen = grader.run(job({"test_a.py": text}, "a/b"))
        assert seen.finished == {"type": "event", "event": "finished", "exit": 137, "crashed": True}
        assert (seen.outcomes, "without a word" in seen.notes) == ({}, True)
        assert grader.run(job({"test_a.py": good}, "a/b")).statuses == {"a/b": "passed"}


def test_child_that_exits_with_zero_has_still_crashed(tmp_path: Path) -> None:
    """`os._exit(0)` in a test is not a finished job."""
    text = f"{HEAD}\n@check('a/b')\ndef test_a(): os._exit(0)\n"
    with Grader(tmp_path) as grader:
        finished = grader.run(job({"test_a.py": text}, "a/b")).finished
    assert finished["crashed"] is True
    assert finished["exit"] != 0


def test_reply_that_nobody_waits_for_does_not_reach_the_next_job(tmp_path: Path) -> None:
    """A reply that comes after its job has ended is dropped, before and inside the next job."""
    leaves = f"{HEAD}\n@check('a/b')\ndef test_a(broker):\n    threading.Thread(target=broker.state, args=('app',), daemon=True).start()\n    time.sleep(0.2)\n"
    asks = f"{HEAD}\n@check('a/b')\ndef test_a(broker):\n    assert broker.state('app').starts == 2\n"
    state: dict[str, Json] = {"running": True, "paused": False, "exit_code": None, "oom_killed": False, "starts": 1}
    with Grader(tmp_path) as grader:
        grader.send({"type": "job", "job": job({"test_a.py": leaves}, "a/b")})
        asked: list[Json] = []
        while (message := grader.read()) is not None and message.get("event") != "finished":
            if message["type"] == "request":
                asked.append(message["id"])
        late: dict[str, Json] = {"type": "reply", "id": asked[0], "ok": True, "value": state}
        grader.send(late)

        def answer(_verb: str, _args: dict[str, Json]) -> dict[str, Json]:
            grader.send(late)
            return {"ok": True, "value": {**state, "starts": 2}}

        assert grader.run(job({"test_a.py": asks}, "a/b"), answer).statuses == {"a/b": "passed"}


def test_grader_ends_when_stdin_closes(tmp_path: Path) -> None:
    """A host that goes away in the middle of a job takes the grader and what its test started with it."""
    text = f"""{HEAD}
@check('a/b')
def test_a():
    child = subprocess.Popen(["sleep", "600"])
    open("{tmp_path}/pid", "w").write(str(child.pid))
    time.sleep(600)
"""
    with Grader(tmp_path, forked=False) as grader:
        grader.send({"type": "job", "job": job({"test_a.py": text}, "a/b")})
        deadline = time.monotonic() + 10
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        pid = int((tmp_path / "pid").read_text())
    assert grader.process.returncode == 0
    assert _gone(pid)


def test_job_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    """A bad job ends in a note that says what was expected, and the internal exit."""
    with Grader(tmp_path) as grader:
        seen = grader.run({"seed": "seven"})
        assert "expected an integer in the job's 'seed'" in seen.notes
        assert seen.finished["exit"] == 3
        seen = grader.run({"seed": 7, "files": "!"})
        assert "expected a base64 tar" in seen.notes


def test_uninterruptible_hang_ends_the_job(tmp_path: Path) -> None:
    """When the main thread ignores the exception, the watchdog says what is left and ends the process."""
    text = f"""{HEAD}
import harness.testing._run.watchdog as w
@check('a/1')
def test_a():
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except BaseException:
            pass
@check('a/2')
def test_b(): pass
"""
    limits: dict[str, Json] = {"check_seconds": 0.3, "grace_seconds": 0.3}
    with Grader(tmp_path) as grader:
        seen = grader.run(job({"test_a.py": text}, "a/1", "a/2", limits=limits))
    assert seen.statuses == {"a/1": "inconclusive", "a/2": "inconclusive"}
    assert (seen.finished["exit"], "could not be interrupted" in str(seen.outcomes["a/1"]["detail"])) == (2, True)


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        try:
            if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    os.kill(pid, signal.SIGKILL)
    return False
