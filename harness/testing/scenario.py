"""A service over a PostgreSQL of ours, behind a proxy: the scenario that all checks of such an exercise share."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Protocol

from harness.testing.broker import Broker
from harness.testing.diary import Diary
from harness.testing.history import History
from harness.testing.job import Job
from harness.testing.postgres import PORT, Postgres
from harness.testing.proxies import PostgresProxy
from harness.testing.service import Service
from harness.testing.timeline import Timeline


class Closable(Protocol):
    """What has an end."""

    def close(self) -> None:
        """End it."""


class Scenario:
    """Made and opened once a grading, by the fixture that checks get it from: subclass it, and add what is yours.

    Checks leave everything as they found it, or say so (``service.suspect()``).
    """

    def __init__(
        self,
        job: Job,
        broker: Broker,
        timeline: Timeline,
        history: History,
        *,
        sandbox: str,
        port: int,
        database: str,
        startup_seconds: float,
        patience_seconds: float,
        beside: Collection[str] = (),
        listen_port: int = PORT,
    ) -> None:
        """Prepare; :meth:`open` starts it. The service runs in ``sandbox`` and answers at ``port``.

        ``database`` is the sandbox of its PostgreSQL, which is reached through the grader alone: the service, and the
        sandboxes of ``beside``, as the role that is theirs and nobody else. Times as :class:`~harness.testing.service.Service`
        has them; ``listen_port`` is the proxy's, 0 takes a free one.
        """
        self.job, self.broker, self.timeline, self.history = job, broker, timeline, history
        self.startup = startup_seconds
        self.diary = Diary(timeline.since_start)
        self.database = Postgres(broker, job.address(database), sandbox=database)
        self.service = Service(
            broker,
            job.address(sandbox),
            self.diary,
            sandbox=sandbox,
            port=port,
            startup_seconds=startup_seconds,
            patience_seconds=patience_seconds,
        )
        self.proxy = PostgresProxy(
            listen_port=listen_port,
            target=(self.database.address, PORT),
            admit=self._admit,
            position=self.database.position,
        )
        self._users = {job.address(one) for one in (sandbox, *beside)}
        self._parts: list[AbstractContextManager[object]] = [self.proxy]
        self._stack = ExitStack()
        self.closes(self.service, self.database)

    def closes(self, *things: Closable) -> None:
        """Close things when the scenario is closed, the last one first."""
        for one in things:
            self._stack.enter_context(closing(one))

    def opens(self, *parts: AbstractContextManager[object]) -> None:
        """Enter more parts (upstreams) when the scenario is opened, after the proxy."""
        self._parts += parts

    def open(self) -> None:
        """Start the database, whose kill loses what was not in its log, and every part.

        The service is started by the first check that begins. Raises as ``Postgres.start`` does.
        """
        self.database.start()
        self.database.keep_unflushed()
        for part in self._parts:
            self._stack.enter_context(part)

    def restore(self) -> None:
        """Bring back what the check before took away and, since it ended early, left away: it is no fault of others.

        Call it before each check, in a fixture. Raises as ``Postgres.start`` does.
        """
        if self.database.killed:
            self.database.start()
            self.diary.write(None, "the database is back")

    def close(self) -> None:
        """Let everything go; the host ends the sandboxes."""
        self._stack.close()

    def _admit(self, source: str, user: str, name: str) -> bool:
        """Whom the proxy lets in."""
        return source in self._users and user == name == self.database.service
