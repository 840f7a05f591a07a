"""``harness start``: a workspace for one candidate."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from harness import console, names
from harness.catalogue import briefs
from harness.catalogue.finder import Catalogue
from harness.errors import ExitCode, UsageError
from harness.intake import bundle
from harness.reports import again


def start(
    exercise_id: str, *, language: str | None, into: Path | None, alias: str | None, catalogue: Catalogue
) -> ExitCode:
    """Lay out brief and starter in a new folder. Nothing that exists is touched."""
    if alias is not None and not names.is_alias(alias):
        text = (
            "expected an alias of letters, digits and single hyphens that is no word of the results, "
            f"found {names.shown(alias)}: {names.alias_from(alias)}?"
        )
        raise UsageError(text)
    exercise = catalogue.exercise(exercise_id)
    chosen = bundle.choose_language(exercise, language)
    target = into if into is not None else Path(exercise_id)
    reader = briefs.Reader(alias=alias or names.alias_from(target.resolve().name), variant=0, language=chosen)
    made = bundle.build(exercise, catalogue.exercise_dir(exercise_id), reader)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    bundle.lay_out(made, target, started_at=now)
    console.line(f"{exercise.title}, {exercise.minutes} minutes{f', {chosen}' if chosen else ''}")
    console.line(f"workspace  {target}  ({len(made.files)} files; everything in it is yours)")
    console.line(f"alias      {reader.alias}  (of your results; --alias NAME chooses another)")
    console.line(f"read       {target / 'BRIEF.md'}")
    sources = (str(catalogue.exercise_dir(exercise.id).parent.parent.absolute()),)
    console.line(f"try        {again.on('check', str(target), sources)}")
    console.line(f"hand in    {again.on('submit', str(target), sources)}")
    return ExitCode.PASSED
