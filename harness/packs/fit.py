"""Does a submission fit what was given out? Pure: what it says of itself beside the record, which is the company's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness import names
from harness.errors import ExitCode
from harness.intake.senders import Invited
from harness.model import Grading, Verdict
from harness.packs.record import Given, Record

_SHORT = 12
"""Hex digits of what a pack is called by."""
HELD = "It does not fit the record of packs"
"""How the reason of a grading begins that is held for that."""
UNRECORDED = "no pack of this exercise is recorded, so its alias and variant are what the submission says of itself"
UNNAMED = "the submission says nothing of a pack, so it was not compared with those that are recorded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What came of the comparison."""

    variant: int | None = None
    """What was given out; None: nobody can tell."""
    hold: str = ""
    """Why a person must look, in words; empty when it fits, or when there is nothing to compare."""
    words: str = ""
    """What a report says of it beside how the exercise was proven."""


def compare(invited: Invited | None, exercise_id: str, record: Record, *, asked: int | None = None) -> Fit:
    """Return how what a submission says fits the packs of one exercise.

    ``asked`` is the variant that whoever grades named: then that is not the submission's to be wrong about.
    """
    given = record.of(exercise_id)
    if not given:
        return Fit(words=UNRECORDED + _unread(record))
    if invited is None:
        return Fit(words=UNNAMED)
    theirs = [one for one in given if one.alias == invited.alias]
    named = [one for one in theirs if invited.pack in {"", one.pack}]
    fitting = [one for one in named if not _differences(invited, one, asked)]
    if fitting:
        last = fitting[-1]
        what = "alias and version are" if asked is not None else "alias, variant and version are"
        return Fit(variant=last.variant, words=f"{what} those of the pack recorded {last.packed_at[:10]}")
    why = _why(invited, theirs, named, asked) + _unread(record)
    variant = (named or theirs)[-1].variant if theirs else None
    return Fit(
        variant=variant,
        hold=f"{HELD}: {why}.",
        words="it does not fit the record of packs",
    )


def held(grading: Grading, fit: Fit) -> Grading:
    """Return the grading as it stands beside the record of packs: what does not fit is for a person to look at."""
    if not fit.hold:
        return grading
    told = grading.reason if grading.verdict in {Verdict.HELD, Verdict.INCONCLUSIVE} else ""
    reason = " ".join(filter(None, (fit.hold, told)))
    return replace(grading, verdict=Verdict.HELD, exit_code=int(ExitCode.INTEGRITY), reason=reason)


def _why(invited: Invited, theirs: Sequence[Given], named: Sequence[Given], asked: int | None) -> str:
    who = names.shown(invited.alias)
    if not theirs:
        return f"none of this exercise was given to {who}, as it calls itself"
    if not named:
        return f"it says that it is of pack {invited.pack[:_SHORT]}, which was not given to {who}"
    return f"{', and '.join(_differences(invited, named[-1], asked))}, by its own words"


def _differences(invited: Invited, one: Given, asked: int | None) -> list[str]:
    """Return in words what a submission says otherwise than the record."""
    found = []
    if invited.version != one.version:
        found.append(
            f"{names.shown(one.alias)} was given version {one.version}, and it is for {names.shown(invited.version)}"
        )
    if asked is None and invited.variant != one.variant:
        found.append(
            f"{names.shown(one.alias)} was given variant {one.variant}, and its brief was variant {invited.variant}"
        )
    return found


def _unread(record: Record) -> str:
    if not record.unreadable:
        return ""
    lines = "1 line" if record.unreadable == 1 else f"{record.unreadable} lines"
    return f" ({lines} of the record can't be read)"
