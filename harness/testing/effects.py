"""What clients were told beside what an upstream really decided: done at most once, and nobody told anything but the truth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.testing.answers import Meaning, Said, times
from harness.testing.check import fail
from harness.testing.decisions import Decision, Decisions, Wanted, WantedT, Words
from harness.testing.diary import KILLED, SENDS, Diary
from harness.testing.postgres import Postgres
from harness.testing.service import Service


@dataclass(frozen=True, kw_only=True, slots=True)
class Effects:
    """Judges things by what was decided about them, and says the smallest counterexample: one thing, its story."""

    decisions: Decisions
    diary: Diary
    words: Words
    noun: str
    """``charge``."""
    plural: str
    """``charges``."""
    done_status: str
    """What the service calls a thing that was done."""
    refused_status: str
    """What the service calls a thing that was refused."""
    harm: str
    """What it means to be told of a refusal when it was done: ``the customer has been charged``."""

    def require(self, told: Mapping[WantedT, Said], *, of: str = "") -> None:
        """Fail unless each thing was done at most once, and each final answer is what the upstream decided.

        ``of`` names the situation in the sentence (`` after a kill``).
        """
        bad = [(thing, found) for thing, said in told.items() if (found := self._wrong(thing, said))]
        if not bad:
            return
        thing, (_, text) = min(bad, key=lambda pair: (pair[1][0], len(self.evidence(pair[0]))))
        more = f" {self.plural.capitalize()} that went wrong{of}: {len(bad)} of {len(told)}." if len(bad) > 1 else ""
        fail(text + more, evidence=self.evidence(thing))

    def require_unasked(
        self,
        told: Mapping[WantedT, Said],
        *,
        service: Service,
        database: Postgres,
        until: float,
        promised: str,
        of: str = "",
    ) -> None:
        """Wait until things that no client asks for again after a kill are decided; fail for those that are not by then.

        Only those that the service had taken: it gave their client an id, or made a call for them. Forgotten ones have
        no effect, so books without them are right, and a client that asks again would make them anew. ``until`` is a
        monotonic stamp; ``promised`` says what was promised by then. Raises as ``Postgres.wait`` does when the database
        is away.
        """
        taken = [thing for thing, said in told.items() if said.id or self.decisions.calls(thing)]
        forgotten = taken
        with service.waiting():
            while forgotten := [thing for thing in forgotten if not self._decided(thing)]:
                if time.monotonic() >= until:
                    break
                time.sleep(service.tick)
        if forgotten:
            database.wait()  # raises when it is not the service that is silent
            fail(
                f"{self._name(forgotten[0])} was taken before the service was killed, no client asked again, and it got "
                f"no outcome. {self.plural.capitalize()} forgotten{of}: {len(forgotten)} of {len(taken)}.",
                expected=promised,
                found=f"not {self.words.done} in that time",
                evidence=self.evidence(forgotten[0]),
            )

    def doubled(self, thing: Wanted) -> str:
        """Say when a thing was done more than once, and what stood next to each time. It was done at least once."""
        done = self.decisions.done(thing)
        when = "; ".join(
            f"{one.id} at {self.diary.say(one.at)}{self._cause(thing, done[:number])}"
            for number, one in enumerate(done[:3], 1)
        )
        return f"{self._name(thing)} was {self.words.done} {times(len(done))}: {when}."

    def evidence(self, *things: Wanted) -> tuple[str, ...]:
        """Return the story of things."""
        return self.diary.story(*(thing.value for thing in things))

    def _decided(self, thing: Wanted) -> bool:
        return bool(self.decisions.done(thing) or self.decisions.refused(thing))

    def _name(self, thing: Wanted) -> str:
        return f"{self.noun.capitalize()} {thing.key}"

    def _wrong(self, thing: Wanted, said: Said) -> tuple[int, str] | None:
        """Return how grave it is (0 is worst) and what is wrong, None when nothing is."""
        done, upstream = self.decisions.done(thing), self.words.upstream
        if len(done) > 1:
            return 0, self.doubled(thing)
        if said.meaning is not Meaning.FINAL:
            return None
        reported = f"{self._name(thing)} was reported as {said.status}, but"
        if said.status == self.refused_status and done:
            return 1, f"{reported} {self.harm}: {done[0].id} at {self.diary.say(done[0].at)}."
        if said.status == self.done_status and not done:
            return 2, f"{reported} {upstream} never {self.words.done} it."
        if said.status == self.refused_status and not self.decisions.refused(thing):
            return 3, f"{reported} {upstream} never {self.words.refused} it."
        return None

    def _cause(self, thing: Wanted, done: Sequence[Decision]) -> str:
        """Say what stood next to the last of some times: a kill after it, or what led to it."""
        entries = self.diary.entries([thing.value])
        last = done[-1]
        kills = [
            entry for entry in entries if entry.about is None and entry.text.endswith(KILLED) and entry.at >= last.at
        ]
        if len(done) == 1:
            if not kills:
                return ""
            return f", before {kills[0].text.removesuffix(KILLED)}was killed at {self.diary.say(kills[0].at)}"
        asked = [entry.at for entry in entries if entry.text.startswith(SENDS) and entry.at <= last.at]
        again = [at for at in asked if at > done[0].at]
        if again:
            return f", after the client asked again at {self.diary.say(again[-1])}"
        return ", for an equal request" if len(asked) > 1 else ", by the service's own retry"
