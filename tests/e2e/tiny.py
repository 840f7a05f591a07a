"""The smallest exercise with a network: one service, one check, a grader whose tests are given by the caller."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

EXERCISE = """
schema = 1
id = "tiny"
version = "1.0"
status = "draft"
title = "Answer on a port"
summary = "GET /health answers 200."
minutes = 5
pass_mark = 70
seed = 1
deadline_seconds = {deadline}
languages = ["python"]
network = true
[skills]
life = 100
[[sandboxes]]
name = "app"
role = "candidate"
image = "language"
content = "submission"
build = "submission"
[submit]
globs = ["service.toml", "*.py", "*.sh"]
[[checks]]
id = "life/health"
title = "GET /health answers 200"
skill = "life"
points = 60
"""
HIDDEN = """
[[checks]]
id = "life/again"
title = "It answers again after a crash"
skill = "life"
points = 40
"""
CONFTEST = '''
import pytest
from harness.testing.diary import Diary
from harness.testing.service import Service


@pytest.fixture(scope="session")
def service(job, broker, timeline):
    """The service; checks start it."""
    diary = Diary(timeline.since_start)
    made = Service(broker, job.address("app"), diary, sandbox="app", port=8080, startup_seconds=8, patience_seconds=60)
    yield made
    made.close()


@pytest.fixture
def app(service):
    """Its client, when it is ready."""
    service.begin()
    return service.http
'''
PUBLIC = '''
from harness.testing import check, expect


@check("life/health")
def test_health(app):
    """GET /health answers 200."""
    expect(app.request("GET", "/health").status == 200, "it did not answer")
'''
AGAIN = '''
from harness.testing import check, expect
from harness.testing.clients import ready


@check("life/again")
def test_again(app, broker):
    """It answers again after a crash."""
    broker.crash("app")
    expect(ready(app, "/health", timeout_seconds=8, alive=lambda: True), "it did not come back")
'''
SERVICE = 'language = "python"\nrun = ["python3", "app.py"]\n'
APP = """
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

HTTPServer(("", 8080), Handler).serve_forever()
"""


def catalogue(root: Path, hidden: Mapping[str, str] | None = None, *, deadline: int = 60) -> Path:
    """Write the exercise and its grader below ``root``; ``hidden`` are the grader's files, by default one good test."""
    exercise, grader = root / "exercises" / "tiny", root / "graders" / "tiny"
    files = {
        exercise / "exercise.toml": EXERCISE.format(deadline=deadline),
        exercise / "brief.md.j2": "# {{ exercise.title }}\n",
        exercise / "checks" / "conftest.py": CONFTEST,
        exercise / "checks" / "test_public.py": PUBLIC,
        exercise / "starter" / "python" / "service.toml": SERVICE,
        exercise / "starter" / "python" / "app.py": APP,
        grader / "checks.toml": HIDDEN,
    }
    files |= {grader / name: text for name, text in (hidden or {"test_again.py": AGAIN}).items()}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return root


def submission(root: Path, app: str = APP, service: str = SERVICE) -> Path:
    """Write a submission below ``root``."""
    folder = root / "submission"
    folder.mkdir(parents=True)
    (folder / "service.toml").write_text(service, encoding="utf-8")
    (folder / "app.py").write_text(textwrap.dedent(app), encoding="utf-8", newline="")
    return folder
