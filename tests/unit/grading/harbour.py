"""A small exercise that the fake engine can grade: its services are programs of the fake engine, its grader is the real one."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path

from harness.catalogue.finder import Catalogue
from harness.engines.fake.engine import FakeEngine
from harness.events import OutcomeSaid
from harness.grading.runner import Graded, Runner, Task

EXERCISE = """
schema = 1
id = "harbour"
version = "1.0"
status = "draft"
title = "Say what you were told"
summary = "A program prints what it was given."
minutes = 5
pass_mark = 70
seed = 1
deadline_seconds = 60
languages = ["python"]
network = true
[skills]
speech = 100
[[sandboxes]]
name = "berth"
main = true
build = "submission"
role = "candidate"
image = "language"
content = "submission"
[sandboxes.hosts]
store = "store"
[sandboxes.env]
LIMIT = "{timeouts.answer_seconds}"
COLOUR = "{parameters.colour}"
STORE = "{address.store}"
[[sandboxes]]
name = "store"
role = "service"
image = "postgres"
command = ["sleep", "60"]
[[sandboxes]]
name = "other"
role = "candidate"
image = "language"
content = "submission"
[[timeouts]]
name = "answer_seconds"
title = "how long an answer takes"
default_seconds = 3
minimum_seconds = 1
maximum_seconds = 9
[parameters]
colour = ["red", "green"]
[submit]
globs = ["service.toml", "mode", "**/*.txt"]
[[checks]]
id = "speech/env"
title = "It knows its surroundings"
skill = "speech"
points = 50
[[gates]]
id = "silence"
title = "It says nothing"
cap = 20
"""
CHECKS_TOML = """
[[checks]]
id = "speech/mode"
title = "It says its mode"
skill = "speech"
points = 50
gate = "silence"
"""
PUBLIC = '''
from harness.testing import check, expect


@check("speech/env")
def test_env(job, broker):
    """It knows its surroundings."""
    for name, wanted in (("LIMIT", "3.0"), ("COLOUR", "red"), ("STORE", job.address("store"))):
        found = broker.run("berth", ["printenv", name], timeout_seconds=5).stdout.decode().strip()
        expect(found == wanted, f"{name} is not what it should be.", expected=wanted, found=found)
'''
HIDDEN = '''
import os

from harness.testing import check, expect


@check("speech/mode")
def test_mode(broker):
    """It says its mode."""
    broker.start("berth")
    broker.wait("berth", timeout_seconds=5)
    said = broker.logs("berth").decode().strip()
    if said == "deadly":
        os._exit(9)
    expect(said == "loud", "It did not say loud.", expected="loud", found=said)
'''
SERVICE = 'language = "python"\nrun = ["cat", "mode"]\n'


def catalogue(root: Path, changes: Mapping[str, str] | None = None) -> Catalogue:
    """Write the exercise below ``root``, files of ``changes`` (path -> text) in place of ours, and return its catalogue."""
    files = {
        "exercises/harbour/exercise.toml": EXERCISE,
        "exercises/harbour/brief.md.j2": "# {{ exercise.title }}\n",
        "exercises/harbour/checks/test_env.py": PUBLIC,
        "exercises/harbour/starter/python/service.toml": SERVICE,
        "exercises/harbour/starter/python/mode": "starter\n",
        "graders/harbour/checks.toml": CHECKS_TOML,
        "graders/harbour/test_mode.py": HIDDEN,
    }
    for name, text in (files | dict(changes or {})).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return Catalogue((root,))


def submission(root: Path, *, mode: str = "loud", service: str = SERVICE) -> Path:
    """Write a submission below ``root`` and return its folder."""
    folder = root / "heron"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "service.toml").write_text(service, encoding="utf-8")
    (folder / "mode").write_text(f"{mode}\n", encoding="utf-8")
    return folder


def grade(
    known: Catalogue,
    folder: Path,
    *,
    engine: FakeEngine | None = None,
    variant: int = 0,
    ended: Callable[[OutcomeSaid, int], None] = lambda *_: None,
) -> Graded:
    """Grade a folder on the fake engine."""
    here = engine or FakeEngine()
    runner = Runner(known, here, lambda names: here.images(names, lambda _: None), lambda _: None)
    return runner.grade(Task(path=str(folder), exercise_id="harbour", variant=variant), ended=ended)
