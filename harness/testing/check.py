"""What a check says: its id, a failure of the candidate's service, missing evidence, partial credit.

A failure is said, not guessed: only :class:`CheckFailed` (raised by :func:`expect`) and a plain ``assert`` of the
test file itself count against a candidate. Every other exception is ours and makes the check inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn, TypeVar

from harness.errors import GraderError
from harness.testing.text import block, line, lines

if TYPE_CHECKING:
    from harness.testing._run.record import Record

MARK = "check"
Function = TypeVar("Function", bound=Callable[..., object])


class _Said(Exception):  # noqa: N818 - a verdict, not a fault of ours
    """What every verdict carries."""

    def __init__(self, feedback: str, *, detail: str = "", evidence: Iterable[object] = ()) -> None:
        """``feedback`` is for the candidate (of :class:`Inconclusive`: for the assessor), ``detail`` for the assessor.

        ``evidence`` is up to 40 lines of what was seen. All of it is capped and cleaned.
        """
        super().__init__(feedback)
        self.feedback = block(feedback, 2000)
        self.detail = block(detail, 8000)
        self.evidence = lines(evidence)


class CheckFailed(_Said):
    """The candidate's service was seen to break a rule. Raise it through :func:`expect` or :func:`fail`."""


class Unproven(_Said):
    """The evidence is missing because the candidate's service gave none: no points, and no accusation."""


class Inconclusive(_Said):
    """The evidence is missing for a reason of ours, seen by our own probe.

    Message, ``detail`` and ``evidence`` are for the assessor: the candidate is told only that it was not their doing.
    """


def check(check_id: str) -> Callable[[Function], Function]:
    """Declare that a test function judges check ``check_id`` (``family/name``); exactly one function an id."""
    import pytest

    def decorate(function: Function) -> Function:
        marked: Function = pytest.mark.check(check_id)(function)
        return marked

    return decorate


def expect(
    condition: object,
    feedback: str,
    *,
    expected: object = None,
    found: object = None,
    detail: str = "",
    evidence: Iterable[object] = (),
) -> None:
    """Raise CheckFailed unless ``condition`` holds.

    ``feedback`` is one sentence for the candidate, the smallest counterexample; ``expected`` and ``found`` are
    appended to it when either is given. ``detail`` is for the assessor only.
    """
    if condition:
        return
    text = feedback
    if expected is not None or found is not None:
        text = f"{feedback}\nexpected  {line(expected, 400)}\nfound     {line(found, 400)}"
    raise CheckFailed(text, detail=detail, evidence=evidence)


def fail(
    feedback: str,
    *,
    expected: object = None,
    found: object = None,
    detail: str = "",
    evidence: Iterable[object] = (),
) -> NoReturn:
    """Raise CheckFailed: ``expect(False, ...)``."""
    expect(False, feedback, expected=expected, found=found, detail=detail, evidence=evidence)  # noqa: FBT003
    raise AssertionError  # pragma: no cover - expect has raised


_current: Record | None = None


def set_current(record: Record | None) -> None:
    """Tell which check runs now. Called by the plugin only."""
    global _current  # noqa: PLW0603 - pytest runs one test at a time in one process
    _current = record


def running(call: str) -> Record:
    """Return the account of the check that runs now. Raises GraderError, naming ``call``, when none does.

    Called by the functions that add to it.
    """
    if _current is None:
        text = f"expected a running check, found {call} called outside one: call it in a test function"
        raise GraderError(text)
    return _current


def credit(value: float, feedback: str = "", *, detail: str = "", evidence: Iterable[object] = ()) -> None:
    """Set the credit of the running check, in [0, 1]; the last call counts.

    Below 1 the check ends ``failed`` with that part of its points and ``feedback``; at 1 it ends ``passed``. A
    CheckFailed raised afterwards takes the credit back. Raises GraderError for anything that is not such a number.
    """
    record = running("credit()")
    if not math.isfinite(value) or not 0 <= value <= 1:
        text = f"expected a credit in [0, 1], found {value!r}: compute it with harness.checkers.ratios.credit"
        raise GraderError(text)
    record.set_credit(value, block(feedback, 2000), block(detail, 8000), lines(evidence))
