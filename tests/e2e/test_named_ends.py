"""A service that ends is named: in what its candidate reads, and with its last words in what the assessor reads."""

from __future__ import annotations

import json

import pytest

from tests.e2e import tiny
from tests.e2e.cli import Cli

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
ASKED = """
class Once(Handler):
    asked = 0
    def do_GET(self):
        Once.asked += 1
        if again and Once.asked > 2:  # after the crash: ready, ready for the next check, and then that check itself
            {do}
        super().do_GET()

import os, signal, subprocess, sys
again = os.path.exists("/box/started")
open("/box/started", "w").close()
if again:  # a crash by the grader is no start that the service's log begins with: what was before it is shown as well
    print("last words \\x1b[31m", flush=True)
HTTPServer(("", 8080), Once).serve_forever()
"""
DIES = tiny.APP.replace('HTTPServer(("", 8080), Handler).serve_forever()', "") + ASKED
WORKER = 'subprocess.run([sys.executable, "-c", "x = bytearray(900_000_000)"]); self.send_error(500); return'


@pytest.mark.parametrize(
    ("app", "said", "shown"),
    [
        ("print('no config found'); raise SystemExit(3)", "process ended with exit code 3", "no config found"),
        ("import os; os._exit(0)", "process ended with exit code 0", "wrote nothing"),
        ("x = bytearray(900_000_000)", "process was killed out of memory: its memory limit of", ""),
        (tiny.APP.replace("8080", "8081"), "nothing listens on port 8080", ""),
        (tiny.APP.replace('("", 8080)', '("127.0.0.1", 8080)'), "nothing listens on port 8080", ""),
        (DIES.format(do="os._exit(7)"), "process ended with exit code 7", "last words <U+001B>[31m"),
        (DIES.format(do="os.kill(os.getpid(), signal.SIGSEGV)"), "exit code 139, as after SIGSEGV", "last words"),
        (DIES.format(do=WORKER), "a process beside it was killed out of memory: the memory limit of", "last words"),
    ],
    ids=["start", "start, zero", "start, memory", "wrong port", "loopback", "asked", "asked, signal", "asked, worker"],
)
def test_end_of_a_service_is_named_once(cli: Cli, app: str, said: str, shown: str) -> None:
    """The sentence is in the feedback of a lost check; the log stands once in what is kept."""
    catalogue = tiny.catalogue(cli.folder / "catalogue")
    submission = tiny.submission(cli.folder, app)
    done = cli("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny", "--out", "out")
    assert done.code == 1, done.out + done.err
    (path,) = cli.folder.glob("out/**/result.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    outcomes = result["outcomes"]
    assert any(said in one["feedback"] for one in outcomes), outcomes
    evidence = [line for one in outcomes for line in one["evidence"]]
    assert sum(shown in line for line in evidence) == 1 if shown else True, "\n".join(evidence)
    report = (path.parent / "report.txt").read_text(encoding="utf-8")
    assert shown in report
    assert said in (path.parent / "junit.xml").read_text(encoding="utf-8")
