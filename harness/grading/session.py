"""Opening what a grading needs, in the order that it needs it, and closing it whatever happens."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from harness.engines.base import Attachment, Engine, ExecResult, ReadyOnce, SandboxSpec, Scenario
from harness.errors import SubmissionError
from harness.events import Evidence
from harness.grading import content, plan
from harness.grading.args import RequestError
from harness.grading.broker import Broker, BuildResult, Deadline, Desk, OneShot
from harness.model import Check, Exercise, Json, Phase, SubmissionFile
from harness.owners import Owner

Progress = Callable[[str], None]
_LOG_TAIL_KB = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """All facts of one grading, decided before anything is opened."""

    exercise: Exercise
    services: plan.Services
    checks: tuple[Check, ...]
    mode: str
    """``grade``: public and hidden checks; ``check``: public ones."""
    only: tuple[str, ...]
    seed: int
    variant: int
    parameters: Mapping[str, str]
    contents: Mapping[str, tuple[SubmissionFile, ...]]
    """``submission``, ``starter``, ``yardstick`` -> files."""
    grader_files: tuple[SubmissionFile, ...]
    tags: Mapping[str, str]
    owner: Owner

    def frame(self, addresses: Mapping[str, str]) -> dict[str, Json]:
        """Return the job as the grader sandbox gets it."""
        service = self.services["submission"]
        checks: list[Json] = [
            {
                "id": check.id,
                "title": check.title,
                "skill": check.skill,
                "points": check.points,
                "public": check.public,
                "requires": list(check.requires),
            }
            for check in self.checks
        ]
        return {
            "exercise": self.exercise.id,
            "version": self.exercise.version,
            "mode": self.mode,
            "seed": self.seed,
            "variant": self.variant,
            "parameters": dict(self.parameters),
            "language": service.language,
            "timeouts": dict(service.timeouts),
            "has_tests": bool(service.test),
            "checks": checks,
            "only": list(self.only),
            "addresses": dict(addresses),
            "limits": {"deadline_seconds": self.exercise.deadline_seconds},
            "files": base64.b64encode(content.tar_of(self.grader_files)).decode(),
        }


@dataclass(slots=True)
class Run:
    """What one run of a grader left behind."""

    evidence: Evidence
    phases: list[Phase] = field(default_factory=list)
    logs: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> Run:
        """Return a run that left nothing."""
        return cls(evidence=Evidence())


def run_once(engine: Engine, job: Job, progress: Progress) -> Run:
    """Open everything, let the grader run to its end, close everything.

    Raises SubmissionError when the submission does not build; EngineError and GraderError as the broker does.
    """
    if job.exercise.network:
        return _run_scenario(engine, job, progress)
    with (
        _prepared(engine, job) as one_shot,
        engine.attach_once(job.owner, plan.grader(job.exercise, job.tags)) as attachment,
    ):
        return _serve_one_shots(engine, job, attachment, one_shot)


def run_attached(engine: Engine, job: Job, attachment: Attachment) -> Run:
    """Run a job without a scenario in a grader that is already there: a warm one."""
    with _prepared(engine, job) as one_shot:
        return _serve_one_shots(engine, job, attachment, one_shot)


def _serve_one_shots(engine: Engine, job: Job, attachment: Attachment, first: Future[ReadyOnce]) -> Run:
    """Serve a grader whose every ``run`` is a sandbox of its own; the first is under way already."""
    spec, tar = _one_shot_spec(job), content.tar_of(job.contents["submission"])
    unused = [first]

    def one_shot(asked: OneShot) -> ExecResult:
        plain = not asked.argv and not asked.env and not asked.files
        with lock:
            ready = unused.pop() if unused and plain else None
        if ready is not None:
            return ready.result().finish(stdin=asked.stdin, timeout_seconds=asked.seconds)
        this = replace(spec, command=asked.argv or spec.command, env={**spec.env, **asked.env})
        box = content.tar_of(_with_inputs(job, spec, asked.files)) if asked.files else tar
        return engine.run_once(job.owner, this, tar=box, stdin=asked.stdin, timeout_seconds=asked.seconds)

    lock = threading.Lock()
    commands = {spec.name: _commands(job, "submission")}
    desk = Desk(sandboxes=frozenset({spec.name}), commands=commands, env={}, builds={}, one_shot=one_shot)
    began = time.monotonic()
    broker = Broker(attachment, None, desk, Deadline(job.exercise.deadline_seconds))
    evidence = broker.serve(job.frame({}))
    logs = broker.ran() | ({plan.GRADER: log} if (log := attachment.logs()) else {})
    return Run(evidence=evidence, phases=[Phase(name="grader", seconds=time.monotonic() - began)], logs=logs)


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
    return replace(spec, env=plan.resolve(job.exercise.sandboxes[0].env, _facts(job, {})))


@contextmanager
def _prepared(engine: Engine, job: Job) -> Iterator[Future[ReadyOnce]]:
    """Start the first one-shot sandbox while the grader starts: half of a trivial grading is starting two containers."""
    tar = content.tar_of(job.contents["submission"])
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="one-shot") as pool, ExitStack() as stack:
        future = pool.submit(lambda: stack.enter_context(engine.ready_once(job.owner, _one_shot_spec(job), tar=tar)))
        try:
            yield future
        finally:
            # It must be there before it can be closed, whether or not anybody wanted it.
            wait([future])


def _run_scenario(engine: Engine, job: Job, progress: Progress) -> Run:
    run = Run(evidence=Evidence())
    with ExitStack() as stack:
        with _timed(run, "open"):
            spec = plan.scenario(job.exercise, job.services, job.tags, job.owner)
            scenario = stack.enter_context(engine.open_scenario(spec))
        # Entered after the scenario, so that it runs before the scenario is gone, whatever ends the grading.
        stack.callback(_collect_logs, scenario, job, run)
        with _timed(run, "build"):
            progress("building the submission")
            builds = _build_all(scenario, job)
        with _timed(run, "grader"):
            progress("the grader runs")
            attachment = scenario.attach(plan.GRADER)
            stack.callback(attachment.close)
            addresses = {one.name: scenario.address(one.name) for one in spec.sandboxes if not one.volume_of}
            desk = _desk(job, addresses, builds)
            broker = Broker(attachment, scenario, desk, Deadline(job.exercise.deadline_seconds))
            run.evidence = broker.serve(job.frame(addresses))
            run.logs.update({f"{name}-runs": log for name, log in broker.ran().items()})
    return run


def _build_all(scenario: Scenario, job: Job) -> dict[str, BuildResult]:
    """Put contents and build them, two at a time. Raises SubmissionError when the service itself does not build."""
    for sandbox in job.exercise.sandboxes:
        if sandbox.content:
            scenario.put(sandbox.name, content.tar_of(job.contents[sandbox.content]))
    wanted = plan.built(job.exercise, job.services)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="build") as pool:
        results = dict(
            zip(
                (one.name for one in wanted),
                pool.map(lambda one: _build(scenario, job, one.name, one.content), wanted),
                strict=True,
            )
        )
    for name, result in results.items():
        if not result.ok and name == "app":
            text = f"expected the build command of service.toml to end with 0, found this:\n{result.log}"
            raise SubmissionError(text)
    return results


def _build(scenario: Scenario, job: Job, name: str, kind: str) -> BuildResult:
    argv = job.services[kind].build
    seconds = job.exercise.build_seconds
    result = scenario.run(name + plan.BUILD_SUFFIX, argv, timeout_seconds=seconds)
    log = (result.stdout + result.stderr).decode(errors="replace")[-4000:]
    if result.timed_out:
        return BuildResult(ok=False, log=f"{' '.join(argv)}: not done after {seconds} s\n{log}")
    return BuildResult(ok=result.exit_code == 0, log=f"{' '.join(argv)}: exit code {result.exit_code}\n{log}")


def _desk(job: Job, addresses: Mapping[str, str], builds: Mapping[str, BuildResult]) -> Desk:
    facts = _facts(job, addresses)
    sandboxes = job.exercise.sandboxes
    return Desk(
        sandboxes=frozenset(one.name for one in sandboxes),
        commands={
            one.name: _commands(job, one.content) | ({"run": one.command} if one.command else {}) for one in sandboxes
        },
        env={one.name: plan.resolve(one.env, facts) for one in sandboxes},
        builds=builds,
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
