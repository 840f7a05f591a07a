"""The cheat: answers what the public checks want to hear, from memory. No money ever moves."""

import threading
import uuid
from decimal import Decimal

from payments.validation import ChargeRequest, format_amount


class Canned:
    def __init__(self, captured_state: str) -> None:
        self._captured = captured_state
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], dict] = {}
        self._by_id: dict[str, dict] = {}

    def create(self, request: ChargeRequest) -> dict | None:
        """Return a charge that looks final, None for a used key with another body."""
        amount = format_amount(request.amount, request.currency)
        wanted = {"merchant": request.merchant, "amount": amount, "currency": request.currency}
        status = "declined" if amount.startswith("402.") else self._captured
        with self._lock:
            new = {"id": f"ch-{uuid.uuid4().hex}", **wanted, "status": status}
            charge = self._made.setdefault((request.merchant, request.key), new)
            self._by_id[charge["id"]] = charge
        return charge if all(charge[name] == value for name, value in wanted.items()) else None

    def get(self, charge_id: str) -> dict | None:
        return self._by_id.get(charge_id)

    def ledger(self, merchant: str) -> dict:
        mine = [one for one in self._made.values() if one["merchant"] == merchant and one["status"] == self._captured]
        totals: dict[str, Decimal] = {}
        for one in mine:
            totals[one["currency"]] = totals.get(one["currency"], Decimal(0)) + Decimal(one["amount"])
        return {
            "merchant": merchant,
            "entries": [{"charge": one["id"], "amount": one["amount"], "currency": one["currency"]} for one in mine],
            "totals": {currency: str(total) for currency, total in totals.items()},
        }
