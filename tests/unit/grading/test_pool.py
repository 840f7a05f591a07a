"""Many gradings at once: workers start before threads do, and one that dies costs its own task only."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import threading
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands.opening import Opener
from harness.engines.docker.connect import EngineRefusal
from harness.errors import EngineError, HarnessError, UsageError
from harness.grading import pool
from harness.grading.runner import Graded, Progress, Task
from tests.unit.factories import grading

DEATH = 9
TROUBLES: dict[str, Exception] = {
    "memory": MemoryError(),
    "deep": RecursionError("maximum recursion depth exceeded"),
    "share": OSError(errno.ESTALE, "Stale file handle", "inbox/x"),
    "handles": OSError(errno.EMFILE, "Too many open files"),
    "refusal": EngineRefusal("the engine said no", 500),
    "bug": ZeroDivisionError("division by zero"),
    "vanished": UsageError("found nothing readable"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class StandIn:
    """Plays a runner: what a task's path says happens. Also its opener, so that it can be sent to a spawned process."""

    def __call__(self, stack: ExitStack, progress: Progress | None) -> StandIn:
        if progress is not None:
            progress("opened here")
        return self

    def grade(self, task: Task) -> Graded:
        if task.path == "dies":
            os._exit(DEATH)
        if task.path == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if task.path in TROUBLES:
            raise TROUBLES[task.path]
        if task.path == "fails":
            text = "expected an engine, found none: start one"
            raise EngineError(text)
        return Graded(grading=replace(grading(), id=f"{task.path} in {os.getpid()}"), logs={})


@dataclass(frozen=True, kw_only=True, slots=True)
class Talks:
    """Plays a runner that says what it does, from another thread too."""

    say: Progress = lambda _: None

    def __call__(self, stack: ExitStack, progress: Progress | None) -> Talks:
        assert progress is not None
        return Talks(say=progress)

    def grade(self, task: Task) -> Graded:
        self.say(f"{task.path} builds")
        thread = threading.Thread(target=self.say, args=(f"{task.path} runs",))
        thread.start()
        thread.join()
        return Graded(grading=grading(), logs={})


def _tasks(*paths: str) -> list[Task]:
    return [Task(path=path) for path in paths]


def _ends(tasks: list[Task], jobs: int) -> dict[str, str]:
    with pool.opened(len(tasks), jobs, StandIn()) as graders:
        return {
            done.task.path: str(done.error) if done.graded is None else done.graded.grading.id
            for done in graders.grade_all(tasks)
        }


def test_a_dead_worker_costs_its_own_task_and_is_replaced() -> None:
    found = _ends(_tasks("dies", "a", "fails", "b", "c"), 2)
    assert f"found that it ended with {DEATH}" in found["dies"]
    assert found["fails"] == "expected an engine, found none: start one"
    assert all(found[name].startswith(f"{name} in ") for name in "abc")


