"""The scenario of a grading as checks use it: the service and its database, the provider, time, and crowds of clients."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NoReturn, TypeVar

import database
from books import Books
from database import Database
from diary import Diary
from judge import Judge
from psp import Provider, Server
from schedule import Charge, Purse, generator
from service import CHARGE_BYTES, Client, Meaning, Said

from harness.testing import CheckFailed, Inconclusive, Unproven
from harness.testing.broker import Broker, Interval
from harness.testing.clients import HttpClient, ready
from harness.testing.history import History
from harness.testing.job import Job
from harness.testing.proxies import PostgresProxy
from harness.testing.timeline import Timeline

APP = "app"
STARTER = "starter"
PORT = 8080
PROVIDER_PORT = 9000
MOST_IN_FLIGHT = 64
LEAST_OK = 5
"""Final outcomes of each kind that a safety verdict needs, in every window."""
MOST_RESTARTS = 3
PATIENCE_SECONDS = 130.0
"""How long all checks together wait for the service. A right one needs a third of it; the deadline is far beyond."""
TRY_AGAIN = frozenset({408, 409, 425, 429})
"""Refusals that may end by themselves; asking again does not change any other 4xx."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class World:
    """One scenario. Opened once a grading; checks bring merchants of their own and leave everything running."""

    def __init__(self, job: Job, broker: Broker, timeline: Timeline) -> None:
        """Prepare; :meth:`open` starts it."""
        self.job = job
        self.broker = broker
        self.timeline = timeline
        self.provider_timeout = job.timeout("provider_timeout_seconds")
        self.reconcile = job.timeout("reconcile_seconds")
        self.startup = job.timeout("startup_seconds")
        self.tick = 0.05
        """U: max(50 ms, 20 x the median round trip without faults)."""
        self.diary = Diary(timeline.since_start)
        self.history = History()
        self.books = Books(time.monotonic)
        self.database = Database(broker, job.address(database.NAME))
        url = f"http://{job.address(APP)}:{PORT}"
        captured = job.parameters.get("captured_state", "captured")
        self.client = Client(url, self.diary, self.history, timeline, captured=captured, limit=self.answer_limit)
        self.judge = Judge(books=self.books, diary=self.diary, client=self.client)
        self.conflict_status = int(job.parameters.get("conflict_status", "409"))
        self._webhooks = HttpClient(url, timeout_seconds=1.0, max_body_bytes=CHARGE_BYTES)
        self.provider = Provider(
            self.books, self.diary, lambda message: self._webhooks.request("POST", "/webhooks/psp", message)
        )
        self._pool = ThreadPoolExecutor(max_workers=MOST_IN_FLIGHT, thread_name_prefix="client")
        self._open = ExitStack()
        self._was_ready = False
        self._starts = 0
        self._strikes = 0
        self._waited = 0.0
        self._suspect = False
        self._hopeless = ""

    @property
    def answer_limit(self) -> float:
        """How long an answer to POST /charges may take, with a little for the way."""
        return 3 * self.provider_timeout + 1.0 + max(0.5, 4 * self.tick)

    @property
    def pending_limit(self) -> float:
        """How long a charge may stay pending once everything is well."""
        return 5 * self.reconcile + 10 * self.tick

    # Opening and closing

    def open(self) -> None:
        """Start database, proxy and provider; the service is started by the first check that begins."""
        self.database.start()
        target = (self.database.address, database.PORT)
        self.proxy = self._open.enter_context(
            PostgresProxy(listen_port=database.PORT, target=target, admit=self._admit)
        )
        self._open.enter_context(Server(self.provider, PROVIDER_PORT))

    def close(self) -> None:
        """Let everything go; the host closes the scenario."""
        self._open.close()
        self.provider.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.client.close()
        self._webhooks.close()

    def _admit(self, source: str, user: str, name: str) -> bool:
        """Whom the proxy lets in: services, as nobody but the role that is theirs."""
        services = {self.job.address(one) for one in (APP, STARTER)}
        return source in services and (user, name) == (database.SERVICE, database.SERVICE)

    # The service's life

    def begin(self, *, liveness: bool = False) -> None:
        """Make sure that the service is there. Every check calls it first.

        When it is not, checks of ``liveness`` fail, and all others are Unproven: a dead service loses no money.
        """
        if not self._hopeless and self._waited > PATIENCE_SECONDS:
            self._hopeless = (
                f"The service is so slow that the checks before this one have waited for it for {self._waited:.0f} s, "
                f"more than a whole grading may take."
            )
        if self._hopeless:
            self._say_gone(self._hopeless, liveness=liveness)
        if self._was_ready and not self._suspect and self._healthy(timeout=1.0):
            return
        if self._starts > MOST_RESTARTS:
            self._hopeless = "The service had to be started again too often."
            self._say_gone(self._hopeless, liveness=liveness)
        self._suspect = False
        if self._starts:
            self.broker.kill(APP)
        if self.start():
            return
        text = self._why_not_ready()
        if not self._was_ready or self._starts > MOST_RESTARTS:
            self._hopeless = text
        self._say_gone(text, liveness=liveness)

    def start(self) -> bool:
        """Start the service, which does not run, and wait until it is ready. False: it was not in its declared time."""
        self._starts += 1
        self.broker.start(APP)
        with self._waiting():
            up = self._healthy(timeout=self.startup + 4 * self.tick)
        if up:
            self.diary.write(None, "your service is ready" + (" again" if self._was_ready else ""))
            if not self._was_ready:
                self._measure_tick()
            self._was_ready = True
        return up

    def kill(self) -> Interval:
        """SIGKILL the service. It is proven dead when this returns."""
        interval = self.broker.kill(APP)
        if self.broker.state(APP).running:
            text = "expected the service to be dead after SIGKILL, found it running: the fault was not on"
            raise Inconclusive(text)
        self.diary.write(None, "your service is killed", at=interval.after)
        self._starts = max(0, self._starts - 1)  # a start that we made necessary
        return interval

    def start_again(self) -> float:
        """Start the service after a kill of ours; return the stamp when it was ready. Unproven when it never was."""
        if not self.start():
            self._suspect = True
            text = f"After a kill the service did not come back. {self._why_not_ready()}"
            raise Unproven(text, detail=self._log())
        return time.monotonic()

    def running(self) -> bool:
        """Return whether the service's process is there."""
        return self.broker.state(APP).running

    def suspect(self) -> None:
        """Say that the service may be stuck: the next check starts it again."""
        self._suspect = True

    def _healthy(self, *, timeout: float) -> bool:
        return ready(self.client.http, "/health", timeout_seconds=timeout, alive=self.running)

    def _measure_tick(self) -> None:
        seconds = [self.client.http.request("GET", "/health").seconds for _ in range(9)]
        self.tick = max(0.05, min(1.0, 20 * statistics.median(seconds)))

    def _why_not_ready(self) -> str:
        state = self.broker.state(APP)
        how = "it is running" if state.running else f"its process ended with exit code {state.exit_code}"
        memory = " (out of memory)" if state.oom_killed else ""
        return f"GET /health gave no 200 within startup_seconds = {self.startup:g} s; {how}{memory}."

    def _say_gone(self, text: str, *, liveness: bool) -> NoReturn:
        if liveness:
            raise CheckFailed(text, detail=self._log())
        raise Unproven(text, detail=self._log())

    def _log(self) -> str:
        return "last lines of the service's log:\n" + self.broker.logs(APP, tail_kb=4).decode("utf-8", "replace")

    # Crowds

    def purse(self, name: str, *, merchants: int = 1) -> Purse:
        """Return charges for one check; equal seeds and names give equal charges."""
        return Purse(generator(self.job, f"purse/{name}"), merchants=merchants)

    def together(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Do ``work`` for all items at once, at most 64 in flight; return results in order."""
        with self._waiting():
            return list(self._pool.map(work, items))

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Count the time of the body as waiting for the service."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._waited += time.monotonic() - began

    def post_all(self, charges: Collection[Charge], *, f: str = "charge") -> dict[Charge, Said]:
        """Ask for charges at once."""
        return dict(zip(charges, self.together(lambda charge: self.client.post(charge, f=f), charges), strict=True))

    def settle(
        self, told: Mapping[Charge, Said], *, until: float, repeat: Collection[Charge] = ()
    ) -> dict[Charge, Said]:
        """Follow charges until they are final or the time is over.

        The clients of ``repeat`` send their request again; the others only read, and those who never got an id
        can't do even that: they are returned as they were.
        """
        wanted = set(repeat)
        charges = list(told)
        results = self.together(
            lambda charge: self._follow(charge, told[charge], until, again=charge in wanted), charges
        )
        return dict(zip(charges, results, strict=True))

    def _follow(self, charge: Charge, said: Said, until: float, *, again: bool) -> Said:
        best = said
        while best.meaning is not Meaning.FINAL and time.monotonic() < until:
            refused = best.meaning is Meaning.REFUSED and best.answer.status not in TRY_AGAIN
            if refused or (not again and not best.id):
                return best
            time.sleep(self.tick if again else self.tick / 2)
            now = self.client.post(charge, f="repeat") if again else self.client.read(charge, best.id)
            if now.meaning in {Meaning.FINAL, Meaning.PENDING} or not best.id:
                best = now
        return best

    def charge_until_final(self, charges: Collection[Charge], *, f: str = "charge") -> dict[Charge, Said]:
        """Ask for charges, again where there was no outcome, within the time that a healthy service needs."""
        told = self.post_all(charges, f=f)
        return self.settle(told, until=time.monotonic() + self.pending_limit, repeat=charges)

    def ordinary(self, charges: Collection[Charge], *, f: str = "charge") -> dict[Charge, Said]:
        """Charge without any fault. When nothing at all comes of it twice in a row, later checks don't wait again."""
        told = self.charge_until_final(charges, f=f)
        if any(said.meaning in {Meaning.FINAL, Meaning.REFUSED} for said in told.values()):
            self._strikes = 0
            return told
        self._strikes += 1
        self._suspect = True
        if self._strikes > 1:
            self._hopeless = _nothing_came(told)
        return told

    def baseline(self, purse: Purse) -> dict[Charge, Said]:
        """Charge a few customers without any fault; Unproven when not one charge succeeds."""
        told = self.ordinary(purse.charges(LEAST_OK), f="baseline")
        if any(said.meaning is Meaning.FINAL for said in told.values()):
            return told
        raise Unproven(_nothing_came(told), detail=self._log())

    def audit(self, told: Mapping[Charge, Said], *, of: str = "") -> dict[Charge, Said]:
        """Judge I1, I2 and I3 over charges whose time to become final is over; return what replays were told.

        ``of`` names the situation in a sentence (" in 2 kills").
        """
        self.judge.money(told, of=of)
        self.judge.ledgers(told, until=time.monotonic() + self.pending_limit)
        again = self.post_all(list(told), f="replay")
        self.judge.money(again, of=of)
        self.judge.replays(told, again)
        return again


def _nothing_came(told: Mapping[Charge, Said]) -> str:
    found = "; ".join(sorted({str(said) for said in told.values()})[:3])
    return f"Of {len(told)} ordinary charges without any fault, none got a final outcome (201). Answers: {found}."
