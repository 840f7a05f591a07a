"""The service's real database as the grader sees it: past the proxy, as a superuser that the service's role can't shut out."""

from __future__ import annotations

import time
from contextlib import suppress

import psycopg

from harness.testing import Inconclusive, Unproven
from harness.testing.broker import Broker

NAME = "db"
PORT = 5432
SERVICE = "app"
"""Role and database of the candidate's service. All else in the server is ours."""
_SECONDS = 20.0
_EMPTY = (
    f"DROP DATABASE IF EXISTS {SERVICE} WITH (FORCE)",
    f"ALTER ROLE {SERVICE} RESET ALL",
    f"CREATE DATABASE {SERVICE} OWNER {SERVICE}",
)


class Database:
    """Starts, stops and empties the database, and tells whose doing it is when it is silent."""

    def __init__(self, broker: Broker, address: str) -> None:
        """The database's sandbox is at ``address``."""
        self.address = address
        self._broker = broker

    def start(self) -> float:
        """Start it; return the stamp when it answered."""
        self._broker.start(NAME)
        return self.wait()

    def kill(self) -> None:
        """SIGKILL it. What was committed stays."""
        self._broker.kill(NAME)

    def wait(self) -> float:
        """Wait until it answers us, and return the stamp when it did.

        Inconclusive when it runs and lets us not in; Unproven when it ended by itself: nothing but the service uses it.
        """
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            with suppress(psycopg.Error), self._connect() as connection:
                connection.execute("SELECT 1")
                return time.monotonic()
            time.sleep(0.02)
        if not self._broker.state(NAME).running:
            text = "The database ended by itself under what the service did with it, so nothing more can be seen."
            raise Unproven(text, detail=self._log())
        text = f"expected our database to answer within {_SECONDS:.0f} s, found silence"
        raise Inconclusive(text, detail=self._log())

    def empty(self) -> None:
        """Make the service's database new, whatever is in it and whoever is connected.

        Unproven when the server lets us in and still can't: only the service can have made it so.
        """
        self.wait()
        try:
            with self._connect() as connection:
                for statement in _EMPTY:
                    connection.execute(statement)
        except psycopg.Error as error:
            self.wait()
            text = f"The service left its database so that it can't be emptied: {error}"
            raise Unproven(text, detail=self._log()) from error

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=self.address,
            port=PORT,
            user="grader",
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
            options="-c statement_timeout=10000",
        )

    def _log(self) -> str:
        return "last lines of the database's log:\n" + self._broker.logs(NAME, tail_kb=4).decode("utf-8", "replace")
