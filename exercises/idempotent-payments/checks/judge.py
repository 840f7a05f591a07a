"""The money invariants, judged over what clients were told, what the provider captured and what the ledger says."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from books import Books, Outcome, totals
from client import Client, Ledger
from schedule import Charge

from harness.testing import expect, fail
from harness.testing.answers import Meaning, Said, times
from harness.testing.diary import Diary
from harness.testing.postgres import Postgres
from harness.testing.service import Service

SETTLE_TICKS = 10
"""How long a difference of books must last: a capture may just be happening."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judge:
    """Says a broken invariant as its smallest counterexample: one charge, its story."""

    books: Books
    diary: Diary
    client: Client
    service: Service
    database: Postgres

    def money(self, told: Mapping[Charge, Said], *, of: str = "") -> None:
        """I1 and what follows from it: at most one capture a charge, and nobody was told anything else than the truth.

        ``of`` names the situation in the sentence ("after a kill").
        """
        bad = [(charge, found) for charge, said in told.items() if (found := self._wrong(charge, said))]
        if not bad:
            return
        charge, (_, text) = min(bad, key=lambda pair: (pair[1][0], len(self.evidence(pair[0]))))
        more = f" Charges that went wrong{of}: {len(bad)} of {len(told)}." if len(bad) > 1 else ""
        fail(text + more, evidence=self.evidence(charge))

    def _wrong(self, charge: Charge, said: Said) -> tuple[int, str] | None:
        """Return how grave it is (0 is worst) and what is wrong, None when nothing is."""
        captures = self.books.captures(charge)
        if len(captures) > 1:
            return 0, self.double(charge)
        if said.meaning is not Meaning.FINAL:
            return None
        if said.status == "declined" and captures:
            what = f"the customer has been charged: {captures[0].capture} at {self.diary.say(captures[0].at)}"
            return 1, f"Charge {charge.key} was reported as declined, but {what}."
        if said.status == self.client.captured and not captures:
            return 2, f"Charge {charge.key} was reported as {said.status}, but the provider never captured it."
        if said.status == "declined" and not self.books.captures(charge, status="declined"):
            return 3, f"Charge {charge.key} was reported as declined, but the provider never declined it."
        return None

    def double(self, charge: Charge) -> str:
        """Say when a charge was captured more than once, and what stood next to each time."""
        captures = self.books.captures(charge)
        when = "; ".join(
            f"{one.capture} at {self.diary.say(one.at)}{self._cause(charge, captures[:number])}"
            for number, one in enumerate(captures[:3], 1)
        )
        return f"Charge {charge.key} was captured {times(len(captures))}: {when}."

    def _cause(self, charge: Charge, captures: Sequence[Outcome]) -> str:
        """Say what stood next to the last of some captures: a kill after it, or what led to it."""
        entries = self.diary.entries([charge.value])
        last = captures[-1]
        kills = [entry for entry in entries if entry.about is None and "killed" in entry.text and entry.at >= last.at]
        if len(captures) == 1:
            if not kills:
                return ""
            return f", before {kills[0].text.replace(' is ', ' was ')} at {self.diary.say(kills[0].at)}"
        asked = [entry.at for entry in entries if entry.text.startswith("client sends") and entry.at <= last.at]
        again = [at for at in asked if at > captures[0].at]
        if again:
            return f", after the client asked again at {self.diary.say(again[-1])}"
        return ", for an equal request" if len(asked) > 1 else ", by the service's own retry"

    def ledgers(self, charges: Iterable[Charge], *, until: float) -> None:
        """I2: the ledger of every merchant is exactly what the provider captured, by value and by sum.

        A difference counts when it is still there at ``until`` and a moment later: a capture may just be happening.
        """
        merchants = sorted({charge.merchant for charge in charges})
        if not self.await_ledgers(merchants, until=until):
            time.sleep(SETTLE_TICKS * self.service.tick)
            for merchant in merchants:
                self._ledger(merchant, self.client.ledger(merchant))
        for merchant in merchants:
            self._no_strays(merchant)

    def await_ledgers(self, merchants: Iterable[str], *, until: float) -> bool:
        """Wait until the merchants' ledgers are what the provider captured; False when the time is over."""
        for merchant in merchants:
            while self.ledger_problem(merchant):
                if time.monotonic() >= until:
                    return False
                time.sleep(self.service.tick)
        return True

    def ledger_problem(self, merchant: str) -> str:
        """Return how a merchant's ledger differs from the provider's books now, empty when it does not."""
        ledger = self.client.ledger(merchant)
        if ledger.problem:
            return ledger.problem
        truth = self.books.captured(merchant)
        lost, invented = truth - ledger.entries, ledger.entries - truth
        return f"missing {_say(lost)}; too many {_say(invented)}" if lost or invented else ""

    def _ledger(self, merchant: str, ledger: Ledger) -> None:
        if ledger.unread:
            self.database.wait()  # raises when it is not the service that is silent
            text = f"The ledger of merchant {merchant} cannot be read while the database answers: {ledger.problem}."
            fail(text)
        expect(not ledger.problem, f"The ledger of merchant {merchant} cannot be right: {ledger.problem}")
        truth = self.books.captured(merchant)
        lost, invented = truth - ledger.entries, ledger.entries - truth
        for where, lines in (("is missing in the ledger", lost), ("is too often in the ledger", invented)):
            for currency, amount in lines:
                self._wrong_line(merchant, ledger, (currency, amount), where)
        doubled = len(ledger.charges) - len(set(ledger.charges))
        expect(not doubled, f"The ledger of merchant {merchant} names {doubled} charges more than once.")

    def _wrong_line(self, merchant: str, ledger: Ledger, line: tuple[str, Decimal], where: str) -> NoReturn:
        truth, (currency, amount) = self.books.captured(merchant), line
        charge = self.client.asked.get((merchant, currency, amount))
        captures = self.books.captures(charge) if charge else ()
        if charge and len(captures) > 1:
            fail(self.double(charge), evidence=self.evidence(charge))
        name = f"Charge {charge.key}" if charge else "An amount that nobody asked for"
        fail(
            f"{name} ({amount} {currency}) {where} of merchant {merchant}: "
            f"captured {times(truth[line])}, entered {times(ledger.entries[line])}.",
            expected=f"ledger {_sums(truth)}",
            found=f"ledger {_sums(ledger.entries)}",
            evidence=self.evidence(charge) if charge else (),
        )

    def _no_strays(self, merchant: str) -> None:
        """Nothing was captured that nobody asked for, whatever the ledger says of it."""
        for currency, amount in self.books.captured(merchant):
            if (merchant, currency, amount) not in self.client.asked:
                fail(f"The provider captured {amount} {currency} for merchant {merchant}, which no client asked for.")

    def evidence(self, *charges: Charge) -> tuple[str, ...]:
        """Return the story of charges."""
        return self.diary.story(*(charge.value for charge in charges))


def _say(lines: Mapping[tuple[str, Decimal], int]) -> str:
    shown = [f"{amount} {currency}" for currency, amount in list(lines)[:3]]
    return ", ".join(shown) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "") or "nothing"


def _sums(lines: Mapping[tuple[str, Decimal], int]) -> str:
    expanded = [line for line, count in lines.items() for _ in range(count)]
    return ", ".join(f"{total} {currency}" for currency, total in sorted(totals(expanded).items())) or "nothing"
