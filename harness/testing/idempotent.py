"""A client of an API that creates things under an idempotency key: POST creates, GET reads, an answer is final or pending."""

from __future__ import annotations

import time
from collections.abc import Collection, Hashable
from typing import Generic

from harness.testing.answers import Meaning, Said, note, understand
from harness.testing.clients import Answer, HttpClient
from harness.testing.decisions import WantedT
from harness.testing.diary import SENDS, Diary
from harness.testing.history import History
from harness.testing.timeline import Timeline

MAX_BODY_BYTES = 16 << 10
CREATED, ACCEPTED, READ = 201, 202, 200


class IdempotentClient(Generic[WantedT]):
    """Asks for things and reads them. Thread-safe; never raises for anything a service does.

    Tells the diary (under ``thing.value``), the history and the timeline. 201 says that a thing is final, 202 with
    status ``pending`` that it is taken; a read is 200 either way. See :func:`~harness.testing.answers.understand`.
    """

    def __init__(
        self,
        url: str,
        diary: Diary,
        history: History,
        timeline: Timeline,
        *,
        path: str,
        outcomes: Collection[str],
        create_seconds: float,
        read_seconds: float,
        header: str = "Idempotency-Key",
    ) -> None:
        """``POST path`` creates with ``header``, ``GET path/id`` reads; ``outcomes`` are what a final thing may be called.

        ``create_seconds`` and ``read_seconds`` are how long an answer may take to be one.
        """
        self.http = HttpClient(url, timeout_seconds=create_seconds, max_body_bytes=MAX_BODY_BYTES)
        self.asked: dict[Hashable, WantedT] = {}
        """Everything that was asked for, by its value."""
        self.ids: dict[WantedT, str] = {}
        """What the service calls each of them, once it has said so."""
        self.final: dict[WantedT, Said] = {}
        """What clients were told of each of them when they were first told how it ended."""
        self._diary = diary
        self._history = history
        self._timeline = timeline
        self._path = path
        self._outcomes = frozenset(outcomes)
        self._read_seconds = read_seconds
        self._header = header

    def close(self) -> None:
        """Close every connection."""
        self.http.close()

    def send(self, thing: WantedT) -> Answer:
        """Send the request for a thing, and return the answer as it is. Nothing is told and nothing remembered."""
        return self.http.request("POST", self._path, dict(thing.body), headers={self._header: thing.key})

    def post(self, thing: WantedT, f: str = "create") -> Said:
        """Ask for a thing; ``f`` names the kind of request in the history."""
        self.asked[thing.value] = thing
        start = time.monotonic()
        said = self._told(f, thing, self.send(thing), final=CREATED, pending=ACCEPTED)
        if said.id:
            self.ids[thing] = said.id
        self._diary.write(thing.value, f"{SENDS} POST {thing.key}", at=start)
        self._diary.write(thing.value, f"the service answers POST {thing.key}: {said}", at=said.answer.end)
        return said

    def read(self, thing: WantedT, thing_id: str) -> Said:
        """Ask how a thing is, which the service calls ``thing_id``."""
        answer = self.http.request("GET", f"{self._path}/{thing_id}", timeout_seconds=self._read_seconds)
        return self._told("read", thing, answer, final=READ, pending=READ)

    def _told(self, f: str, thing: WantedT, answer: Answer, *, final: int, pending: int) -> Said:
        said = understand(answer, final=final, pending=pending, outcomes=self._outcomes, echo=thing.body)
        note(said, f, thing.key, history=self._history, timeline=self._timeline)
        if said.meaning is Meaning.FINAL:
            self.final.setdefault(thing, said)
        return said
