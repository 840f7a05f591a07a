"""Invariants of money: at most one capture an owner, none lost, sums exact. Pure.

Every function returns findings, the smallest counterexample first; none found is an empty tuple. What a candidate's
service says enters as text and is parsed here strictly, so nothing it says can raise.
"""

from __future__ import annotations

import decimal
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

_AMOUNT = re.compile(r"(?:0|[1-9][0-9]{0,29})(?:\.([0-9]{1,9}))?\Z", re.ASCII)
_EXACT = decimal.Context(prec=200, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
_TIMES = {2: "twice", 3: "three times"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """Money that moved once, as one of the books says."""

    owner: str
    """What it was moved for: a merchant and key, written as people should read it."""
    id: str
    """Its id in the book (a capture, a ledger line)."""
    amount: Decimal
    currency: str
    at: float | None = None
    """Seconds on the grading's timeline, when the book tells."""

    def __str__(self) -> str:
        """Say it in a few words."""
        when = "" if self.at is None else f" at {self.at:.1f} s"
        return f"{self.id} ({self.amount} {self.currency}){when}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One broken invariant, as one sentence for people."""

    owner: str
    sentence: str
    evidence: tuple[str, ...] = ()


def money(text: object, decimals: int | None = None) -> Decimal | None:
    """Return the amount that ``text`` writes, None unless it is a plain decimal string.

    With ``decimals``, it must have exactly so many. Exponents, signs, spaces, leading zeros and other digits than
    ASCII ones are refused.
    """
    match = _AMOUNT.match(text) if isinstance(text, str) else None
    if match is None or (decimals is not None and len(match[1] or "") != decimals):
        return None
    return Decimal(match[0])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum, whatever the size."""
    result = Decimal(0)
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result


def totals(entries: Iterable[Entry]) -> dict[str, Decimal]:
    """Return the exact sum for each currency."""
    by_currency: dict[str, list[Decimal]] = defaultdict(list)
    for entry in entries:
        by_currency[entry.currency].append(entry.amount)
    return {currency: total(amounts) for currency, amounts in sorted(by_currency.items())}


def counted_totals(lines: Mapping[tuple[str, Decimal], int]) -> dict[str, Decimal]:
    """Return the exact sum for each currency of ``(currency, amount)``, each as often as it is counted."""
    by_currency: dict[str, list[Decimal]] = defaultdict(list)
    for (currency, amount), count in lines.items():
        by_currency[currency] += [amount] * count
    return {currency: total(amounts) for currency, amounts in sorted(by_currency.items())}


def captured_more_than_once(entries: Iterable[Entry]) -> tuple[Finding, ...]:
    """Return one finding for each owner with more than one entry: the fewest, then the earliest first."""
    ranked = []
    for owner, found in _by_owner(entries).items():
        if len(found) > 1:
            ordered = sorted(found, key=lambda entry: (entry.at is None, entry.at or 0.0, entry.id))
            times = _TIMES.get(len(found), f"{len(found)} times")
            sentence = f"{owner} was captured {times}: {_join(ordered)}."
            finding = Finding(owner=owner, sentence=sentence, evidence=tuple(str(entry) for entry in ordered))
            ranked.append(((len(found), ordered[0].at or 0.0, owner), finding))
    return tuple(finding for _, finding in sorted(ranked, key=lambda pair: pair[0]))


def never_captured(owners: Iterable[str], entries: Iterable[Entry]) -> tuple[Finding, ...]:
    """Return one finding for each owner that was told "captured" and has no entry."""
    known = _by_owner(entries)
    return tuple(
        Finding(owner=owner, sentence=f"{owner} was answered as captured, and no money was captured for it.")
        for owner in sorted(set(owners))
        if owner not in known
    )


def books_differ(
    left: Iterable[Entry], right: Iterable[Entry], *, names: tuple[str, str] = ("ledger", "provider")
) -> tuple[Finding, ...]:
    """Return one finding for each owner whose sums differ between two books, the smallest difference first."""
    ours, theirs = _by_owner(left), _by_owner(right)
    ranked = []
    for owner in sorted({*ours, *theirs}):
        here, there = totals(ours.get(owner, ())), totals(theirs.get(owner, ()))
        if here == there:
            continue
        sentence = f"{owner}: {names[0]} {_sums(here)}, {names[1]} {_sums(there)}."
        evidence = [f"{names[0]}: {entry}" for entry in ours.get(owner, ())]
        evidence += [f"{names[1]}: {entry}" for entry in theirs.get(owner, ())]
        gap = abs(_EXACT.subtract(total(here.values()), total(there.values())))
        ranked.append(((len(evidence), gap, owner), Finding(owner=owner, sentence=sentence, evidence=tuple(evidence))))
    return tuple(finding for _, finding in sorted(ranked, key=lambda pair: pair[0]))


def totals_differ(entries: Iterable[Entry], declared: Mapping[str, object], *, owner: str) -> tuple[Finding, ...]:
    """Return a finding for each currency whose declared total is not exactly the sum of the entries.

    ``declared`` is what a service says, as text; a currency without entries may be missing or zero.
    """
    sums = totals(entries)
    found = []
    for currency in sorted({*sums, *(str(name) for name in declared)}):
        wanted = sums.get(currency, Decimal(0))
        said = declared.get(currency, "0")
        if money(said) != wanted:
            sentence = f"{owner}: the total says {str(said)[:40]!r} {currency}, its entries add up to {wanted}."
            found.append(Finding(owner=owner, sentence=sentence))
    return tuple(found)


def _by_owner(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.owner].append(entry)
    return dict(found)


def _join(entries: list[Entry]) -> str:
    texts = [str(entry) for entry in entries[:4]]
    if len(entries) > len(texts):
        texts.append(f"{len(entries) - len(texts)} more")
    return " and ".join([", ".join(texts[:-1]), texts[-1]])


def _sums(sums: Mapping[str, Decimal]) -> str:
    return " + ".join(f"{amount} {currency}" for currency, amount in sums.items()) or "nothing"
