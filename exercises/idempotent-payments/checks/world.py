"""The scenario of a grading as checks use it: the service and its database, the provider, time, and crowds of clients."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from books import Books
from client import Client
from judge import Judge
from psp import Provider
from schedule import Charge, Purse

from harness.testing.answers import Said
from harness.testing.broker import Broker
from harness.testing.clients import HttpClient
from harness.testing.crowds import Crowd
from harness.testing.deals import generator
from harness.testing.history import History
from harness.testing.idempotent import MAX_BODY_BYTES
from harness.testing.job import Job
from harness.testing.outcomes import Outcomes
from harness.testing.scenario import Scenario
from harness.testing.timeline import Timeline

APP, STARTER, DATABASE = "app", "starter", "db"
PORT, PROVIDER_PORT = 8080, 9000
BUSY_MERCHANTS = 9
LEAST_OK = 5
"""Final outcomes of each kind that a safety verdict needs, in every window."""
PATIENCE_SECONDS = 200.0
"""How long all checks together wait for the service. A right one needs a third of it; the deadline is far beyond."""


class World(Scenario):
    """One scenario. Opened once a grading; checks bring merchants of their own and leave everything running."""

    def __init__(self, job: Job, broker: Broker, timeline: Timeline, history: History) -> None:
        """Prepare; :meth:`open` starts it."""
        super().__init__(
            job,
            broker,
            timeline,
            history,
            sandbox=APP,
            port=PORT,
            database=DATABASE,
            startup_seconds=job.timeout("startup_seconds"),
            patience_seconds=PATIENCE_SECONDS,
            beside=[STARTER],
        )
        self.provider_timeout = job.timeout("provider_timeout_seconds")
        self.reconcile = job.timeout("reconcile_seconds")
        self.answer_seconds = 3 * self.provider_timeout + 1.0
        """What the brief promises clients."""
        self.books = Books()
        captured = job.parameters.get("captured_state", "captured")
        limits = {"limit": self.answer_limit, "read": self.read_limit}
        self.client = Client(self.service.url, self.diary, self.history, timeline, captured=captured, **limits)
        self.crowd: Crowd[Charge] = Crowd(
            self.service, ask=self.client.post, read=self.client.read, settle_seconds=lambda: self.pending_limit
        )
        self.judge = Judge(self.books, self.diary, self.client, self.service, self.database)
        self.outcomes: Outcomes[Charge] = Outcomes(
            name=lambda charge: f"charge {charge.key}", story=self.judge.evidence, plural="charges"
        )
        self.conflict_status = int(job.parameters.get("conflict_status", "409"))
        webhooks = HttpClient(self.service.url, timeout_seconds=self.read_limit, max_body_bytes=MAX_BODY_BYTES)
        self.provider = Provider(
            self.books,
            self.diary,
            lambda message: webhooks.request("POST", "/webhooks/psp", message),
            port=PROVIDER_PORT,
        )
        self.busy = self.purse("busy", merchants=BUSY_MERCHANTS)
        """What throughput is measured with; its first merchant gets a ledger longer than any page."""
        self.opens(self.provider)
        self.closes(self.client, webhooks, self.crowd)

    @property
    def answer_limit(self) -> float:
        """How long an answer to POST /charges may take, with a little for the way."""
        return self.answer_seconds + self.service.allowance(self.answer_seconds)

    @property
    def read_limit(self) -> float:
        """How long an answer may take that waits for nobody (a GET, a webhook): no longer than any other."""
        return self.answer_limit

    @property
    def pending_limit(self) -> float:
        """How long a charge may stay pending once everything is well: a call that hangs may be waited for first."""
        return 5 * self.reconcile + self.provider_timeout + self.allowance

    @property
    def allowance(self) -> float:
        """What the wait for pending charges has beyond what is declared. Reports leave it out."""
        return self.service.allowance(5 * self.reconcile)

    def theirs(self, seconds: float) -> float:
        """Return how much of a wait is the service's, as reports say it beside declared times."""
        return max(0.0, seconds - self.allowance)

    def purse(self, name: str, *, merchants: int = 1) -> Purse:
        """Return charges for one check; equal seeds and names give equal charges."""
        return Purse(generator(self.job, f"purse/{name}"), merchants=merchants)

    def baseline(self, purse: Purse) -> dict[Charge, Said]:
        """Charge a few customers without any fault; Unproven when not one charge succeeds."""
        return self.crowd.baseline(purse.charges(LEAST_OK))

    def settled(self, told: Mapping[Charge, Said], *, of: str = "") -> None:
        """I4, for charges whose time to become final is over: a broken invariant is said first, then what is late."""
        self.judge.money(told, of=of)
        promised = (
            f"201 within 5 x reconcile_seconds = {5 * self.reconcile:g} s once service, database and provider are well"
        )
        self.outcomes.all_final(told, of=of, promised=promised)

    def answered(self, said: Sequence[Said], *, what: str, away: bool = False) -> None:
        """Every request is answered in time: ``what`` names these in the sentence. ``away``: the database was, for some."""
        answers = "201, 202 or, while the database is away, 5xx" if away else "201 or 202"
        expected = f"{answers} within 3 x provider_timeout_seconds + 1 s = {self.answer_seconds:g} s"
        self.outcomes.answered(said, what=what, expected=expected, excused=away)

    def audit(self, told: Mapping[Charge, Said], *, of: str = "") -> dict[Charge, Said]:
        """Judge I1, I2 and I3 over charges whose time to become final is over; return what replays were told.

        ``of`` names the situation in a sentence (" in 2 kills").
        """
        self.judge.money(told, of=of)
        self.judge.ledgers(told, until=time.monotonic() + self.pending_limit)
        again = self.crowd.ask_all(list(told), f="replay")
        self.judge.money(again, of=of)
        self.outcomes.repeated(told, again)
        return again
