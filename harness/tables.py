"""Reads one TOML document into a pydantic table, or says everything that is wrong with it at once.

Every problem is one line: where it is, what was expected, what was found, what to do. Documents may come from a
candidate, so size, nesting and number lengths are bounded before anything looks at the content.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Annotated, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import HarnessError
from harness.wording import quoted, refusal, suggestion

MAX_BYTES = 256 * 1024
"""No manifest of ours is a tenth of this; more is a mistake or an attack on the parser."""
_WANTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number without quotes",
    "float_type": "a number without quotes",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text that is not empty",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} of them",
    "too_long": "at most {max_length} of them",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "finite_number": "a finite number",
    "literal_error": "{expected}",
}


class Table(BaseModel):
    """A TOML table whose keys are all known and whose values are not coerced."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)


Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Field(strict=False)]
"""A TOML array; its items are still strict."""
T = TypeVar("T", bound=Table)


def parse(table: type[T], data: bytes, where: str, refuse: type[HarnessError]) -> T:
    """Return ``data`` as a ``table``. Raises ``refuse`` naming ``where`` and every problem found."""
    return validate(table, document(data, where, refuse), where, refuse)


def validate(table: type[T], document: object, where: str, refuse: type[HarnessError]) -> T:
    """Return a parsed document as a ``table``. Raises ``refuse`` naming ``where`` and every problem found."""
    try:
        return table.model_validate(document)
    except ValidationError as error:
        raise refusal(refuse, where, _sentences(table, error)) from error


def problems(table: type[Table], document: object) -> list[str]:
    """Return what keeps a parsed document from being a ``table``, a sentence each: for whoever has more to say of it."""
    try:
        table.model_validate(document)
    except ValidationError as error:
        return _sentences(table, error)
    return []


def document(data: bytes, where: str, refuse: type[HarnessError]) -> dict[str, object]:
    """Return ``data`` as the TOML document that it is. Raises ``refuse`` naming ``where`` for what is none."""
    if len(data) > MAX_BYTES:
        text = f"expected at most {MAX_BYTES} bytes, found {len(data)}: shorten the file"
        raise refusal(refuse, where, [text])
    try:
        content = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = f"expected UTF-8, found byte {data[error.start]:#04x} at offset {error.start}: save the file as UTF-8"
        raise refusal(refuse, where, [text]) from error
    try:
        return tomllib.loads(content)
    except RecursionError as error:
        raise refusal(refuse, where, ["expected TOML, found values nested too deep: flatten them"]) from error
    except ValueError as error:  # TOMLDecodeError is one; so is a number with thousands of digits
        raise refusal(refuse, where, [f"expected TOML, found: {error}. Correct that line"]) from error


def _causes(problems: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out a list that is "too short" only because its items are wrong."""
    places = [problem["loc"] for problem in problems]
    return [
        problem
        for problem in problems
        if problem["type"] != "too_short"
        or not any(
            len(place) > len(problem["loc"]) and place[: len(problem["loc"])] == problem["loc"] for place in places
        )
    ]


def _sentences(table: type[Table], error: ValidationError) -> list[str]:
    return [_sentence(table, problem) for problem in _causes(error.errors(include_url=False))]


def _sentence(table: type[Table], problem: ErrorDetails) -> str:
    place = _place(problem["loc"])
    kind = problem["type"]
    if kind == "extra_forbidden":
        known = _fields_at(table, problem["loc"][:-1])
        return f"{place}: unknown key, {suggestion(str(problem['loc'][-1]), known)}"
    if kind == "missing":
        return f"{place}: missing, expected a value: add it"
    context = problem.get("ctx", {})
    told = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    wanted = _WANTED[kind].format(**context) if kind in _WANTED else told
    return f"{place}: expected {wanted}, found {quoted(problem['input'])}: correct it"


def _place(location: tuple[int | str, ...]) -> str:
    parts: list[str] = []
    for step in location:
        if isinstance(step, int):
            parts[-1:] = [f"{parts[-1] if parts else ''}[{step + 1}]"]  # authors count from one
        elif step != "[key]":
            parts.append(step)
    return ascii(".".join(parts))[1:-1] or "document"


def _fields_at(table: type[Table], location: tuple[int | str, ...]) -> Mapping[str, object]:
    current = table
    for step in location:
        if isinstance(step, str):
            current = _table_in(current.model_fields[step].annotation) or current
    return current.model_fields


def _table_in(annotation: object) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    for inner in get_args(annotation):
        found = _table_in(inner)
        if found is not None:
            return found
    return None
