"""``harness doctor``: can this machine grade, can this exercise be done here, and what to do where it can't."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console, progress, settings
from harness.commands import fixes, paste, standing, target
from harness.commands.diagnosis import Asked, Diagnosis, diagnose
from harness.errors import ExitCode, HarnessError, UsageError
from harness.reports import again

if TYPE_CHECKING:
    from harness.catalogue.finder import Catalogue
    from harness.commands.target import Target
    from harness.model import Json


def doctor(
    argument: str | None,
    *,
    language: str | None = None,
    as_json: bool,
    for_paste: bool = False,
    engine: str | None,
    catalogue: Catalogue,
    network_range: str = settings.DEFAULT_NETWORK_RANGE,
) -> ExitCode:
    """Write what was found; the exit code says whether a grading, of the exercise that is named, can run.

    ``for_paste`` leaves out names, paths and addresses, so that a candidate may send it to anybody.
    """
    from harness.images import recipes

    if language is not None and argument is None:
        text = f"expected an exercise with --language {language}, found none: harness doctor ID --language {language}"
        raise UsageError(text)
    with ExitStack() as stack:
        if for_paste:
            stack.enter_context(refusing_without_names(argument or ""))
        wanted = stack.enter_context(target.opened(argument, language, catalogue)) if argument else None
        brought = wanted.brought if wanted else recipes.folders(catalogue.folders)
        with progress.step("looking at the engine"):
            found = diagnose(Asked(engine=engine, network_range=network_range, target=wanted, brought=brought))
        if for_paste:
            found = _without_names(found, argument or "")
        if as_json:
            _write_json(found)
        else:
            _write(found, _get(wanted, argument, paste=for_paste), admin=not for_paste)
            console.line(_verdict(found, wanted))
    return ExitCode.HARNESS if found.missing else ExitCode.PASSED


@contextmanager
def refusing_without_names(argument: str) -> Iterator[None]:
    """Take names out of what is said instead of an answer: it goes where the answer would have gone."""
    try:
        yield
    except HarnessError as error:
        raise type(error)(_cleaner(argument)(str(error))) from error


def _cleaner(argument: str) -> Callable[[str], str]:
    """Return what takes names, paths and addresses out of a text that is about ``argument``."""
    is_place = bool(argument) and (os.path.lexists(argument) or os.sep in argument)
    words = paste.known(*([os.path.realpath(argument), argument] if is_place else []), *_folder())
    return lambda text: paste.anonymous(text, words)


def _without_names(found: Diagnosis, argument: str) -> Diagnosis:
    clean = _cleaner(argument)
    facts = {key: clean(value) for key, value in found.facts.items()}
    return replace(
        found,
        facts=facts,
        missing=[*map(clean, found.missing)],
        posture=[*map(clean, found.posture)],
        advice=[*map(clean, found.advice)],
        left_out=[*map(clean, found.left_out)],
        to_get=clean(found.to_get),
    )


def _folder() -> tuple[str, ...]:
    try:
        return (os.path.realpath(Path.cwd()),)
    except OSError:
        return ()  # it was removed


def _write_json(found: Diagnosis) -> None:
    lists: dict[str, Json] = {
        "missing": [*found.missing],
        "posture": [*found.posture],
        "advice": [*found.advice],
        "left_out": [*found.left_out],
    }
    console.document({"ok": not found.missing, "facts": found.facts, "to_get": found.to_get, **lists})


def _write(found: Diagnosis, get: str, *, admin: bool) -> None:
    facts = {**found.facts, **({"to get": found.to_get} if found.to_get else {})}
    width = max(map(len, facts), default=0)
    for key, value in facts.items():
        console.paragraph(value, first=f"{key.ljust(width)}  ", rest=" " * (width + 2))
    if found.to_get:
        console.line(f"{''.ljust(width)}  {get}")
    for title, lines in (
        ("left out", found.left_out),
        ("weaker", found.posture),
        ("advice", found.advice),
        ("missing", found.missing),
    ):
        for text in lines:
            _paragraphs(title, text)
    for number, text in enumerate(fixes.lines(found.missing) if admin else ()):
        if not number:
            console.line("for whoever administers this machine:")
        console.line(f"  {text}")


def _paragraphs(title: str, text: str) -> None:
    """Write a text of one or more lines, each folded by itself."""
    first, *others = text.split("\n")
    console.paragraph(first, first=f"{title}: ", rest="  ")
    for one in others:
        console.paragraph(one.strip(), first="    ", rest="    ")


def _get(wanted: Target | None, argument: str | None, *, paste: bool) -> str:
    """Return what to do about images that are missing."""
    if paste:
        return "harness images build gets them before the clock starts"
    program = standing.program(sys.argv[0])
    if wanted is None or argument is None:
        return f"{again.one_line((*program, 'images', 'build'))} gets them, or the first command that needs them"
    language = ("--language", wanted.language) if wanted.language else ()
    by_id = argument == wanted.exercise.id
    folders = (str(wanted.pair.home.parent.parent),) if by_id else ()
    words = (*program, *again.named(folders), "images", "build", "--exercise", argument, *language)
    return f"{again.one_line(words)} gets them before your clock starts"


def _verdict(found: Diagnosis, wanted: Target | None) -> str:
    if wanted is None:
        return "this machine can't grade yet" if found.missing else "this machine can grade"
    if found.missing:
        return f"{wanted.exercise.id} can't be done here yet"
    return f"{wanted.exercise.id} can be done here{', once the images are there' if found.to_get else ''}"
