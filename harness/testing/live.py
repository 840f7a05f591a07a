"""Holding a scenario for somebody to work with (``harness up``): it is opened as for checks, and nothing is judged.

The host sends a test file of its own in place of the exercise's; all that it does is call :func:`hold`. An exercise may
say more in ``exercises/ID/up.py``, all of it optional:

* ``FIXTURE``: the name of the fixture that opens the scenario, ``world`` where it does not say;
* ``begin(scenario) -> str``: start the service; return why it is not ready, empty when it is. Without it the ``service``
  of the scenario is started (:class:`harness.testing.service.Service`), or else the sandbox of the main service;
* ``FAULTS``: name -> ``fault(scenario)``, a context manager: the fault is on from entering to leaving it.

Every sandbox has three faults beside those: ``NAME-down``, ``NAME-frozen`` and ``NAME-cut``.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from harness.errors import GraderError
from harness.model import Json
from harness.testing.broker import Broker
from harness.testing.check import CheckFailed, Inconclusive, Unproven
from harness.testing.job import Job
from harness.testing.service import Service
from harness.testing.text import block

if TYPE_CHECKING:
    import pytest

MODULE = "up"
FIXTURE = "world"
POLL_SECONDS = 2.0
"""How long one look for the next order waits."""
_TEXT_CHARS = 4000
Fault = Callable[[], AbstractContextManager[object]]


def hold(request: pytest.FixtureRequest, *, main: str) -> None:
    """Open the scenario, start the service in sandbox ``main``, and obey the host until it says that it is over."""
    broker: Broker = request.getfixturevalue("broker")
    job: Job = request.getfixturevalue("job")
    said = script()
    scenario = _opened(request, str(getattr(said, "FIXTURE", FIXTURE)))
    faults = usual_faults(broker, [name for name in job.addresses if name != "grader"])
    faults |= {str(name): partial(fault, scenario) for name, fault in dict(getattr(said, "FAULTS", {})).items()}
    held = Held(broker, faults, partial(_ready, scenario))
    begin = getattr(said, "begin", None)
    held.began(partial(begin, scenario) if begin else partial(_begin, scenario, broker, main))
    held.serve()


def script() -> object:
    """Return the exercise's ``up`` module, None where it has none."""
    try:
        return importlib.import_module(MODULE)
    except ModuleNotFoundError as error:
        if error.name != MODULE:
            raise
        return None


def _opened(request: pytest.FixtureRequest, name: str) -> object:
    import pytest

    try:
        found: object = request.getfixturevalue(name)
    except pytest.FixtureLookupError as error:
        if error.argname != name:
            raise
        return None
    return found


def _begin(scenario: object, broker: Broker, main: str) -> str:
    service = getattr(scenario, "service", None)
    if isinstance(service, Service):
        return "" if service.start() else service.why_not_ready()
    broker.start(main)
    return ""


def _ready(scenario: object) -> str:
    """Wait for the service, which somebody else started again; return why it is not ready."""
    service = getattr(scenario, "service", None)
    if not isinstance(service, Service):
        return ""
    try:
        service.await_ready(otherwise="The service did not come up.")
    except CheckFailed as error:
        return error.feedback
    return ""


