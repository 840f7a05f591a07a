"""``harness check --watch``: what failed last is run again on each save.

Times of files are asked for twice a second. What travels is a few hundred files at most, and that works on every disk: what
kernels tell of changes does not come from network shares and from the other side of a virtual machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from harness import console
from harness.commands.trial import FAILED
from harness.errors import ExitCode, HarnessError, UsageError
from harness.model import Grading, Verdict
from harness.reports import local

EVERY_SECONDS = 0.5
"""How often files are looked at; a save is over when nothing changed between two looks."""
_NAMED = 3

Files = Mapping[str, tuple[int, int, int]]


def run(
    check: Callable[[tuple[str, ...]], Grading],
    look: Callable[[], Files],
    *,
    everything: tuple[str, ...],
    first: tuple[str, ...],
) -> ExitCode:
    """Run ``first``, or everything where nothing failed; then, on each save, what failed last, or everything again.

    Ends by an interruption, which is raised on after a sentence.
    """
    ids, said = first or everything, "nothing was run to its end"
    try:
        before = _seen(look, {})
        while True:
            grading = _checked(check, ids)
            if grading is not None:
                said = local.counts(grading) if grading.outcomes else str(grading.verdict)
                ids = _next(grading, ids, everything)
            _announce(ids, everything)
            changed, before = _wait(look, before)
            console.notice(f"saved: {changed}")
    except KeyboardInterrupt:
        console.notice(f"no longer watching; the last round: {said}")
        raise


def _checked(check: Callable[[tuple[str, ...]], Grading], ids: tuple[str, ...]) -> Grading | None:
    """Return what a round came to; None where it could not be run, which is said: the next save tries again."""
    try:
        return check(ids)
    except UsageError:
        raise
    except HarnessError as error:
        console.notice(f"error: {error}")
        return None


def _next(grading: Grading, ids: tuple[str, ...], everything: tuple[str, ...]) -> tuple[str, ...]:
    if grading.verdict is Verdict.REFUSED:
        return ids  # it does not build: what failed before is still what is worked on
    return tuple(one.check.id for one in grading.outcomes if one.status in FAILED) or everything


def _announce(ids: Sequence[str], everything: Sequence[str]) -> None:
    what = "everything" if len(ids) == len(everything) else ", ".join(ids)
    console.notice(f"watching: the next save runs {what}; Ctrl-C ends it")


def _wait(look: Callable[[], Files], before: Files) -> tuple[str, Files]:
    """Wait for a save that is over; return in words what was saved, and the files as they are."""
    last = before
    while True:
        now = _seen(look, last)
        if now == last != before:
            return _named(before, now), now
        last = now
        time.sleep(EVERY_SECONDS)


def _seen(look: Callable[[], Files], last: Files) -> Files:
    try:
        return look()
    except HarnessError:
        return last  # a folder that is being exchanged; what stays wrong with it is said by the next round


def _named(before: Files, now: Files) -> str:
    changed = sorted(path for path in {*before, *now} if before.get(path) != now.get(path))
    more = len(changed) - _NAMED
    return ", ".join(changed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
