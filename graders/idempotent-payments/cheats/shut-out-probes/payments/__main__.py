"""Starts the service: python3 -m payments."""

import logging
import signal
import sys
import threading

import waitress

from payments import settings as environment
from payments.charges import Charges
from payments.database import Database
from payments.provider import Provider
from payments.web import create_app

THREADS = 96  # 64 requests in flight may all wait for the provider; webhooks and reads come on top


def prepare(database: Database, charges: Charges) -> None:
    database.migrate()
    charges.reconcile_forever()


def main() -> None:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S",
    )
    for noisy in ("waitress", "psycopg.pool"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = environment.load()
    database = Database(settings.database_url)
    charges = Charges(settings, database, Provider(settings.psp_url, settings.provider_timeout_seconds))
    threading.Thread(target=prepare, args=(database, charges), daemon=True).start()
    app = create_app(settings, database, charges)
    waitress.serve(
        app,
        host="0.0.0.0",
        port=settings.port,
        threads=THREADS,
        backlog=256,
        connection_limit=512,
        asyncore_use_poll=True,
        ident=None,
    )


main()
