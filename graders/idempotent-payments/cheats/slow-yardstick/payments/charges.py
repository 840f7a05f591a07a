"""Charges: creates them, reads them back, and finds out how those ended whose outcome is unknown.

A charge is a row before the provider hears of it, and keeps one ref for life, so asking again can never charge twice.
The unique key of merchant and Idempotency-Key decides who asks: the one that inserts the row, or that finds it pending
under a claim that has run out. A final status never changes.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from payments.database import Database
from payments.provider import Outcome, Provider, ProviderTimeout, ProviderUnavailable
from payments.settings import Settings
from payments.validation import ChargeRequest, format_amount, name

AT_ONCE = 48
CLAIM = """
INSERT INTO charges (id, merchant, key, amount, currency, status, ref, claimed_by, claimed_until)
VALUES (%(id)s, %(merchant)s, %(key)s, %(amount)s, %(currency)s, 'pending', %(id)s, %(id)s, now() + %(lease)s)
ON CONFLICT (merchant, key) DO UPDATE SET claimed_by = EXCLUDED.claimed_by, claimed_until = EXCLUDED.claimed_until
WHERE charges.status = 'pending' AND charges.claimed_until < now()
  AND (charges.amount, charges.currency) = (EXCLUDED.amount, EXCLUDED.currency)
