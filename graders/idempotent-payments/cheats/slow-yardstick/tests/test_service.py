"""Black-box tests: what they know is SERVICE_URL, BRIEF.md and the test amounts of PSP.md."""

import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

SERVICE_URL = os.environ["SERVICE_URL"]
CONFLICT_STATUS = int(os.environ.get("CONFLICT_STATUS", "409"))
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


def test_equal_requests_at_once_are_one_charge(merchant: str) -> None:
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: charge(merchant, "k-1"), range(3)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert ledger(merchant)["totals"] == {"EUR": "12.50"}


def test_another_body_under_a_used_key_is_refused(merchant: str) -> None:
    charge(merchant, "k-1")
    assert charge(merchant, "k-1", amount="12.51").status_code == CONFLICT_STATUS
    assert charge(f"{merchant}-2", "k-1", amount="12.51").status_code == 201


@pytest.mark.parametrize(
    ("amount", "status"), [("402.00", "declined"), ("500.00", CAPTURED_STATE), ("504.00", CAPTURED_STATE)]
)
def test_a_charge_ends_as_the_provider_says(merchant: str, amount: str, status: str) -> None:
    last = charge(merchant, "k-1", amount)
    give_up = time.monotonic() + 8
    while last.status_code == 202 and time.monotonic() < give_up:
        time.sleep(0.2)
        last = charge(merchant, "k-1", amount)
    assert (last.status_code, last.json()["status"]) == (201, status)
    assert ledger(merchant)["totals"] == ({} if status == "declined" else {"EUR": amount})


@pytest.mark.parametrize(("amount", "currency"), [("1500", "JPY"), ("1.005", "KWD")])
def test_each_currency_has_its_decimals(merchant: str, amount: str, currency: str) -> None:
    assert charge(merchant, "k-1", amount, currency).status_code == 201
    assert charge(merchant, "k-2", f"{amount}0", "EUR").status_code == 400
    assert ledger(merchant)["totals"] == {currency: amount}
