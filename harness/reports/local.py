"""What ``harness check`` says to a candidate, in lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.events import OutcomeSaid
from harness.model import Grading, Outcome, Status, Verdict
from harness.reports import again
from harness.reports.again import Caller
from harness.reports.fold import Folded, fold, said
from harness.reports.terminal import evidence
from harness.reports.text import WHOLE, clipped, count, cut, number, one_line, visible, wrapped
from harness.reports.words import LANGUAGES, gate

_WORDS = {Status.PASSED: "PASS", Status.FAILED: "FAIL", Status.UNPROVEN: "FAIL", Status.INCONCLUSIVE: "SKIP"}
_MARGIN = " " * 6
_BAR = f"{_MARGIN}| "
_MAX_WORDS = 2000
_LABEL = 9
_RULE = 120
"""Characters of the name of a rule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """What is known beside a check, for the person who ran it."""

    clock: str = ""
    """What their own clock says."""
    logs: str = ""
    """Where the logs of all sandboxes are kept, from where they stand; empty when they are not."""
    graded_only: tuple[str, ...] = ()
    """What the brief names and no public check shows."""


def render(grading: Grading, caller: Caller, about: About) -> list[str]:
    """Return the lines about a check, with commands as ``caller`` can give them."""
    parts = (
        f"{grading.exercise.id} {grading.exercise.version}",
        LANGUAGES.get(grading.language, grading.language),
        grading.name,
        about.clock,
    )
    lines = wrapped(" | ".join(one_line(part, 80) for part in parts if part), rest=_MARGIN)
    weaker = count(len(grading.posture), "thing")
    note = f"; {weaker} weaker than in the standard class: harness doctor" if grading.posture else ""
    lines += wrapped(visible(f"engine  {grading.engine}{note}"), rest=_MARGIN) if grading.engine else []
    if grading.verdict is Verdict.REFUSED:
        return [*lines, *wrapped(visible(f"REFUSED {grading.reason}"), rest=_MARGIN)]
    reason = wrapped(visible(grading.reason), rest=_MARGIN) if grading.reason else []
    return [*lines, *_checks(grading, caller), *_gates(grading), *reason, *_end(grading, caller, about)]


def ended(one: OutcomeSaid, position: int, total: int) -> str:
    """Return the line about a check that has ended while others still run; what it found comes with the rest."""
    return f"{_WORDS[one.status]}  {one.check}  {one.seconds:.1f} s  ({position} of {total})"


def counts(grading: Grading) -> str:
    """Return how many checks held, failed and could not be measured."""
    found = [_WORDS[outcome.status] for outcome in grading.outcomes]
    owed = found.count("SKIP")
    more = f", {owed} not measurable here" if owed else ""
    return f"{found.count('PASS')} passed, {found.count('FAIL')} failed{more}"


def _checks(grading: Grading, caller: Caller) -> list[str]:
    folded = fold([None if one.status is Status.PASSED else said(one) for one in grading.outcomes])
    lines: list[str] = []
    for outcome, one in zip(grading.outcomes, folded, strict=True):
        first = None if one.like is None else grading.outcomes[one.like].check.id
        lines += _check(outcome, one, first)
        if outcome.status is not Status.PASSED:
            words = again.command(caller, "check", "--only", outcome.check.id, catalogue=grading.catalogue)
            lines += again.lines(words, first=f"{_MARGIN}again: ", rest=f"{_MARGIN}  ")
    return lines


def _check(outcome: Outcome, folded: Folded, first: str | None) -> list[str]:
    # Word and id first: what a script looks for begins the line.
    head = f"{_WORDS[outcome.status]}  {outcome.check.id}  {outcome.seconds:.1f} s  "
    lines = wrapped(one_line(outcome.check.title, WHOLE), first=head, rest=_MARGIN)
    if outcome.status is Status.PASSED:
        return [*lines, *_words(outcome.feedback)]
    # What is for the assessor (detail) is not shown: it may hold lines of checks, and tracebacks of ours.
    if first is None:
        lines += _words(said(outcome))
    else:
        lines += _words(folded.text) + _words(f"{'The rest is as' if folded.text else 'The same as'} in {first}.")
    return [*lines, *evidence(outcome.evidence, first=6, last=22, margin=_BAR, where="")]


def _gates(grading: Grading) -> list[str]:
    """Return what a grading would make of it: the closed gates, whose caps weigh more than points."""
    names = {outcome.check.id: outcome.check.id for outcome in grading.outcomes}
    texts = (
        f"{gate(hit, names)} In a grading that leaves {number(hit.cap)} points at most." for hit in grading.score.gates
    )
    return [line for text in texts for line in wrapped(text, first="GATE  ", rest=_MARGIN)]


def _words(text: str) -> list[str]:
    return wrapped(clipped(text, _MAX_WORDS, "harness check --json"), first=_MARGIN, rest=_MARGIN) if text else []


def _end(grading: Grading, caller: Caller, about: About) -> list[str]:
    failed = any(_WORDS[one.status] == "FAIL" for one in grading.outcomes)
    texts: Sequence[str] = (
        f"{counts(grading)}, in {grading.seconds:.0f} s. {_share(grading)}",
        _unchecked(grading, about),
        "This is not your score: grading has the same rules, other timings, and more cases of the brief.",
    )
    lines = [line for text in texts if text for line in wrapped(visible(text), rest="  ")]
    if about.logs:
        lines.append(f"{'logs'.ljust(_LABEL)}{again.quoted(about.logs)}")  # copied, so never broken
    elif failed:
        lines += _command("all logs", again.command(caller, "check", "--keep", catalogue=grading.catalogue))
    lines += _command("again", again.command(caller, "check", catalogue=grading.catalogue))
    lines += _command("hand in", again.command(caller, "submit", catalogue=grading.catalogue))
    return [*lines, *wrapped("Submitting is repeatable, the last one counts. Nothing has left this machine.")]


def _share(grading: Grading) -> str:
    """Return how many of the hundred points what was run stands for, and what may be run."""
    run = sum(outcome.check.points for outcome in grading.outcomes)
    known = sum(check.points for check in grading.exercise.checks)
    these = "This check stands" if len(grading.outcomes) == 1 else "These checks stand"
    rest = f"; all that you can run, for {number(known)}" if run != known else ""
    return f"{these} for {number(run)} of the 100 automatic points{rest}."


def _unchecked(grading: Grading, about: About) -> str:
    """Return what is judged and nothing here shows: by the names of the brief, else by skill; empty where all is shown."""
    public: dict[str, float] = dict.fromkeys(grading.exercise.skills, 0.0)
    for check in grading.exercise.checks:
        public[check.skill] = public.get(check.skill, 0.0) + check.points
    missing = {skill: points - public[skill] for skill, points in grading.exercise.skills.items()}
    if len(grading.outcomes) < len(grading.exercise.checks) or not any(points > 0 for points in missing.values()):
        return ""
    points = ", ".join(
        f"{one_line(skill, 40)} {number(left)}{'' if public[skill] else ' (all)'}"
        for skill, left in missing.items()
        if left > 0
    )
    rules = "; ".join(cut(rule, _RULE) for rule in about.graded_only)
    return f"Briefed, but without a public check, in points: {points}.{f' Among it: {rules}.' if rules else ''}"


def _command(label: str, words: Sequence[str]) -> list[str]:
    return again.lines(words, first=label.ljust(_LABEL), rest=" " * (_LABEL + 2))
