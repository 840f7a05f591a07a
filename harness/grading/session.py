"""Opening what a grading needs, in the order that it needs it, and closing it whatever happens."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from harness.engines.base import (
    Attachment,
    Engine,
    ExecResult,
    Interference,
    ReadyOnce,
    SandboxSpec,
    Scenario,
    ScenarioSpec,
)
from harness.errors import ContentError, HarnessError, SubmissionError
from harness.events import Evidence, OutcomeSaid
from harness.grading import builds, content, plan, steps
from harness.grading.args import RequestError
from harness.grading.broker import Broker, BuildResult, Deadline, Desk, OneShot
from harness.grading.eyes import Eyes
from harness.grading.job import Job
from harness.model import Phase, SubmissionFile
from harness.owners import Owner

_log = logging.getLogger(__name__)
Progress = Callable[[str], None]
_LOG_TAIL_KB = 256


def _nothing() -> None:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class Listener:
    """Who hears of a run while it goes on."""

    progress: Progress
    """What is being done now."""
    ended: Callable[[OutcomeSaid], None]
    """Each check when it ends, before anything is decided: a run that somebody interferes with begins again."""
    meanwhile: Callable[[], None] = _nothing
    """Called when the grader has been started, and says nothing for a while."""


@dataclass(slots=True)
class Run:
    """What one run of a grader left behind."""

    evidence: Evidence
    phases: list[Phase] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)
    interferences: tuple[Interference, ...] = ()
    """What disturbed it from outside: when there is any, nothing else here counts."""

    @classmethod
    def empty(cls) -> Run:
        """Return a run that left nothing."""
        return cls(evidence=Evidence())


def run_once(engine: Engine, job: Job, listener: Listener) -> Run:
    """Open everything, let the grader run to its end, close everything.

    Raises SubmissionError when the submission does not build; EngineError and GraderError as the broker does. A run that
    somebody else interfered with raises none of them: whatever went wrong may be their doing.
    """
    eyes = Eyes(engine, job.owner)
    if job.exercise.network:
        return _told(eyes, lambda: _run_scenario(engine, job, eyes, listener))

    def one_shots() -> Run:
        with (
            _first(engine, job, _content(engine, job, listener.progress)) as first,
            engine.attach_once(job.owner, plan.grader(job.exercise, job.tags)) as attachment,
        ):
            return _serve_one_shots(engine, job, attachment, first, eyes, listener=listener)

    return _told(eyes, one_shots)


def run_attached(engine: Engine, job: Job, attachment: Attachment, owner: Owner, listener: Listener) -> Run:
    """Run a job without a scenario in a grader that is already there and belongs to ``owner``: a warm one."""
    eyes = Eyes(engine, job.owner, owner)

    def one_shots() -> Run:
        with _first(engine, job, _content(engine, job, listener.progress)) as first:
            return _serve_one_shots(engine, job, attachment, first, eyes, listener=listener)

    return _told(eyes, one_shots)


def _told(eyes: Eyes, run: Callable[[], Run]) -> Run:
    """Return the run with what disturbed it from outside, once its sandboxes are closed and all of it is known."""
    with eyes:
        try:
            found = run()
        except HarnessError as error:
            if not eyes.seen():
                raise
            _log.info("after an interference: %s", error)
            found = Run.empty()
        found.interferences = eyes.seen()
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _Content:
    """What one-shots start from."""

    tar: bytes
    """Of the submission, built when that is declared."""
    builds: Mapping[str, BuildResult]
    phases: tuple[Phase, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _First:
    """The first one-shot sandbox."""

    made: _Content
    open: Callable[[], Future[ReadyOnce]]
    """Begins to open it, while the grader gets ready: half of a trivial grading is starting two containers."""
    close: Callable[[], None]
    """Begins to close it, while others go on; what is closed stays so."""


def _serve_one_shots(
    engine: Engine, job: Job, attachment: Attachment, first: _First, eyes: Eyes, *, listener: Listener
) -> Run:
    """Serve a grader whose every ``run`` is a sandbox of its own; the first is made before it is asked for."""
    spec = _one_shot_spec(job)
    # Not before the grader runs: containers that start at once slow each other down, and its way to a request is longer.
    prepared, unused = first.made, [first.open()]

    def one_shot(asked: OneShot) -> ExecResult:
        plain = not asked.argv and not asked.env and not asked.files
        with lock:
            ready = unused.pop() if unused and plain else None
        try:
            if ready is not None:
                return _finished(ready.result(), asked, first)
            this = replace(spec, command=asked.argv or spec.command, env={**spec.env, **asked.env})
            tar, stdin = prepared.tar, asked.stdin
            if asked.files and prepared.builds:
                this, stdin = builds.beside(this, asked.files, stdin)
            elif asked.files:
                tar = content.tar_of(_with_inputs(job, spec, asked.files))
            return engine.run_once(job.owner, this, tar=tar, stdin=stdin, timeout_seconds=asked.seconds)
        except ContentError as error:
            # The same files fail the same way every time: it is what was handed in, not a reason to grade again.
            raise SubmissionError(str(error)) from error

    lock = threading.Lock()
    commands = {spec.name: _commands(job, "submission")}
    desk = Desk(
        main=spec.name,
        sandboxes=frozenset({spec.name}),
        commands=commands,
        env={},
        builds=prepared.builds,
        one_shot=one_shot,
    )
    began = time.monotonic()
    listener.meanwhile()
    deadline = Deadline(job.exercise.deadline_seconds)
    ended = steps.of_checks(job, listener.progress, listener.ended)
    broker = Broker(attachment, None, desk, deadline, lambda: bool(eyes.seen()), ended=ended)
    try:
        evidence = broker.serve(job.frame({}))
    finally:
        first.close()
    logs = broker.ran() | ({plan.GRADER: log} if (log := attachment.logs()) else {})
    phases = [*prepared.phases, Phase(name="grader", seconds=time.monotonic() - began)]
    return Run(evidence=evidence, phases=phases, logs=logs)


def _finished(ready: ReadyOnce, asked: OneShot, first: _First) -> ExecResult:
    try:
        return ready.finish(stdin=asked.stdin, timeout_seconds=asked.seconds)
    finally:
        first.close()


def _with_inputs(job: Job, spec: SandboxSpec, files: Mapping[str, bytes]) -> tuple[SubmissionFile, ...]:
    """Return the submission with a check's files. Raises RequestError when they can't be sure to fit.

    That hangs on what an exercise declares and never on one submission: none can make its own check inconclusive.
    """
    room = spec.limits.tmpfs_mb * 1024 * 1024
    wanted = sum(len(data) for data in files.values()) + job.exercise.max_bytes
    if wanted > room:
        text = (
            f"expected files that fit into /box beside the largest submission, found {wanted} bytes for a tmpfs of "
            f"{room}: raise tmpfs_mb in exercise.toml, or lower submit.max_bytes"
        )
        raise RequestError(text)
    return content.with_files(job.contents["submission"], files)


def _one_shot_spec(job: Job) -> SandboxSpec:
    spec = plan.one_shot(job.exercise, job.services, job.tags)
    return replace(spec, env=plan.resolve(job.exercise.main.env, _facts(job, {})))


def _content(engine: Engine, job: Job, progress: Progress) -> _Content:
    """Return what one-shots start from, built when that is declared. Raises SubmissionError when it does not build."""
    began = time.monotonic()
    beside = (_one_shot_spec(job), plan.grader(job.exercise, job.tags))
    plan.hold_memory(ScenarioSpec(owner=job.owner, sandboxes=beside, network=False), engine.capabilities())
    if plan.built(job.exercise, job.services):
        progress(_building(job))
    tar, built = builds.one_shot(engine, job)
    phases = (Phase(name="build", seconds=time.monotonic() - began),) if built else ()
    return _Content(tar=tar, builds=built, phases=phases)


@contextmanager
def _first(engine: Engine, job: Job, made: _Content) -> Iterator[_First]:
    """Yield the first one-shot sandbox; at the end it is closed, whether it was opened or not."""
    stack, closing = ExitStack(), list[Future[None]]()
    # With one worker, what is not open yet is closed after it is, whether or not anybody wanted it.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="one-shot") as pool:

        def opened() -> Future[ReadyOnce]:
            ready = engine.ready_once(job.owner, _one_shot_spec(job), tar=made.tar)
            return pool.submit(lambda: stack.enter_context(ready))

        def close() -> None:
            closing.append(pool.submit(stack.close))

        try:
            yield _First(made=made, open=opened, close=close)
        finally:
            close()
            for one in closing:
                one.result()


def _run_scenario(engine: Engine, job: Job, eyes: Eyes, listener: Listener) -> Run:
    run = Run(evidence=Evidence())
    with ExitStack() as stack:
        with _timed(run, "open"):
            listener.progress("opening the sandboxes")
            spec = plan.scenario(job.exercise, job.services, job.tags, job.owner)
            plan.hold_memory(spec, engine.capabilities())
            scenario = stack.enter_context(engine.open_scenario(spec))
        # Entered after the scenario, so that it runs before the scenario is gone, whatever ends the grading.
        stack.callback(_collect_logs, scenario, job, run)
        with _timed(run, "build"):
            listener.progress(_building(job))
            starting = stack.enter_context(_starting(scenario))
            built = builds.all_of(scenario, job)
        with _timed(run, "grader"):
            listener.progress("the grader runs")
            attachment = starting.result()
            listener.meanwhile()
            addresses = {one.name: scenario.address(one.name) for one in spec.sandboxes if not one.volume_of}
            desk = replace(desk_of(job, addresses, built), cannot=engine.capabilities().cannot)
            deadline = Deadline(job.exercise.deadline_seconds)
            ended = steps.of_checks(job, listener.progress, listener.ended)
            broker = Broker(attachment, scenario, desk, deadline, lambda: bool(eyes.seen()), ended=ended)
            run.evidence = broker.serve(job.frame(addresses))
            run.logs.update({f"{name}-runs": log for name, log in broker.ran().items()})
    return run


@contextmanager
def _starting(scenario: Scenario) -> Iterator[Future[Attachment]]:
    """Start the grader beside what is done meanwhile: it waits for its job. On leaving it is closed, if it ever started."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="grader") as pool:
        attached = pool.submit(scenario.attach, plan.GRADER)
        try:
            yield attached
        finally:
            if attached.exception() is None:
                attached.result().close()