class Held:
    """Orders of the host, one after the other; faults last beside them."""

    def __init__(self, broker: Broker, faults: Mapping[str, Fault], ready: Callable[[], str]) -> None:
        """Know ``faults`` by name; ``ready`` waits for the service and says why it is not there."""
        self._broker = broker
        self._faults = faults
        self._ready = ready
        self._lock = threading.Lock()
        self._on: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def began(self, begin: Callable[[], str]) -> None:
        """Start the service, and tell what came of it."""
        self._tell("ready", 0, *_attempt(begin))

    def serve(self) -> None:
        """Obey until the host says that it is over; every fault is over then."""
        try:
            while True:
                order = self._broker.request("next", seconds=POLL_SECONDS)
                if not isinstance(order, dict):
                    continue
                if order.get("do") == "end":
                    return
                self._obey(order)
        finally:
            self._end_faults()

    def _obey(self, order: Mapping[str, Json]) -> None:
        number = order.get("id")
        verbs: dict[str, Callable[[], str]] = {
            "ready": self._ready,
            "faults": lambda: "\n".join(sorted(self._faults)),
            "fault": lambda: self._begin_fault(str(order.get("name")), float(str(order.get("seconds")))),
        }
        verb = verbs.get(str(order.get("do")))
        ok, text = _attempt(verb) if verb is not None else (False, f"there is no order {order.get('do')!r}")
        # Why a service is not ready is a text as well, and no success.
        self._tell("answer", number if isinstance(number, int) else 0, ok and not (verb is self._ready and text), text)

    def _begin_fault(self, name: str, seconds: float) -> str:
        if name not in self._faults:
            text = f"expected one of the faults {', '.join(sorted(self._faults))}, found {name!r}"
            raise GraderError(text)
        over, started = threading.Event(), threading.Event()
        with self._lock:
            if name in self._on:
                text = f"expected a fault that is not on, found {name!r} on: wait for its end"
                raise GraderError(text)
            self._on[name] = over
        problems: list[str] = []
        thread = threading.Thread(
            target=self._last, args=(name, seconds, over, started, problems), name=f"fault {name}"
        )
        self._threads.append(thread)
        thread.start()
        started.wait()
        if problems:
            raise GraderError(problems[0])
        return f"{name} is on for {seconds:g} s"

    def _last(
        self, name: str, seconds: float, over: threading.Event, started: threading.Event, problems: list[str]
    ) -> None:
        def whole() -> str:
            with self._faults[name]():
                started.set()
                over.wait(seconds)
            return ""

        ok, text = _attempt(whole)
        with self._lock:
            del self._on[name]
        if not started.is_set():
            problems.append(text)
            started.set()
            return
        self._tell("note", 0, ok, f"{name} is over" if ok else f"{name} could not be ended: {text}")

    def _end_faults(self) -> None:
        with self._lock:
            for over in self._on.values():
                over.set()
        for thread in self._threads:
            thread.join()

    def _tell(self, what: str, number: int, ok: bool, text: str) -> None:  # noqa: FBT001 - as it travels
        self._broker.request("tell", what=what, id=number, ok=int(ok), text=block(text, _TEXT_CHARS))


def _attempt(do: Callable[[], str]) -> tuple[bool, str]:
    """Return whether ``do`` could be done, and what came of it: whoever works with the scenario is told, and goes on."""
    try:
        return True, do()
    except (CheckFailed, Unproven) as error:
        return False, "\n".join((error.feedback, *error.evidence))
    except (Inconclusive, GraderError) as error:
        return False, str(error)
    except Exception as error:  # noqa: BLE001 - an author's fault or start, which must not end what somebody works with
        return False, f"{type(error).__name__}: {error}"


def usual_faults(broker: Broker, sandboxes: list[str]) -> dict[str, Fault]:
    """Return what can be done to every sandbox, by name."""
    peers = [*sandboxes, "grader"]
    found: dict[str, Fault] = {}
    for name in sandboxes:
        found[f"{name}-down"] = partial(_down, broker, name)
        found[f"{name}-frozen"] = partial(_frozen, broker, name)
        found[f"{name}-cut"] = partial(_cut, broker, name, [one for one in peers if one != name])
    return found


@contextmanager
def _down(broker: Broker, name: str) -> Iterator[None]:
    """Killed, and started again at the end."""
    _expect_running(broker, name)
    broker.kill(name)
    yield
    if not broker.state(name).running:
        broker.start(name)


@contextmanager
def _frozen(broker: Broker, name: str) -> Iterator[None]:
    _expect_running(broker, name)
    with broker.paused(name):
        yield


@contextmanager
def _cut(broker: Broker, name: str, peers: list[str]) -> Iterator[None]:
    broker.partition(name, peers)
    try:
        yield
    finally:
        broker.heal(name)


def _expect_running(broker: Broker, name: str) -> None:
    if not broker.state(name).running:
        text = f"expected a sandbox that runs, found {name!r} not running"
        raise GraderError(text)
