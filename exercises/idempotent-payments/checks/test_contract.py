"""What the API promises while nothing fails."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from schedule import Charge, Purse
from world import World

from harness.model import Json
from harness.testing import check, expect, fail
from harness.testing.answers import Meaning, Said, short
from harness.testing.scripted import BEFORE, await_held, releasing

ODD_AMOUNTS = ("00.50", "007.10", ".50", "1.", "+1.00", " 1.00", "1.00 ", "1.00\n", "1,00", "1_0.00", "\u0661.00", "")
"""What number parsers take and the brief refuses: zeros, points, signs, spaces, a line end, other digits."""
ODD_NAMES: tuple[Json, ...] = ("", "m 1", "m-\u00e9", "m-1\n", "m" * 65, 7)


def _created(world: World, charge: Charge) -> Said:
    """Return the final answer about a charge that nothing disturbs."""
    said = world.crowd.ordinary([charge])[charge]
    expect(
        said.meaning is Meaning.FINAL,
        f"POST /charges with key {charge.key} did not lead to a final charge.",
        expected=f"201 with id, merchant, amount {charge.amount}, {charge.currency}, status {world.client.captured}",
        found=short(said.answer),
        evidence=world.judge.evidence(charge),
    )
    return said


@check("contract/create-then-read")
def test_create_then_read(world: World) -> None:
    """A charge is created, read back unchanged, listed in the ledger, and answered the same when it is repeated."""
    world.service.begin(liveness=True)
    purse = world.purse("create", merchants=2)
    first, second = purse.charges(2)
    declined = purse.charge(amount="402.10", currency="EUR")
    told = {charge: _created(world, charge) for charge in (first, second, declined)}
    expect(
        told[declined].status == "declined",
        "The provider declined a charge (test amount 402), and the service reported something else.",
        expected="201 with status declined",
        found=str(told[declined]),
    )
    for charge, said in told.items():
        read = world.client.read(charge, said.id)
        expect(
            read.meaning is Meaning.FINAL and read.answer.json() == said.answer.json(),
            f"GET /charges/{{id}} of {charge.key} is not what POST answered.",
            expected=f"200, the body of the 201: id {said.id}, {said.status}",
            found=short(read.answer),
        )
    world.judge.money(told)
    again = world.crowd.ask_all(list(told), f="replay")
    for charge, said in again.items():
        expect(said.meaning is Meaning.FINAL, f"A repeated request ({charge.key}) got no 201.", found=str(said))
    world.outcomes.repeated(told, again)
    world.judge.money(again)
    world.judge.ledgers(told, until=time.monotonic())
    _unknown_things(world)


def _unknown_things(world: World) -> None:
    missing = world.client.http.request("GET", "/charges/no-such-charge")
    expect(missing.status == 404, "GET /charges/{id} of an unknown id", expected=404, found=short(missing))
    empty = world.client.ledger("m-nobody")
    expect(
        not empty.problem and not empty.entries,
        "GET /ledger of an unknown merchant is not an empty ledger.",
        expected='200 {"merchant":"m-nobody","entries":[],"totals":{}}',
        found=empty.problem or "entries",
    )


@check("contract/key-with-other-body")
def test_key_with_other_body(world: World) -> None:
    """Another body under a used key is refused and nothing is captured, however far the first charge is."""
    world.service.begin(liveness=True)
    purse = world.purse("body")
    held, charge = purse.charges(2)
    told = {held: _while_held(world, held, purse)}
    told[charge] = _created(world, charge)
    _refused(world, charge, purse, when="once it was final")
    again = world.crowd.ask_all(list(told), f="replay")
    for one, said in again.items():
        expect(
            said.meaning is Meaning.FINAL, f"The first request with {one.key}, repeated, got no 201.", found=str(said)
        )
    world.outcomes.repeated(told, again)
    world.judge.money(again)
    world.judge.ledgers(told, until=time.monotonic())


def _while_held(world: World, charge: Charge, purse: Purse) -> Said:
    """Ask for a charge, and with its key for others while the provider has the call in hand; return its outcome."""
    hold = world.provider.hold(charge, BEFORE)
    with ThreadPoolExecutor(max_workers=1) as pool, releasing(world.provider.calls, [hold]):
        asked = pool.submit(world.client.post, charge)
        if not await_held([hold], within_seconds=world.pending_limit, after_first_seconds=0):
            fail(
                "A charge was not sent to the provider.",
                found=str(asked.result()),
                evidence=world.judge.evidence(charge),
            )
        _refused(world, charge, purse, when="while the provider had the call in hand")
        hold.release(forward=True)
    said = world.crowd.settle({charge: asked.result()}, until=time.monotonic() + world.pending_limit, repeat=[charge])
    return said[charge]


def _refused(world: World, charge: Charge, purse: Purse, *, when: str) -> None:
    """Ask for another amount and for another currency with a charge's key: both are refused, and nothing is captured."""
    currency = "USD" if charge.currency == "EUR" else "EUR"
    others = {
        "another amount": replace(charge, amount=purse.charge().amount),
        "another currency": replace(charge, currency=currency),
    }
    for what, other in others.items():
        answer = world.client.post(other, f="conflict").answer
        expect(
            answer.status == world.conflict_status,
            f"The key {charge.key}, used again with {what} {when}, was not refused.",
            expected=world.conflict_status,
            found=short(answer),
            evidence=world.judge.evidence(charge, other),
        )
        captured = world.books.captures(other)
        expect(not captured, f"The key {charge.key}, used again with {what} {when}, was captured.", found="a capture")


