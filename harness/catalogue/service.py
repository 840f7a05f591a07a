"""``service.toml``, the manifest of a submission: how to build, run and test it. Written by candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from harness import tables, wording
from harness.errors import ExerciseError, SubmissionError
from harness.model import Exercise, Service, SubmissionFile
from harness.tables import Many, Table
from harness.wording import quoted, suggestion

FILE = "service.toml"
_Argument = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00]*$")]
_Argv = Annotated[Many[_Argument], Field(max_length=64)]


class _Service(Table):
    language: str | None = None
    build: _Argv = ()
    run: Annotated[_Argv, Field(min_length=1)]
    test: _Argv = ()
    timeouts: dict[str, float] = Field(default_factory=dict)


def parse_service(exercise: Exercise, data: bytes, where: str = FILE) -> Service:
    """Return what ``service.toml`` declares, defaults filled in and bounds checked.

    Raises SubmissionError with every problem in it.
    """
    document = tables.parse(_Service, data, where, SubmissionError)
    problems = [*_language(exercise, document.language), *_timeouts(exercise, document.timeouts)]
    if document.build and not any(sandbox.build for sandbox in exercise.sandboxes):
        problems.append(
            "build: expected no such key, because this exercise builds nothing: remove it, hand in what runs"
        )
    problems += [
        f"{key}[1]: expected a program, found an empty word: name the command to run"
        for key, argv in (("build", document.build), ("run", document.run), ("test", document.test))
        if argv and not argv[0].strip()
    ]
    if problems:
        raise wording.refusal(SubmissionError, where, problems)
    defaults = {timeout.name: timeout.default_seconds for timeout in exercise.timeouts}
    return Service(
        language=document.language or "",
        build=tuple(document.build),
        run=tuple(document.run),
        test=tuple(document.test),
        timeouts=defaults | document.timeouts,
    )


def of_starter(exercise: Exercise, files: Sequence[SubmissionFile]) -> Service:
    """Return what a starter declares. Raises ExerciseError when it says nothing."""
    for file in files:
        if file.path == FILE:
            return parse_service(exercise, file.content, f"starter/{FILE}")
    text = f"expected {FILE} in the starter, found {len(files)} other files: add it"
    raise ExerciseError(text)


def _language(exercise: Exercise, language: str | None) -> list[str]:
    if language in exercise.languages or (language is None and not exercise.languages):
        return []
    if not exercise.languages:
        return [f"language: this exercise has no languages, found {quoted(language)}: remove the key"]
    if language is None:
        return [f"language: missing, expected one of {', '.join(exercise.languages)}: add it"]
    return [f"language: unknown language {quoted(language)}, {suggestion(language, exercise.languages)}"]


def _timeouts(exercise: Exercise, declared: dict[str, float]) -> list[str]:
    known = {timeout.name: timeout for timeout in exercise.timeouts}
    problems = []
    for name, seconds in declared.items():
        timeout = known.get(name)
        if timeout is None:
            problems.append(f"timeouts.{ascii(name)[1:-1]}: unknown key, {suggestion(name, known)}")
        elif not timeout.minimum_seconds <= seconds <= timeout.maximum_seconds:  # false for nan as well
            low, high = timeout.minimum_seconds, timeout.maximum_seconds
            problems.append(f"timeouts.{name}: expected {low:g} to {high:g} seconds, found {seconds:g}")
    return problems
