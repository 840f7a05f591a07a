"""Many gradings at once: a process each, so that nothing of one engine client or grader is shared.

Workers are forked where the platform can, when the pool opens: before any engine connection and any thread exists, because a
lock that another thread holds at that moment is held for ever in the child. One that replaces a dead worker is spawned. A
worker whose parent is gone ends at once, as if killed: what it had open is then ownerless, and the next command that opens an
engine reaps it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Literal, Protocol, cast

from harness import crashes
from harness.errors import ExitCode, HarnessError
from harness.grading.runner import Graded, Progress, Task
from harness.wording import visible

_log = logging.getLogger(__name__)
_LAST_SECONDS = 5
"""How long a worker whose connection broke may take to end."""


class Grader(Protocol):
    """What a process of the pool needs: a :class:`~harness.grading.runner.Runner`."""

    def grade(self, task: Task) -> Graded:
        """Grade one submission. Raises HarnessError for what is not the candidate's."""


OpenRunner = Callable[[ExitStack, Progress | None], Grader]
"""Opens a runner in the process that grades; what must be closed goes on the stack. Without a progress nobody hears of steps.
Must be picklable: a worker may be spawned."""
Heard = Callable[[Task, str], None]
"""Takes each step of a task, from the moment that it is given to whoever grades it: then the text is empty."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The end of one task: a grading, or the error that kept it from one."""

    task: Task
    graded: Graded | None
    error: HarnessError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What is being done now for a task that has not ended."""

    task: Task
    text: str


class Pool:
    """Grades tasks, many at once or one after the other. Made by :func:`opened`."""

    def __init__(self, workers: Sequence[_Worker], open_runner: OpenRunner, heard: Heard | None) -> None:
        self._workers = workers
        self._open_runner = open_runner
        self._heard = heard

    def grade_all(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Yield the end of each task as it comes."""
        return self._at_once(tasks, self._heard or _unheard) if self._workers else self._here(tasks, self._heard)

    def _at_once(self, tasks: Sequence[Task], heard: Heard) -> Iterator[Done]:
        waiting = list(reversed(tasks))

        def give(worker: _Worker) -> None:
            heard(waiting[-1], "")
            worker.give(waiting.pop())

        for worker in self._workers[: len(waiting)]:
            give(worker)
        while busy := [worker for worker in self._workers if worker.busy]:
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection not in ready:
                    continue
                said = worker.take()
                if isinstance(said, Step):
                    heard(said.task, said.text)
                    continue
                yield said
                if waiting:
                    give(worker)

    def _here(self, tasks: Sequence[Task], heard: Heard | None) -> Iterator[Done]:
        now = tasks[:1]

        def say(text: str) -> None:
            if heard is not None and now:
                heard(now[0], text)

        with ExitStack() as stack:
            say("")
            runner = self._open_runner(stack, say if heard else None)
            for task in tasks:
                now = [task]
                say("")
                yield attempt(runner, task)


@contextmanager
def opened(count: int, jobs: int, open_runner: OpenRunner, heard: Heard | None = None) -> Iterator[Pool]:
    """Start what ``count`` tasks need: workers for several at once, none for one job. Open it before starting a thread.

    ``heard`` hears of the steps of all that are graded, in this process; without it runners are opened without a progress.
    """
    with ExitStack() as stack:
        wanted = min(jobs, count)
        workers = [_Worker(open_runner, stack, steps=heard is not None) for _ in range(wanted if wanted > 1 else 0)]
        yield Pool(workers, open_runner, heard)


def attempt(runner: Grader, task: Task) -> Done:
    """Grade one task; whatever keeps it from its end is an error of this task, so that the others still get graded."""
    try:
        return Done(task=task, graded=runner.grade(task))
    except Exception as error:  # noqa: BLE001 - no memory, no file handle, a bug of ours: none of it is the others'
        return Done(task=task, graded=None, error=_plain(crashes.explained(error)))


def _unheard(_: Task, __: str) -> None:
    """Nobody asked."""


def _plain(error: HarnessError) -> HarnessError:
    """Return the error as one that another process can read: an engine's own kinds may need more than their text."""
    kind = next(one for one in type(error).__mro__ if one.__module__ == HarnessError.__module__)
    return cast("HarnessError", kind(str(error))).with_traceback(error.__traceback__)


