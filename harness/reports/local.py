"""What ``harness check`` says to a candidate, in lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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
    only: Sequence[str] = ()
    """Which checks they asked for, as they did; empty: all."""
    above: Collection[str] = ()
    """Checks of which everything has been said already, where the reader of this has it before their eyes."""


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
    return [*lines, *_checks(grading, caller, about.above), *_gates(grading), *reason, *_end(grading, caller, about)]


class Told:
    """What was said of checks as they ended, while others still ran."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._told: dict[str, OutcomeSaid] = {}

    def ended(self, one: OutcomeSaid, total: int) -> list[str]:
        """Return the lines about a check that has ended just now, of ``total``: of one that did not pass, with all that it found."""
        self._told.pop(one.check, None)  # of a run that somebody interfered with, which begins again
        before = list(self._told.values())
        self._told[one.check] = one
        lines = [f"{_WORDS[one.status]}  {one.check}  {one.seconds:.1f} s  ({len(self._told)} of {total})"]
        if one.status is Status.PASSED:
            return lines
        texts = [None if earlier.status is Status.PASSED else said(earlier) for earlier in before]
        folded = _first(fold([*texts, said(one)]))[-1]
        return [*lines, *_found(one, folded, None if folded.like is None else before[folded.like].check)]

    def knows(self, outcome: Outcome) -> bool:
        """Whether this is what was said of it: a grading may judge otherwise than its check did, or be done once more."""
        one = self._told.get(outcome.check.id)
        return one is not None and (one.status, one.feedback, tuple(one.evidence)) == (
            outcome.status,
            outcome.feedback,
            tuple(outcome.evidence),
        )


def counts(grading: Grading) -> str:
    """Return how many checks held, failed and could not be measured."""
    found = [_WORDS[outcome.status] for outcome in grading.outcomes]
    owed = found.count("SKIP")
    more = f", {owed} not measurable here" if owed else ""
    return f"{found.count('PASS')} passed, {found.count('FAIL')} failed{more}"


def _checks(grading: Grading, caller: Caller, above: Collection[str]) -> list[str]:
    folded = _first(fold([None if one.status is Status.PASSED else said(one) for one in grading.outcomes]))
    lines: list[str] = []
    for outcome, one in zip(grading.outcomes, folded, strict=True):
        # Word and id first: what a script looks for begins the line.
        head = f"{_WORDS[outcome.status]}  {outcome.check.id}  {outcome.seconds:.1f} s  "
        lines += wrapped(one_line(outcome.check.title, WHOLE), first=head, rest=_MARGIN)
        if outcome.status is Status.PASSED:
            lines += _words(outcome.feedback)
            continue
        if outcome.check.id in above:
            lines.append(f"{_MARGIN}what it found: above")
        else:
            lines += _found(outcome, one, None if one.like is None else grading.outcomes[one.like].check.id)
        words = again.command(caller, "check", "--only", outcome.check.id, catalogue=grading.catalogue)
        lines += again.lines(words, first=f"{_MARGIN}again: ", rest=f"{_MARGIN}  ")
    return lines


def _first(folded: Sequence[Folded]) -> list[Folded]:
    """Return what is new of each, with the check that said the rest itself: not one that refers to another in turn."""
    return [
        folded[one.like] if one.like is not None and not one.text and folded[one.like].like is not None else one
        for one in folded
    ]


def _found(one: Outcome | OutcomeSaid, folded: Folded, first: str | None) -> list[str]:
    """Return what a check found that did not pass, as far as ``first`` has not said it."""
    # What is for the assessor (detail) is not shown: it may hold lines of checks, and tracebacks of ours.
    if first is None:
        lines = _words(said(one))
    else:
        lines = _words(folded.text) + _words(f"{'The rest is as' if folded.text else 'The same as'} in {first}.")
    return [*lines, *evidence(one.evidence, first=6, last=22, margin=_BAR, where="")]


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
    only = [word for pattern in about.only for word in ("--only", pattern)]
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
        lines += _command("all logs", again.command(caller, "check", "--keep", *only, catalogue=grading.catalogue))
    lines += _command("again", again.command(caller, "check", *only, catalogue=grading.catalogue))
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
