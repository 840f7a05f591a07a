"""What throughput is compared with: the same kind of work as the exercise, without the hard part.

``POST /charges`` asks the provider for a capture and writes one row. It trusts every request and survives nothing:
no idempotency, no recovery, no webhooks. It runs under the candidate's limits while the candidate's service is paused.
"""

from __future__ import annotations

import http.client
import json
import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import psycopg_pool
import waitress
from flask import Flask, Response, jsonify, request

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = """
CREATE TABLE IF NOT EXISTS yardstick_charges
    (id text PRIMARY KEY, merchant text NOT NULL, amount numeric NOT NULL, currency text NOT NULL)
"""
PROVIDER_TIMEOUT_SECONDS = 10.0
THREADS = 96

_log = logging.getLogger(__name__)


class Provider:
    """The provider's client; the connection that was used last is used next, so that few are open."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "psp", parts.port or 80)
        self._idle: deque[http.client.HTTPConnection] = deque()

    def capture(self, charge: Mapping[str, str]) -> bool:
        """Ask for a capture under a new ref and say whether it was made. Raises OSError or HTTPException."""
        body = json.dumps({"ref": f"ref-{uuid.uuid4().hex}", **charge}).encode()
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = http.client.HTTPConnection(*self._address, timeout=PROVIDER_TIMEOUT_SECONDS)
        try:
            connection.request("POST", "/captures", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            raise
        self._idle.append(connection)
        return answer.status == http.HTTPStatus.CREATED


def create_app(pool: psycopg_pool.ConnectionPool, provider: Provider) -> Flask:
    """Return the application: ``GET /health`` and ``POST /charges``."""
    app = Flask(__name__)

    @app.get("/health")
    def health() -> Response:
        with pool.connection() as connection:
            connection.execute("SELECT 1 FROM yardstick_charges LIMIT 1")
        return jsonify(ready=True)

    @app.post("/charges")
    def create() -> tuple[Response, int]:
        fields = json.loads(request.get_data())
        charge = {name: str(fields[name]) for name in ("merchant", "amount", "currency")}
        charge_id = f"ch-{uuid.uuid4().hex}"
        if not provider.capture(charge):
            return jsonify(error="not captured"), http.HTTPStatus.BAD_GATEWAY
        with pool.connection() as connection:
            connection.execute(
                "INSERT INTO yardstick_charges VALUES (%s, %s, %s, %s)",
                (charge_id, charge["merchant"], charge["amount"], charge["currency"]),
            )
        return jsonify(id=charge_id, status="captured", **charge), http.HTTPStatus.CREATED

    @app.post("/webhooks/psp")
    def webhook() -> Response:
        return jsonify(taken=True)

    @app.errorhandler(psycopg.Error)
    @app.errorhandler(psycopg_pool.PoolTimeout)
    @app.errorhandler(OSError)
    @app.errorhandler(http.client.HTTPException)
    def failed(error: Exception) -> tuple[Response, int]:
        _log.warning("%r", error)
        return jsonify(error="a part is away"), http.HTTPStatus.SERVICE_UNAVAILABLE

    return app


def prepare(pool: psycopg_pool.ConnectionPool) -> None:
    """Create the table, however long the database is away."""
    while True:
        try:
            with pool.connection() as connection:
                connection.execute(TABLE)
        except (psycopg.Error, psycopg_pool.PoolTimeout):
            time.sleep(0.2)
        else:
            return


def main() -> None:
    """Serve until SIGTERM."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    for noisy in ("waitress", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    pool = psycopg_pool.ConnectionPool(
        os.environ["DATABASE_URL"],
        min_size=0,
        max_size=20,
        timeout=1.0,
        reconnect_timeout=0.5,
        kwargs={"autocommit": True, "connect_timeout": 2},
        open=True,
    )
    threading.Thread(target=prepare, args=(pool,), daemon=True).start()
    waitress.serve(
        create_app(pool, Provider(os.environ["PSP_URL"])),
        host="0.0.0.0",
        port=int(os.environ.get("PORT", "8080")),
        threads=THREADS,
        backlog=256,
        connection_limit=512,
        asyncore_use_poll=True,
        ident=None,
    )


if __name__ == "__main__":
    main()
