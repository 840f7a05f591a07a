"""After a failure the service works again, by itself, and every charge gets its outcome."""

from __future__ import annotations

import threading
import time

from schedule import Charge, Purse
from world import LEAST_OK, World

from harness.testing import check, fail, measured
from harness.testing.answers import Meaning, Said

CLIENTS = 12
DOWN_SECONDS = 0.8
BACKOFF_SECONDS = 0.25


@check("recovery/database-restart")
def test_database_restart(world: World) -> None:
    """After a restart of the database the service works again and every charge gets its outcome."""
    world.service.begin()
    purse = world.purse("base", merchants=3)
    told = dict(world.baseline(purse))
    load = _Load(world, purse)
    load.start()
    time.sleep(0.6)
    with world.timeline.fault("database"):
        world.database.kill()
        world.diary.write(None, "the database is killed")
        time.sleep(DOWN_SECONDS)
        back = world.database.start()
        world.diary.write(None, "the database is back")
    time.sleep(0.3)
    load.stop()
    told |= world.crowd.settle(load.told, until=back + world.pending_limit, repeat=load.told)
    settled = time.monotonic() - back
    _still_running(world)
    after = world.crowd.ask_until_final(purse.charges(LEAST_OK), f="after the database")
    told |= after
    world.judge.money(told, of=" around the restart")
    _all_final(world, told, time.monotonic() - back)
    # Only of those that made it: how much too late one is that never does cannot be seen.
    measured("seconds until every charge had its outcome", settled, limit=world.pending_limit, unit="s")
    world.audit(told, of=" around the restart")


def _all_final(world: World, told: dict[Charge, Said], seconds: float) -> None:
    late = [charge for charge, said in told.items() if said.meaning is not Meaning.FINAL]
    if late:
        fail(
            f"{len(late)} of {len(told)} charges had no outcome {seconds:.1f} s after the database was back.",
            expected=f"201 within 5 x reconcile_seconds = {5 * world.reconcile:g} s, the client asking again",
            found=f"{late[0].key}: still {told[late[0]]}",
            evidence=world.judge.evidence(late[0]),
        )


def _still_running(world: World) -> None:
    if not world.service.running():
        world.service.suspect()
        fail("The service's process ended when the database was away.", expected="it waits and connects again")


class _Load:
    """Clients that charge one customer after the other, and go on to the next when an answer does not come."""

    def __init__(self, world: World, purse: Purse) -> None:
        self._world = world
        self._purse = purse
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]
        self.told: dict[Charge, Said] = {}

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every client finish its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        pause = self._world.service.tick
        while not self._stop.wait(pause):
            with self._lock:
                charge = self._purse.charge()
            said = self._world.client.post(charge)
            # Nobody hurries while nothing works: all these charges are to be finished afterwards.
            pause = BACKOFF_SECONDS if said.meaning is Meaning.BROKEN else self._world.service.tick
            with self._lock:
                self.told[charge] = said
