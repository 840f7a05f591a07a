"""``harness list``: the exercises of the catalogue."""

from __future__ import annotations

from dataclasses import asdict

from harness import console
from harness.catalogue.finder import Catalogue, Headline
from harness.errors import ExitCode


def list_(*, as_json: bool, catalogue: Catalogue) -> ExitCode:
    """Write a line for each exercise; one whose manifest is wrong is listed as that."""
    headlines = catalogue.headlines()
    if as_json:
        console.document([asdict(headline) for headline in headlines])
    elif headlines:
        console.table([("exercise", "version", "minutes", "languages", "title"), *map(_row, headlines)])
    else:
        console.notice('no exercises here: pass --catalogue DIR, or make one with "harness new ID"')
    return ExitCode.PASSED


def _row(headline: Headline) -> tuple[str, ...]:
    if headline.problem:
        return (headline.id, "?", "?", "?", headline.problem)
    draft = "" if headline.status == "validated" else " (draft)"
    languages = ", ".join(headline.languages) or "any"
    return (headline.id, headline.version + draft, str(headline.minutes), languages, headline.title)
