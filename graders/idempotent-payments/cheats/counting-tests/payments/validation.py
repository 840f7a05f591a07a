"""The rules for what clients send. Amounts are whole minor units inside: 12.50 EUR is 1250."""

import json
import re
from dataclasses import dataclass

DECIMALS = {"EUR": 2, "USD": 2}
VISIBLE_ASCII = re.compile(r"[\x21-\x7e]{1,64}")


class BadRequest(Exception):
    """The request breaks a rule; the text says which."""


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    key: str
    merchant: str
    amount: int
    currency: str


def charge_request(key: str | None, body: bytes) -> ChargeRequest:
    """Return what the client wants. Raises BadRequest."""
    if key is None or not VISIBLE_ASCII.fullmatch(key):
        raise BadRequest("expected a header Idempotency-Key of 1 to 64 visible ASCII characters")
    fields = json_object(body)
    currency = fields.get("currency")
    if not isinstance(currency, str) or currency not in DECIMALS:
        raise BadRequest(f"expected currency to be one of {', '.join(DECIMALS)}")
    return ChargeRequest(
        key=key,
        merchant=name("merchant", fields.get("merchant")),
        amount=parse_amount(fields.get("amount"), currency),
        currency=currency,
    )


def json_object(body: bytes) -> dict:
    """Return the JSON object in ``body``. Raises BadRequest."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("expected a body of JSON") from None
    if not isinstance(fields, dict):
        raise BadRequest("expected a JSON object")
    return fields


def name(field: str, value: object) -> str:
    """Return ``value`` when it can be a name (of a merchant, for one). Raises BadRequest."""
    if not isinstance(value, str) or not VISIBLE_ASCII.fullmatch(value):
        raise BadRequest(f"expected {field} to be a string of 1 to 64 visible ASCII characters")
    return value


def parse_amount(text: object, currency: str) -> int:
    """Return minor units. Raises BadRequest unless ``text`` has exactly the decimals of ``currency``."""
    decimals = DECIMALS[currency]
    pattern = r"(0|[1-9][0-9]{0,11})" + (rf"\.([0-9]{{{decimals}}})" if decimals else "()")
    match = re.fullmatch(pattern, text) if isinstance(text, str) else None
    amount = int(match[1] + match[2]) if match else 0
    if amount <= 0:
        raise BadRequest(f"expected amount to be a string over zero with {decimals} decimals, at most 12 digits before")
    return amount


def format_amount(amount: int, currency: str) -> str:
    """The inverse of ``parse_amount``."""
    decimals = DECIMALS[currency]
    digits = str(amount).rjust(decimals + 1, "0")
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
