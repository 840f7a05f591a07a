"""The broker: the only code that holds a scenario while a grading runs.

It reads frames from the grader sandbox, adds events to the evidence and answers requests of a closed list of verbs on
names of this scenario. Requests are served by a few threads, because a grader holds one call while it asks for another.
"""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field

from harness import wire
from harness.engines.base import Attachment, ExecResult, Scenario
from harness.errors import GraderError, SandboxError
from harness.events import Evidence, OutcomeSaid
from harness.grading.args import Args, RequestError
from harness.grading.machinelock import MachineLock
from harness.grading.runlog import RunLog
from harness.model import Json

_log = logging.getLogger(__name__)
_THREADS = 8
_MAX_PENDING = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildResult:
    """What the build of one sandbox's content came to."""

    ok: bool
    log: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OneShot:
    """One run of a submission in a sandbox of its own."""

    argv: tuple[str, ...]
    """Empty: the submission's own command."""
    stdin: bytes
    seconds: float
    env: Mapping[str, str]
    files: Mapping[str, bytes]
    """Put into ``/box`` before it starts, in place of whatever the submission has there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    """What the broker may hand out: values fixed before the grader starts."""

    main: str
    """The sandbox that ``run`` means when it names none: the candidate's main service."""
    sandboxes: frozenset[str]
    """Names the grader may drive: never its own, never a build sandbox."""
    commands: Mapping[str, Mapping[str, tuple[str, ...]]]
    """Sandbox -> ``run`` and ``test`` -> argv."""
    env: Mapping[str, Mapping[str, str]]
    """Sandbox -> environment of its process, placeholders filled."""
    builds: Mapping[str, BuildResult]
    one_shot: Callable[[OneShot], ExecResult] | None = None
    """Runs the submission's command once, in exercises without a scenario."""
    cannot: Mapping[str, str] = field(default_factory=dict)
    """Verbs that the engine does not have -> why."""


class Deadline:
    """When a grading is over. Time spent waiting for the machine-wide lock is given back."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()

    def remaining(self) -> float:
        """Return seconds left, negative when it is over."""
        with self._lock:
            return self._end - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Give ``seconds`` back."""
        with self._lock:
            self._end += seconds


