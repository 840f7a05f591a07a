"""``harness up``: the scenario of a grading with the workspace in it, held in the foreground until somebody ends it."""

from __future__ import annotations

import contextlib
import os
import queue
import secrets
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from harness import console, owners, progress, settings
from harness.catalogue import faults
from harness.catalogue.finder import Catalogue
from harness.commands import standing, trial
from harness.commands.opening import Opener
from harness.engines.base import SandboxState
from harness.errors import EngineError, ExitCode, HarnessError, UsageError
from harness.grading.job import Job
from harness.grading.runner import Task
from harness.intake import workspace
from harness.intake.workspace import Workspace
from harness.live import held, state
from harness.live.forward import Forwarder
from harness.live.holding import Holding, opened
from harness.live.office import Office
from harness.packs import home
from harness.reports import again

_LOOK_SECONDS = 1.0
_MARGIN_SECONDS = 60
"""How long before its sandboxes end by themselves it is ended in order."""
_COLUMNS = 80
_DOWN = "down: nothing of it is left"
Say = Callable[[str], None]


def up(
    path: str,
    *,
    engine: str | None,
    catalogue: Catalogue,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
) -> ExitCode:
    """Hold the scenario until it is ended: 0 by ``down`` or at its longest, 3 when the workspace does not build, 5 when it died."""
    here = workspace.find(Path(path))
    opener = Opener(catalogue=home.catalogue_of(here, catalogue), engine=engine, network_range=network_range)
    try:
        with state.claimed(here.root) as claim:
            code = _held(here, opener, claim)
    except Exception:
        raise
    except BaseException:
        # Ctrl-C or a signal: it has been let go in order, which is what whoever sent it wants to know.
        console.notice(_DOWN)
        raise
    console.notice(_DOWN)
    return code


def _held(here: Workspace, opener: Opener, claim: state.Claim) -> ExitCode:
    with ExitStack() as stack:
        with progress.step(f"{here.root.name} comes up") as say:
            runner = opener(stack, say)
            pair = opener.catalogue.pair(here.exercise_id, whole=False)
            task, identity = _task(here), f"up-{secrets.token_hex(4)}"

            def retake() -> Job:
                now = replace(task, path=str(claim.where()))
                return held.job_of(runner.job(now, identity), pair.script())

            job = retake()
            # The images are there now: what was downloaded or built took nobody's time.
            trial.clock_of(replace(here, root=claim.where()), begin=True)
            holding = stack.enter_context(opened(runner.engine, job, retake, say))
            holding.offered = faults.described(pair)
            forwarder = holding.forwarder()
            stack.callback(forwarder.close)
            office = Office(stack.enter_context(owners.scratch(job.owner)), holding)
            stack.callback(office.close)
            here = replace(here, root=claim.where())
            _tell(here, holding, forwarder, office)
        _say_how(here, holding, forwarder)
        _follow(here, claim, holding)
        console.notice("ending: the sandboxes and all that they hold are removed")
    return ExitCode.PASSED


def _task(here: Workspace) -> Task:
    return Task(path=str(here.root), exercise_id=here.exercise_id, alias=here.alias, variant=here.variant, mode="check")


def _tell(here: Workspace, holding: Holding, forwarder: Forwarder, office: Office) -> None:
    """Let clients find it."""
    urls = {door.endpoint.name: door.url for door in forwarder.doors}
    owner = holding.job.owner
    running = state.Running(pid=os.getpid(), owner=owner.token, run=owner.run, socket=str(office.path), urls=urls)
    state.write(here.root, running)


