"""The harbour held: a service that prints its file and stays, on the fake engine, with the real grader beside it."""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.catalogue.finder import Catalogue
from harness.engines.fake.engine import FakeEngine
from harness.grading.job import Job
from harness.grading.runner import Runner, Task
from harness.intake import workspace
from harness.live import held
from harness.live.holding import Holding, opened
from tests.unit.grading import harbour

EXERCISE = harbour.EXERCISE.replace("main = true\n", "main = true\nrestore = true\n").replace(
    'LIMIT = "{timeouts.answer_seconds}"\n',
    'LIMIT = "{timeouts.answer_seconds}"\nPORT = "8080"\nDATA = "postgresql://who@store:5432/data"\n',
)
SERVICE = """
language = "python"
build = ["sh", "-c", "cat mode > made.txt"]
run = ["sh", "-c", "cat made.txt; sleep 600"]
"""
CONFTEST = '''
import pytest


@pytest.fixture(scope="session")
def harbour(broker):
    """What is open."""
    broker.start("store")
    yield broker
    broker.kill("store")
'''
UP = '''
from contextlib import contextmanager

FIXTURE = "harbour"


def begin(harbour):
    """Start the service."""
    harbour.start("berth")
    return ""


@contextmanager
def fog(harbour):
    """Nobody sees the store."""
    harbour.pause("store")
    yield
    harbour.resume("store")


@contextmanager
def storm(harbour):
    raise ValueError("no wind")
    yield


FAULTS = {"fog": fog, "storm": storm}
'''
TOLD = {"exercises/harbour/checks/conftest.py": CONFTEST, "exercises/harbour/up.py": UP}


def world(root: Path, changes: Mapping[str, str] | None = None, *, service: str = SERVICE) -> Path:
    """Lay out catalogue and workspace below ``root``; return the workspace."""
    harbour.catalogue(root, {"exercises/harbour/exercise.toml": EXERCISE, **(changes or {})})
    return harbour.submission(root, service=service)


@contextlib.contextmanager
def holding(root: Path, folder: Path, engine: FakeEngine) -> Iterator[Holding]:
    """Hold the workspace ``folder`` of the catalogue ``root``."""
    known = Catalogue((root,))
    runner = Runner(known, engine, lambda names: engine.images(names, lambda _: None), lambda _: None)

    script = known.pair("harbour", whole=False).script()

    def retake() -> Job:
        return held.job_of(runner.job(Task(path=str(folder), exercise_id="harbour", mode="check"), "up-test"), script)

    with opened(engine, retake(), retake, lambda _: None) as here:
        yield here


def news(here: Holding, words: str, *, seconds: float = 60) -> str:
    """Return the next thing that is told and has ``words`` in it."""
    until, seen = time.monotonic() + seconds, []
    while time.monotonic() < until:
        with contextlib.suppress(queue.Empty):
            seen.append(here.events.get(timeout=0.2))
            if words in seen[-1]:
                return seen[-1]
        if here.over.is_set():
            break
    raise AssertionError(f"{words!r} was not told, but {seen}; {here.reason}")


def logged(here: Holding, name: str, words: bytes, *, seconds: float = 60) -> bytes:
    """Return the log of a sandbox once it has ``words``."""
    until = time.monotonic() + seconds
    while words not in (log := here.logs(name, tail_kb=64)):
        assert time.monotonic() < until, log
        time.sleep(0.05)
    return log


def as_workspace(folder: Path) -> None:
    """Make ``folder`` a workspace, as ``harness start`` does."""
    facts = workspace.Workspace(
        root=folder,
        exercise_id="harbour",
        version="1.0",
        variant=0,
        language="python",
        alias="heron",
        started_at="2026-11-24T08:00:00+00:00",
    )
    (folder / workspace.FOLDER).mkdir()
    (folder / workspace.FOLDER / workspace.FILE).write_bytes(workspace.facts(facts))
