"""PostgreSQL: a pool that recovers when the database was away, and migrations."""

import logging
import threading
import time
from pathlib import Path

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
RETRY_SECONDS = 0.5
MIGRATIONS_LOCK = 7_001  # any number: two processes that start at once migrate one after the other
log = logging.getLogger(__name__)


class Database:
    def __init__(self, url: str) -> None:
        self.migrated = threading.Event()
        self._pool = ConnectionPool(
            url,
            # Connections are made on demand and given up soon: no long backoff after the database was away.
            min_size=0,
            max_size=20,
            timeout=1.0,
            reconnect_timeout=0.5,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "connect_timeout": 2,
                "options": "-c statement_timeout=3000 -c local_preload_libraries=",
                "keepalives_idle": 5,
                "tcp_user_timeout": 3000,
            },
            open=True,
        )

    def run(self, sql: str, parameters: tuple | dict = ()) -> list[dict]:
        """Run one statement, which commits by itself, and return its rows.

        A connection that breaks leaves open whether the statement was done, so it is run again: every statement of
        this service may be. Raises psycopg.OperationalError when the database stays away.
        """
        give_up = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                with self._pool.connection() as connection:
                    cursor = connection.execute(sql, parameters)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if time.monotonic() > give_up:
                    raise
                self._pool.check()  # drops the other connections that are broken
                time.sleep(0.02)

    def migrate(self) -> None:
        """Run what is new in ``migrations/``; returns when it is done, however long the database is away."""
        while not self.migrated.is_set():
            try:
                with self._pool.connection() as connection, connection.transaction():
                    _migrate(connection)
                self.migrated.set()
            except psycopg.Error as error:
                log.warning("cannot migrate yet: %s", str(error).strip())
                time.sleep(0.2)

    def ready(self) -> bool:
        """True when the schema is there and the database answers."""
        try:
            return self.migrated.is_set() and bool(self.run("SELECT 1"))
        except psycopg.Error:
            return False


def _migrate(connection: psycopg.Connection) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATIONS_LOCK,))
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (name text PRIMARY KEY)")
    done = {row["name"] for row in connection.execute("SELECT name FROM migrations")}
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.name not in done:
            connection.execute(path.read_text())
            connection.execute("INSERT INTO migrations VALUES (%s)", (path.name,))
            log.info("migrated %s", path.name)
