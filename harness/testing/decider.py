"""An upstream that does what it is asked once for each reference, late, in silence or not at all: as its script says."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager

from harness.model import Json
from harness.testing.decisions import Call, Decision, Decisions, Wanted, Words
from harness.testing.diary import Diary
from harness.testing.scripted import AFTER, BEFORE, HANG_UP, HeldCall, Script, Step
from harness.testing.upstreams import Caps, Reply, Upstream
from harness.testing.webhooks import Message, Post, Webhooks

CAPS = Caps(connections=256)
"""Calls that nobody waits for any more keep their connection until their script is over."""
BUSY = Step(status=503)
"""Nothing is done, and that is said at once."""


class Decider(Upstream):
    """Decides what every call comes to, and tells the diary (under ``call.value``). Thread-safe.

    Subclass it, let ``handle`` find out what a request is and return :meth:`call` or :meth:`look`, and say in the methods
    below those two how this upstream answers. What happens on a call is a step: the rule's while the upstream is
    :meth:`unwell`, else of what is scripted for its thing, else the :meth:`usual` one.
    """

    def __init__(
        self,
        decisions: Decisions,
        diary: Diary,
        post: Post,
        *,
        words: Words,
        accepts: int,
        refuses: int,
        port: int = 0,
        caps: Caps = CAPS,
    ) -> None:
        """Decide in ``decisions``, tell ``diary`` in ``words``, send webhooks through ``post``.

        A step with status ``accepts`` does what is wanted, with ``refuses`` it is refused for good; with any other status
        nothing is done, and that status is answered.
        """
        super().__init__(port=port, caps=caps)
        self.decisions = decisions
        self.latency_seconds = 0.0
        """Added to every call that wants something done: what throughput is bound by."""
        self.webhooks = Webhooks(post, diary)
        self.calls: Script[Step] = Script()
        self._diary = diary
        self._words = words
        self._accepts = accepts
        self._refuses = refuses
        self._busy = itertools.cycle((503, 429))

    def script(self, thing: Wanted, steps: tuple[Step, ...]) -> None:
        """Set what the first calls about a thing come to; later ones are ordinary."""
        self.calls.write(thing.value, steps)

    def hold(self, thing: Wanted, when: str) -> HeldCall:
        """Stop the next call about a thing ``before`` it is done, or ``after`` it and before the answer."""
        return self.calls.hold(thing.value, when)

    @contextmanager
    def unwell(self, rule: Callable[[Hashable, int], Step]) -> Iterator[None]:
        """For the body, every call goes as ``rule(value, calls before)`` says, and looks are answered 503 and 429 in turn."""
        self._diary.write(None, f"{self._words.upstream} is unwell")
        try:
            with self.calls.ruled(rule):
                yield
        finally:
            self._diary.write(None, f"{self._words.upstream} is well again")

    @contextmanager
    def hanging(self, things: Collection[Wanted]) -> Iterator[None]:
        """For the body, some things are done and nothing is answered, neither to calls nor to looks; others are as ever."""
        with self.calls.hanging([thing.value for thing in things]):
            yield
        for thing in things:
            self._diary.write(thing.value, f"{self._words.upstream} answers again when it is asked about {thing.key}")

    def close(self) -> None:
        """Stop listening, and let everything that waits go."""
        super().close()
        self.calls.close()
        self.webhooks.close()

    def call(self, call: Call) -> Reply:
        """Answer a call that wants something done; blocks as long as its step says."""
        if self.decisions.full:
            return error(429, "too many calls")
        before, before_ref = self.decisions.note(call)
        step = self.calls.next(call.value, before, then=Step(status=self._accepts)) or self.usual(call, before_ref)
        self.calls.pause(self.latency_seconds + step.wait_seconds)
        self.calls.await_that(lambda: self.decisions.calls_of(call.ref) > 1, seconds=step.until_repeated_seconds)
        hold = self.calls.taken(call.value)
        if not self._reach(hold, BEFORE, call, f"has received the call and holds it before {self._words.doing}"):
            return HANG_UP
        if step.status not in {self._accepts, self._refuses}:
            self._tell(call, f"answers {step.status}, nothing {self._words.done}")
            return error(step.status, "try later")
        decision, new = self._decide(call, step)
        if not self._reach(hold, AFTER, call, f"has {self._words.done} and holds its answer"):
            return HANG_UP
        if self.calls.hangs(call.value):
            return HANG_UP
        self.calls.pause(step.answer_after_seconds)
        return step.reply(*self.answer(decision, new=new))

    def look(self, ref: str) -> Reply:
        """Answer a request for the outcome of a reference."""
        if self.calls.hangs(self.decisions.value_of(ref)):
            return HANG_UP
        if self.calls.is_ruled:
            return error(next(self._busy), "try later")
        decision = self.decisions.of_ref(ref)
        if decision is not None:
            self._diary.write(
                decision.value, f"your service asks for the outcome of its ref: {self._words.outcome(decision)}"
            )
        return Reply(status=200, json=self.shown(decision))

    def usual(self, call: Call, before: int) -> Step:  # noqa: ARG002 - for those who override it
        """Return what a call without a script comes to; ``before`` is how many calls with its ref there were."""
        return Step(status=self._accepts)

    def message(self, about: Call, kind: str) -> Message:
        """Return the webhook of type ``kind`` about a call, or the decision about it. Equal news has equal messages."""
        raise NotImplementedError

    def answer(self, decision: Decision, *, new: bool) -> tuple[int, Json]:
        """Return status and body of the answer to a call; not ``new``: its ref was used before."""
        raise NotImplementedError

    def shown(self, decision: Decision | None) -> Json:
        """Return the body of the answer to a look; None: nothing was decided so far."""
        raise NotImplementedError

    def _decide(self, call: Call, step: Step) -> tuple[Decision, bool]:
        decision, new = self.decisions.decide(call, accept=step.status == self._accepts)
        if not new:
            self._tell(call, f"sees a used ref again: {self._words.outcome(decision)}, nothing new")
            return decision, False
        what = self._words.refuses if decision.id is None else f"{self._words.does} {decision.id}"
        self._diary.write(call.value, f"{self._words.upstream} {what}{step.manner}", at=decision.at)
        news = [(webhook, self.message(decision, webhook.type)) for webhook in step.webhooks]
        wait_seconds = 0.0 if step.silent else step.answer_after_seconds
        self.webhooks.send(call.value, news, answer_in_seconds=wait_seconds)
        return decision, True

    def _reach(self, hold: HeldCall | None, when: str, call: Call, what: str) -> bool:
        return self.calls.reach(hold, when, lambda: self._tell(call, what))

    def _tell(self, call: Call, what: str) -> None:
        self._diary.write(call.value, f"{self._words.upstream} {what}")


def error(status: int, text: str) -> Reply:
    """Return an answer that nothing was done: ``{"error": text}``."""
    return Reply(status=status, json={"error": text})
