"""What ``harness check`` says to a candidate, in lines of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

from harness import scoring
from harness.model import Grading, Outcome, Status, Verdict
from harness.reports import again
from harness.reports.fold import Folded, fold, said
from harness.reports.terminal import evidence
from harness.reports.text import WHOLE, clipped, count, number, one_line, visible, wrapped
from harness.reports.words import LANGUAGES, gate

_WORDS = {Status.PASSED: "PASS", Status.FAILED: "FAIL", Status.UNPROVEN: "FAIL", Status.INCONCLUSIVE: "SKIP"}
_MARGIN = " " * 6
_BAR = f"{_MARGIN}| "
_MAX_WORDS = 2000


def render(grading: Grading, path: str, *, kept: bool) -> list[str]:
    """Return the lines about a check of the workspace at ``path``; ``kept`` says whether logs were."""
    parts = (
        f"{grading.exercise.id} {grading.exercise.version}",
        LANGUAGES.get(grading.language, grading.language),
        grading.name,
    )
    lines = wrapped(" | ".join(one_line(part, 80) for part in parts if part), rest=_MARGIN)
    weaker = count(len(grading.posture), "thing")
    note = f"; {weaker} weaker than in the standard class: harness doctor" if grading.posture else ""
    lines += wrapped(visible(f"engine  {grading.engine}{note}"), rest=_MARGIN) if grading.engine else []
    if grading.verdict is Verdict.REFUSED:
        return [*lines, *wrapped(visible(f"REFUSED {grading.reason}"), rest=_MARGIN)]
    reason = wrapped(visible(grading.reason), rest=_MARGIN) if grading.reason else []
    return [*lines, *_checks(grading, path), *_gates(grading), *reason, *_end(grading, kept=kept)]


def _checks(grading: Grading, path: str) -> list[str]:
    folded = fold([None if one.status is Status.PASSED else said(one) for one in grading.outcomes])
    lines: list[str] = []
    for outcome, one in zip(grading.outcomes, folded, strict=True):
        first = None if one.like is None else grading.outcomes[one.like].check.id
        lines += _check(outcome, one, first)
        if outcome.status is not Status.PASSED:
            words = again.check(grading, path, outcome.check.id)
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


def _end(grading: Grading, *, kept: bool) -> list[str]:
    found = {
        word: sum(1 for one in grading.outcomes if _WORDS[one.status] == word) for word in ("PASS", "FAIL", "SKIP")
    }
    points = sum(check.points for check in grading.exercise.checks)
    earned = sum(scoring.earned_points(outcome) for outcome in grading.outcomes)
    counts = (
        f"{found['PASS']} passed, {found['FAIL']} failed, {found['SKIP']} not measurable here, in {grading.seconds:.0f} s:"
        f" {number(earned)} points before gates, of the {number(points)} of 100 that public checks stand for."
    )
    texts: Sequence[str] = (
        counts,
        "This is not your score: grading has the same rules, other timings, and more cases of the brief.",
        "logs    .harness/logs" if kept else "",
        "logs of all sandboxes: harness check --keep" if found["FAIL"] and not kept else "",
        "Next: harness check, or harness submit (repeatable, the last one counts). Nothing has left this machine.",
    )
    return [line for text in texts if text for line in wrapped(text)]
