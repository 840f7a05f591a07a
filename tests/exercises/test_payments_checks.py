"""The pure parts of the payments checks: what is charged, what the provider does, and how its books are kept."""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.testing.clients import Answer
from harness.testing.deals import deal, generator
from harness.testing.diary import Diary
from harness.testing.job import Job
from harness.testing.scripted import Step
from harness.testing.upstreams import Request
from harness.testing.webhooks import Webhook

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "exercises/idempotent-payments/checks", ROOT / "graders/idempotent-payments")
NAMES = ("schedule", "books", "psp", "client", "judge", "world", "news", "plans")
CANARY = "canary-8d41f6b2-payments-c07e95a3"


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The modules as a grader sandbox imports them: by name, from their own folders."""
    sys.path[:0] = [str(folder) for folder in FOLDERS]
    try:
        yield {name: importlib.import_module(name) for name in NAMES}
    finally:
        del sys.path[: len(FOLDERS)]
        for name in NAMES:
            sys.modules.pop(name, None)


def job(*, seed: int = 7, mode: str = "grade") -> Job:
    return Job(
        exercise="idempotent-payments",
        version="1.0",
        mode=mode,
        seed=seed,
        variant=0,
        parameters={},
        language="python",
        timeouts={},
        has_tests=False,
        checks=(),
    )


def drawn(modules: dict[str, ModuleType], one: Job) -> list[object]:
    """Everything that a grading draws at random."""
    schedule, plans = modules["schedule"], modules["plans"]
    rng = generator(one, "a check")
    purse = schedule.Purse(rng, merchants=3)
    charges = purse.charges(30)
    return [
        purse.merchants,
        charges,
        deal(rng, charges, ["x", "y", "z"]),
        plans.ambiguous_scripts(rng, 1.0, 1.0),
        plans.outage(rng, 1.0, charges),
        plans.hanging(rng, charges),
    ]


def test_schedule_is_the_same_for_equal_seeds(modules: dict[str, ModuleType]) -> None:
    """Equal seeds give equal schedules."""
    assert drawn(modules, job(seed=7)) == drawn(modules, job(seed=7))


@pytest.mark.parametrize("other", [job(seed=8), job(mode="check")])
def test_schedule_differs_for_another_seed_and_for_check(modules: dict[str, ModuleType], other: Job) -> None:
    """Another seed draws another schedule, and so does the candidate's own check with the same seed."""
    assert drawn(modules, job()) != drawn(modules, other)


def test_purse_hands_out_charges_that_are_recognised_by_value(modules: dict[str, ModuleType]) -> None:
    """No two charges share merchant, currency and amount, and none is a documented test amount."""
    schedule = modules["schedule"]
    charges = schedule.Purse(generator(job(), "a"), merchants=2).charges(5000)
    assert len({charge.value for charge in charges}) == len(charges)
    assert not {int(charge.value[2]) for charge in charges} & {402, 500, 504}
    assert len({(charge.merchant, charge.key) for charge in charges}) == len(charges)


@pytest.mark.parametrize(
    ("amount", "currency", "right"),
    [
        ("12.50", "EUR", True),
        ("12.5", "EUR", False),
        ("12", "EUR", False),
        ("1250", "JPY", True),
        ("1250.0", "JPY", False),
        ("1.005", "KWD", True),
        ("1e3", "JPY", False),
        ("١٢", "JPY", False),
        ("-1.00", "EUR", False),
        (".50", "EUR", False),
        ("1.00", "XXX", False),
        (12.5, "EUR", False),
        ("9" * 50, "JPY", False),
    ],
)
def test_parse_amount_takes_exact_decimals_only(
    modules: dict[str, ModuleType], amount: object, currency: str, *, right: bool
) -> None:
    """An amount is what the brief says, to the digit, or it is none."""
    assert (modules["books"].parse_amount(amount, currency) is not None) is right


