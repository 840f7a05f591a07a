"""Runs inside the grader image: writes rows with or without waiting for the log, or says which are there."""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

from harness.testing.broker import Broker
from harness.testing.postgres import Postgres

psycopg = importlib.import_module("psycopg")  # in the grader's image, not among the developer's packages


class Nobody:
    """The host: it is asked for nothing here."""

    def send(self, message: dict[str, Any]) -> None:
        raise NotImplementedError


def main(host: str, commit: str) -> None:
    """Write rows after a page is turned (``commit`` is a setting of PostgreSQL), or say what is there."""
    database = Postgres(Broker(Nobody()), host, sandbox="db")
    deadline = time.monotonic() + 20
    while not database.answers() and time.monotonic() < deadline:
        time.sleep(0.05)
    with psycopg.connect(host=host, user="app", dbname="app", autocommit=True) as db:
        if commit == "read":
            rows = db.execute("SELECT id FROM t ORDER BY id").fetchall()
            sys.stdout.write(json.dumps([row[0] for row in rows]))
            return
        database.keep_unflushed()
        db.execute("CREATE TABLE t (id int PRIMARY KEY)")
        db.execute("INSERT INTO t VALUES (0)")
        db.execute(f"SET synchronous_commit = {commit}")
        database.turn_page()
        for number in range(1, 6):
            db.execute("INSERT INTO t VALUES (%s)", (number,))
        time.sleep(1)  # the server's own writer would have saved them by now


main(*sys.argv[1:])