def _building(job: Job) -> str:
    """Return what is said while it builds: whoever checks their own work hands nothing in."""
    return "building the submission" if job.mode == "grade" else "building your files"


def desk_of(job: Job, addresses: Mapping[str, str], built: Mapping[str, BuildResult]) -> Desk:
    """Return what a grader of ``job`` may be handed out."""
    facts = _facts(job, addresses)
    sandboxes = job.exercise.sandboxes
    return Desk(
        main=job.exercise.main.name,
        sandboxes=frozenset(one.name for one in sandboxes),
        commands={
            one.name: _commands(job, one.content) | ({"run": one.command} if one.command else {}) for one in sandboxes
        },
        env={one.name: plan.resolve(one.env, facts) for one in sandboxes},
        builds=built,
    )


def _facts(job: Job, addresses: Mapping[str, str]) -> plan.Facts:
    return plan.Facts(timeouts=job.services["submission"].timeouts, parameters=job.parameters, addresses=addresses)


def _commands(job: Job, kind: str) -> dict[str, tuple[str, ...]]:
    service = job.services.get(kind)
    return {} if service is None else {"run": service.run, "test": service.test}


def _collect_logs(scenario: Scenario, job: Job, run: Run) -> None:
    names = [one.name for one in job.exercise.sandboxes] + [plan.GRADER]
    run.logs.update({name: log for name in names if (log := scenario.logs(name, tail_kb=_LOG_TAIL_KB))})


@contextmanager
def _timed(run: Run, name: str) -> Iterator[None]:
    began = time.monotonic()
    try:
        yield
    finally:
        run.phases.append(Phase(name=name, seconds=time.monotonic() - began))
