"""Your own tests, against a started service. What they know: SERVICE_URL, BRIEF.md and the test amounts of PSP.md.

They have to pass on your service and fail on the starter. This one passes on both, so it earns nothing yet.
"""

import os
import uuid

import pytest
import requests

SERVICE_URL = os.environ["SERVICE_URL"]
CAPTURED_STATE = os.environ.get("CAPTURED_STATE", "captured")


def charge(merchant: str, key: str, amount: str = "12.50", currency: str = "EUR") -> requests.Response:
    body = {"merchant": merchant, "amount": amount, "currency": currency}
    return requests.post(f"{SERVICE_URL}/charges", json=body, headers={"Idempotency-Key": key}, timeout=10)


def ledger(merchant: str) -> dict:
    return requests.get(f"{SERVICE_URL}/ledger", params={"merchant": merchant}, timeout=10).json()


@pytest.fixture
def merchant() -> str:
    return f"m-{uuid.uuid4().hex}"


def test_a_charge_is_read_back_unchanged(merchant: str) -> None:
    created = charge(merchant, "k-1")
    assert (created.status_code, created.json()["status"]) == (201, CAPTURED_STATE)
    assert requests.get(f"{SERVICE_URL}/charges/{created.json()['id']}", timeout=10).json() == created.json()
    assert ledger(merchant)["totals"] == {"EUR": "12.50"}