class Broker:
    """Serves one job of one grader."""

    def __init__(
        self,
        attachment: Attachment,
        scenario: Scenario | None,
        desk: Desk,
        deadline: Deadline,
        interfered: Callable[[], bool] = lambda: False,
        *,
        ended: Callable[[OutcomeSaid], None] = lambda _: None,
        more: Mapping[str, Callable[[Args], Json]] | None = None,
    ) -> None:
        """Serve what ``desk`` hands out, until ``deadline``, or until somebody ``interfered``: then nothing counts.

        ``ended`` is told of each check when it ends; ``more`` are verbs beside those of a grading.
        """
        self._attachment = attachment
        self._scenario = scenario
        self._desk = desk
        self._deadline = deadline
        self._interfered = interfered
        self._ended = ended
        self._writing = threading.Lock()
        self._pending = threading.BoundedSemaphore(_MAX_PENDING)
        self._machine = MachineLock()
        self._ran = RunLog()
        self._trouble: BaseException | None = None
        self._verbs = {**self._table(), **(more or {})}

    def ran(self) -> dict[str, bytes]:
        """Return what commands said that ran once: sandbox -> log."""
        return self._ran.logs()

    def serve(self, job: dict[str, Json]) -> Evidence:
        """Send the job and serve the grader until it has finished, its stream ends or the deadline is over.

        Raises EngineError when the engine stopped answering, GraderError when the stream holds anything but frames.
        """
        evidence = Evidence()
        watch = threading.Thread(target=self._end_at_deadline, args=(evidence,), daemon=True, name="deadline")
        pool = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="broker")
        try:
            self._attachment.write(wire.encode({"type": "job", "job": job}))
            watch.start()
            self._read_until_finished(evidence, pool)
        except SandboxError as error:
            _log.info("grader stream ended: %s", error)
        except BaseException:
            # Interrupted, or a broken stream: calls under way end when their sandboxes are closed, not before.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        finally:
            self._machine.release()
        # A sandbox that somebody froze answers no more; what waits for it ends when the scenario is closed.
        pool.shutdown(wait=self._scenario is None or not self._interfered())
        if self._trouble is not None:
            raise self._trouble
        return evidence

    def _read_until_finished(self, evidence: Evidence, pool: ThreadPoolExecutor) -> None:
        while evidence.finished is None:
            message = wire.read(self._attachment.read_exactly)
            if message is None:
                return
            if message.get("type") == "event":
                event = evidence.take(message)
                if isinstance(event, OutcomeSaid):
                    self._ended(event)
            elif message.get("type") == "request":
                self._accept(message, pool)
            else:
                text = f"expected an event or a request, found a frame of type {message.get('type')!r}"
                raise GraderError(text)

    def _accept(self, message: dict[str, Json], pool: ThreadPoolExecutor) -> None:
        if not self._pending.acquire(blocking=False):
            text = f"expected at most {_MAX_PENDING} requests at once, found more: something in the grader loops"
            raise GraderError(text)
        pool.submit(self._answer, message).add_done_callback(self._answered)

    def _answered(self, future: Future[None]) -> None:
        """Free the place; an error that left ``_answer`` ends the grading: its stream closes and serve() raises it."""
        self._pending.release()
        error = future.exception()
        if error is not None:
            self._trouble = error
            self._attachment.close()

    def _answer(self, message: dict[str, Json]) -> None:
        reply: dict[str, Json] = {"type": "reply", "id": message.get("id")}
        try:
            reply |= {"ok": True, "value": self._perform(message)}
        except RequestError as error:
            reply |= {"ok": False, "error": {"kind": "request", "message": str(error)}}
        except SandboxError as error:
            # What a candidate's process did is a result; this is ours, so the check that asked is inconclusive.
            _log.info("%s: %s", message.get("verb"), error)
            reply |= {"ok": False, "error": {"kind": "engine", "message": _trouble(message.get("verb"), error)}}
        with self._writing:
            try:
                self._attachment.write(wire.encode(reply))
            except SandboxError as error:
                _log.info("reply not taken: %s", error)

    def _perform(self, message: dict[str, Json]) -> Json:
        verb, args = message.get("verb"), message.get("args")
        if not isinstance(verb, str) or verb not in self._verbs:
            text = f"expected one of the verbs {', '.join(sorted(self._verbs))}, found {verb!r}"
            raise RequestError(text)
        if not isinstance(args, dict):
            text = f"expected named arguments for {verb!r}, found {args!r}"
            raise RequestError(text)
        if verb in self._desk.cannot:
            text = f"expected an engine that can {verb}, found one that cannot: {self._desk.cannot[verb]}"
            raise SandboxError(text)
        checked = Args(verb, args, self._desk.sandboxes)
        return self._verbs[verb](checked)

    def _end_at_deadline(self, evidence: Evidence) -> None:
        while evidence.finished is None:
            if self._interfered():
                _log.info("somebody else laid hands on the grading's sandboxes, and it is ended")
                self._attachment.close()
                return
            left = self._deadline.remaining()
            if left <= 0:
                _log.warning("the grading is past its deadline and is ended")
                self._attachment.close()
                return
            time.sleep(min(left, 0.2))

    # One small function a verb. ``scenario`` is there for all but ``run`` and ``lock``.

    def _table(self) -> dict[str, Callable[[Args], Json]]:
        return {
            "start": self._start,
            "run": self._run,
            "exec": self._exec,
            "kill": lambda args: self._there().kill(args.sandbox()),
            "crash": lambda args: self._there().crash(args.sandbox()),
            "lose": lambda args: self._there().lose(args.sandbox()),
            "pause": lambda args: self._there().pause(args.sandbox()),
            "resume": lambda args: self._there().resume(args.sandbox()),
            "heal": lambda args: self._there().heal(args.sandbox()),
            "stop": lambda args: self._there().stop(args.sandbox(), grace_seconds=args.seconds("grace_seconds", 60)),
            "partition": lambda args: self._there().partition(args.sandbox(), args.peers("peers")),
            "state": lambda args: asdict(self._there().state(args.sandbox())),
            "wait": lambda args: asdict(
                self._there().wait(args.sandbox(), timeout_seconds=args.seconds("timeout_seconds", 600))
            ),
            "logs": self._logs,
            "usage": lambda args: asdict(self._there().usage(args.sandbox())),
            "command": lambda args: {"argv": list(self._desk.commands[args.sandbox()].get(args.text("which"), ()))},
            "built": self._built,
            "lock": self._lock,
            "unlock": lambda _: self._machine.release(),
        }

    def _there(self) -> Scenario:
        if self._scenario is None:
            text = "expected an exercise with network = true for this verb, found one without sandboxes to drive"
            raise RequestError(text)
        return self._scenario

    def _start(self, args: Args) -> Json:
        name = args.sandbox()
        env = {**self._desk.env.get(name, {}), **args.env("env")}
        self._there().start(name, command=args.argv("command", optional=True), env=env)
        return None

    def _run(self, args: Args) -> Json:
        argv, stdin = args.argv("argv", optional=True), args.data("stdin")
        seconds = args.seconds("timeout_seconds", 600)
        if self._scenario is None:
            if self._desk.one_shot is None:
                text = "expected a sandbox to run in, found none"
                raise RequestError(text)
            result = self._desk.one_shot(
                OneShot(argv=argv, stdin=stdin, seconds=seconds, env=args.env("env"), files=args.files("files"))
            )
            self._ran.add(self._desk.main, argv, result)
            return _result(result)
        if args.files("files"):
            text = "expected files only in an exercise with network = false, found some: give a service its files by what it reads"
            raise RequestError(text)
        name = args.sandbox(default=self._desk.main)
        env = {**self._desk.env.get(name, {}), **args.env("env")}
        argv = argv or self._desk.commands[name].get("run", ())
        result = self._scenario.run(name, argv, timeout_seconds=seconds, env=env, stdin=stdin)
        self._ran.add(name, argv, result)
        return _result(result)

    def _exec(self, args: Args) -> Json:
        return _result(
            self._there().exec(
                args.sandbox(),
                args.argv("argv"),
                timeout_seconds=args.seconds("timeout_seconds", 600),
                stdin=args.data("stdin"),
            )
        )

    def _logs(self, args: Args) -> Json:
        data = self._there().logs(args.sandbox(), tail_kb=int(args.number("tail_kb", 64, most=1024)))
        return {"data": base64.b64encode(data).decode()}

    def _built(self, args: Args) -> Json:
        result = self._desk.builds.get(args.sandbox(), BuildResult(ok=True, log=""))
        return {"ok": result.ok, "log": result.log}

    def _lock(self, _: Args) -> Json:
        waited = self._machine.acquire(lambda: self._deadline.remaining() > 0, self._deadline.extend)
        return {"waited_seconds": waited}


def _trouble(verb: Json, error: SandboxError) -> str:
    """Return one sentence about a call that the engine could not do, also after it was tried again."""
    found = " ".join(str(error).split())[:300].rstrip(".")
    return (
        f"our container engine had trouble with '{verb}', which is not the submission's doing ({found}): run it again"
    )


def _result(result: ExecResult) -> Json:
    return {
        "exit_code": result.exit_code,
        "stdout": base64.b64encode(result.stdout).decode(),
        "stderr": base64.b64encode(result.stderr).decode(),
        "truncated": result.truncated,
        "timed_out": result.timed_out,
        "seconds": result.seconds,
        "oom_killed": result.oom_killed,
        "memory_mb": result.memory_mb,
        "memory_peak_mb": result.memory_peak_mb,
    }
