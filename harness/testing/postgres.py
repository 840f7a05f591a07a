"""A PostgreSQL of ours as the grader sees it: past any proxy, under a role that the service's role can't shut out."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from harness.testing.broker import Broker
from harness.testing.check import Inconclusive, Unproven
from harness.testing.ends import last_lines

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

PORT = 5432
SERVICE = "app"
"""The role of services in the image of ours, and the database that it owns."""
WAIT_SECONDS = 20.0
"""How long a database of ours may need from start to an answer. It is not the candidate's time."""
_POLL_SECONDS = 0.05
_POSITION = "SELECT pg_current_wal_insert_lsn() - '0/0', pg_current_snapshot()::text"


@dataclass(frozen=True, kw_only=True, slots=True)
class Position:
    """Where a database's log is."""

    end: int
    """Bytes that were ever written to it."""
    ended: str
    """Which transactions that wrote have ended; it changes with each that ends, and with nothing else."""

    def committed_since(self, earlier: Position) -> bool:
        """Return whether a transaction that wrote has ended since: tidying up and mere reading are none."""
        return self.end > earlier.end and self.ended != earlier.ended


class Postgres:
    """Starts, kills, probes and empties one database sandbox, and tells whose doing it is when it is silent."""

    def __init__(
        self,
        broker: Broker,
        address: str,
        *,
        sandbox: str,
        service: str = SERVICE,
        role: str = "grader",
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        """``sandbox`` is at ``address`` (``job.address(sandbox)``).

        ``service`` names both the role and the database of the candidate's service; ``role`` is ours, a superuser
        that is let in from the grader alone. All else in the server is ours.
        """
        self.address = address
        self.sandbox = sandbox
        self.service = service
        self._broker = broker
        self._role = role
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._probe: psycopg.Connection[tuple[object, ...]] | None = None
        self.killed = False
        """Whether we took it away and have not brought it back."""

    def start(self) -> float:
        """Start it and wait; return the monotonic stamp when it answered. Raises as :meth:`wait` does."""
        self._broker.start(self.sandbox)
        self.killed = False
        return self.wait()

    def kill(self) -> None:
        """SIGKILL it. What was committed stays."""
        self.killed = True
        self._broker.kill(self.sandbox)

    def wait(self) -> float:
        """Wait until it answers us, and return the monotonic stamp when it did.

        Raises Inconclusive when it runs and lets us not in; Unproven when it ended by itself: nothing but the service
        uses it.
        """
        deadline = time.monotonic() + self._wait_seconds
        while time.monotonic() < deadline:
            if self.answers():
                return time.monotonic()
            time.sleep(_POLL_SECONDS)
        if not self._broker.state(self.sandbox).running:
            text = "The database ended by itself under what the service did with it, so nothing more can be seen."
            raise Unproven(text, detail=self._log())
        text = f"expected our database to answer within {self._wait_seconds:.0f} s, found silence\n{self._log()}"
        raise Inconclusive(text)

    def answers(self) -> bool:
        """Probe it once: whether it lets us in and answers a query now."""
        import psycopg

        with suppress(psycopg.Error), self._connect() as connection:
            connection.execute("SELECT 1")
            return True
        return False

    def empty(self) -> None:
        """Make the service's database new, whatever is in it and whoever is connected.

        Raises Unproven when the server lets us in and still can't: only the service can have made it so.
        """
        self._alter(
            "DROP DATABASE IF EXISTS {service} WITH (FORCE)",
            "ALTER ROLE {service} RESET ALL",
            "CREATE DATABASE {service} OWNER {service}",
        )

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Put the service's database aside for the body, which has a new one; afterwards it is back as it was.

        So nothing is lost of what the service did before. Its processes should not run at either moment: whoever is
        connected is cut off. Raises as :meth:`empty` does.
        """
        kept = self._execute(
            "SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = 0 AND setrole = %s::regrole",
            self.service,
        )
        self._execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", self.service)
        self._alter("ALTER DATABASE {service} RENAME TO {aside}")
        self.empty()
        try:
            yield
        finally:
            self._alter("DROP DATABASE IF EXISTS {service} WITH (FORCE)", "ALTER DATABASE {aside} RENAME TO {service}")
            self._alter("ALTER ROLE {service} RESET ALL")
            for (value,) in kept:
                self._execute("INSERT INTO pg_db_role_setting VALUES (0, %s::regrole, %s::text[])", self.service, value)

    def _alter(self, *statements: LiteralString) -> None:
        from psycopg import sql

        names = {"service": sql.Identifier(self.service), "aside": sql.Identifier(f"{self.service}_aside")}
        for statement in statements:
            self._execute(sql.SQL(statement).format(**names))

    def _execute(self, statement: LiteralString | sql.Composed, *values: object) -> list[tuple[object, ...]]:
        """Run one statement as ourselves and return its rows. Raises Unproven when the server lets us in and can't do it."""
        import psycopg

        self.wait()
        try:
            with self._connect() as connection:
                cursor = connection.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            self.wait()
            text = f"The service left its database so that it can't be emptied: {error}"
            raise Unproven(text, detail=self._log()) from error

    def position(self) -> Position | None:
        """Return where the log is now, None when the database says nothing. Called from many threads."""
        import psycopg

        with self._lock:
            try:
                self._probe = self._probe or self._connect()
                row = self._probe.execute(_POSITION).fetchone()
            except psycopg.Error:
                self._forget_probe()
                return None
        return None if row is None else Position(end=int(str(row[0])), ended=str(row[1]))

    def close(self) -> None:
        """Close the connection that :meth:`position` keeps."""
        with self._lock:
            self._forget_probe()

    def keep_unflushed(self) -> None:
        """Let a kill lose all that was committed without waiting for the log (``synchronous_commit = off``).

        The server's own writer would save it after a fifth of a second. Kept over restarts.
        """
        with self._connect() as connection:
            connection.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
            connection.execute("SELECT pg_reload_conf()")

    def turn_page(self) -> None:
        """Begin a new page of the log: what is committed next without waiting for the log stays unwritten.

        The server writes full pages (8 kB) by itself. Kill it within few commits after this, and exactly those that
        were promised too early are gone.
        """
        with self._connect() as connection:
            connection.execute("SELECT pg_switch_wal()")

    def _forget_probe(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        import psycopg

        return psycopg.connect(
            host=self.address,
            port=PORT,
            user=self._role,
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
            options="-c statement_timeout=10000",
        )

    def _log(self) -> str:
        lines = last_lines(self._broker.logs(self.sandbox, tail_kb=4), most=40)
        return "\n".join(("last lines of the database's log:", *lines))