class _Unopened:
    """Stands for a runner that could not be opened: each task ends with the reason."""

    def __init__(self, error: HarnessError) -> None:
        self._error = error

    def grade(self, task: Task) -> Graded:
        """Raise why there is no runner."""
        del task
        raise self._error


class _Worker:
    """A process that grades what it is given, one after the other."""

    def __init__(self, open_runner: OpenRunner, stack: ExitStack, *, steps: bool) -> None:
        self._open_runner = open_runner
        self._steps = steps
        self._task: Task | None = None
        stack.callback(self._close)
        self._start("fork" if sys.platform == "linux" else "spawn")

    @property
    def busy(self) -> bool:
        """Whether it has a task whose end nobody took."""
        return self._task is not None

    def give(self, task: Task) -> None:
        """Hand over a task; ``connection`` becomes readable at its end."""
        self._task = task
        for _ in range(2):
            # Killed while nobody looked: a new one takes its place. If that is dead as well, take() says so.
            with contextlib.suppress(OSError):
                self.connection.send(task)
                return
            self._replace()

    def take(self) -> Done | Step:
        """Return a step of the task, or its end. A worker that died is an error of ours, and is replaced."""
        task = self._task
        if task is None:
            text = "expected a worker with a task, found an idle one"
            raise HarnessError(text)
        try:
            said = self.connection.recv()
            if isinstance(said, str):
                return Step(task=task, text=said)
            self._task = None
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            self._task = None
            how = self._replace()
            text = f"expected a worker to grade {visible(task.path)}, found that it {how}: grade it again"
            return Done(task=task, graded=None, error=HarnessError(text))
        if isinstance(said, Done):
            return said
        text = f"expected the end of a task from a worker, found {type(said).__name__}"
        return Done(task=task, graded=None, error=HarnessError(text))

    def _replace(self) -> str:
        """Start a worker in the place of one that is dead or can't be understood; return how it ended, in words."""
        self.connection.close()
        self._process.join(timeout=_LAST_SECONDS)
        self._process.kill()
        self._process.join()
        code = self._process.exitcode or 0
        self._start("spawn")  # there may be threads by now
        if code == -signal.SIGKILL:
            return "was killed (SIGKILL): by somebody, or for want of memory"
        return f"was ended by signal {-code}" if code < 0 else f"ended with {code} and no answer"

    def _start(self, how: Literal["fork", "spawn"]) -> None:
        if how == "spawn":
            # A fresh interpreter looks for modules in the current folder first, which may be somebody's submission.
            os.environ["PYTHONSAFEPATH"] = "1"
        # Forked where that is safe: a child then starts in milliseconds.
        context = multiprocessing.get_context("fork") if how == "fork" else multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, self._open_runner), kwargs={"steps": self._steps}, daemon=True
        )
        self._process.start()
        theirs.close()

    def _close(self) -> None:
        if self.busy:
            # Interrupted: the worker closes what it has open, as this process would.
            self._process.terminate()
        else:
            # Closing is not enough: workers forked later hold a copy of this end.
            with contextlib.suppress(OSError):
                self.connection.send(None)
        self.connection.close()
        self._process.join(timeout=60)
        if self._process.is_alive():
            _log.warning("a worker did not end within 60 s and is killed; harness clean removes what it had open")
            self._process.kill()
            self._process.join()


def _work(connection: Connection, open_runner: OpenRunner, *, steps: bool) -> None:
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(ExitCode.TERMINATED)))
    # Interrupted like its parent: that says so once, for all.
    with contextlib.suppress(KeyboardInterrupt):
        _grade_what_comes(connection, open_runner, steps=steps)


def _grade_what_comes(connection: Connection, open_runner: OpenRunner, *, steps: bool) -> None:
    # Steps are said by whatever thread takes them, and two halves of messages are none.
    speaking, grading = threading.Lock(), threading.Event()

    def say(what: str | Done) -> None:
        with speaking:
            connection.send(what)

    def step(text: str) -> None:
        if grading.is_set():
            with contextlib.suppress(OSError):  # nobody hears any more: the end of the parent ends this process
                say(text)

    with ExitStack() as stack:
        try:
            runner = open_runner(stack, step if steps else None)
        except Exception as error:  # noqa: BLE001 - said by each task, and not by a traceback of this process
            runner = _Unopened(crashes.explained(error))
        while True:
            try:
                task = connection.recv()
            except EOFError:
                return
            if task is None:
                return
            grading.set()
            done = attempt(runner, task)
            grading.clear()
            say(done)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(int(ExitCode.TERMINATED))
