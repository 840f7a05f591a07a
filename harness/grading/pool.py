"""Many gradings at once: a process each, so that nothing of one engine client or grader is shared.

Workers are forked where the platform can, before any engine connection exists. A worker whose parent is gone ends at once,
as if killed: what it had open is then ownerless, and the next command that opens an engine reaps it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from harness.errors import ExitCode, HarnessError
from harness.grading.runner import Graded, Runner, Task

_log = logging.getLogger(__name__)
OpenRunner = Callable[[ExitStack], Runner]
"""Opens a runner in the worker; what must be closed goes on the stack."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """The end of one task: a grading, or the error that kept it from one."""

    task: Task
    graded: Graded | None
    error: HarnessError | None = None


def grade_all(tasks: Sequence[Task], jobs: int, open_runner: OpenRunner) -> Iterator[Done]:
    """Yield the end of each task as it comes. One task, or one job, runs in this process."""
    if jobs <= 1 or len(tasks) <= 1:
        yield from _here(tasks, open_runner)
        return
    with ExitStack() as stack:
        workers = [_Worker(open_runner, stack) for _ in range(min(jobs, len(tasks)))]
        waiting = list(reversed(tasks))
        for worker in workers:
            worker.give(waiting.pop())
        while busy := [worker for worker in workers if worker.busy]:
            ready = wait([worker.connection for worker in busy])
            for worker in busy:
                if worker.connection not in ready:
                    continue
                yield worker.take()
                if waiting:
                    worker.give(waiting.pop())


def _here(tasks: Sequence[Task], open_runner: OpenRunner) -> Iterator[Done]:
    with ExitStack() as stack:
        runner = open_runner(stack)
        for task in tasks:
            yield attempt(runner, task)


def attempt(runner: Runner, task: Task) -> Done:
    """Grade one task; what is the harness's own failure is kept, so that the others still get graded."""
    try:
        return Done(task=task, graded=runner.grade(task))
    except HarnessError as error:
        return Done(task=task, graded=None, error=error)


class _Worker:
    """A process that grades what it is given, one after the other."""

    def __init__(self, open_runner: OpenRunner, stack: ExitStack) -> None:
        self._open_runner = open_runner
        self._task: Task | None = None
        stack.callback(self._close)
        self._start()

    @property
    def busy(self) -> bool:
        """Whether it has a task whose end nobody took."""
        return self._task is not None

    def give(self, task: Task) -> None:
        """Hand over a task; ``connection`` becomes readable at its end."""
        self._task = task
        self.connection.send(task)

    def take(self) -> Done:
        """Return the end of the task. A worker that died is an error of ours, and is replaced."""
        task, self._task = self._task, None
        if task is None:
            text = "expected a worker with a task, found an idle one"
            raise HarnessError(text)
        try:
            done = self.connection.recv()
        except EOFError:
            self._process.join()
            text = f"expected a worker to grade {task.path}, found it dead with {self._process.exitcode}"
            self._start()
            return Done(task=task, graded=None, error=HarnessError(text))
        if isinstance(done, Done):
            return done
        text = f"expected the end of a task from a worker, found {type(done).__name__}"
        return Done(task=task, graded=None, error=HarnessError(text))

    def _start(self) -> None:
        # Forked where that is safe: nothing here has threads or connections yet, and a child starts in milliseconds.
        context = (
            multiprocessing.get_context("fork") if sys.platform == "linux" else multiprocessing.get_context("spawn")
        )
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=_work, args=(theirs, self._open_runner), daemon=True)
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


def _work(connection: Connection, open_runner: OpenRunner) -> None:
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(ExitCode.TERMINATED)))
    # Interrupted like its parent: that says so once, for all.
    with contextlib.suppress(KeyboardInterrupt):
        _grade_what_comes(connection, open_runner)


def _grade_what_comes(connection: Connection, open_runner: OpenRunner) -> None:
    with ExitStack() as stack:
        runner = open_runner(stack)
        while True:
            try:
                task = connection.recv()
            except EOFError:
                return
            if task is None:
                return
            connection.send(attempt(runner, task))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(int(ExitCode.TERMINATED))