class Provider:
    """A provider without a network."""

    def __init__(self, modules: dict[str, ModuleType]) -> None:
        self.webhooks: list[Any] = []
        self.books = modules["books"].Books()
        diary = Diary(lambda stamp: stamp)
        self.real = modules["psp"].Provider(self.books, diary, self._post)
        self.numbers = 0

    def _post(self, message: Any) -> Answer:
        self.webhooks.append(message)
        return Answer(status=200, start=0.0, end=0.0)

    def call(self, method: str, body: object = None, ref: str = "") -> tuple[int | None, Any]:
        self.numbers += 1
        reply = self.real.handle(
            Request(
                number=self.numbers,
                source="10.0.0.2",
                method=method,
                path="/captures",
                query={"ref": ref} if ref else {},
                headers=(),
                body=json.dumps(body).encode(),
                received=time.monotonic(),
            )
        )
        return (None if reply.drop else reply.status), reply.json

    def capture(self, charge: Any, ref: str) -> tuple[int | None, Any]:
        return self.call("POST", {"ref": ref, **charge.body})


@pytest.fixture
def provider(modules: dict[str, ModuleType]) -> Iterator[Provider]:
    one = Provider(modules)
    yield one
    one.real.close()


def charge_of(modules: dict[str, ModuleType], amount: str = "12.50", currency: str = "EUR") -> Any:
    return modules["schedule"].Charge(merchant="m-1", key="k-1", amount=amount, currency=currency)


def test_provider_captures_a_ref_once(modules: dict[str, ModuleType], provider: Provider) -> None:
    """The same ref never captures twice, another ref is another capture, and the books tell."""
    charge = charge_of(modules)
    status, first = provider.capture(charge, "r-1")
    assert (status, first["status"]) == (201, "captured")
    assert provider.capture(charge, "r-1") == (409, first)
    assert provider.call("GET", ref="r-1")[1]["captures"][0]["capture"] == first["capture"]
    assert len(provider.books.captures(charge)) == 1
    assert provider.capture(charge, "r-2")[0] == 201
    assert len(provider.books.captures(charge)) == 2
    assert provider.call("GET", ref="r-3") == (200, {"captures": []})


def test_provider_keeps_the_documented_test_amounts(modules: dict[str, ModuleType], provider: Provider) -> None:
    """402 is declined for ever, 500 fails once for a ref and then captures."""
    declined, failing = charge_of(modules, "402.10"), charge_of(modules, "500", "JPY")
    assert provider.capture(declined, "r-1") == (402, {"ref": "r-1", "status": "declined"})
    assert provider.capture(declined, "r-1") == (409, {"capture": None, "ref": "r-1", "status": "declined"})
    assert [provider.capture(failing, ref)[0] for ref in ("r-2", "r-2", "r-3")] == [500, 201, 500]
    assert not provider.books.captures(declined)
    assert len(provider.books.captures(failing)) == 1


@pytest.mark.parametrize(
    "body", [None, [], {}, {"ref": "r"}, {"ref": 1, "merchant": "m", "amount": "1", "currency": "JPY"}]
)
def test_provider_refuses_what_is_no_call(provider: Provider, body: object) -> None:
    """A call that PSP.md does not know is answered 400, and nothing happens."""
    assert provider.call("POST", body)[0] == 400


def test_provider_that_is_unwell_does_as_it_is_told(modules: dict[str, ModuleType], provider: Provider) -> None:
    """During an outage POST follows the outage's steps and GET says nothing; afterwards all is normal."""
    charge = charge_of(modules)
    with provider.real.unwell(lambda _call, before: Step(status=503 if before else 500)):
        assert [provider.capture(charge, "r-1")[0] for _ in range(2)] == [500, 503]
        assert [provider.call("GET", ref="r-1")[0] for _ in range(2)] == [503, 429]
    assert provider.capture(charge, "r-1")[0] == 201


