"""What any service promises about things that get one final outcome: in time, once, and the same for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from harness.testing.answers import Meaning, Said, examples, short
from harness.testing.check import expect, fail

MOST_SILENT = 20
"""One answer in so many may stay away without being a broken promise: networks are what they are."""

Thing = TypeVar("Thing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes(Generic[Thing]):
    """Says a broken promise as its smallest counterexample. What is owed and late is a failure, not missing evidence."""

    name: Callable[[Thing], str]
    """How a sentence calls a thing: ``charge k-01``."""
    story: Callable[[Thing], Iterable[str]]
    """What is known of it: evidence."""
    plural: str
    """How a sentence calls many: ``charges``."""

    def all_final(self, told: Mapping[Thing, Said], *, promised: str, of: str = "") -> None:
        """Fail unless all things, whose time is over, have their outcome. ``promised`` says what they were to have."""
        late = [thing for thing, said in told.items() if said.meaning is not Meaning.FINAL]
        if late:
            fail(
                f"{len(late)} of {len(told)} {self.plural}{of} had no outcome in time.",
                expected=promised,
                found=f"{self.name(late[0])}: still {told[late[0]]}",
                evidence=self.story(late[0]),
            )

    def answered(self, said: Sequence[Said], *, what: str, expected: str, excused: bool = False) -> None:
        """Fail unless answers are a final or a pending outcome, in time. ``what`` names the requests.

        A few may be missing, or 5xx: a machine has its moments. Any other one is the service's word. ``excused`` says
        that 5xx is as promised, since something that the service needs was away: then it may come as often as it likes.
        """
        others = [one for one in said if one.meaning not in {Meaning.FINAL, Meaning.PENDING}]
        wrong = [one for one in others if one.answer.status is not None and one.answer.status < 500]  # noqa: PLR2004 - HTTP's own number
        if excused:
            others = [one for one in others if one.answer.status is None or one in wrong]
        expect(
            not wrong and len(others) * MOST_SILENT <= len(said),
            f"Of {len(said)} {what}, {len(others)} were not answered as promised.",
            expected=expected,
            found=examples(wrong or others),
        )

    def told_once(self, answers: Mapping[Thing, Sequence[Said]]) -> None:
        """Fail unless answers to equal requests name one thing."""
        for thing, said in answers.items():
            ids = sorted({one.id for one in said if one.id})
            if len(ids) > 1:
                fail(
                    f"Equal requests for {self.name(thing)} were answered with {len(ids)} different {self.plural}.",
                    expected="one id for equal requests",
                    found=", ".join(ids[:3]),
                    evidence=self.story(thing),
                )

    def repeated(self, told: Mapping[Thing, Said], again: Mapping[Thing, Said], *, status: int = 201) -> None:
        """Fail unless asking again for what was final brings the same answer. Not to answer is no better than another."""
        final = [thing for thing, said in told.items() if said.meaning is Meaning.FINAL and thing in again]
        for thing in final:
            said, other = told[thing], again[thing]
            if other.answer.status is None or other.answer.status >= 500:  # noqa: PLR2004 - HTTP's own number
                continue
            # A final answer may have come from a read (200): its body is the same.
            if other.answer.status != status or other.id != said.id or other.answer.json() != said.answer.json():
                fail(
                    f"{self.name(thing).capitalize()} was final, and the same request was answered differently afterwards.",
                    expected=f"{status} {said.status}, id {said.id}, the same body",
                    found=f"{other}, id {other.id}" if other.id else short(other.answer),
                    evidence=self.story(thing),
                )
        answers = [again[thing] for thing in final]
        self.answered(answers, what=f"requests for final {self.plural}", expected=f"{status}, as before")

    def stay(self, told: Mapping[Thing, Said], later: Mapping[Thing, Said]) -> None:
        """Fail unless what was final is so when it is read later: neither old news nor a restart turns it back."""
        for thing, said in later.items():
            was = told[thing].status
            if said.answer.status == 200 and said.status and said.status != was:  # noqa: PLR2004
                fail(
                    f"{self.name(thing).capitalize()} was {was}, and {said.status} when it was read later.",
                    expected=was,
                    found=short(said.answer),
                    evidence=self.story(thing),
                )
