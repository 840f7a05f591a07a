"""From an exception that ended a phase of a check to what is said of the check. Pure but for reading the exception.

Two readers are kept apart here. A candidate reads one sentence, and never a line, a name or a traceback of a check:
``feedback``. What happened, traceback included, is for the assessor: ``detail``.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.model import Status
from harness.testing._run.record import TROUBLE
from harness.testing._run.watchdog import OverranError
from harness.testing.broker import EngineTrouble
from harness.testing.check import CheckFailed, Inconclusive, Unproven

TRACE_CHARS = 6000
ENGINE = "Our engine had trouble while this was measured. That is not your doing; the check can be run again."
OURS = TROUBLE
PROBE = "Our own probe says that this could not be measured here. That is not your doing; the check can be run again."
SLOW = "This check took all the time that there was for it, and could not be judged. It can be run again."
ABSENT = "This check was not run: something that it needs has no result. It can be run again."
BARE = "What this check asserts does not hold."


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What one phase of a check came to."""

    status: Status
    feedback: str
    """For the candidate."""
    detail: str = ""
    """For the assessor."""
    evidence: tuple[str, ...] = ()


def judge(excinfo: pytest.ExceptionInfo[BaseException], *, when: str, path: Path) -> Said:
    """Return what an exception, raised in phase ``when`` of a test of file ``path``, says of the check."""
    error, traced = excinfo.value, excinfo.traceback
    said = _leaf(error)
    own = next((entry for entry in reversed(traced) if entry.path == path), traced[-1] if traced else None)
    where = f"{Path(own.path).name}:{own.lineno + 1}" if own is not None else ""
    if isinstance(said, CheckFailed | Unproven):
        status = Status.FAILED if isinstance(said, CheckFailed) else Status.UNPROVEN
        detail = f"{said.detail}\n[{where}]".strip()
        return Said(status=status, feedback=said.feedback, detail=detail, evidence=said.evidence)
    if isinstance(said, AssertionError) and when == "call" and traced and traced[-1].path == path:
        return Said(status=Status.FAILED, feedback=_assertion(said), detail=f"[{where}] {trace(error)}")
    return Said(status=Status.INCONCLUSIVE, feedback=_sentence(said), detail=_detail(said, error, when, where))


def trace(error: BaseException) -> str:
    """Return the end of the traceback."""
    return "".join(traceback.format_exception(error))[-TRACE_CHARS:]


def headline(error: BaseException) -> str:
    """Return type and message of ``error`` as Python says them, whatever its ``__str__`` does."""
    return "".join(traceback.format_exception_only(error)).strip()[:1000]


def _leaf(error: BaseException) -> BaseException:
    """Return what counts of an exception: of a group a failure that was said in it, else missing evidence.

    A failure seen in one of several tasks is seen; trouble in another one never forgives it.
    """
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [_leaf(one) for one in error.exceptions]
    failed = [one for one in leaves if isinstance(one, CheckFailed)]
    if failed:
        return failed[0]
    missing = [one for one in leaves if isinstance(one, Unproven)]
    return missing[0] if len(missing) == len(leaves) else error


def _assertion(error: AssertionError) -> str:
    """Return what a plain assert says: its author's message, or the values that were compared.

    pytest explains an assertion in further lines, with the expressions of the check in them: those stay with us.
    """
    text = str(error)
    message, mark, explained = text.partition("\nassert ")
    if not mark and text.startswith("assert "):
        message, explained = "", text.removeprefix("assert ")
    values = explained.partition("\n")[0].strip()
    if message.strip():
        return message.strip()
    return f"{BARE}\nfound     {values}" if values and values not in {"False", "None"} else BARE


def _sentence(error: BaseException) -> str:
    if isinstance(error, EngineTrouble):
        return ENGINE
    if isinstance(error, Inconclusive):
        return PROBE
    return SLOW if isinstance(error, OverranError) else OURS


def _detail(said: BaseException, error: BaseException, when: str, where: str) -> str:
    """Return what happened, the most telling first, so that whatever is cut, it is not that."""
    if isinstance(said, Inconclusive):
        return "\n".join(part for part in (said.feedback, said.detail, *said.evidence, trace(error)) if part)
    if isinstance(said, pytest.skip.Exception | pytest.xfail.Exception):
        return f"skipped by its author, which never points: {headline(said)} [{where}]"
    if isinstance(said, OverranError):
        return str(said)
    return f"an exception in {when} [{where}]: {headline(said)}\n{trace(error)}"
