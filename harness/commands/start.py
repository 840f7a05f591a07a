"""``harness start``: a workspace for one candidate, from a catalogue or from a pack."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from harness import console, names
from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.commands import standing
from harness.errors import ExitCode, UsageError
from harness.intake import bundle
from harness.intake.bundle import Bundle
from harness.packs import home
from harness.packs.source import Pack
from harness.reports import again
from harness.reports.again import Caller


def start(
    exercise_id: str, *, language: str | None, into: Path | None, alias: str | None, catalogue: Catalogue
) -> ExitCode:
    """Lay out brief and starter in a new folder. Nothing that exists is touched."""
    if alias is not None:
        bundle.expect_alias(alias)
    pack = home.pack_of(exercise_id, catalogue)
    if pack is None:
        target = into if into is not None else Path(exercise_id)
        made = _of_catalogue(exercise_id, language, alias or names.alias_from(target.resolve().name), catalogue)
    else:
        target = into if into is not None else Path(pack.invitation.alias)
        made = _of_pack(pack, language, alias)
    bundle.lay_out(made, target, started_at=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    _say(made, target, () if made.pack else (str(catalogue.exercise_dir(exercise_id).parent.parent.absolute()),))
    if pack is not None and pack.invitation.deliver:
        console.line(f"then       {pack.invitation.deliver}")
    return ExitCode.PASSED


def _of_catalogue(exercise_id: str, language: str | None, alias: str, catalogue: Catalogue) -> Bundle:
    exercise = catalogue.exercise(exercise_id)
    chosen = bundle.choose_language(exercise, language)
    reader = briefs.Reader(alias=alias, variant=0, language=chosen)
    return bundle.build(exercise, catalogue.exercise_dir(exercise_id), reader)


def _of_pack(pack: Pack, language: str | None, alias: str | None) -> Bundle:
    given = pack.invitation.alias
    if alias not in {None, given}:
        text = f"expected no --alias with a pack, which is for {given}, found {alias}: leave it out"
        raise UsageError(text)
    return home.bundle_of(pack, language)


def _say(made: Bundle, target: Path, sources: tuple[str, ...]) -> None:
    exercise, reader = made.exercise, made.reader
    console.line(f"{exercise.title}, {exercise.minutes} minutes{f', {reader.language}' if reader.language else ''}")
    console.line(f"workspace  {target}  ({len(made.files)} files; everything in it is yours)")
    said = "as you were invited" if made.pack else "of your results; --alias NAME chooses another"
    console.line(f"alias      {reader.alias}  ({said})")
    console.line(f"read       {target / 'BRIEF.md'}")
    caller = standing.caller(str(target))
    # Without a network there is nothing to hold: such a program is run once for each case.
    held = (("run", "up"),) if exercise.network else ()
    for label, verb in (("before", "doctor"), *held, ("try", "check"), ("hand in", "submit")):
        words = again.command(caller, verb, catalogue=sources)
        console.line(f"{label.ljust(11)}{again.one_line(words)}")
    # Whoever has gone there, as a pack's first page has them do, has another way to us, and names no workspace.
    there = again.command(Caller(program=standing.program_from(target)), "check", catalogue=sources)
    console.line(f"{'or there'.ljust(11)}cd {again.quoted(str(target))} && {again.one_line(there)}")