def test_provider_decides_when_a_call_is_repeated(modules: dict[str, ModuleType], provider: Provider) -> None:
    """A call that waits for the next one with its ref is decided first; the later one is told what came of it."""
    charge = charge_of(modules)
    provider.real.script(charge, (Step(status=402, until_repeated_seconds=5.0), Step(wait_seconds=0.05)))
    with ThreadPoolExecutor(max_workers=1) as pool:
        first = pool.submit(provider.capture, charge, "r-1")
        while not provider.books.calls(charge):
            time.sleep(0.001)
        assert provider.call("GET", ref="r-1")[1]["captures"] == [], "it is still being worked on"
        status, body = provider.capture(charge, "r-1")[:2]
        assert (status, body["status"], body["capture"]) == (409, "declined", None)
        assert first.result(timeout=5)[0] == 402


def test_provider_that_hangs_captures_and_says_nothing(modules: dict[str, ModuleType], provider: Provider) -> None:
    """Neither POST nor GET is answered for one charge, while others are; afterwards its outcome is told."""
    charge, other = charge_of(modules), charge_of(modules, "13.50")
    with ThreadPoolExecutor(max_workers=2) as pool:
        with provider.real.hanging([charge]):
            post = pool.submit(provider.capture, charge, "r-1")
            while not provider.books.captures(charge):
                time.sleep(0.001)
            get = pool.submit(provider.call, "GET", ref="r-1")
            assert provider.capture(other, "r-2")[0] == 201
            assert post.result(timeout=5)[0] is None, "the call after it ends it"
            assert not get.done()
        assert get.result(timeout=5)[0] is None
    assert provider.call("GET", ref="r-1")[1]["captures"][0]["status"] == "captured"


def test_provider_sends_early_webhooks_before_it_answers(modules: dict[str, ModuleType], provider: Provider) -> None:
    """An early webhook is out when the answer is made; the same news has the same event id."""
    charge = charge_of(modules)
    early = Webhook(type="captured", after_answer=False, copies=2)
    provider.real.script(charge, (Step(webhooks=(early,)),))
    provider.capture(charge, "r-1")
    assert len(provider.webhooks) == 2
    assert provider.webhooks[0] == provider.webhooks[1]


def test_webhooks_say_what_the_provider_decided(modules: dict[str, ModuleType], provider: Provider) -> None:
    """News of a call that is under way has no capture; that of an outcome has the one in the books."""
    charge, message_of = charge_of(modules), provider.real.message
    provider.capture(charge, "r-1")
    call, outcome = provider.books.calls(charge)[0], provider.books.captures(charge)[0]
    assert message_of(call, "authorised")["capture"] is None
    assert message_of(outcome, "captured") == {
        "event": "evt-capt-r-1",
        "sequence": 2,
        "ref": "r-1",
        "type": "captured",
        "capture": outcome.id,
        **charge.body,
    }


def test_a_ledger_with_one_wrong_entry_still_names_its_charges(modules: dict[str, ModuleType]) -> None:
    """What is inexact is not lost: the two are weighed apart."""
    entries = [
        {"charge": "c-1", "amount": "12.50", "currency": "EUR"},
        {"charge": "c-2", "amount": "12.5", "currency": "EUR"},
    ]
    body = json.dumps({"merchant": "m-1", "entries": entries, "totals": {"EUR": "25.00"}}).encode()
    ledger = modules["client"].read_ledger(Answer(status=200, body=body, start=0.0, end=0.0), "m-1")
    assert ledger.ids == ("c-1", "c-2")
    assert "12.5" in ledger.problem


def test_hidden_files_carry_the_canary() -> None:
    """Every file of the grader that is not a submission can be recognised wherever it leaks to."""
    own = [path for path in FOLDERS[1].iterdir() if path.suffix in {".py", ".toml", ".md"}]
    assert own
    assert [path.name for path in own if CANARY not in path.read_text()] == []


def test_public_files_do_not_carry_the_canary() -> None:
    """Nothing of the grader is in what candidates get."""
    public = [path for path in FOLDERS[0].parent.rglob("*") if path.is_file()]
    assert [path.name for path in public if CANARY.encode() in path.read_bytes()] == []
