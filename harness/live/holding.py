"""An ``up``: the scenario of a grading with a workspace in it, held for whoever works with it, and what they may do."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from harness.catalogue import faults
from harness.engines.base import Attachment, Engine, SandboxState, Scenario, Terminal
from harness.errors import EngineError, HarnessError, UsageError
from harness.events import Evidence
from harness.grading import builds, plan, session
from harness.grading.args import Args
from harness.grading.broker import Broker, BuildResult, Deadline
from harness.grading.job import Job
from harness.live import endpoints, forward, held
from harness.live.grader import Grader
from harness.live.tail import added, last_lines
from harness.model import Json, SandboxPlan
from harness.wording import suggestion

_log = logging.getLogger(__name__)
END_SECONDS = 5.0
"""How long the grader may take to let everything go, once it is told; its sandbox is removed in any case."""
_CUT_OFF = (
    "the URLs lead nowhere any more: what passes them on, in the grader's sandbox, has ended. Your service is not at fault; "
    '"harness down", then "harness up"'
)
_TAIL_KB = 64
Progress = Callable[[str], None]


def _unheard(_: str) -> None:
    """Nobody asked."""


class Holding:
    """Made by :func:`opened`. Thread-safe: what changes sandboxes is done one after the other."""

    def __init__(self, scenario: Scenario, job: Job, retake: Callable[[], Job], built: dict[str, BuildResult]) -> None:
        """Hold ``scenario`` as ``job`` says; ``retake`` reads the workspace again."""
        self.job = job
        self.events: queue.Queue[str] = queue.Queue()
        """What whoever started it should read, a line or more each; empty: look whether it is over."""
        self.over = threading.Event()
        self.reason = ""
        """Why it is over although nobody asked for it."""
        self.state = "starting"
        self.offered: Mapping[str, str] = {}
        """Faults that are of use to whoever works here, and what each does; none are known: all that there are."""
        self._scenario = scenario
        self._retake = retake
        self._busy = threading.Lock()
        self._killing = threading.Lock()
        self._ended: dict[str, int] = {}
        self._before: dict[str, bytes] = {}
        names = [*(one.name for one in job.exercise.sandboxes), plan.GRADER]
        self._addresses = {name: scenario.address(name) for name in names}
        desk = session.desk_of(job, self._addresses, built)
        self._env = {name: dict(env) for name, env in desk.env.items()}
        # Of this very table, so that what a reload changes holds for what the grader starts as well.
        self._desk = replace(desk, env=self._env)
        self._grader = Grader(self._heard)
        self._serving: threading.Thread | None = None
        self.known = endpoints.endpoints(job.exercise, self._env[job.exercise.main.name])

    # Its life: what the process that holds it does.

    def serve(self, attachment: Attachment, cannot: dict[str, str]) -> None:
        """Let the grader open the scenario and start the service; :attr:`events` tell how that goes."""
        desk = replace(self._desk, cannot=cannot)
        deadline = Deadline(held.LONGEST_SECONDS)
        broker = Broker(attachment, self._scenario, desk, deadline, more={**self._grader.verbs(), **self._fatal()})

        def served() -> None:
            try:
                self.reason = _why(broker.serve(held.frame(self.job, self._addresses)))
            except HarnessError as error:
                self.reason = str(error)
            finally:
                self._grader.gone()
                self.finish()

        self._serving = threading.Thread(target=served, daemon=True, name="grader")
        self._serving.start()

    def finish(self) -> None:
        """Say that it is over: the process that holds it then ends it."""
        self.over.set()
        self.events.put("")

    def end(self) -> None:
        """Let the grader let go."""
        self._grader.end()
        if self._serving is not None:
            self._serving.join(END_SECONDS)

    def forwarder(self) -> forward.Forwarder:
        """Return free ports of this machine that lead to what :attr:`known` knows."""
        pipe = self._scenario.pipe(plan.GRADER, forward.RELAY)
        return forward.Forwarder(pipe, self.known, self._addresses, lambda: self.events.put(_CUT_OFF))

    def main(self) -> SandboxState:
        """Return what the engine says of the main service."""
        return self._scenario.state(self.job.exercise.main.name)

    def look(self) -> tuple[SandboxState, int]:
        """Return what the engine says of the main service, and which of its starts was ended last by hand or by a fault."""
        name = self.job.exercise.main.name
        with self._killing:
            return self._scenario.state(name), self._ended.get(name, 0)

    def _fatal(self) -> dict[str, Callable[[Args], Json]]:
        """Return the verbs of a grader that end a sandbox: what a fault ended has not ended by itself."""
        return {
            "kill": lambda args: self._end(args.sandbox(), self._scenario.kill),
            "crash": lambda args: self._end(args.sandbox(), self._scenario.crash),
            "lose": lambda args: self._end(args.sandbox(), self._scenario.lose),
        }

    def _end(self, name: str, end: Callable[[str], None]) -> None:
        with self._killing:
            self._ended[name] = self._scenario.state(name).starts
            end(name)

    def _heard(self, what: str, text: str, ok: bool) -> None:  # noqa: FBT001 - as it came
        name = self.job.exercise.main.name
        if what == "ready":
            self.state = "ready" if ok and not text else "not ready"
            text = f"{name} is ready" if self.state == "ready" else f"{name} is not ready: {text}{self._log_of(name)}"
        self.events.put(text)

    # What clients may ask for. Each returns what to tell them, and raises HarnessError with why it can't be.

    def sandbox(self, name: str, *, grader: bool = False) -> str:
        """Return ``name``. Raises UsageError when no sandbox is called so."""
        if name in {one.name for one in self.job.exercise.sandboxes} or (grader and name == plan.GRADER):
            return name
        names = faults.boxes(self.job.exercise)
        text = f"expected one of the sandboxes {', '.join(names)}, found {name!r}: {suggestion(name, names)}"
        if name in (*self.played(), plan.GRADER):
            text = (
                f"expected one of the sandboxes {', '.join(names)}, found {name!r}, which is part of the grader: it has no log of "
                'its own, and what there is to do to it are faults ("harness fault")'
            )
        raise UsageError(text)

    def played(self) -> list[str]:
        """Return what has a URL and is no sandbox of its own: the grader plays it."""
        own = {one.name for one in self.job.exercise.sandboxes}
        return [one.name for one in self.known if one.sandbox not in own]

    def logs(self, name: str, *, tail_kb: int) -> bytes:
        """Return the end of a sandbox's log."""
        return self._scenario.logs(self.sandbox(name, grader=True), tail_kb=tail_kb)

    def kill(self, name: str) -> str:
        """SIGKILL all of a sandbox."""
        with self._busy:
            self._end(self.sandbox(name), self._scenario.kill)
        self.events.put(f"{name} is killed, as you asked")
        return f"{name} is killed: harness restart {name} starts it again"

    def restart(self, name: str) -> str:
        """Kill a sandbox and start it with the files it has."""
        with self._busy:
            self._end(self.sandbox(name), self._scenario.kill)
            self._start(name)
        return self._again(name, f"{name} is started again")

    def reload(self, doing: Progress = _unheard) -> str:
        """Build the workspace as it is now and start it; what other sandboxes hold, a database, is kept."""
        with self._busy:
            fresh = self._retaken()
            doing("building")
            began = time.monotonic()
            running = [one for one in fresh.exercise.sandboxes if one.content == "submission" and self._is_used(one)]
            failed = [text for one in running if (text := self._rebuilt(fresh, one))]
            if failed:
                raise UsageError("\n".join(failed))
            self.job = fresh
        doing("starting")
        took = time.monotonic() - began
        return self._again(self.job.exercise.main.name, f"built in {took:.1f} s and started again")

    def faults(self) -> str:
        """Return the faults that are of use here, a line each: its name, and what it does."""
        known = self._grader.ask("faults").split("\n")
        named = [name for name in self.offered if name in known] or known
        width = max(map(len, named))
        return "\n".join(f"{name:<{width}}  {self.offered.get(name, '')}".rstrip() for name in named)

    def fault(self, name: str, seconds: float) -> str:
        """Put a fault on for so long."""
        if self.offered and name not in (*self.offered, *self._grader.ask("faults").split("\n")):
            near = suggestion(name, list(self.offered))
            text = f"expected one of the faults {', '.join(self.offered)}, found {name!r}: {near}"
            raise UsageError(text)
        text = self._grader.ask("fault", name=name, seconds=seconds)
        self.events.put(text)
        return text

    def terminal(self, name: str, *, rows: int, columns: int, term: str) -> Terminal:
        """Return a shell in a sandbox that runs; of a database, the database's own."""
        argv = endpoints.shell(self.sandbox(name), self.known)
        return self._scenario.terminal(name, argv, rows=rows, columns=columns, env={"TERM": term})

    def _retaken(self) -> Job:
        fresh, before = self._retake(), self.job
        language, was = fresh.services["submission"].language, before.services["submission"].language
        if language != was:
            text = f'expected {was} in service.toml, as when it came up, found {language}: "harness down", then "harness up"'
            raise UsageError(text)
        return replace(fresh, owner=before.owner)

    def _is_used(self, one: SandboxPlan) -> bool:
        return one.main or self._scenario.state(one.name).running

    def _rebuilt(self, fresh: Job, one: SandboxPlan) -> str:
        """Put, build and start what one sandbox runs; return why it does not run what it should."""
        self._end(one.name, self._scenario.kill)
        result = builds.again(self._scenario, fresh, one)
        if result.ok:
            self._env[one.name].update(session.desk_of(fresh, self._addresses, {}).env[one.name])
            self._start(one.name, () if one.command else fresh.services["submission"].run)
            return ""
        if not one.restore:
            return f"{one.name} does not build, and does not run:\n{result.log}"
        self._start(one.name)
        why = self._awaited() if one.main else ""
        before = (
            "what it had before runs again"
            if not why
            else f"what it had before was started again, and is not ready ({why})"
        )
        return f"{one.name} does not build; {before}:\n{result.log}"

    def _start(self, name: str, command: tuple[str, ...] = ()) -> None:
        self._before[name] = self._scenario.logs(name, tail_kb=_TAIL_KB)
        self._scenario.start(name, command=command, env=self._env.get(name, {}))

    def _awaited(self) -> str:
        """Wait for the main service, which was started again; return why it did not come, empty when it did."""
        self.state, why = "starting", ""
        try:
            self._grader.ask("ready")
        except UsageError as error:
            why = str(error)
        except HarnessError:
            self.state = "not ready"
            raise
        self.state = "not ready" if why else "ready"
        return why

    def _again(self, name: str, text: str) -> str:
        """Wait for the main service, which was started again, and return ``text``. Raises UsageError when it does not come."""
        if name == self.job.exercise.main.name:
            began = time.monotonic()
            if why := self._awaited():
                text = f"{text}, and is not ready: {why}{self._log_of(name)}"
                raise UsageError(text)
            text = f"{text}, ready after {time.monotonic() - began:.1f} s"
        self.events.put(text if text.startswith(name) else f"{name}: {text}")
        return text

    def _log_of(self, name: str) -> str:
        """Return how the log ends of what was started last, as lines to follow why it is not ready."""
        try:
            lines = last_lines(added(self._before.get(name, b""), self._scenario.logs(name, tail_kb=_TAIL_KB)))
        except EngineError:
            return ""
        if not lines:
            return f"\n{name} wrote nothing to its log"
        return "\n".join(["", f"last lines of its log (harness logs {name}):", *lines])