def _say_how(here: Workspace, holding: Holding, forwarder: Forwarder) -> None:
    """Say what there is and how it is used."""
    console.line(f"{here.root.name} is up: {holding.job.exercise.id} as in a grading, nothing is judged")
    width = max((len(door.endpoint.name) for door in forwarder.doors), default=0)
    for door in forwarder.doors:
        console.line(f"  {door.endpoint.name:<{width}}  {door.url}")
    console.line(f"  sandboxes: {', '.join(faults.boxes(holding.job.exercise))}")
    if played := ", ".join(holding.played()):
        console.line(f"  played by the grader, so no sandbox (a URL and faults, no log): {played}")
    for line in _wrapped("  faults: ", tuple(holding.offered)):
        console.line(line)
    console.line("in another terminal:")
    if here.root != Path.cwd():
        console.line(f"  cd {again.quoted(standing.seen(here.root))}")
    program = again.one_line(standing.program_from(here.root))
    console.line(f"  {program} logs [-f] SANDBOX, shell SANDBOX, kill SANDBOX, restart SANDBOX")
    console.line(f"  {program} fault NAME [--for SECONDS], reload (build again, keep data), down (or Ctrl-C here)")


def _wrapped(head: str, names: Sequence[str]) -> list[str]:
    """Return names behind ``head``, in lines that a usual terminal has room for."""
    return textwrap.wrap(
        ", ".join(names) or "none",
        _COLUMNS,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _follow(here: Workspace, claim: state.Claim, holding: Holding) -> None:
    """Say what happens until it is over. Raises HarnessError when it is although nobody ended it."""
    name = holding.job.exercise.main.name
    watch, place = _Watch(holding), _Place(claim)
    with _status(here.root.name) as show:
        while not holding.over.is_set():
            with contextlib.suppress(queue.Empty):
                if text := holding.events.get(timeout=_LOOK_SECONDS):
                    console.notice(text)
            if ended := watch.look():
                console.notice(f"{name} {ended}: see harness logs {name}")
            if text := place.look():
                console.notice(text)
            show(f"{name} {watch.word()}")
            if owners.seconds_left(holding.job.owner) < _MARGIN_SECONDS:
                console.notice(f"it was up for {held.LONGEST_SECONDS // 3600} hours, which is the longest")
                return
    while not holding.events.empty():
        if text := holding.events.get():
            console.notice(text)
    if holding.reason:
        text = f"expected the scenario to be held until somebody ends it, found: {holding.reason}"
        raise HarnessError(text)


class _Place:
    """Sees the workspace called otherwise, or without what its verbs find it by."""

    def __init__(self, claim: state.Claim) -> None:
        self._claim = claim
        self._last = str(claim.root)

    def look(self) -> str:
        """Return what became of it since the last look, and what to do; empty when it is as it was."""
        try:
            now = str(self._claim.where())
            text = f"the workspace is {now} now: what is up goes on, and its verbs find it there"
        except UsageError as error:
            now = text = str(error)
        last, self._last = self._last, now
        return "" if now == last else text


class _Watch:
    """Sees the main service end by itself."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding
        self._now: SandboxState | None = None

    def look(self) -> str:
        """Return how the service ended by itself since the last look, empty when it did not."""
        try:
            now, ended = self._holding.look()
        except EngineError:
            # An engine that went away ends the grader as well, and that is told.
            return ""
        last, self._now = self._now or SandboxState(running=False), now
        # One that ends as soon as it is started was never seen to run.
        is_new = last.running or now.starts > last.starts
        if now.running or not is_new or now.starts <= ended:
            return ""
        return "was killed at its memory limit" if now.oom_killed else f"ended with exit code {now.exit_code}"

    def word(self) -> str:
        """Return how it is."""
        if self._now is not None and not self._now.running and self._holding.state != "starting":
            return "does not run"
        return self._holding.state


@contextlib.contextmanager
def _status(label: str) -> Iterator[Say]:
    """Show one live line on a terminal; elsewhere what happens is told in lines alone."""
    if console.is_plain() or not sys.stderr.isatty():
        yield _unheard
        return
    with progress.step(f"{label} is up") as show:
        yield show


def _unheard(_: str) -> None:
    """A status that nobody sees change is no news."""
