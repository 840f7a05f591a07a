"""Whatever a service does, its grading ends with a decided verdict, at the service's own cost."""

from __future__ import annotations

import pytest

from tests.e2e import tiny
from tests.e2e.cli import Cli, Ended

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
SOCKET = """
    import socket, time
    server = socket.create_server(("", 8080))
    while True:
        peer, _ = server.accept()
        {do}
"""
SERVICES = {
    "crashes at once": "raise SystemExit(3)",
    "never listens": "import time; time.sleep(600)",
    "binds the wrong port": tiny.APP.replace("8080", "8081"),
    "answers garbage": SOCKET.format(do="peer.sendall(bytes(range(256)) * 64); peer.close()"),
    "half-closes": SOCKET.format(do="peer.shutdown(socket.SHUT_WR); time.sleep(0.2)"),
    "answers very slowly": SOCKET.format(
        do="peer.sendall(b'HTTP/1.1 200 OK\\r\\n'); [peer.sendall(b'a') or time.sleep(1) for _ in range(60)]"
    ),
    "never ends its headers": SOCKET.format(
        do="[peer.sendall(b'A: ' + b'b' * 60000 + b'\\r\\n') for _ in range(1000)]"
    ),
    "eats its memory": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "forks without end": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
}


def grade(cli: Cli, app: str, service: str = tiny.SERVICE) -> Ended:
    """Grade a service on the tiny exercise."""
    catalogue = tiny.catalogue(cli.folder / "catalogue")
    submission = tiny.submission(cli.folder, app, service)
    return cli("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny", "--json")


def test_good_service_passes(cli: Cli) -> None:
    """The honest twin of everything below."""
    done = grade(cli, tiny.APP)
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("app", SERVICES.values(), ids=list(SERVICES))
def test_bad_service_fails_and_never_makes_the_grading_inconclusive(cli: Cli, app: str) -> None:
    """A service that cannot be used gets no points, and no retake."""
    done = grade(cli, app)
    assert done.code == 1, done.out + done.err
    (line,) = done.lines
    assert {outcome["status"] for outcome in line["outcomes"]} <= {"failed", "unproven"}
    assert line["score"]["earned"] == 0


@pytest.mark.parametrize(
    "app",
    [
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + tiny.APP,
        "import threading, sys\n"
        "def flood():\n    while True: sys.stdout.write('x' * 100000)\n"
        "threading.Thread(target=flood, daemon=True).start()\n" + tiny.APP,
    ],
    ids=["ignores SIGTERM", "floods its log"],
)
def test_odd_service_that_answers_still_passes(cli: Cli, app: str) -> None:
    """What is unusual but breaks no rule costs nothing, and leaves a bounded log."""
    done = grade(cli, app)
    assert done.code == 0, done.out + done.err
    assert all(log.stat().st_size <= 300_000 for log in cli.folder.rglob("logs/*"))


def test_crlf_script_is_told_in_words_or_works(cli: Cli) -> None:
    """A start script with Windows line ends can't be run by the kernel; the candidate reads why."""
    catalogue = tiny.catalogue(cli.folder / "catalogue")
    submission = tiny.submission(cli.folder, service='language = "python"\nrun = ["./run.sh"]\n')
    script = submission / "run.sh"
    script.write_bytes(b"#!/bin/sh\r\nexec python3 app.py\r\n")
    script.chmod(0o755)
    done = cli("--catalogue", str(catalogue), "grade", str(submission), "--exercise", "tiny", "--json")
    assert done.code == 1
    assert "line end" in done.err.lower() or "crlf" in done.err.lower()


@pytest.mark.parametrize(
    ("build", "words"),
    [('["python3", "-c", "raise SystemExit(\'no such module\')"]', "no such module"), ('["./missing"]', "missing")],
)
def test_service_that_does_not_build_is_refused_with_its_build_log(cli: Cli, build: str, words: str) -> None:
    """Exit code 3, and the end of what the build said."""
    done = grade(cli, tiny.APP, tiny.SERVICE + f"build = {build}\n")
    assert done.code == 3, done.out + done.err
    (line,) = done.lines
    assert line["verdict"] == "refused"
    assert words in str(line)
