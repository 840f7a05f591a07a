"""The life of a candidate's service: begin, start, kill, start again, and the reason when it is not there.

A :class:`Service` is made once a grading, in the fixture that all checks share. It watches the process: a check that
does not pass says that the process ended, with which code, signal or for memory, or that nothing listens, and the
last lines of its log.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from harness.testing import causes, pulse
from harness.testing.answers import short
from harness.testing.broker import Broker, Interval, State
from harness.testing.causes import Cause
from harness.testing.check import CheckFailed, Inconclusive, Unproven
from harness.testing.clients import Answer, HttpClient, ready
from harness.testing.diary import KILLED, Diary
from harness.testing.ends import how_it_ended, last_lines

PROBE_SECONDS = 1.0
MOMENT_SECONDS = 0.3
MOST_RESTARTS = 3
_LOG_KB = 16
_MARK_BYTES = 2048


class Service:
    """The process in one candidate sandbox, and whether it is there. Used from the main thread, but for ``running``."""

    def __init__(
        self,
        broker: Broker,
        address: str,
        diary: Diary,
        *,
        port: int,
        startup_seconds: float,
        patience_seconds: float,
        sandbox: str,
        health: str = "/health",
    ) -> None:
        """Look after ``sandbox``, at ``address`` (``job.address(sandbox)``), which answers 200 on ``GET health``.

        ``startup_seconds`` is the declared timeout. ``patience_seconds`` is how long all checks together may wait for
        the service (see :meth:`waiting`): a right one needs a third of it.
        """
        self.url = f"http://{address}:{port}"
        self.http = HttpClient(self.url)
        self.tick = pulse.tick()
        """Seconds to pause between looks, by how busy this machine was when the check began: see :func:`pulse.tick`."""
        self._broker = broker
        self._address = (address, port)
        self._diary = diary
        self._startup = startup_seconds
        self._patience = patience_seconds
        self._sandbox = sandbox
        self._health = health
        self._was_ready = False
        self._suspect = False
        self._hopeless = ""
        self._starts = 0
        self._waited = 0.0
        self._watch = _Watch(broker, sandbox, self._address)
        causes.watch(self._watch.cause)

    def close(self) -> None:
        """Close connections."""
        self.http.close()

    def begin(self, *, liveness: bool = False) -> None:
        """Make sure that the service is there. Every check calls it first.

        When it is not, checks of ``liveness`` raise CheckFailed, and all others Unproven: a dead service breaks no
        other rule. After too many starts, or too much waiting, it is not waited for again.
        """
        self._watch.begin()
        self.tick = pulse.tick()
        if not self._hopeless and self._waited > self._patience:
            self._hopeless = (
                f"The service is so slow that the checks before this one have waited for it for {self._waited:.0f} s, "
                f"more than a whole grading may take."
            )
        if self._hopeless:
            self._say_gone(self._hopeless, liveness=liveness)
        if self._was_ready and not self._suspect and self._healthy(PROBE_SECONDS):
            return
        if self._starts > MOST_RESTARTS:
            self._hopeless = "The service had to be started again too often."
            self._say_gone(self._hopeless, liveness=liveness)
        self._suspect = False
        if self._starts:
            self._broker.kill(self._sandbox)
        if self.start():
            return
        text = self.why_not_ready()
        if not self._was_ready or self._starts > MOST_RESTARTS:
            self._hopeless = text
        self._say_gone(text, liveness=liveness)

    def start(self) -> bool:
        """Start the service, which does not run, and wait until it is ready. False: it was not in its declared time."""
        self.launch()
        return self._ready_in_time()

    def launch(self) -> None:
        """Start the service, which does not run, and do not wait: what it needs may not be there yet."""
        self._starts += 1
        self._watch.starts()
        self._broker.start(self._sandbox)

    def _ready_in_time(self) -> bool:
        with self.waiting():
            up = self._healthy(self._startup + self.allowance(self._startup))
        if up:
            self._diary.write(None, "your service is ready" + (" again" if self._was_ready else ""))
            self._was_ready = True
        return up

    def kill(self) -> Interval:
        """SIGKILL the service; it is proven dead when this returns the interval of its death.

        Raises Inconclusive when it still runs: then the fault was not on.
        """
        self._watch.stops()
        interval = self._broker.kill(self._sandbox)
        if self.running():
            text = "expected the service to be dead after SIGKILL, found it running: the fault was not on"
            raise Inconclusive(text)
        self._diary.write(None, f"your service {KILLED}", at=interval.after)
        self._starts = max(0, self._starts - 1)  # a start that we made necessary
        return interval

    def lose(self) -> Interval:
        """SIGKILL the service and take the files that it wrote; return the interval of its death, as :meth:`kill` does.

        What was handed in and built is there again, as at the start, if its sandbox declares ``restore`` in exercise.toml.
        It does not run: :meth:`start_again` starts it.
        """
        interval = self.kill()
        self._broker.lose(self._sandbox)
        self._diary.write(None, "the files that your service wrote are lost")
        return interval

    def start_again(self, *, otherwise: str = "After a kill the service did not come back.") -> float:
        """Start the service after a kill of ours, and :meth:`await_ready`."""
        self.launch()
        return self.await_ready(otherwise=otherwise)

    def await_ready(self, *, otherwise: str = "After a kill the service did not come back.") -> float:
        """Wait until the service, which was launched, is ready; return the monotonic stamp when it was.

        Fails the check, with ``otherwise`` and the reason, when it was not in its declared time from now: it is
        promised, so staying away never pays.
        """
        if not self._ready_in_time():
            self._suspect = True
            self._say_gone(f"{otherwise} {self.why_not_ready()}", liveness=True)
        return time.monotonic()

    def allowance(self, seconds: float) -> float:
        """Return how much longer than ``seconds``, which are declared or promised, a wait for the service goes on.

        Half a second; on a busy machine at most a fifth of ``seconds``, if that is more. Nothing that the service does
        lengthens it, so no slowness buys time.
        """
        return pulse.allowance(seconds, tick=self.tick)

    def health(self, *, timeout_seconds: float = PROBE_SECONDS) -> Answer:
        """Ask once how the service is."""
        return self.http.request("GET", self._health, timeout_seconds=timeout_seconds)

    def running(self) -> bool:
        """Return whether the service's process is there."""
        return self._broker.state(self._sandbox).running

    def suspect(self) -> None:
        """Say that the service may be stuck: the next check starts it again."""
        self._suspect = True

    def give_up(self, reason: str) -> None:
        """Say that nothing can be expected of the service any more: later checks end with ``reason`` at once."""
        self._suspect = True
        self._hopeless = reason

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the time of the body as waiting for the service."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._waited += time.monotonic() - began

    def why_not_ready(self) -> str:
        """Return in words why the service is not ready: how its process ended, that nothing listens, what it answers."""
        how = self._watch.trouble(self._broker.state(self._sandbox))
        if not how:
            how = f"runs and takes connections, and GET {self._health} comes to {short(self.health())}"
        return f"GET {self._health} gave no 200 within startup_seconds = {self._startup:g} s; its process {how}."

    def _healthy(self, seconds: float) -> bool:
        return ready(self.http, self._health, timeout_seconds=seconds, alive=self.running)

    def _say_gone(self, text: str, *, liveness: bool) -> NoReturn:
        evidence = self._watch.told(text)
        if liveness:
            raise CheckFailed(text, evidence=evidence)
        raise Unproven(text, evidence=evidence)


