"""Charges a second beside the yardstick's, both bound by the provider's latency."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import database
from schedule import Charge, Purse
from service import Client, Meaning
from world import APP, PORT, World

from harness.checkers import ratios
from harness.testing import Inconclusive, Unproven, check, credit
from harness.testing.clients import HttpClient, ready
from harness.testing.history import Kind, Op
from harness.testing.load import Load, closed_loop

YARDSTICK = "yardstick"
OURS, THEIRS = (YARDSTICK, "db-yardstick"), (APP, database.NAME)
"""Each has a database of its own: what the service leaves in its database can't slow the yardstick down."""
WORKERS = 16
MERCHANTS = 16
LATENCY_SECONDS = 0.1
WARM_SECONDS = 0.7
PHASE_SECONDS = 2.0
PAIRS = 2
FLOOR, FULL = 0.10, 0.40
YARDSTICK_SECONDS = 15.0
LEAST_YARDSTICK = 0.25
"""Of what the latency alone would allow: a slower yardstick says that the machine is too busy to measure."""


@check("throughput/ratio")
def test_ratio(world: World) -> None:
    """With 16 clients, at least 0.40 of the yardstick's charges per second."""
    world.begin()
    purse = world.purse("rate", merchants=MERCHANTS)
    world.baseline(purse)
    yardstick = HttpClient(f"http://{world.job.address(YARDSTICK)}:{PORT}", timeout_seconds=5.0)
    for sandbox in reversed(OURS):
        world.broker.start(sandbox)
    if not ready(yardstick, timeout_seconds=YARDSTICK_SECONDS):
        text = "expected our yardstick to be ready, found it is not"
        raise Inconclusive(text)
    rates: dict[str, list[float]] = {APP: [], YARDSTICK: []}
    world.provider.latency_seconds = LATENCY_SECONDS
    try:
        with world.broker.locked():
            _warm(world, yardstick, purse)
            for _ in range(PAIRS):
                rates[YARDSTICK].append(_yardstick_rate(world, yardstick, purse))
                rates[APP].append(_app_rate(world, purse))
    finally:
        world.provider.latency_seconds = 0.0
        for sandbox in OURS:
            world.broker.kill(sandbox)
    _judge(rates)


def _warm(world: World, yardstick: HttpClient, purse: Purse) -> None:
    """Give both the same time to warm up: connections, caches, a compiler that learns."""
    with _paused(world, THEIRS):
        closed_loop(WORKERS, _Posting(yardstick, purse), seconds=WARM_SECONDS)
    with _paused(world, OURS):
        closed_loop(WORKERS, _Charging(world.client, purse, world.tick), seconds=WARM_SECONDS)


@contextmanager
def _paused(world: World, sandboxes: Sequence[str]) -> Iterator[None]:
    """Freeze one side, database included, while the other is measured."""
    with ExitStack() as stack:
        for sandbox in sandboxes:
            stack.enter_context(world.broker.paused(sandbox))
        yield


def _yardstick_rate(world: World, yardstick: HttpClient, purse: Purse) -> float:
    with _paused(world, THEIRS):
        return closed_loop(WORKERS, _Posting(yardstick, purse), seconds=PHASE_SECONDS).ok_per_second


def _app_rate(world: World, purse: Purse) -> float:
    """Return charges a second that were reported captured and really were, once."""
    with _paused(world, OURS):
        operation = _Charging(world.client, purse, world.tick)
        load = closed_loop(WORKERS, operation, seconds=PHASE_SECONDS)
    return _honest(world, load, operation) / load.seconds


def _honest(world: World, load: Load, operation: _Charging) -> int:
    """Count charges that had been captured, once, when their client was told so within the time."""
    end = load.start + load.seconds
    honest = 0
    for op in load.ops:
        captures = world.books.captures(operation.charges[str(op.args)])
        told = op.type is Kind.OK and op.end <= end
        honest += told and len(captures) == 1 and captures[0].at <= op.end
    return honest


class _Posting:
    """One charge at the yardstick."""

    def __init__(self, http: HttpClient, purse: Purse) -> None:
        self._http = http
        self._draw = _Draw(purse)

    def __call__(self, worker: int, _: int) -> Op:
        charge = self._draw.charge(worker)
        answer = self._http.request("POST", "/charges", charge.body, headers={"Idempotency-Key": charge.key})
        kind = Kind.OK if answer.status == 201 else Kind.INFO
        return Op(process=worker, f="yardstick", args=charge.key, start=answer.start, end=answer.end, type=kind)


class _Charging:
    """One charge at the service, followed until it is final: an answer of 202 is not the end of the work."""

    def __init__(self, client: Client, purse: Purse, tick: float) -> None:
        self._client = client
        self._draw = _Draw(purse)
        self._tick = tick
        self.charges: dict[str, Charge] = {}

    def __call__(self, worker: int, _: int) -> Op:
        charge = self._draw.charge(worker)
        self.charges[charge.key] = charge
        said = self._client.post(charge, f="rate")
        start = said.answer.start
        while said.meaning is Meaning.PENDING and time.monotonic() - start < 2.0:
            time.sleep(self._tick / 5)
            said = self._client.read(charge, said.id)
        captured = said.meaning is Meaning.FINAL and said.status == self._client.captured
        kind = Kind.OK if captured else Kind.INFO
        return Op(process=worker, f="rate", args=charge.key, start=start, end=said.answer.end, type=kind)


class _Draw:
    """Charges for many threads, a merchant a worker."""

    _lock = threading.Lock()

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def charge(self, worker: int) -> Charge:
        with self._lock:
            return self._purse.charge(merchant=self._purse.merchants[worker % len(self._purse.merchants)])


def _judge(rates: dict[str, list[float]]) -> None:
    yard, app = _median(rates[YARDSTICK]), _median(rates[APP])
    shown = "; ".join(f"{name} {', '.join(f'{rate:.0f}' for rate in found)}" for name, found in rates.items())
    possible = WORKERS / LATENCY_SECONDS
    if yard < LEAST_YARDSTICK * possible:
        text = f"expected our yardstick to reach {LEAST_YARDSTICK:.0%} of {possible:.0f} charges a second, found {yard:.0f}"
        raise Inconclusive(text)
    if app == 0:
        text = "Under 16 clients not one charge was captured and reported in time, so there is no rate to compare."
        raise Unproven(text, evidence=[shown])
    ratio = app / yard
    credit(
        ratios.credit(ratio, floor=FLOOR, full=FULL),
        f"With 16 clients and a provider that takes 0.1 s, {app:.0f} charges a second: "
        f"{ratio:.2f} of the yardstick's {yard:.0f} (no points below {FLOOR:.2f}, all from {FULL:.2f}).",
        evidence=[f"charges a second by phase: {shown}"],
    )


def _median(values: list[float]) -> float:
    ranked = sorted(values)
    middle = len(ranked) // 2
    return ranked[middle] if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2
