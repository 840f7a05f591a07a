"""A report as plain text: ASCII layout, readable without colour and by a screen reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.model import Outcome, Status, Verdict
from harness.reports import again
from harness.reports.redact import HELD_OUT
from harness.reports.text import WIDTH, clipped, cut, number, one_line, visible, wrapped
from harness.reports.timeline import Fault, Lanes, lanes
from harness.reports.view import Audience, Loss, Skill, View

Style = Callable[[str, str], str]
"""Takes the name of a role (``heading good bad unsure quiet``) and a text that is complete, returns it in colour."""

_LABEL = 10
_MAX_FEEDBACK = 700
_MAX_EVIDENCE = 10
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
        *wrapped(visible(view.header), width=WIDTH, rest="  "),
        *_entry("FROM", view.sender),
        *(style(role, line) for line in verdict),
        *_why(view),
        *_skills(view, style),
        *_losses(view, style),
        *_timeline(view, style),
        *(_entry("TRUST", view.trust) if view.trust else ()),
        *(_entry("POSTURE", f"weaker here than the standard class: {view.posture}") if view.posture else ()),
        *(_entry("CATALOGUE", "  ".join(view.grading.catalogue)) if view.grading.catalogue else ()),
        *(line for note in view.grading.notes for line in _entry("NOTE", note)),
        *_end(view, style),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _entry(label: str, text: str) -> list[str]:
    return wrapped(visible(text), width=WIDTH, first=label.ljust(_LABEL), rest=" " * _LABEL)


def _why(view: View) -> list[str]:
    lines = []
    for n, reason in enumerate(view.why):
        lines += _entry("" if n else "WHY", reason)
    return lines


def _skills(view: View, style: Style) -> list[str]:
    if not view.grading.outcomes:
        return []
    name = max(len("inconclusive"), *(len(row.name) for row in view.skills)) + 2
    checks = max(len("checks"), *(len(row.checks) for row in view.skills)) + 2
    lines = [style("heading", f"{'SKILL'.ljust(name)}{'points'.ljust(13)}{'checks'.ljust(checks)}in words")]
    score = view.grading.score
    rows = (
        *view.skills,
        Skill(name="total", earned=score.earned, possible=score.possible, checks="", words=view.total),
    )
    for row in rows:
        lines += _skill(row, name, checks)
    lines += wrapped(visible(view.inconclusive), width=WIDTH, first="inconclusive".ljust(name), rest=" " * name)
    for outcome in view.owed:
        lines += _owed(outcome, view)
    if view.human:
        lines += wrapped(f"not marked: {view.human}", width=WIDTH, first="human items".ljust(name), rest=" " * name)
    return lines


def _skill(row: Skill, name: int, checks: int) -> list[str]:
    points = f"{number(row.earned):>5} / {number(row.possible):>3}".ljust(13)
    first = f"{one_line(row.name, 40).ljust(name)}{points}{row.checks.ljust(checks)}"
    return wrapped(row.words, width=WIDTH, first=first, rest=" " * (name + 13 + checks))


def _owed(outcome: Outcome, view: View) -> list[str]:
    reason = outcome.detail if view.audience is Audience.ASSESSOR else outcome.feedback
    text = f"{outcome.check.id} ({number(outcome.check.points)}): {one_line(reason or outcome.feedback, 300)}"
    return wrapped(text.removesuffix(": "), width=WIDTH, first="  ? ", rest="    ")


def _losses(view: View, style: Style) -> list[str]:
    if not view.losses:
        return []
    lines = [style("heading", "FAILED")]
    for n, loss in enumerate(view.losses, start=1):
        lines += _loss(n, loss, view)
    return lines


def _loss(n: int, loss: Loss, view: View) -> list[str]:
    outcome = loss.outcome
    notes = ", ".join((f"-{number(loss.lost)}", *loss.notes))
    lines = wrapped(f"{n} {outcome.check.id} ({notes})", width=WIDTH, rest="  ")
    if not outcome.check.id.startswith(f"{HELD_OUT}/"):
        lines += wrapped(one_line(outcome.check.title, 300), width=WIDTH, first="  Rule    ", rest=" " * _LABEL)
    label = "  Missing " if outcome.status is Status.UNPROVEN else "  Seen    "
    said = clipped(outcome.feedback or "It did not hold; no words were recorded.", _MAX_FEEDBACK, "result.json")
    lines += wrapped(said, width=WIDTH, first=label, rest=" " * _LABEL)
    if view.audience is Audience.ASSESSOR:
        if outcome.detail and outcome.status is Status.FAILED:
            lines += wrapped(one_line(outcome.detail, 300), width=WIDTH, first="  Detail  ", rest=" " * _LABEL)
        lines += [f"        | {cut(line, WIDTH - _LABEL)}" for line in outcome.evidence[:_MAX_EVIDENCE]]
        more = len(outcome.evidence) - _MAX_EVIDENCE
        lines += [f"        | {more} more in result.json"] if more > 0 else []
    return lines


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
    return [
        line for text in (faults, digits) for line in wrapped(visible(text), width=WIDTH, first=indent, rest=indent)
    ]


def _fault(fault: Fault) -> str:
    start, end = fault.times[0]
    if len(fault.times) == 1:
        return f"{fault.letter} {one_line(fault.name, 40)} {number(round(start, 1))}-{number(round(end, 1))} s"
    return f"{fault.letter} {one_line(fault.name, 40)} x {len(fault.times)}, first at {number(round(start, 1))} s"


def _end(view: View, style: Style) -> list[str]:
    if view.audience is Audience.CANDIDATE:
        held_out = "Held-out checks are named by skill only. " if view.grading.outcomes else ""
        note = f"{held_out}To ask about this result, quote {view.grading.id}."
        return [style("quiet", line) for line in _entry("NOTE", note)]
    names = "result.json  junit.xml  report.txt  candidate.txt  logs/"
    return [*again.lines(view.again, first="AGAIN".ljust(_LABEL), rest=" " * _LABEL), *_entry("FILES", names)]
