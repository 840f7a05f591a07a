"""Charges a second beside the yardstick's, both bound by the provider's latency."""

from __future__ import annotations

import statistics
import threading
import time

from client import Client
from schedule import Charge, Purse
from world import APP, BUSY_MERCHANTS, DATABASE, PORT, World

from harness.checkers import ratios
from harness.testing import Inconclusive, Unproven, check, credit, measured, paired
from harness.testing.answers import Meaning
from harness.testing.clients import HttpClient, ready
from harness.testing.history import Kind, Op
from harness.testing.load import Load, closed_loop
from harness.testing.paired import Side

YARDSTICK = "yardstick"
OURS, THEIRS = (YARDSTICK, "db-yardstick"), (APP, DATABASE)
"""Each has a database of its own: what the service leaves in its database can't slow the yardstick down."""
WORKERS = 16
LATENCY_SECONDS = 0.1
WARM_SECONDS = 0.7
PHASE_SECONDS = 2.0
PAIRS = 2
FLOOR, FULL = 0.10, 0.25
YARDSTICK_SECONDS = 15.0
LEAST_YARDSTICK = 0.25
"""Of what the latency alone would allow: a slower yardstick says that the machine is too busy to measure."""


@check("throughput/ratio")
def test_ratio(world: World) -> None:
    """With 16 clients, at least 0.25 of the yardstick's charges per second."""
    world.service.begin()
    purse, theirs = _Draw(world.busy), _Draw(world.purse("yardstick", merchants=BUSY_MERCHANTS))
    world.baseline(world.purse("rate"))
    for sandbox in reversed(OURS):
        world.broker.start(sandbox)
    world.provider.latency_seconds = LATENCY_SECONDS
    try:
        with HttpClient(f"http://{world.job.address(YARDSTICK)}:{PORT}", timeout_seconds=5.0) as yardstick:
            if not ready(yardstick, timeout_seconds=YARDSTICK_SECONDS):
                text = "expected our yardstick to be ready, found it is not"
                raise Inconclusive(text)
            app, yard = _app(world, purse), _yardstick(yardstick, theirs)
            least = LEAST_YARDSTICK * WORKERS / LATENCY_SECONDS
            ratio = paired.measure(world.broker, app, yard, least_yardstick=least, rounds=PAIRS)
    finally:
        world.provider.latency_seconds = 0.0
        for sandbox in OURS:
            world.broker.kill(sandbox)
    _judge(ratio, paired.shown(ratio, app, yard))


def _yardstick(http: HttpClient, draw: _Draw) -> Side:
    def run(seconds: float) -> float:
        return closed_loop(WORKERS, _Posting(http, draw), seconds=seconds).ok_per_second

    return Side(name=YARDSTICK, sandboxes=OURS, warm=lambda: run(WARM_SECONDS), measure=lambda: run(PHASE_SECONDS))


def _app(world: World, draw: _Draw) -> Side:
    def run(seconds: float) -> float:
        """Return charges a second that were reported captured and really were, once."""
        operation = _Charging(world.client, draw, world.service.tick)
        return _honest(world, closed_loop(WORKERS, operation, seconds=seconds), operation) / seconds

    return Side(name=APP, sandboxes=THEIRS, warm=lambda: run(WARM_SECONDS), measure=lambda: run(PHASE_SECONDS))


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

    def __init__(self, http: HttpClient, draw: _Draw) -> None:
        self._http = http
        self._draw = draw

    def __call__(self, worker: int, _: int) -> Op:
        charge = self._draw.charge(worker)
        answer = self._http.request("POST", "/charges", charge.body, headers={"Idempotency-Key": charge.key})
        kind = Kind.OK if answer.status == 201 else Kind.INFO
        return Op(process=worker, f="yardstick", args=charge.key, start=answer.start, end=answer.end, type=kind)


class _Charging:
    """One charge at the service, followed until it is final: an answer of 202 is not the end of the work."""

    def __init__(self, client: Client, draw: _Draw, tick: float) -> None:
        self._client = client
        self._draw = draw
        self._tick = tick
        self.charges: dict[str, Charge] = {}

    def __call__(self, worker: int, _: int) -> Op:
        charge = self._draw.charge(worker)
        self.charges[charge.key] = charge
        said = self._client.post(charge, f="rate")
        start = said.answer.start
        while said.meaning is Meaning.PENDING and time.monotonic() - start < PHASE_SECONDS:
            time.sleep(self._tick / 5)
            said = self._client.read(charge, said.id)
        captured = said.meaning is Meaning.FINAL and said.status == self._client.captured
        kind = Kind.OK if captured else Kind.INFO
        return Op(process=worker, f="rate", args=charge.key, start=start, end=said.answer.end, type=kind)


class _Draw:
    """Charges for many threads: every other worker has a merchant of its own, all others the first one."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._lock = threading.Lock()

    def charge(self, worker: int) -> Charge:
        with self._lock:
            return self._purse.charge(merchant=self._purse.merchants[(worker + 1) // 2 if worker % 2 else 0])


def _judge(ratio: ratios.Ratio, shown: str) -> None:
    evidence = [f"charges a second by phase: {shown}"]
    app, yard = statistics.median(ratio.ours), statistics.median(ratio.yardstick)
    if app == 0:
        text = (
            f"Under {WORKERS} clients not one charge was captured and reported in time, so there is no rate to compare."
        )
        raise Unproven(text, evidence=evidence)
    measured("share of the yardstick's charges a second", ratio.value, limit=FULL, better="more")
    credit(
        ratios.credit(ratio.value, floor=FLOOR, full=FULL),
        f"{app:.0f} charges a second, {ratio.value:.2f} of the yardstick's {yard:.0f}: "
        f"no points below {FLOOR:.2f}, all from {FULL:.2f}.",
        evidence=evidence,
    )