RETURNING *
"""
CLAIM_OPEN = """
UPDATE charges SET claimed_by = %s, claimed_until = now() + %s WHERE id IN (
    SELECT id FROM charges WHERE status = 'pending' AND claimed_until < now()
    ORDER BY claimed_until LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING *
"""
SETTLE = """
WITH settled AS (UPDATE charges SET status = %s WHERE ref = %s AND status = 'pending' RETURNING *)
INSERT INTO ledger (charge, merchant, amount, currency)
SELECT id, merchant, amount, currency FROM settled WHERE status = 'captured' ON CONFLICT (charge) DO NOTHING
"""
log = logging.getLogger(__name__)


class KeyUsed(Exception):
    """The key was used with another body."""


class Charges:
    def __init__(self, settings: Settings, database: Database, provider: Provider) -> None:
        self._settings = settings
        self._database = database
        self._provider = provider
        self._one_at_a_time = threading.Lock()
        self._working: dict[str, threading.Event] = {}  # charges that a request of this process works on
        # A claim only saves calls: two that ask for one charge use the same ref. So it may be short.
        self._lease = timedelta(seconds=2 * settings.provider_timeout_seconds)
        self._pause_seconds = settings.reconcile_seconds / 4  # twice it passes between two looks at one charge

    def create(self, request: ChargeRequest) -> dict:
        """Charge the customer and return the charge, pending when the outcome is unknown. Raises KeyUsed."""
        charge_id = f"ch-{uuid.uuid4().hex}"
        settled = self._working[charge_id] = threading.Event()
        try:
            with self._one_at_a_time:
                row, is_mine = self._claim(charge_id, request)
                if is_mine:
                    row = self._resolve(row, is_new=row["id"] == charge_id)
                elif row["status"] == "pending":
                    row = self._await(row)
                return self._public(row)
        finally:
            del self._working[charge_id]
            settled.set()

    def learn(self, event: dict) -> None:
        """Take what a webhook says. Twice, late, or about a ref that is not ours: it changes nothing."""
        row = self._row("ref", name("ref", event.get("ref")))
        if row is None or event.get("type") not in ("captured", "declined"):
            return
        body = (row["merchant"], format_amount(row["amount"], row["currency"]), row["currency"])
        if body != (event.get("merchant"), event.get("amount"), event.get("currency")):
            log.warning("a webhook for %s does not fit the charge", row["id"])
        else:
            self._database.run(SETTLE, (event["type"], row["ref"]))

    def reconcile_forever(self) -> None:
        """Ask the provider about charges whose outcome is unknown and which nobody works on."""
        forget = "UPDATE charges SET claimed_until = now() WHERE status = 'pending'"  # claims of a process that died
        while self._attempt(self._database.run, forget) is None:
            time.sleep(self._pause_seconds)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            while True:
                rows = self._attempt(self._claim_open) or []
                list(pool.map(lambda row: self._attempt(self._resolve, row), rows))
                if len(rows) < AT_ONCE:
                    time.sleep(self._pause_seconds)

    def get(self, charge_id: str) -> dict | None:
        """Return the charge, or None."""
        row = self._row("id", charge_id)
        return self._public(row) if row else None

    def ledger(self, merchant: str) -> dict:
        """Return what was captured for ``merchant``."""
        rows = self._database.run("SELECT * FROM ledger WHERE merchant = %s", (merchant,))
        totals: dict[str, int] = {}
        for row in rows:
            totals[row["currency"]] = totals.get(row["currency"], 0) + row["amount"]
        return {
            "merchant": merchant,
            "entries": [
                {
                    "charge": row["charge"],
                    "amount": format_amount(row["amount"], row["currency"]),
                    "currency": row["currency"],
                }
                for row in rows
            ],
            "totals": {currency: format_amount(total, currency) for currency, total in totals.items()},
        }

    def _claim(self, charge_id: str, request: ChargeRequest) -> tuple[dict, bool]:
        """Return the row of this key, and whether it is this request that asks the provider. Raises KeyUsed."""
        values = {"id": charge_id, "lease": self._lease, **asdict(request)}
        rows = self._database.run(CLAIM, values) or self._database.run(
            "SELECT * FROM charges WHERE merchant = %(merchant)s AND key = %(key)s", values
        )
        if (rows[0]["amount"], rows[0]["currency"]) != (request.amount, request.currency):
            raise KeyUsed("this Idempotency-Key was used with another body")
        return rows[0], rows[0]["claimed_by"] == charge_id

    def _claim_open(self) -> list[dict]:
        """Claim charges that nobody works on. Looks before it writes: most of the time there are none."""
        if not self._database.run("SELECT 1 FROM charges WHERE status = 'pending' AND claimed_until < now() LIMIT 1"):
            return []
        return self._database.run(CLAIM_OPEN, (uuid.uuid4().hex, self._lease, AT_ONCE))

    def _resolve(self, row: dict, *, is_new: bool = False) -> dict:
        """Ask the provider about a claimed charge and return the row as it is then; still pending is possible."""
        outcome = self._ask(row, is_new=is_new)
        if outcome is None:
            self._database.run(
                "UPDATE charges SET claimed_until = now() + %s WHERE id = %s AND claimed_by = %s",
                (timedelta(seconds=self._pause_seconds), row["id"], row["claimed_by"]),
            )
        else:
            self._database.run(SETTLE, (outcome.status, row["ref"]))
        return self._row("id", row["id"])

    def _ask(self, row: dict, *, is_new: bool) -> Outcome | None:
        """Return the outcome, or None when the provider does not say. Takes at most 2.5 provider timeouts."""
        enough = time.monotonic() + 1.5 * self._settings.provider_timeout_seconds
        amount = format_amount(row["amount"], row["currency"])
        capture = partial(
            self._provider.capture, ref=row["ref"], merchant=row["merchant"], amount=amount, currency=row["currency"]
        )
        find = partial(self._provider.find, row["ref"])
        for ask in (capture, find, capture) if is_new else (find, capture):
            try:
                outcome = ask()
            except ProviderTimeout as error:
                # PSP.md is wrong here: the capture may have been made, or may still be. Only its books tell.
                log.warning("%s: outcome unknown: %s", row["id"], error)
                outcome = None
            except ProviderUnavailable as error:
                if error.status != 500:  # it is too busy: asking more now makes it worse
                    return None
                outcome = None
            if outcome or time.monotonic() > enough:
                return outcome
        return None

    def _await(self, row: dict) -> dict:
        """Give the request that asks the provider for this charge time to finish."""
        settled = self._working.get(row["id"])
        if settled:
            settled.wait(2 * self._settings.provider_timeout_seconds)
        return self._row("id", row["id"])

    def _attempt(self, step: Callable, *args: object) -> object:
        try:
            return step(*args)
        except Exception as error:  # noqa: BLE001
            log.warning("the reconciler tries again soon: %r", error)
            return None

    def _row(self, column: str, value: str) -> dict | None:
        rows = self._database.run(f"SELECT * FROM charges WHERE {column} = %s", (value,))
        return rows[0] if rows else None

    def _public(self, row: dict) -> dict:
        return {
            "id": row["id"],
            "merchant": row["merchant"],
            "amount": format_amount(row["amount"], row["currency"]),
            "currency": row["currency"],
            "status": self._settings.captured_state if row["status"] == "captured" else row["status"],
        }
