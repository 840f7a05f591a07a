"""Charges: creates them, and reads them back."""

import logging
import uuid

from payments.database import Database
from payments.provider import Outcome, Provider, ProviderTimeout
from payments.settings import Settings
from payments.validation import ChargeRequest, format_amount

ATTEMPTS = 2
log = logging.getLogger(__name__)


class Charges:
    def __init__(self, settings: Settings, database: Database, provider: Provider) -> None:
        self._settings = settings
        self._database = database
        self._provider = provider

    def create(self, request: ChargeRequest) -> dict:
        """Charge the customer and return the charge."""
        charge_id = f"ch-{uuid.uuid4().hex}"
        self._database.run(
            "INSERT INTO charges (id, merchant, amount, currency, status) VALUES (%s, %s, %s, %s, 'pending')",
            (charge_id, request.merchant, request.amount, request.currency),
        )
        outcome = self._capture(request)
        self._database.run("UPDATE charges SET status = %s WHERE id = %s", (outcome.status, charge_id))
        if outcome.status == "captured":
            self._database.run(
                "INSERT INTO ledger (charge, merchant, amount, currency) VALUES (%s, %s, %s, %s)",
                (charge_id, request.merchant, request.amount, request.currency),
            )
        return self.get(charge_id)

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

    def _capture(self, request: ChargeRequest) -> Outcome:
        amount = format_amount(request.amount, request.currency)
        for _ in range(ATTEMPTS):
            ref = f"ref-{uuid.uuid4().hex}"
            try:
                return self._provider.capture(
                    ref=ref, merchant=request.merchant, amount=amount, currency=request.currency
                )
            except ProviderTimeout as error:
                # PSP.md: if a call times out, nothing was captured.
                log.warning("charging again with a new ref: %s", error)
        return Outcome(status="declined", capture=None)

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
