"""``service.toml``, the manifest of a submission: how to build, run and test it. Written by candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    raw = tables.document(data, where, SubmissionError)
    problems = [*tables.problems(_Service, raw), *_language(exercise, raw), *_timeouts(exercise, raw), *_commands(raw)]
    if raw.get("build") and not any(sandbox.build for sandbox in exercise.sandboxes):
        problems.append(
            "build: expected no such key, because this exercise builds nothing: remove it, hand in what runs"
        )
    if problems:
        raise wording.refusal(SubmissionError, where, problems)
    document = tables.validate(_Service, raw, where, SubmissionError)
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


# What follows looks at the document as it was written: what is wrong in one place must not hide what is in another. What is
# of the wrong type is the table's to say.


def _language(exercise: Exercise, raw: Mapping[str, object]) -> list[str]:
    language = raw.get("language")
    if language is not None and not isinstance(language, str):
        return []
    if language in exercise.languages or (language is None and not exercise.languages):
        return []
    if not exercise.languages:
        return [f"language: this exercise has no languages, found {quoted(language)}: remove the key"]
    if language is None:
        return [f"language: missing, expected one of {', '.join(exercise.languages)}: add it"]
    return [f"language: unknown language {quoted(language)}, {suggestion(language, exercise.languages)}"]


def _timeouts(exercise: Exercise, raw: Mapping[str, object]) -> list[str]:
    declared = raw.get("timeouts")
    if not isinstance(declared, dict):
        return []
    known = {timeout.name: timeout for timeout in exercise.timeouts}
    problems = []
    for name, seconds in declared.items():
        timeout = known.get(name)
        if timeout is None:
            problems.append(f"timeouts.{ascii(name)[1:-1]}: unknown key, {suggestion(name, known)}")
        elif isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            continue
        elif not timeout.minimum_seconds <= seconds <= timeout.maximum_seconds:  # false for nan as well
            low, high = timeout.minimum_seconds, timeout.maximum_seconds
            problems.append(f"timeouts.{name}: expected {low:g} to {high:g} seconds, found {quoted(seconds)}")
    return problems


def _commands(raw: Mapping[str, object]) -> list[str]:
    first = {key: argv[0] for key in ("build", "run", "test") if isinstance(argv := raw.get(key), list) and argv}
    return [
        f"{key}[1]: expected a program, found an empty word: name the command to run"
        for key, word in first.items()
        if isinstance(word, str) and not word.strip()
    ]