class _Watch:
    """What became of the process since the running check began."""

    def __init__(self, broker: Broker, sandbox: str, address: tuple[str, int]) -> None:
        self._broker = broker
        self._sandbox = sandbox
        self._address = address
        self._expected = False
        self._told = True
        self._kills: int | None = None
        self._mark = b""
        self._found: Cause | None = None
        self._shown: set[tuple[str, str]] = set()

    def begin(self) -> None:
        """A check begins."""
        self._told, self._found = False, None
        self._kills = self._broker.state(self._sandbox).oom_kills if self._expected else None

    def starts(self) -> None:
        """The process is started: what it writes from here on is its own."""
        self._mark = self._broker.logs(self._sandbox, tail_kb=_LOG_KB)[-_MARK_BYTES:]
        self._expected, self._kills = True, 0

    def stops(self) -> None:
        """We end the process: remember it when it had ended before, by itself."""
        if self._expected and self._found is None:
            state = self._broker.state(self._sandbox)
            self._found = None if state.running else self._cause(_ended(state))
        self._expected = False

    def told(self, text: str) -> tuple[str, ...]:
        """The reason ``text`` is told by the check itself: return the log that belongs to it."""
        self._told = True
        return self._lines(text)

    def cause(self) -> Cause | None:
        """Return what the running check should add to what it said."""
        if self._told:
            return None
        self._told = True
        if self._found is not None or not self._expected:
            return self._found
        # An engine may see the end of a process a moment later than its clients do.
        words = self.trouble(self._broker.wait(self._sandbox, timeout_seconds=MOMENT_SECONDS))
        return self._cause(words) if words else None

    def trouble(self, state: State) -> str:
        """Return what is wrong with the process, to follow its name, empty when nothing can be seen."""
        if not state.running:
            return _ended(state)
        if self._kills is not None and (state.oom_kills or 0) > self._kills:
            limit = "" if state.memory_mb is None else f" of {state.memory_mb} MiB"
            return f"runs, but a process beside it was killed out of memory: the memory limit{limit} was reached"
        silent = self._silent()
        if silent:
            state = self._broker.wait(self._sandbox, timeout_seconds=PROBE_SECONDS)
        return _ended(state) if not state.running else silent

    def _silent(self) -> str:
        """Return in words that nothing takes a connection, empty when something does."""
        try:
            socket.create_connection(self._address, timeout=PROBE_SECONDS).close()
        except ConnectionRefusedError:
            where = "it must listen on 0.0.0.0, not on 127.0.0.1"
            return f"runs, but nothing listens on port {self._address[1]} ({where})"
        except OSError as error:
            return f"runs, but takes no connection on port {self._address[1]} ({error.strerror or 'out of time'})"
        return ""

    def _cause(self, words: str) -> Cause:
        sentence = f"The service's process {words}."
        return Cause(sentence=sentence, lines=self._lines(sentence))

    def _lines(self, sentence: str) -> tuple[str, ...]:
        """Return the end of what this start wrote, unless it was shown with the same sentence before."""
        log = self._broker.logs(self._sandbox, tail_kb=_LOG_KB)
        place = log.find(self._mark) if self._mark else 0
        lines = last_lines(log if place < 0 else log[place + len(self._mark) :])
        key = (sentence, re.sub(r"[0-9a-f]*\d[0-9a-f]*", "#", "\n".join(lines)))
        if key in self._shown:
            return ()
        self._shown.add(key)
        return ("last lines of the service's log:", *lines) if lines else ("the service wrote nothing to its log",)


def _ended(state: State) -> str:
    return how_it_ended(state.exit_code, oom_killed=state.oom_killed, memory_mb=state.memory_mb)
