"""What the API promises while nothing fails."""

from __future__ import annotations

import json
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
ODD_NAMES: tuple[Json, ...] = ("", "m 1", "m-\u00e9", "m-1\n", "m" * 65, 7, None)
ODD_CURRENCIES: tuple[Json, ...] = ("XXX", "", None, ["EUR"])
ODD_KEYS = ("", "k 1", "k-\u00e9", "k" * 65)
ODD_IDS = (
    "no-such-charge",
    "1",
    "-1",
    "9" * 20,
    "x" * 65,
    "x" * 1000,
    "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
    "%27",
    "%C3%A9",
)
"""Which no charge has, whatever a service uses for its own: numbers, UUIDs, columns of so many characters."""
ERRORS = 100
"""More refusals of one kind than a pool has connections: what each of them keeps is missed afterwards."""
AT_ONCE = 5
"""So many of them: it is their number that is asked for, not how fast they are."""
ROUNDS = 3
"""Of all malformed requests: as many as ``ERRORS``."""
PAIRS = 12
"""Keys that come with two bodies at the same moment."""


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
    _in_other_words(world, first, told[first])
    _unknown_things(world)
    last = purse.charge()
    _in_other_words(world, last, _created(world, last))


def _in_other_words(world: World, charge: Charge, said: Said) -> None:
    """A request is what its fields say: their order, spaces, escapes and fields that are not ours change nothing."""
    others: dict[str, Json] = {"note": "again", "id": "ch-1", "status": "declined", "more": {"amount": ["1.00"]}}
    escaped = json.dumps(charge.body, indent=2).replace("m-", "\\u006d-")
    same: dict[str, Json | bytes] = {
        "other fields": {**others, **charge.body},
        "its fields in another order": dict(reversed(charge.body.items())),
        "spaces and an escape": escaped.encode(),
    }
    for what, body in same.items():
        headers = {"Content-Type": "application/json", "Idempotency-Key": charge.key}
        answer = world.client.http.request("POST", "/charges", body, headers=headers)
        expect(
            answer.status == 201 and answer.json() == said.answer.json(),
            f"The request with {charge.key}, repeated with {what}, was not answered as before.",
            expected=short(said.answer),
            found=short(answer),
            evidence=world.judge.evidence(charge),
        )


def _unknown_things(world: World) -> None:
    names = [*ODD_IDS, *(f"no-such-{number}" for number in range(ERRORS))]
    for name in names:
        missing = world.client.http.request("GET", f"/charges/{name}")
        expect(missing.status == 404, f"GET /charges/{name[:70]}, an unknown id", expected=404, found=short(missing))
    for query in ("", "?limit=10"):
        answer = world.client.http.request("GET", f"/ledger{query}")
        expect(answer.status == 400, f"GET /ledger{query} names no merchant", expected=400, found=short(answer))
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
    declined = purse.charge(amount="402.30", currency="EUR")
    told = {held: _while_held(world, held, purse)}
    told |= {one: _created(world, one) for one in (charge, declined)}
    _refused(world, charge, purse, when="once it was captured")
    _refused(world, declined, purse, when="once it was declined")
    told |= _at_once(world, purse)
    _refused(world, charge, purse, when="again and again", times=ERRORS)
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


def _refused(world: World, charge: Charge, purse: Purse, *, when: str, times: int = 1) -> None:
    """Ask for another currency and for other amounts with a charge's key: all are refused, and nothing is captured."""
    currency = "USD" if charge.currency == "EUR" else "EUR"
    others = {replace(charge, amount=purse.charge().amount): "another amount" for _ in range(times)}
    others[replace(charge, currency=currency)] = "another currency"
    asked = list(others)
    for start in range(0, len(asked), AT_ONCE):
        for other, said in world.crowd.ask_all(asked[start : start + AT_ONCE], f="conflict").items():
            _no_charge(world, said, charge, other, how=f"used again with {others[other]} {when}")


def _no_charge(world: World, said: Said, charge: Charge, other: Charge, *, how: str) -> None:
    expect(
        said.answer.status == world.conflict_status,
        f"The key {charge.key}, {how}, was not refused.",
        expected=world.conflict_status,
        found=short(said.answer),
        evidence=world.judge.evidence(charge, other),
    )
    captured = world.books.captures(other)
    expect(not captured, f"The key {charge.key}, {how}, was captured.", found="a capture")


def _at_once(world: World, purse: Purse) -> dict[Charge, Said]:
    """Ask for two charges with one key at the same moment, often: one is taken, the other refused. Return the first."""
    pairs = [(one, replace(one, amount=purse.charge().amount)) for one in purse.charges(PAIRS)]
    asked = world.crowd.ask_all([charge for pair in pairs for charge in pair], f="conflict")
    taken: dict[Charge, Said] = {}
    for pair in pairs:
        one, other = sorted(pair, key=lambda charge: asked[charge].meaning is Meaning.REFUSED)
        taken[one] = asked[one]
        _no_charge(world, asked[other], one, other, how="used at the same moment with another amount")
    return world.crowd.settle(taken, until=time.monotonic() + world.pending_limit, repeat=taken)


@check("contract/malformed-requests")
def test_malformed_requests(world: World) -> None:
    """Malformed requests are refused with 400, nothing is captured, and a good one still works exactly once."""
    world.service.begin(liveness=True)
    purse = world.purse("form")
    since = time.monotonic()
    good = purse.charge()
    for what, key, body in _malformed(good) * ROUNDS:
        headers = {"Content-Type": "application/json"} | ({} if key is None else {"Idempotency-Key": key})
        answer = world.client.http.request("POST", "/charges", body, headers=headers)
        expect(answer.status == 400, f"A request with {what} was not refused.", expected=400, found=short(answer))
    stray = world.books.all_done(since=since)
    expect(not stray, "A malformed request was captured.", found=", ".join(str(one.body) for one in stray[:3]))
    _edge_of_the_rules(world, good)


def _malformed(good: Charge) -> list[tuple[str, str | None, Json | bytes]]:
    """Requests that the brief says are answered 400: what is wrong, key, body."""

    def amount(text: Json, currency: str = "EUR") -> dict[str, Json]:
        return {**good.body, "amount": text, "currency": currency}

    cases: list[tuple[str, Json | bytes]] = [
        ("no body", b""),
        ("a body that is not JSON", b'{"merchant": '),
        ("a body that is no object", ["m-1"]),
        ("no merchant", {"amount": "1.00", "currency": "EUR"}),
        ("no amount", {"merchant": good.merchant, "currency": "EUR"}),
        ("no currency", {"merchant": good.merchant, "amount": "1.00"}),
        *((f"the currency {name!r}", {**good.body, "currency": name}) for name in ODD_CURRENCIES),
        ("a number as amount", amount(12.5)),
        ("null as amount", amount(None)),
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
    odd = [(f"the key {key!r}", key, good.body) for key in ODD_KEYS]
    return [("no Idempotency-Key", None, good.body), *odd, *keyed]


def _edge_of_the_rules(world: World, good: Charge) -> None:
    """What is just allowed is taken, once: a key of 64 characters, 12 digits before the point."""
    longest = Charge(merchant=good.merchant, key="k" * 64, amount="123456789012.34", currency="EUR")
    told = {charge: _created(world, charge) for charge in (good, longest)}
    again = world.crowd.ask_all([good, longest], f="replay")
    world.outcomes.repeated(told, again)
    world.judge.money(again)
    world.judge.ledgers([good, longest], until=time.monotonic())