@check("contract/malformed-requests")
def test_malformed_requests(world: World) -> None:
    """Malformed requests are refused with 400, nothing is captured, and a good one still works exactly once."""
    world.service.begin(liveness=True)
    purse = world.purse("form")
    since = time.monotonic()
    good = purse.charge()
    for what, key, body in _malformed(good):
        headers = {} if key is None else {"Idempotency-Key": key}
        answer = world.client.http.request("POST", "/charges", body, headers=headers)
        expect(answer.status == 400, f"A request with {what} was not refused.", expected=400, found=short(answer))
    stray = world.books.captured_since(since)
    expect(not stray, "A malformed request was captured.", found=", ".join(str(one.body) for one in stray[:3]))
    _edge_of_the_rules(world, good)


def _malformed(good: Charge) -> list[tuple[str, str | None, Json | bytes]]:
    """Requests that the brief says are answered 400: what is wrong, key, body."""

    def amount(text: Json, currency: str = "EUR") -> dict[str, Json]:
        return {**good.body, "amount": text, "currency": currency}

    cases: list[tuple[str, Json | bytes]] = [
        ("a body that is not JSON", b'{"merchant": '),
        ("a body that is no object", ["m-1"]),
        ("no merchant", {"amount": "1.00", "currency": "EUR"}),
        ("no amount", {"merchant": good.merchant, "currency": "EUR"}),
        ("no currency", {"merchant": good.merchant, "amount": "1.00"}),
        ("an unknown currency", amount("1.00", "XXX")),
        ("a number as amount", amount(12.5)),
        ("the amount 12.5 in EUR", amount("12.5")),
        ("the amount 12.505 in EUR", amount("12.505")),
        ("the amount 12 in EUR", amount("12")),
        ("the amount 0.00", amount("0.00")),
        ("the amount -1.00", amount("-1.00")),
        ("the amount 1e2", amount("1e2")),
        ("the amount NaN", amount("NaN")),
        ("13 digits before the point", amount("1234567890123.00")),
        *((f"the amount {text!r}", amount(text)) for text in ODD_AMOUNTS),
        *((f"the merchant {name!r}", {**good.body, "merchant": name}) for name in ODD_NAMES),
        ("the currency in small letters", amount("1.00", good.currency.lower())),
    ]
    keyed: list[tuple[str, str | None, Json | bytes]] = [
        (what, f"k-{number:02d}-none", body) for number, (what, body) in enumerate(cases)
    ]
    return [("no Idempotency-Key", None, good.body), ("a key of 65 characters", "k" * 65, good.body), *keyed]


def _edge_of_the_rules(world: World, good: Charge) -> None:
    """What is just allowed is taken, once: a key of 64 characters, 12 digits before the point."""
    longest = Charge(merchant=good.merchant, key="k" * 64, amount="123456789012.34", currency="EUR")
    told = {charge: _created(world, charge) for charge in (good, longest)}
    again = world.crowd.ask_all([good, longest], f="replay")
    world.outcomes.repeated(told, again)
    world.judge.money(again)
    world.judge.ledgers([good, longest], until=time.monotonic())
