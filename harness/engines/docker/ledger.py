"""What we ordered of our containers, held against what the engine says happened to them.

Whatever the engine reports beyond our orders, somebody else did. Only what nothing inside a container can bring about
counts: a signal sent *through the engine*, a stop, a pause, a restart, a removal, changed limits, a cut network. The end of a
process alone is no proof where a candidate's code runs: it may kill itself, exit with 137, use up its memory, or ask the
init process in front of it to end. Where nothing but ours runs it is one, when the process was killed (SIGKILL) and its own
memory limit was not the reason: then it was the machine, out of memory, or somebody on it.

Orders are counted, not timed: the engine's clock need not be ours. An order is noted before the call, so that its event
always finds it, and taken back when the engine refused. Pure: nothing here speaks with an engine.
"""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.engines.base import Interference, Kind
from harness.owners import LABEL_RUN

LABEL_SCENARIO = "harness.scenario"
LABEL_SANDBOX = "harness.sandbox"

WATCHED = ("kill", "die", "oom", "pause", "unpause", "stop", "restart", "start", "destroy", "disconnect", "update")
"""Events that are read. What only looks (``top``, ``exec_create``, ``attach``) changes nothing."""
_SIGKILLED = "137"
_NEVER_OURS = {"stop": "was stopped", "restart": "was restarted", "update": "was given other limits"}
_ORDERED = {
    "kill": "was sent {signal}",
    "pause": "was paused",
    "unpause": "was resumed",
    "start": "was started",
    "destroy": "was removed",
}
_SETTLE_SECONDS = 2.0
_DOUBT_SECONDS = 0.5
"""How long the word that it was its own memory limit may come after the word that a process was killed."""


_THEIRS = frozenset({Kind.CANDIDATE, Kind.BUILD, Kind.HELPER})
"""Where a candidate's code runs, or its files are unpacked: the end of a process alone proves nothing."""


