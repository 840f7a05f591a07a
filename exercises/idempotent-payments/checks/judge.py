"""The money invariants, judged over what clients were told, what the provider captured and what the ledger says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from books import WORDS, Books, Line
from client import Client
from schedule import Charge

from harness.checkers import ledgers
from harness.testing.answers import Said
from harness.testing.diary import Diary
from harness.testing.effects import Effects
from harness.testing.postgres import Postgres
from harness.testing.reconciliation import Reconciliation
from harness.testing.service import Service


class Judge:
    """Says a broken invariant as its smallest counterexample: one charge, its story."""

    def __init__(self, books: Books, diary: Diary, client: Client, service: Service, database: Postgres) -> None:
        """Judge what is in ``books`` and what ``client`` was told."""
        self.effects = Effects(
            decisions=books,
            diary=diary,
            words=WORDS,
            noun="charge",
            plural="charges",
            done_status=client.captured,
            refused_status="declined",
            harm="the customer has been charged",
        )
        self._books: Reconciliation[Charge, Line] = Reconciliation(
            read=client.ledger,
            truth=books.captured,
            asked=lambda merchant, line: client.asked.get((merchant, *line)),
            known=client.ids.get,
            effects=self.effects,
            service=service,
            database=database,
            book="ledger",
            account="merchant",
            say=lambda line: f"{line[1]} {line[0]}",
            sums=_sums,
        )

    def money(self, told: Mapping[Charge, Said], *, of: str = "") -> None:
        """I1 and what follows from it: at most one capture a charge, and nobody was told anything else than the truth.

        ``of`` names the situation in the sentence ("after a kill").
        """
        self.effects.require(told, of=of)

    def ledgers(self, charges: Iterable[Charge], *, until: float) -> None:
        """I2: the ledger of every merchant is exactly what the provider captured, by value and by sum.

        A difference counts when it is still there at ``until`` and a moment later: a capture may just be happening.
        """
        self._books.require({charge.merchant for charge in charges}, until=until)

    def strays(self, merchants: Iterable[str]) -> None:
        """Nothing was captured for merchants that no client asked for."""
        for merchant in merchants:
            self._books.no_strays(merchant)

    def double(self, charge: Charge) -> str:
        """Say when a charge was captured more than once, and what stood next to each time."""
        return self.effects.doubled(charge)

    def evidence(self, *charges: Charge) -> tuple[str, ...]:
        """Return the story of charges."""
        return self.effects.evidence(*charges)


def _sums(lines: Counter[Line]) -> str:
    sums = ledgers.counted_totals(lines)
    return ", ".join(f"{total} {currency}" for currency, total in sums.items()) or "nothing"
