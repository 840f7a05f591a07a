"""The pytest plugin of the grader: collects what was declared, runs it in order, and says one outcome a check."""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Generator
from pathlib import Path

import pytest

from harness.model import Json, Status
from harness.testing import causes, exits
from harness.testing._run import broken, selection, verdicts
from harness.testing._run.channel import Channel
from harness.testing._run.record import Record
from harness.testing._run.watchdog import GRACE_SECONDS, OverranError, Watchdog
from harness.testing.broker import Broker
from harness.testing.check import MARK, set_current
from harness.testing.history import History
from harness.testing.job import CHECK_SECONDS, Job
from harness.testing.text import block
from harness.testing.timeline import Timeline

PHASE_SECONDS = 0.05
"""Set-ups and tear-downs shorter than this are not worth a phase of their own."""


class _NotRun(Exception):  # noqa: N818 - a verdict
    """The check was not run; the reason is told by the record already."""


class GraderPlugin:
    """One job's run. Hooks are called by pytest, in the main thread."""

    def __init__(self, job: Job, channel: Channel, broker: Broker, root: Path) -> None:
        """Send events of ``job``, whose files are below ``root``, through ``channel``."""
        self._job = job
        self._root = root
        self._channel = channel
        self._broker = broker
        self._timeline = Timeline(self._mark)
        self._history = History()
        self._record: Record | None = None
        self._pending: list[str] = []
        self._done: dict[str, Status] = {}
        self._selected: frozenset[str] = frozenset()
        self._problems: list[str] = []
        self._broken: list[str] = []
        self._left_out: list[str] = []
        self._started = False
        self._told_broken = False
        self._thread_errors: list[str] = []
        self._overran = False
        self._lock = threading.Lock()
        self._requires = {check.id: check.requires for check in job.checks}
        self.watchdog = Watchdog(
            check_seconds=job.limits.get("check_seconds", CHECK_SECONDS),
            deadline_seconds=job.limits.get("deadline_seconds"),
            uncounted=lambda: broker.waiting_for_lock,
            give_up=self._give_up,
            grace_seconds=job.limits.get("grace_seconds", GRACE_SECONDS),
        )

    @pytest.fixture(scope="session")
    def job(self) -> Job:
        """The facts of this grading: addresses, declared timeouts, variant, and ``job.rng(name)`` to draw from."""
        return self._job

    @pytest.fixture(scope="session")
    def broker(self) -> Broker:
        """What only the engine can do: start, kill, partition, pause, run, and what became of a sandbox."""
        return self._broker

    @pytest.fixture(scope="session")
    def timeline(self) -> Timeline:
        """What happened when: mark a fault with ``with timeline.fault("kill"):``; the report draws it."""
        return self._timeline

    @pytest.fixture(scope="session")
    def history(self) -> History:
        """Every operation of the grading, for the check that is last: append to it in the client that all checks share.

        An operation's phase is the id of the check that runs, unless a check names another.
        """
        return self._history

    def _mark(self, fields: dict[str, Json]) -> None:
        self._channel.event("mark", **fields)

    def pytest_configure(self) -> None:
        """Watch threads: an exception that nobody catches there is ours."""
        threading.excepthook = self._thread_died

    def _thread_died(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_type is SystemExit:
            return
        name = args.thread.name if args.thread is not None else "a thread"
        trace = "".join(traceback.format_exception(args.exc_type, args.exc_value, args.exc_traceback))
        with self._lock:
            self._thread_errors.append(f"an exception in thread {name}:\n{trace[-verdicts.TRACE_CHARS :]}")

    def pytest_collection(self) -> None:
        """Watch the import of the tests as well."""
        self.watchdog.begin("collecting the tests")

    @pytest.hookimpl(wrapper=True)
    def pytest_load_initial_conftests(self) -> Generator[None, None, None]:
        """Tell an author's mistake in the first conftest.py, which pytest reads before it collects."""
        try:
            return (yield)
        except Exception as error:
            self._broke(error, "conftest.py")
            raise

    def pytest_exception_interact(
        self, node: pytest.Item | pytest.Collector, call: pytest.CallInfo[object], report: object
    ) -> None:
        """Keep what could not be imported or collected."""
        if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
            self._broke(call.excinfo.value, node.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep which files were left out by their author, and what is wrong that no exception told."""
        if report.skipped:
            self._left_out.append(report.nodeid)
        if report.failed and not self._broken:
            text = str(report.longrepr)
            self._broken.append(f"{report.nodeid}: {text[-verdicts.TRACE_CHARS :]}")

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell what ended pytest itself before any test: a hook of an author, or a file that ends the process."""
        if not self._started:
            self._broke(excinfo.value, "conftest.py")

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell a file that ends the run while it is imported; that pytest ends it itself after errors is no news."""
        if not self._started and not self._broken:
            self._broke(excinfo.value, "")

    def _broke(self, error: BaseException, where: str) -> None:
        self._broken.append(broken.problem(error, where, self._root, self._job.exercise))

    def _report_broken(self, *problems: str) -> None:
        """Say what is wrong with the checks: the exercise is broken, and nothing is said of a submission."""
        for text in dict.fromkeys(problems):
            self._told_broken = True
            self._channel.event("broken", text=block(text, 2000))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Say what was collected; select and order it, or run nothing when it does not fit the declaration."""
        self.watchdog.done()
        found = [_check_id(item) for item in items]
        declared = [check.id for check in self._job.checks]
        names = [item.nodeid for item in items]
        self._problems += selection.problems(found, declared, names)
        told = [check_id or f"no-check-id: {name}"[:200] for check_id, name in zip(found, names, strict=True)]
        self._channel.event("collected", checks=list(told))
        for text in self._problems:
            self._channel.event("note", text=block(text, 8000))
        self._broken += broken.fixture_problems(items, self._root, self._job.exercise)
        missing = sorted(set(declared).difference(told))
        if missing and self._problems:
            self._channel.event("note", text=block(f"declared, but no test judges it: {', '.join(missing)}", 8000))
        elif missing and not self._broken:
            left_out = f"; left out by a skip: {', '.join(self._left_out)}" if self._left_out else ""
            self._broken.append(f"declared, but no test judges it: {', '.join(missing)}{left_out}")
        if self._problems or self._broken:
            items[:] = []
            return
        by_id = {check_id: item for check_id, item in zip(found, items, strict=True) if check_id is not None}
        self._selected = selection.selected(by_id, self._job.only)
        chosen = [check_id for check_id in by_id if check_id in self._selected]
        last = {check.id for check in self._job.checks if check.last}
        ordered = selection.order(chosen, self._requires, declared, last)
        items[:] = [by_id[check_id] for check_id in ordered]
        self._pending = list(ordered)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Keep the account of one check, and send its outcome at the end."""
        self._started = True
        self._record = Record(_check_id(item) or item.nodeid)
        set_current(self._record)
        try:
            with self._history.during(self._record.check_id):
                return (yield)
        finally:
            set_current(None)
            record, self._record = self._record, None
            if not record.ran:
                record.say(Status.INCONCLUSIVE, feedback=verdicts.OURS, detail="interrupted before it could be judged")
            self._take_thread_errors(record, late=True)
            self._timeline.flush()
            if self.watchdog.take_overran() and record.status is Status.INCONCLUSIVE:
                self._overran = True
            self._send(record)

    def _send(self, record: Record) -> None:
        event = record.event()
        self._done[record.check_id] = Status(str(event["status"]))
        if record.check_id in self._pending:
            self._pending.remove(record.check_id)
            self._channel.event("outcome", **event)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Leave out a check whose requirements have not passed."""
        record = self._record
        if record is None:
            return
        if self.watchdog.out_of_time:
            self._overran = True
            record.say(Status.INCONCLUSIVE, feedback=verdicts.SLOW, detail="not run: the grading's deadline was over")
            raise _NotRun
        for needed in self._requires.get(record.check_id, ()):
            status = self._done.get(needed)
            if needed not in self._selected or status is Status.PASSED:
                continue
            if status is Status.INCONCLUSIVE:
                record.say(Status.INCONCLUSIVE, feedback=verdicts.ABSENT, detail=f"not run: {needed} is inconclusive")
            else:
                text = f"not run: it counts only when {needed} passes"
                record.say(Status.UNPROVEN, feedback=text)
            raise _NotRun
        self._watch("setup of ")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Watch the call."""
        self._watch("")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self) -> None:
        """Watch the tear-down."""
        self._watch("teardown of ")

    def _watch(self, phase: str) -> None:
        if self._record is not None:
            self.watchdog.begin(f"{phase}{self._record.check_id}")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Judge one phase of the running check."""
        self.watchdog.done()
        record = self._record
        if record is not None:
            record.seconds += call.duration
            record.ran = record.ran or call.when == "call" or call.excinfo is not None
            self._say_phase(record, call)
            self._take_thread_errors(record, late=call.when == "teardown")
            if call.when == "call" and call.excinfo is None:
                record.settle()
            if call.excinfo is not None:
                self._judge(record, item.path, call.when, call.excinfo)
            if record.judged and call.when != "teardown" and not (call.excinfo and call.excinfo.errisinstance(_NotRun)):
                self._ask_why(record)
        return (yield)

    def _ask_why(self, record: Record) -> None:
        """Let those who look after the candidate's processes say what became of them. Nothing here changes a status."""
        for watcher in causes.watchers():
            try:
                cause = watcher()
            except Exception as error:  # noqa: BLE001 - an explanation is no reason to doubt what was said
                record.note(f"no reason could be found:\n{verdicts.trace(error)}")
                continue
            if cause is not None:
                record.explain(cause.sentence, cause.lines)

    def _say_phase(self, record: Record, call: pytest.CallInfo[None]) -> None:
        if call.when == "call" or call.duration >= PHASE_SECONDS:
            name = record.check_id if call.when == "call" else f"{call.when} {record.check_id}"
            self._channel.event("phase", name=name, seconds=round(call.duration, 3))

    def _judge(self, record: Record, path: Path, when: str, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        error = excinfo.value
        if isinstance(error, _NotRun):
            return
        if when == "setup" and isinstance(error, pytest.FixtureLookupError):
            self._report_broken(
                broken.problem(error, str(path.relative_to(self._root)), self._root, self._job.exercise)
            )
        if when == "teardown" and record.judged:
            # What the check said stands: trouble while tidying up must not turn a failure into a retake.
            record.note(f"and in teardown:\n{verdicts.trace(error)}")
            return
        said = verdicts.judge(excinfo, when=when, path=path)
        detail = f"{said.detail}\n{self.watchdog.stacks}" if isinstance(error, OverranError) else said.detail
        record.say(said.status, feedback=said.feedback, detail=detail, evidence=said.evidence)

    def _take_thread_errors(self, record: Record, *, late: bool) -> None:
        with self._lock:
            errors, self._thread_errors = self._thread_errors, []
        for text in errors:
            record.doubt(text, late=late)

    def finish(self, code: int) -> int:
        """Say what is left to say and return the exit code of the job."""
        self._timeline.flush(everything=True)
        if self._broken or not self._started:
            unread = broken.syntax_errors(self._root, self._job.exercise)
            self._report_broken(*(unread or self._broken)[: broken.MAX_PROBLEMS])
        if self._problems or self._told_broken:
            return exits.NOT_RUN
        for check_id in tuple(self._pending):
            record = Record(check_id)
            record.say(Status.INCONCLUSIVE, feedback=verdicts.OURS, detail="not run: the grader ended before it")
            self._send(record)
        if code not in {0, 1, 5}:
            return exits.INTERNAL
        return exits.HUNG if self._overran else exits.OK

    def _give_up(self, detail: str) -> None:
        """End the process from the watchdog's thread: the main thread does not answer."""
        for number, check_id in enumerate(tuple(self._pending)):
            record = Record(check_id)
            why = detail if number == 0 else "not run: the grader hung before it"
            record.say(Status.INCONCLUSIVE, feedback=verdicts.SLOW, detail=why)
            self._send(record)
        self._channel.event("finished", exit=exits.HUNG)
        os._exit(0)


def _check_id(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker(MARK)
    if marker is None or len(marker.args) != 1 or not isinstance(marker.args[0], str):
        return None
    return marker.args[0]
