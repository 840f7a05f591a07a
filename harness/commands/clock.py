"""``harness clock``: the candidate's own clock, shown, paused and resumed. Nothing enforces it."""

from __future__ import annotations

from pathlib import Path

from harness import console, wording
from harness.catalogue.finder import Catalogue
from harness.commands import standing
from harness.errors import ExitCode, UsageError
from harness.intake import clock as state
from harness.intake import workspace
from harness.packs import home
from harness.reports import again
from harness.reports.text import visible, wrapped

_WHAT_COUNTS = (
    "What counts is the time in which this machine was awake and the clock not paused. What it says travels with what you "
    "submit, as your word."
)


def clock(root: Path, action: str, word: str, *, as_json: bool, catalogue: Catalogue) -> ExitCode:
    """Show, ``pause`` or ``resume`` the clock of the workspace at or above ``root``. Showing does not start it."""
    if word and action != "pause":
        text = f"expected a word only after pause, found {wording.quoted(word)} after {action}: leave it out"
        raise UsageError(text)
    space = workspace.find(root)
    catalogue = home.catalogue_of(space, catalogue)
    exercise = catalogue.exercise(space.exercise_id)
    if action == "pause":
        found: state.Clock | None = state.pause(space.root, word)
    else:
        found = state.resume(space.root) if action == "resume" else state.look(space.root)
    if as_json:
        said = state.told(found)
        console.document({"minutes": exercise.minutes, "clock": state.document(said) if said else None})
        return ExitCode.PASSED
    _say(_words(found, exercise.minutes))
    if found is not None and found.paused:
        where = () if str(root) == "." else ("--workspace", str(root))
        # A workspace that brought its exercise along needs no catalogue to be named.
        named = () if space.pack else catalogue.pair(exercise.id, whole=False).sources
        words = again.command(standing.caller("."), "clock", "resume", *where, catalogue=named)
        console.line(f"go on    {again.one_line(words)}")
    return ExitCode.PASSED


def _words(found: state.Clock | None, minutes: int) -> str:
    if found is None:
        return f"not started: the first check or up starts it; {state.span(minutes * 60)} are meant for this exercise"
    return f"{state.left(found, minutes)}\n{_WHAT_COUNTS}"


def _say(text: str) -> None:
    for row in wrapped(visible(text)):
        console.line(row)