@contextmanager
def opened(engine: Engine, job: Job, retake: Callable[[], Job], progress: Progress) -> Iterator[Holding]:
    """Yield the scenario of ``job`` (see :func:`harness.live.held.job_of`), built and being started. Nothing of it is left.

    Raises SubmissionError when the workspace does not build, EngineError as an engine does.
    """
    able = engine.capabilities()
    spec = plan.scenario(job.exercise, job.services, job.tags, job.owner)
    plan.hold_memory(spec, able)
    with ExitStack() as stack:
        progress("opening the sandboxes")
        scenario = stack.enter_context(engine.open_scenario(spec))
        progress("building the workspace")
        holding = Holding(scenario, job, retake, builds.all_of(scenario, job))
        progress("starting the scenario")
        attachment = scenario.attach(plan.GRADER)
        stack.callback(attachment.close)
        stack.callback(holding.end)
        holding.serve(attachment, dict(able.cannot))
        yield holding


def _why(evidence: Evidence) -> str:
    """Return why a grader ended that nobody told to, as far as it said."""
    said = [*evidence.broken, *(f"{one.feedback}\n{one.detail}".strip() for one in evidence.outcomes), *evidence.notes]
    finished = evidence.finished
    if finished is not None and not finished.crashed and not any(said):
        return ""
    words = "the grader's sandbox has ended: somebody removed it, or the engine was restarted"
    return "\n".join(text for text in said if text) or words
