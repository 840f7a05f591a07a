"""A report as plain text: ASCII layout, readable without colour and by a screen reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.model import Status, Verdict
from harness.reports import again
from harness.reports.fold import ranges, together
from harness.reports.redact import HELD_OUT
from harness.reports.text import (
    EVIDENCE_LINE,
    WHOLE,
    WIDTH,
    clipped,
    columns,
    count,
    cut,
    number,
    one_line,
    padded,
    visible,
    wrapped,
)
from harness.reports.timeline import Fault, Lanes, lanes
from harness.reports.view import Audience, Loss, Skill, View
from harness.reports.words import APPEAL

Style = Callable[[str, str], str]
"""Takes the name of a role (``heading good bad unsure quiet``) and a text that is complete, returns it in colour."""

_LABEL = 10
_MAX_FEEDBACK = 1400
_MAX_NAME = 30
_POINTS = 13
_ROOM = 24
"""Columns in which words can still be read; with less there is no column for the counts of checks."""
_CODES = {"heading": "1", "good": "32", "bad": "31", "unsure": "33", "quiet": "2"}
_VERDICT_ROLE: Mapping[Verdict, str] = {Verdict.PASSED: "good", Verdict.FAILED: "bad"}


def plain(role: str, text: str) -> str:
    """Return ``text`` as it is: what is used when nobody asks for colour."""
    del role
    return text


def ansi(role: str, text: str) -> str:
    """Return ``text`` in the colour of its role. The words never need it."""
    return f"\x1b[{_CODES[role]}m{text}\x1b[0m"


def render(view: View, style: Style = plain) -> str:
    """Return the report as text of at most ``WIDTH`` columns, ending with a line end."""
    role = _VERDICT_ROLE.get(view.grading.verdict, "unsure")
    verdict = _entry("VERDICT", view.verdict)
    lines = [
        *wrapped(visible(view.header), rest="  "),
        *(_entry("CLAIM", view.claim) if view.claim else ()),
        *_entry("FROM", view.sender),
        *(style(role, line) for line in verdict),
        *_why(view),
        *_skills(view, style),
        *_losses(view, style),
        *_timeline(view, style),
        *(_entry("TRUST", view.trust) if view.trust else ()),
        *(_entry("POSTURE", f"weaker here than the standard class: {view.posture}") if view.posture else ()),
        *(_entry("CATALOGUE", view.catalogue) if view.catalogue else ()),
        *(line for note in view.grading.notes for line in _entry("NOTE", note)),
        *_end(view, style),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _entry(label: str, text: str) -> list[str]:
    return wrapped(visible(text), first=label.ljust(_LABEL), rest=" " * _LABEL)


def _why(view: View) -> list[str]:
    lines = []
    for n, reason in enumerate(view.why):
        lines += _entry("" if n else "WHY", reason)
    for text in view.beside:
        lines += _entry("BESIDE", text)
    return lines


def _skills(view: View, style: Style) -> list[str]:
    if not view.grading.outcomes:
        return []
    name = max(len("inconclusive"), *(columns(one_line(row.name, _MAX_NAME)) for row in view.skills)) + 2
    checks = max(len("checks"), *(len(row.checks) for row in view.skills)) + 2
    if WIDTH - name - _POINTS - checks < _ROOM:
        checks = 0
    heading = f"{'SKILL'.ljust(name)}{'points'.ljust(_POINTS)}{'checks'.ljust(checks)}{'' if checks else ', '}in words"
    lines = [style("heading", heading)]
    score = view.grading.score
    rows = (
        *view.skills,
        Skill(name="total", earned=score.earned, possible=score.possible, checks="", words=view.total),
    )
    for row in rows:
        lines += _skill(row, name, checks)
    lines += wrapped(visible(view.inconclusive), first="inconclusive".ljust(name), rest=" " * name)
    lines += _owed(view)
    if view.human:
        lines += wrapped(view.human, first="human items".ljust(name), rest=" " * name)
    return lines


def _skill(row: Skill, name: int, checks: int) -> list[str]:
    points = f"{number(row.earned):>5} / {number(row.possible):>3}".ljust(_POINTS)
    first = f"{padded(one_line(row.name, _MAX_NAME), name)}{points}"
    if checks:
        return wrapped(row.words, first=f"{first}{row.checks.ljust(checks)}", rest=" " * (name + _POINTS + checks))
    words = f"{row.checks}: {row.words}" if row.checks else row.words
    return wrapped(words, first=first, rest=" " * (name + _POINTS))


def _owed(view: View) -> list[str]:
    """Return the inconclusive checks, those that have one reason together."""
    reasons = together(
        (
            one_line((outcome.detail if view.audience is Audience.ASSESSOR else "") or outcome.feedback, 300),
            f"{outcome.check.id} ({number(outcome.check.points)})",
        )
        for outcome in view.owed
    )
    return [
        line
        for reason, checks in reasons.items()
        for line in wrapped(_undecided(checks, reason), first="  ? ", rest="    ")
    ]


def _undecided(checks: Sequence[str], reason: str) -> str:
    same = f"{len(checks)} checks, one reason: " if len(checks) > 1 else ""
    return f"{same}{', '.join(checks)}: {reason}".removesuffix(": ")


def _losses(view: View, style: Style) -> list[str]:
    if not view.losses:
        return []
    lines = [style("heading", "FAILED")]
    for n, loss in enumerate(view.losses, start=1):
        lines += _loss(n, loss, view)
    return lines


def _loss(n: int, loss: Loss, view: View) -> list[str]:
    outcome = loss.outcome
    head = f"{n} {outcome.check.id} ({', '.join((f'-{number(loss.lost)}', *loss.notes))})"
    if not loss.said and not loss.evidence:
        return [*wrapped(f"{head}: the same as {loss.like}", rest="  "), *_pointer(loss)]
    lines = wrapped(head, rest="  ")
    if not outcome.check.id.startswith(f"{HELD_OUT}/"):
        lines += wrapped(one_line(outcome.check.title, WHOLE), first="  Rule    ", rest=" " * _LABEL)
    # What is said of several held-out checks together is a count, whatever the worst of them came to.
    missing = outcome.status is Status.UNPROVEN and not outcome.check.id.startswith(f"{HELD_OUT}/")
    label = "  Missing " if missing else "  Seen    "
    lines += wrapped(_words(loss), first=label, rest=" " * _LABEL)
    if loss.others:
        more = f"{ranges(loss.others)} ({count(len(loss.others), 'more check')}): the same"
        lines += wrapped(more, first="  Also    ", rest=" " * _LABEL)
    if view.audience is Audience.ASSESSOR and outcome.detail and outcome.status is Status.FAILED:
        lines += wrapped(one_line(outcome.detail, 300), first="  Detail  ", rest=" " * _LABEL)
    return [*lines, *evidence(loss.evidence), *_pointer(loss)]


def _pointer(loss: Loss) -> list[str]:
    """Return where a candidate may learn from; nothing for others."""
    if loss.pointer is None:
        return []
    return wrapped(visible(f"{loss.pointer.read}: {loss.pointer.why}"), first="  Learn   ", rest=" " * _LABEL)


def _words(loss: Loss) -> str:
    rest = (
        "" if loss.like is None else f"\nThe rest is as in {loss.like}." if loss.said else f"The same as {loss.like}."
    )
    return clipped(loss.said, _MAX_FEEDBACK, "result.json") + rest


def evidence(
    lines: Sequence[str], *, first: int = 4, last: int = 10, margin: str = "        | ", where: str = " in result.json"
) -> list[str]:
    """Return lines of evidence: how it began and how it ended, saying how much is left out between."""
    left_out = len(lines) - first - last
    shown = lines if left_out <= 0 else [*lines[:first], f"({left_out} more{where})", *lines[-last:]]
    return [row for line in shown for row in wrapped(cut(line, EVIDENCE_LINE), first=margin, rest=f"{margin}    ")]


def _timeline(view: View, style: Style) -> list[str]:
    drawn = lanes(view.grading.timeline, WIDTH - _LABEL)
    if drawn is None:
        return []
    return [
        style("heading", "TIMELINE".ljust(_LABEL)) + drawn.ruler,
        "faults".ljust(_LABEL) + drawn.faults,
        "answered".ljust(_LABEL) + drawn.answered,
        *_legend(drawn),
    ]


def _legend(drawn: Lanes) -> list[str]:
    faults = "; ".join(_fault(fault) for fault in drawn.legend) or "no faults"
    digits = (
        f"answered: tenths of the requests answered rightly, 9 is 90 % or more, a dot is none asked;"
        f" {number(drawn.seconds_per_column)} s a column"
    )
    indent = " " * _LABEL
    return [line for text in (faults, digits) for line in wrapped(visible(text), first=indent, rest=indent)]


def _fault(fault: Fault) -> str:
    start, end = fault.times[0]
    if len(fault.times) == 1:
        return f"{fault.letter} {one_line(fault.name, WHOLE)} {number(round(start, 1))}-{number(round(end, 1))} s"
    return f"{fault.letter} {one_line(fault.name, WHOLE)} x {len(fault.times)}, first at {number(round(start, 1))} s"


def _end(view: View, style: Style) -> list[str]:
    if view.audience is Audience.CANDIDATE:
        graded = f"Held-out checks are named by skill only. {APPEAL} " if view.grading.outcomes else ""
        note = f"{graded}To ask about this result, quote {view.grading.id}."
        return [style("quiet", line) for line in _entry("NOTE", note)]
    from harness.reports import beside  # the table of all files: this report is one of them

    files = _entry("FILES", beside.listed(view.grading))
    return [*again.lines(view.again, first="AGAIN".ljust(_LABEL), rest=" " * _LABEL), *files]