@dataclass(slots=True, eq=False)
class _Record:
    """One container of ours that exists."""

    run: str
    scenario: str
    sandbox: str
    kind: Kind
    orders: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    ends: int = 0
    paused: bool = False
    """By our order."""
    dead: bool = False
    """The engine said that it does not run."""
    removing: bool = False
    oom: bool = False
    killed: Interference | None = None
    """A SIGKILL nobody has explained yet."""
    said: set[str] = field(default_factory=set)

    def what_else(self, action: str, facts: Mapping[str, str]) -> str:
        """Return what somebody else did to it, in words, empty when it was our order."""
        if self.removing and action != "update":
            return ""
        if action in _NEVER_OURS:
            return _NEVER_OURS[action]
        if action == "disconnect":
            return "" if self.kind is not Kind.HOLDER else "was cut off from its network"
        if action not in _ORDERED:
            return ""
        if self.orders[action] > 0:
            self.orders[action] -= 1
            return ""
        return _ORDERED[action].format(signal=_signal(facts.get("signal", "")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """An order that was noted; without a ledger it is about a container that is not ours to watch."""

    ledger: Ledger | None = None
    record: _Record | None = None
    wanted: Counter[str] = field(default_factory=Counter)
    paused: bool = False

    def done(self) -> None:
        """Say that the engine did it."""
        if self.record is not None and self.wanted["start"]:
            self.record.starts += 1

    def refused(self) -> None:
        """Say that the engine did not do it, so that no event of it will come."""
        if self.ledger is not None and self.record is not None:
            self.ledger.take_back(self)


class Ledger:
    """Orders, events, and what does not add up. Thread-safe."""

    def __init__(self) -> None:
        """Begin without containers."""
        self.hears = False
        """Whether events come in; without them nobody waits for any."""
        self._records: dict[str, _Record] = {}
        self._found: dict[str, list[Interference]] = defaultdict(list)
        self._changed = threading.Condition()

    def deaf(self) -> None:
        """Note that no more events come in: whoever waits for one need not."""
        with self._changed:
            self.hears = False
            self._changed.notify_all()

    def own(self, container: str, kind: Kind, labels: Mapping[str, str]) -> None:
        """Add a container that was created with ``labels``."""
        record = _Record(
            run=labels.get(LABEL_RUN, ""),
            scenario=labels.get(LABEL_SCENARIO, ""),
            sandbox=labels.get(LABEL_SANDBOX, "helper"),
            kind=kind,
        )
        with self._changed:
            self._records[container] = record

    def order(self, container: str, *actions: str) -> Order:
        """Note what we are about to ask for. Take it back when the engine refuses, else keep it."""
        with self._changed:
            record = self._records.get(container)
            if record is None:
                return Order()
            if "start" in actions:
                record.dead = record.oom = False
            wanted = Counter(actions)
            if "kill" in actions and record.paused:
                # A frozen container is thawed by the engine, so that the signal arrives.
                wanted["unpause"] += 1
            before, record.paused = record.paused, "pause" in actions or (record.paused and "unpause" not in wanted)
            record.orders += wanted
        return Order(ledger=self, record=record, wanted=wanted, paused=before)

    def take_back(self, order: Order) -> None:
        """Undo an order."""
        with self._changed:
            if order.record is not None:
                # What an event has used up already is not owed: the count never falls below nothing.
                order.record.orders -= order.wanted
                order.record.paused = order.paused

    def dead(self, container: str, *, oom: bool) -> None:
        """Note that the engine says that a container does not run, and whether its memory limit was the reason."""
        with self._changed:
            record = self._records.get(container)
            if record is not None:
                record.dead = True
                if oom:
                    record.oom, record.killed = True, None

    def gone(self, container: str, *, despite_us: bool = False) -> None:
        """Note that the engine does not know a container; ``despite_us`` our first order to remove it came too late."""
        with self._changed:
            record = self._records.get(container)
            if record is not None and (despite_us or not record.removing):
                self._add(record, "was removed", time.time())

    def removing(self, container: str) -> bool:
        """Note that everything that happens to a container from now on is our order; return whether it is the first.

        What was heard of late must not be taken for that: the end of a process that is known to be dead is waited for.
        """
        with self._changed:
            record = self._records.get(container)
            if record is None or record.removing:
                return False
            self._wait(lambda: not record.dead or record.ends >= record.starts)
            record.removing = True
            return True

    def probe(self, scenario: str, states: Mapping[str, str]) -> None:
        """Hold the ``states`` (id to ``running``, ``exited``...) of all containers of a scenario against our orders."""
        with self._changed:
            for container, record in self._records.items():
                if record.scenario != scenario or record.removing:
                    continue
                state = states.get(container, "")
                if not state:
                    self._add(record, "was removed", time.time())
                elif state == "paused" and not record.paused:
                    self._add(record, "was paused", time.time())
                elif record.kind is Kind.HOLDER and record.starts and state not in {"running", "paused"}:
                    self._add(record, "ended", time.time())

    def take(self, event: Mapping[str, object]) -> None:
        """Hold one event of the engine against the orders."""
        actor = event.get("Actor")
        facts = actor.get("Attributes") if isinstance(actor, dict) else None
        if not isinstance(actor, dict) or not isinstance(facts, dict):
            return
        named = {str(name): str(value) for name, value in facts.items()}
        container = named.get("container", "") if event.get("Type") == "network" else str(actor.get("ID", ""))
        stamp = event.get("timeNano")
        at = stamp / 1e9 if isinstance(stamp, int) else time.time()
        with self._changed:
            record = self._records.get(container)
            if record is None:
                return
            action = str(event.get("Action", ""))
            what = record.what_else(action, named)
            if what:
                self._add(record, what, at)
            if action == "oom":
                record.oom, record.killed = True, None
            elif action == "die":
                self._died(record, named.get("exitCode", ""), at)
            elif action == "destroy":
                self._keep_doubt(record)
                del self._records[container]
            self._changed.notify_all()

    def interferences(self, run: str) -> tuple[Interference, ...]:
        """Return what somebody else did to containers of ``run``; all that happened before the call is known."""
        with self._changed:
            mine = [record for record in self._records.values() if record.run == run]
            self._wait(lambda: not any(one.removing and one in self._records.values() for one in mine))
            if any(one.killed for one in mine):
                self._wait(lambda: False, _DOUBT_SECONDS)
            for record in mine:
                self._keep_doubt(record)
            return tuple(self._found.get(run, ()))

    def _wait(self, until: Callable[[], bool], seconds: float = _SETTLE_SECONDS) -> None:
        self._changed.wait_for(lambda: not self.hears or until(), seconds)

    def _died(self, record: _Record, code: str, at: float) -> None:
        record.ends += 1
        if record.orders["die"] > 0 or record.removing:
            record.orders["die"] = max(record.orders["die"] - 1, 0)
            return
        # Told already how it came to its end, or it came to it by itself: nothing of ours sends itself SIGKILL.
        if record.said or record.kind in _THEIRS or record.oom or code != _SIGKILLED:
            return
        record.killed = _said(record, "was killed (SIGKILL, not by its memory limit)", at)

    def _keep_doubt(self, record: _Record) -> None:
        if record.killed is not None:
            self._found[record.run].append(record.killed)
            record.killed = None

    def _add(self, record: _Record, what: str, at: float) -> None:
        if what not in record.said:
            record.said.add(what)
            self._found[record.run].append(_said(record, what, at))


def _said(record: _Record, what: str, at: float) -> Interference:
    return Interference(sandbox=record.sandbox, what=what, at=f"{dt.datetime.fromtimestamp(at, dt.UTC):%H:%M:%S} UTC")


def _signal(number: str) -> str:
    try:
        return signal.Signals(int(number)).name
    except ValueError:
        return f"signal {number or 'unknown'}"
