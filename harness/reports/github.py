"""A report as workflow commands of GitHub Actions: lines of a log that become annotations.

A step shows ten errors, ten warnings and ten notices, and drops the rest in silence: what weighs most comes first, and the last
says how many there are beyond it. Text of a submission is data of a command and can never begin one.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import Verdict
from harness.patches import Change
from harness.reports.facts import why
from harness.reports.findings import findings, owed
from harness.reports.places import Place
from harness.reports.text import clipped, one_line
from harness.reports.view import View

_MOST = 10
"""Annotations of a kind that a step shows."""
_MAX_TEXT = 2000


def render(view: View, changes: Sequence[Change] = ()) -> str:
    """Return the commands, one a line: the verdict, what did not hold, what is not known."""
    grading = view.grading
    # Who passed all the same sees no red: what was lost is a warning then.
    level = "warning" if grading.verdict is Verdict.PASSED else "error"
    lost = [
        _command(
            level, f"{one.id} ({one.cost})", f"{one.words}\n{one.title}: did not hold. {one.place.why}.", one.place
        )
        for one in findings(view, changes)
    ]
    ours = [
        _command("notice", f"{one.id} (not known)", f"{one.words}\nThat is not the submission's doing.")
        for one in owed(view)
    ]
    # The verdict is one of the notices that are shown.
    shown = [*_capped(lost, level, _MOST), *_capped(ours, "notice", _MOST - 1)]
    title = f"{grading.name}: {grading.exercise.id} {grading.exercise.version}".rstrip(": ")
    verdict = _command("notice", title, "\n".join([view.verdict, *why(view)]))
    return "".join(f"{line}\n" for line in (verdict, *shown))


def _capped(commands: Sequence[str], level: str, most: int) -> list[str]:
    if len(commands) <= most:
        return list(commands)
    left = len(commands) - most + 1
    return [
        *commands[: most - 1],
        _command(level, f"{left} more", f"{left} more stand in the step's summary and the report."),
    ]


def _command(level: str, title: str, text: str, place: Place | None = None) -> str:
    properties = {"title": one_line(title, 200)}
    if place is not None:
        properties = {"file": place.path, "line": str(place.first), "endLine": str(place.last), **properties}
    named = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{level} {named}::{_data(clipped(text, _MAX_TEXT, 'the report'))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
