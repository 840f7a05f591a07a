"""After a failure the service works again, by itself, and every charge gets its outcome."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus

from schedule import Charge, Purse
from world import LEAST_OK, World

from harness.testing import check, expect, fail, measured
from harness.testing.answers import Said, examples, short
from harness.testing.scripted import AFTER, await_held, releasing

CLIENTS = 8
PROMISED, OPEN = 3, 6
SHORT_INTERVALS = 1.25
"""A restart that is longer than a look at open charges takes to come round: whoever looks meets the fault."""
LONG_INTERVALS, LONG_SECONDS = 3, 3.0
"""The second one takes the longer of both: longer than what a pool of connections waits for by itself."""
AROUND = " around the restarts"


@check("recovery/database-restart")
def test_database_restart(world: World) -> None:
    """After restarts of the database the service works again and every charge gets its outcome."""
    world.service.begin()
    purse = world.purse("base", merchants=3)
    told = dict(world.baseline(purse))
    told |= _after_a_promise(world, purse)
    told |= _under_load(world, purse)
    told |= _start_without_it(world, purse)
    told |= world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the database")
    world.settled(told, of=AROUND)
    world.audit(told, of=AROUND)


def _after_a_promise(world: World, purse: Purse) -> dict[Charge, Said]:
    """The database dies as soon as clients know how their charges ended: what was not in its log by then is gone."""
    charges = purse.charges(PROMISED)
    world.database.turn_page()
    promised = world.crowd.ask_all(charges)
    promised = world.crowd.settle(promised, until=time.monotonic() + world.pending_limit)
    told: dict[Charge, Said] = {}
    with world.timeline.fault("database"):
        _die(world)
        with _load(world, purse, told):
            back = _return(world, after_seconds=SHORT_INTERVALS * world.reconcile)
    return _recovered(world, told, promised, back)


def _under_load(world: World, purse: Purse) -> dict[Charge, Said]:
    """The database dies under load, while charges are open of which the provider says nothing until it has died."""
    charges = purse.charges(OPEN)
    told: dict[Charge, Said] = {}
    down = max(LONG_SECONDS, LONG_INTERVALS * world.reconcile)
    pool = ThreadPoolExecutor(max_workers=OPEN)
    with world.timeline.fault("database"), pool, _load(world, purse, told):
        with world.provider.hanging(charges):
            asked = {charge: pool.submit(world.client.post, charge) for charge in charges}
            _await_captured(world, charges)
            time.sleep(world.reconcile / 2)
            _die(world)
            time.sleep(down / 2)
        began = time.monotonic()
        _says_so(world)
        back = _return(world, after_seconds=max(0.0, began + down / 2 - time.monotonic()))
    return _recovered(world, told, {charge: one.result() for charge, one in asked.items()}, back)


def _says_so(world: World) -> None:
    """A database that has been away for a while, with clients waiting: whoever asks is told that the service can't work."""
    with world.service.waiting():
        answer = world.service.health(timeout_seconds=world.read_limit)
    expect(
        answer.status == HTTPStatus.SERVICE_UNAVAILABLE,
        "GET /health did not say that the service can't work, while the database was away under load.",
        expected=f"503 within 3 x provider_timeout_seconds + 1 s = {world.answer_seconds:g} s",
        found=short(answer),
    )


def _start_without_it(world: World, purse: Purse) -> dict[Charge, Said]:
    """Start the service while the database is away: it says so, and is ready when that is over.

    Both died with a charge in hand, which the provider had captured: it is found out without a client that asks again.
    """
    told = _die_with_a_call(world, purse.charge())
    world.service.launch()
    until = time.monotonic() + world.startup + world.service.allowance(world.startup)
    said: list[object] = []
    with world.service.waiting():
        while 503 not in said and time.monotonic() < until:
            said.append(world.service.health().status)
            expect(200 not in said, "GET /health was 200 while the database was away.", expected="503")
            time.sleep(world.service.tick)
    expect(
        503 in said,
        "The service was started while the database was away, and did not say that it cannot work.",
        expected=f"GET /health: 503 within startup_seconds = {world.startup:g} s",
        found=examples(one or "no answer" for one in said),
    )
    world.database.start()
    world.diary.write(None, "the database is back")
    ready = world.service.await_ready(
        otherwise="Started while the database was away, the service was not ready when it was back."
    )
    world.judge.money(told, of=AROUND)
    world.judge.ledgers(told, until=ready + world.pending_limit)
    return told | world.crowd.ask_until_final(told, f="asked again late")


