"""Your own tests, against a started service. What they know: SERVICE_URL, BRIEF.md and the test amounts of PSP.md.

They have to pass on your service and fail on the starter. This one passes on both, so it earns nothing yet.
"""

import os
import uuid

import requests

SERVICE_URL = os.environ["SERVICE_URL"]
CAPTURED_STATE = os.environ.get("CAPTURED_STATE", "captured")


def charge(merchant: str, key: str, amount: str = "12.50") -> requests.Response:
    body = {"merchant": merchant, "amount": amount, "currency": "EUR"}
    return requests.post(f"{SERVICE_URL}/charges", json=body, headers={"Idempotency-Key": key}, timeout=10)


def test_a_charge_is_read_back_unchanged() -> None:
    created = charge(f"m-{uuid.uuid4().hex}", "k-1")
    assert created.status_code == 201
    assert created.json()["status"] == CAPTURED_STATE
    read = requests.get(f"{SERVICE_URL}/charges/{created.json()['id']}", timeout=10)
    assert read.json() == created.json()
