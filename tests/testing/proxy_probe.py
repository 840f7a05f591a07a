"""Runs inside the grader image: real psycopg, through the proxy, into a real PostgreSQL. Prints what it saw as JSON."""

from __future__ import annotations

import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from harness.testing.broker import Broker
from harness.testing.postgres import Postgres
from harness.testing.proxies import CommitPoint, PostgresProxy

psycopg = importlib.import_module("psycopg")  # in the grader's image, not among the developer's packages
Way = Callable[[Any], None]
ROW = "INSERT INTO t VALUES (%s)"


def block(db: Any) -> None:
    """Write in a transaction block."""
    with db.transaction():
        db.execute(ROW, (1,))


def autocommit(db: Any) -> None:
    """Write while idle."""
    db.autocommit = True
    db.execute(ROW, (1,), prepare=True)


def simple(db: Any) -> None:
    """Write by a simple query of several statements."""
    db.autocommit = True
    psycopg.ClientCursor(db).execute("BEGIN; INSERT INTO t VALUES (1); /* COMMIT */ END")


def pipeline(db: Any) -> None:
    """Write several rows before one Sync."""
    db.autocommit = True
    with db.pipeline():
        for number in range(3):
            db.execute(ROW, (number,))


def function(db: Any) -> None:
    """Write by a function that a SELECT calls."""
    db.autocommit = True
    db.execute("SELECT put(%s)", (1,), prepare=True)


def cte(db: Any) -> None:
    """Write inside a query."""
    db.autocommit = True
    db.execute("WITH made AS (INSERT INTO t VALUES (%s) RETURNING id) SELECT id FROM made", (1,))


def copy(db: Any) -> None:
    """Write by COPY."""
    db.autocommit = True
    with db.cursor().copy("COPY t FROM STDIN") as rows:
        rows.write_row((1,))


WAYS = {
    "block": block,
    "autocommit": autocommit,
    "simple": simple,
    "pipeline": pipeline,
    "function": function,
    "cte": cte,
    "copy": copy,
}


def reading(db: Any) -> None:
    """Write nothing, in words that sound like it."""
    with db.transaction():
        db.execute("SELECT 'INSERT INTO t' FROM t")
        db.execute("UPDATE t SET id = 9 WHERE id = 8")


class Nobody:
    """The host: it is asked for nothing here."""

    def send(self, message: dict[str, Any]) -> None:
        raise NotImplementedError


def main(host: str) -> None:
    """Count and hold each way of writing before and after its commit."""
    deadline = time.monotonic() + 20
    while True:
        try:
            direct = psycopg.connect(host=host, user="app", dbname="app", autocommit=True, connect_timeout=2)
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    direct.execute("CREATE TABLE t (id int PRIMARY KEY)")
    direct.execute("CREATE FUNCTION put(int) RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES ($1)'")
    database = Postgres(Broker(Nobody()), host, sandbox="db")
    seen: dict[str, dict[str, Any]] = {}
    with PostgresProxy(
        listen_port=0, target=(host, 5432), listen_host="127.0.0.1", position=database.position
    ) as proxy:
        seen["reading"] = {"count": len(points(proxy, direct, reading))}
        for name, way in WAYS.items():
            seen[name] = {"count": len(points(proxy, direct, way))}
            for when in ("before", "after"):
                for action in ("drop", "forward"):
                    seen[name][f"{when} {action}"] = trap(proxy, direct, way, when, action)
    sys.stdout.write(json.dumps(seen))


def connect(proxy: PostgresProxy) -> Any:
    """Connect as a service does."""
    return psycopg.connect(host="127.0.0.1", port=proxy.port, user="app", dbname="app", sslmode="prefer")


def points(proxy: PostgresProxy, direct: Any, way: Way) -> tuple[CommitPoint, ...]:
    """Return the commit points of one way."""
    direct.execute("TRUNCATE t")
    with connect(proxy) as db:
        proxy.arm()
        way(db)
        return proxy.disarm()


def trap(proxy: PostgresProxy, direct: Any, way: Way, when: str, action: str) -> list[Any]:
    """Return rows while held, rows afterwards, and whether the client was told that all is well."""
    (point,) = points(proxy, direct, way)
    direct.execute("TRUNCATE t")
    told = []
    held = proxy.trap(point, when)

    def work() -> None:
        try:
            with connect(proxy) as db:
                way(db)
            told.append(True)
        except psycopg.Error:
            told.append(False)

    thread = threading.Thread(target=work)
    thread.start()
    if not held.held.wait(5):
        return ["never held"]
    during = rows(direct)
    held.release(action)
    thread.join(5)
    time.sleep(0.05)
    return [during, rows(direct), told[0]]


def rows(direct: Any) -> int:
    """Return how many rows are committed."""
    return int(direct.execute("SELECT count(*) FROM t").fetchone()[0])


main(sys.argv[1])
