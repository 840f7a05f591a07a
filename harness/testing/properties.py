"""Statements that must have been put to the test: the one way to say that a check was not vacuous.

A universal statement over an empty set is true, and points for it are given away. So a statement is declared where the
check begins, used where it is judged, and when the check ends without a complaint, one that was never reached decides::

    stays = always("a charge that was answered stays")
    met = sometimes("a kill met a charge under way", missing="inconclusive")
    ...
    for charge in answered:
        stays(ledger.get(charge) is not None, found=charge)
    met(trap.held.is_set())

Whose fault it is that it was never reached is the author's to say, once, where it is declared: ``unproven`` (the service
gave no occasion; the default), ``failed`` (the brief promises the occasion: silence never beats failure), or
``inconclusive`` (a fault or a probe of ours did not bite).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Literal, NoReturn

from harness.errors import GraderError
from harness.model import Status
from harness.testing.check import expect, fail, running

Missing = Literal["unproven", "failed", "inconclusive"]


class Property:
    """One statement of the running check. Call it wherever it is judged, from any thread, as often as there is a case."""

    def __init__(self, text: str, *, kind: str, missing: Missing, times: int) -> None:
        """Made by :func:`always`, :func:`sometimes` and :func:`reachable`."""
        if missing not in {"unproven", "failed", "inconclusive"} or times < 1:
            words = f"expected unproven, failed or inconclusive and at least 1 time, found {missing!r} and {times!r}"
            raise GraderError(words)
        self.text = text
        self.kind = kind
        self._missing = Status(missing)
        self._times = times
        self._lock = threading.Lock()
        self._reached = 0
        self._true = 0

    def __call__(
        self,
        condition: object = True,  # noqa: FBT002 - reads as a statement: met(trap.held.is_set())
        *,
        expected: object = None,
        found: object = None,
        detail: str = "",
        evidence: Iterable[object] = (),
    ) -> None:
        """Put the statement to the test once. Of ``always``, raises CheckFailed as ``expect`` does when it is false."""
        with self._lock:
            self._reached += 1
            self._true += 1 if condition else 0
        if self.kind == "always":
            expect(
                condition,
                f"Does not hold: {self.text}.",
                expected=expected,
                found=found,
                detail=detail,
                evidence=evidence,
            )

    def verdict(self) -> tuple[Status, str]:
        """Return what it comes to, and why; ``passed`` without words when it was shown. Called by the plugin at the end."""
        with self._lock:
            true, reached = self._true, self._reached
        if true >= self._times:
            return Status.PASSED, ""
        if self.kind == "always":
            said = (
                f"Never put to the test: {self.text}." if not reached else f"Too seldom put to the test: {self.text}."
            )
        else:
            said = f"Never seen: {self.text}." if not true else f"Too seldom seen: {self.text}."
        return self._missing, f"{said} ({true} of at least {self._times}, looked at {reached} times)"


def always(text: str, *, missing: Missing = "unproven", times: int = 1) -> Property:
    """Declare what must hold whenever it is looked at, and be looked at at least ``times`` times in this check.

    ``text`` is a statement in lower case without its full stop, for the candidate. Call what is returned with the
    condition: a false one is a failure at once. Raises GraderError outside a running check.
    """
    return _declared(text, "always", missing, times)


def sometimes(text: str, *, missing: Missing = "unproven", times: int = 1) -> Property:
    """Declare what must be true at least ``times`` times before this check ends; being false is no failure.

    For what makes the rest worth something: a kill met a charge, a retry happened. Raises GraderError outside a check.
    """
    return _declared(text, "sometimes", missing, times)


def reachable(text: str, *, missing: Missing = "unproven", times: int = 1) -> Property:
    """Declare a place that this check must come to: call what is returned there, without a condition."""
    return _declared(text, "reachable", missing, times)


def unreachable(
    text: str, *, expected: object = None, found: object = None, detail: str = "", evidence: Iterable[object] = ()
) -> NoReturn:
    """Say that a place was reached which must not be: raises CheckFailed. It needs no declaration."""
    fail(f"Must never happen: {text}.", expected=expected, found=found, detail=detail, evidence=evidence)


def _declared(text: str, kind: str, missing: Missing, times: int) -> Property:
    record = running(kind)
    made = Property(text, kind=kind, missing=missing, times=times)
    record.declare(made)
    return made
