"""Moving images between an engine and a registry: progress in megabytes, patience with an end, a reason in words."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from harness.images.building import heartbeat
from harness.model import Json

ANSWER_SECONDS = 20.0
"""Until a registry must have said something."""
STALL_SECONDS = 120.0
"""Between two signs of life of a transfer."""
_SAY_SECONDS = 5.0
_MOVES = {"Downloading": "received", "Pushing": "sent"}
"""What the engine calls the bytes that cross the network."""
Event = Mapping[str, Json]


def follow(start: Callable[[], Iterable[Event]], title: str, progress: Callable[[str], None]) -> str:
    """Follow a transfer to its end; return why it did not work, or nothing when it did.

    ``start`` is called in a thread of its own, and gives the engine's events. A registry that is blocked rather than
    refused would hold us for minutes, so a transfer that is silent is given up from outside.
    """
    events: queue.Queue[Event | None] = queue.Queue()

    def run() -> None:
        try:
            for event in start():
                events.put(event)
            events.put(None)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
            events.put({"error": str(error) or type(error).__name__})

    threading.Thread(target=run, name="transfer", daemon=True).start()
    patience = ANSWER_SECONDS
    amounts = _Amounts()
    with heartbeat(title, progress) as beat:
        while True:
            try:
                event = events.get(timeout=patience)
            except queue.Empty:
                return f"no answer in {patience:.0f} s"
            if event is None:
                return ""
            if event.get("error"):
                return reason(str(event["error"]))
            patience = STALL_SECONDS
            for said in amounts.heard(event):
                beat(said)


def reason(text: str) -> str:
    """Return the last, most telling part of a chain of causes."""
    return text.strip().rstrip(")\"'").split(": ")[-1] or "no reason given"


class _Amounts:
    """How much of the layers has crossed the network, said now and then."""

    def __init__(self) -> None:
        self._layers: dict[str, tuple[int, int]] = {}
        self._said = time.monotonic()

    def heard(self, event: Event) -> Iterator[str]:
        """Take one event in; yield what to say, if it is time to."""
        status, detail = str(event.get("status", "")), event.get("progressDetail")
        if status not in _MOVES or not isinstance(detail, dict):
            return
        current, total = detail.get("current"), detail.get("total")
        if not isinstance(current, int) or not isinstance(total, int):
            return
        self._layers[str(event.get("id", ""))] = (current, total)
        if time.monotonic() - self._said >= _SAY_SECONDS:
            self._said = time.monotonic()
            done, whole = (sum(amounts) / 1e6 for amounts in zip(*self._layers.values(), strict=True))
            yield f"{done:.0f} of {whole:.0f} MB {_MOVES[status]}"
