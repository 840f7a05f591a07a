"""``harness show``: what a candidate may know about one exercise."""

from __future__ import annotations

from dataclasses import asdict

from harness import console
from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.commands import standing
from harness.errors import ExitCode
from harness.model import Exercise
from harness.packs import home
from harness.reports import again


def show(exercise_id: str, *, as_json: bool, catalogue: Catalogue) -> ExitCode:
    """Write the facts of an exercise, or of that in a pack: skills, checks a candidate can run, gates, limits."""
    pack = home.pack_of(exercise_id, catalogue)
    exercise = catalogue.exercise(exercise_id) if pack is None else home.exercise_of(pack)
    if as_json:
        console.document(asdict(exercise))
        return ExitCode.PASSED
    console.line(f"{exercise.id} {exercise.version} ({exercise.status}): {exercise.title}")
    console.paragraph(exercise.summary)
    console.line()
    languages = ", ".join(exercise.languages) or "any"
    console.line(f"{exercise.minutes} minutes | languages: {languages} | pass mark: {exercise.pass_mark:g} of 100")
    _points(exercise)
    _rules(exercise)
    console.line()
    if pack is None:
        console.line(f"brief: {catalogue.exercise_dir(exercise_id) / briefs.BRIEF}")
    choice = ("--language", exercise.languages[0]) if len(exercise.languages) > 1 else ()
    console.line(f"next:  {again.one_line(again.command(standing.caller(exercise_id), 'start', *choice))}")
    return ExitCode.PASSED


def _points(exercise: Exercise) -> None:
    console.line()
    console.table([("skill", "points"), *((skill, f"{points:g}") for skill, points in exercise.skills.items())])
    console.line()
    public = sum(check.points for check in exercise.checks)
    console.paragraph(
        f"{len(exercise.checks)} checks you can run yourself, worth {public:g} points; the rest is in the brief"
    )
    if exercise.checks:
        heading = ("check", "points", "what holds")
        console.table([heading, *((check.id, f"{check.points:g}", check.title) for check in exercise.checks)])


def _rules(exercise: Exercise) -> None:
    for gate in exercise.gates:
        unshown = exercise.cap_not_shown(gate)
        more = (
            f", or {unshown:g} when your service does not show that it holds"
            if unshown < gate.cap
            else ", seen or not ruled out"
        )
        console.paragraph(f"gate: {gate.title}: at most {gate.cap:g} points{more}", rest="  ")
    for item in exercise.human:
        console.paragraph(f"marked by a person, apart from the score: {item.title} ({item.points:g})", rest="  ")
    console.paragraph(f"travels when you submit: {', '.join(exercise.submit)}", rest="  ")
    for knob in exercise.parameters:
        console.line(f"varies between candidates: {knob}")
    limits = exercise.main.limits
    console.paragraph(
        f"limits of {exercise.main.name}: {limits.cpus:g} CPU, {limits.memory_mb} MiB memory and {limits.tmpfs_mb} MiB "
        f"files, {limits.pids} processes and threads",
        rest="  ",
    )
