"""Orders for the grader that holds a scenario, and what it tells: two verbs of the broker, both asked by the grader."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.errors import HarnessError, UsageError
from harness.grading.args import Args
from harness.model import Json

ASK_SECONDS = 120.0
"""How long an answer may take: a service that comes up slowly is waited for."""
_MOST_WAIT_SECONDS = 30.0


@dataclass(slots=True)
class _Question:
    done: threading.Event
    ok: bool = False
    text: str = ""
    gone: bool = False


class Grader:
    """The grader's other end. Thread-safe."""

    def __init__(self, heard: Callable[[str, str, bool], None]) -> None:
        """``heard(what, text, ok)`` is told what is no answer: ``ready`` and ``note``."""
        self._heard = heard
        self._orders: queue.Queue[dict[str, Json]] = queue.Queue()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._asked: dict[int, _Question] = {}
        self._over = False

    def verbs(self) -> Mapping[str, Callable[[Args], Json]]:
        """Return what the broker serves for it."""
        return {"next": self._next, "tell": self._told}

    def ask(self, order: str, **more: Json) -> str:
        """Give an order and return what came of it.

        Raises UsageError with the grader's reason when it could not be done, HarnessError when nothing came.
        """
        question = _Question(threading.Event())
        with self._lock:
            if self._over:
                text = "expected the grader's sandbox to be there, found that it has ended: see harness logs grader"
                raise HarnessError(text)
            number = next(self._numbers)
            self._asked[number] = question
        self._orders.put({"do": order, "id": number, **more})
        if not question.done.wait(ASK_SECONDS):
            text = f"expected an answer from the grader's sandbox within {ASK_SECONDS:.0f} s, found none"
            raise HarnessError(text)
        if question.gone:
            text = "expected an answer from the grader's sandbox, found that it ended before: see harness logs grader"
            raise HarnessError(text)
        if not question.ok:
            raise UsageError(question.text)
        return question.text

    def end(self) -> None:
        """Tell it that it is over."""
        self._orders.put({"do": "end"})

    def gone(self) -> None:
        """It has ended: whoever waits for it is told so."""
        with self._lock:
            self._over = True
            waiting, self._asked = list(self._asked.values()), {}
        for question in waiting:
            question.gone = True
            question.done.set()

    def _next(self, args: Args) -> Json:
        try:
            return self._orders.get(timeout=args.seconds("seconds", _MOST_WAIT_SECONDS))
        except queue.Empty:
            return None

    def _told(self, args: Args) -> Json:
        what, text = args.text("what"), args.text("text")
        number, ok = int(args.number("id", 0, most=2**53)), args.number("ok", 0, most=1) > 0
        with self._lock:
            question = self._asked.pop(number, None)
        if question is None:
            self._heard(what, text, ok)
        else:
            question.ok, question.text = ok, text
            question.done.set()
        return None