def _die_with_a_call(world: World, charge: Charge) -> dict[Charge, Said]:
    """The database dies, and the service with it, while one charge is at the provider and nobody does anything else.

    So nobody else's commit takes along what that charge should have had in the database's log before it was sent.
    """
    world.database.turn_page()
    hold = world.provider.hold(charge, AFTER)
    with ThreadPoolExecutor(max_workers=1) as pool, releasing(world.provider.calls, [hold]):
        asked = pool.submit(world.client.post, charge)
        within = max(world.answer_limit, world.pending_limit)
        with world.service.waiting():
            held = await_held([hold], within_seconds=within, after_first_seconds=0.0)
        _die(world)
        world.service.kill()
    expect(held, f"Charge {charge.key} was not sent to the provider.", expected="a call in time")
    return {charge: asked.result()}


def _die(world: World) -> None:
    world.database.kill()
    world.diary.write(None, "the database is killed")


def _return(world: World, *, after_seconds: float) -> float:
    """Leave the database away for a while, start it, and let clients see it for a moment; return when it was back."""
    time.sleep(after_seconds)
    back = world.database.start()
    world.diary.write(None, "the database is back")
    time.sleep(world.reconcile / 2)
    return back


def _await_captured(world: World, charges: Collection[Charge]) -> None:
    """Wait until the provider has captured charges. One is enough: a service may work on one after the other."""
    with world.service.waiting():
        first = time.monotonic() + max(world.answer_limit, world.pending_limit)
        every = time.monotonic() + world.provider_timeout
        while True:
            captured = sum(1 for charge in charges if world.books.captures(charge))
            now = time.monotonic()
            if captured == len(charges) or now > first or (captured and now > every):
                break
            time.sleep(world.service.tick / 5)
    expect(captured, f"None of {len(charges)} charges was sent to the provider.", expected="a call for each in time")


def _recovered(
    world: World, loud: Mapping[Charge, Said], quiet: Mapping[Charge, Said], back: float
) -> dict[Charge, Said]:
    """Let clients of ``loud`` ask again, and nobody for the others: what these lack was lost, or nobody looks for it."""
    until = back + world.pending_limit
    told = world.crowd.settle(loud, until=until, repeat=loud)
    if not world.service.running():
        world.service.suspect()
        fail("The service's process ended when the database was away.", expected="it waits and connects again")
    world.judge.money({**told, **quiet}, of=AROUND)
    world.judge.ledgers(quiet, until=until)
    # Only of those that made it: how much too late one is that never does cannot be seen.
    seconds = world.theirs(time.monotonic() - back)
    measured("seconds until every charge had its outcome", seconds, limit=5 * world.reconcile, unit="s")
    world.service.await_ready(otherwise="The service was not ready again when the database was back.")
    return told | world.crowd.ask_until_final(quiet, f="asked again late")


@contextmanager
def _load(world: World, purse: Purse, told: dict[Charge, Said]) -> Iterator[None]:
    """For the body, clients charge one customer after the other, and go on to the next when an answer does not come."""
    over, lock = threading.Event(), threading.Lock()

    def work() -> None:
        # Nobody hurries: all these charges are to be finished afterwards.
        while not over.wait(world.reconcile / 8):
            with lock:
                charge = purse.charge()
            said = world.client.post(charge)
            with lock:
                told[charge] = said

    threads = [threading.Thread(target=work, daemon=True) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    world.answered(list(told.values()), what="requests of clients while the database was away for a while", away=True)