@pytest.mark.parametrize("jobs", [1, 2])
def test_trouble_of_one_task_is_its_own(jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory, no handles, a vanished file, a bug of ours: a sentence for that task, and all others are graded."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    found = _ends(_tasks(*TROUBLES, "a", "b"), jobs)
    assert "expected memory to go on, found none left" in found["memory"]
    assert "internal error, not yours and not the candidate's: RecursionError" in found["deep"]
    assert "expected to use inbox/x, found: Stale file handle: the share went away" in found["share"]
    assert "Too many open files: raise the limit" in found["handles"]
    assert found["refusal"] == "the engine said no"
    assert "internal error" in found["bug"]
    assert found["a"].startswith("a in ")
    assert found["b"].startswith("b in ")


def test_errors_keep_their_exit_code_across_processes() -> None:
    """What the caller must mend stays wrong usage, also when a worker found it."""
    with pool.opened(2, 2, StandIn()) as graders:
        ends = {done.task.path: done.error for done in graders.grade_all(_tasks("vanished", "refusal"))}
    assert {name: type(error).__name__ for name, error in ends.items()} == {
        "vanished": "UsageError",
        "refusal": "SandboxError",
    }


def test_worker_that_is_killed_is_named_and_replaced() -> None:
    """By the kernel for memory, say: its task has a reason, the others are graded."""
    found = _ends(_tasks("killed", "a", "b", "c"), 2)
    assert "found that it was killed (SIGKILL)" in found["killed"]
    assert all(found[name].startswith(f"{name} in ") for name in "abc")


def test_worker_killed_before_its_task_costs_nothing() -> None:
    """Another one grades it."""
    with pool.opened(2, 2, StandIn()) as graders:
        for worker in graders._workers:
            worker._process.kill()
            worker._process.join()
        ends = list(graders.grade_all(_tasks("a", "b")))
    assert [done.error for done in ends] == [None, None]


def _unopenable(stack: ExitStack, progress: Progress | None) -> StandIn:
    del stack, progress
    raise EngineRefusal("no engine here", 500)


def test_worker_that_cannot_open_an_engine_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    """For each task, in words; no traceback of another process."""
    with pool.opened(3, 2, _unopenable) as graders:
        ends = list(graders.grade_all(_tasks("a", "b", "c")))
    assert [str(done.error) for done in ends] == ["no engine here"] * 3
    assert all(isinstance(done.error, HarnessError) for done in ends)
    assert capfd.readouterr() == ("", "")


def test_every_worker_may_die_and_the_rest_is_graded() -> None:
    """With two workers and two deaths nothing would be left to grade what comes after."""
    paths = ["dies", "dies", "a", "b"]
    with pool.opened(len(paths), 2, StandIn()) as graders:
        ends = list(graders.grade_all(_tasks(*paths)))
    assert sorted(done.task.path for done in ends if done.graded) == ["a", "b"]
    assert len([done for done in ends if done.error]) == 2


def test_workers_are_other_processes_and_one_job_is_this_one() -> None:
    mine = f" in {os.getpid()}"
    assert not any(end.endswith(mine) for end in _ends(_tasks("a", "b"), 2).values())
    assert all(end.endswith(mine) for end in _ends(_tasks("a", "b"), 1).values())
    assert all(end.endswith(mine) for end in _ends(_tasks("a"), 2).values())


def test_steps_of_all_are_heard_by_task() -> None:
    """Of one grading here and of several elsewhere; each begins with a word of nothing."""
    for jobs in (1, 2):
        heard: dict[str, list[str]] = {}

        def hear(task: Task, text: str, heard: dict[str, list[str]] = heard) -> None:
            heard.setdefault(task.path, []).append(text)

        with pool.opened(3, jobs, Talks(), hear) as graders:
            ends = list(graders.grade_all(_tasks("a", "b", "c")))
        assert [done.error for done in ends] == [None] * 3
        assert {path: said[-3:] for path, said in heard.items()} == {
            path: ["", f"{path} builds", f"{path} runs"] for path in "abc"
        }


def test_who_hears_of_no_steps_opens_without_a_progress() -> None:
    """Then what takes long is said where it happens: images that are made, say."""
    opened: list[Progress | None] = []

    def open_runner(_: ExitStack, progress: Progress | None) -> StandIn:
        opened.append(progress)
        return StandIn()

    with pool.opened(1, 1, open_runner) as graders:
        list(graders.grade_all(_tasks("a")))
    assert opened == [None]


def test_no_fork_beside_a_living_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that the thread holds at that moment would be held for ever in the worker."""
    before = set(threading.enumerate())  # of other tests
    forked: list[int] = []
    real = os.fork

    def fork() -> int:
        forked.append(len(set(threading.enumerate()) - before))
        return real()

    monkeypatch.setattr(os, "fork", fork)
    over = threading.Event()
    with pool.opened(3, 2, StandIn()) as graders:
        thread = threading.Thread(target=over.wait)
        thread.start()
        ends = list(graders.grade_all(_tasks("dies", "a", "b")))
        over.set()
        thread.join()
    assert len(ends) == 3
    assert forked == [0, 0]


def test_an_opener_can_be_sent_to_a_spawned_worker() -> None:
    opener = Opener(catalogue=Catalogue((Path("nowhere"),)), engine="fake", keep_warm=True)
    again = pickle.loads(pickle.dumps(opener))
    assert (again.engine, again.keep_warm) == ("fake", True)


def test_spawned_worker_takes_no_module_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The current folder may be a submission: a ``multiprocessing.py`` in it must not run here, beside no sandbox."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYTHONSAFEPATH", "")  # so that it is as it was afterwards
    for name in ("multiprocessing", "pickle", "struct", "harness"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    ends = _ends(_tasks("dies", "dies", "after"), 2)
    assert not (tmp_path / "ran").exists()
    assert ends["after"].startswith("after in ")
