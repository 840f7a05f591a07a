"""``result.json``: a grading as bytes and back, strictly."""

from __future__ import annotations

import dataclasses
import difflib
import enum
import functools
import json
from collections.abc import Mapping
from typing import TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from harness import scoring
from harness.errors import HarnessError
from harness.model import SCHEMA, GateState, Grading, Json, Verdict

RESULT = "result.json"
T = TypeVar("T")
_OLDEST = 1
"""1 did not say who a submission is from; 1 and 2 closed a gate only for what failed."""
_TWO_STATES = 3
"""From here on a closed gate says why, and at what it caps."""


def encode(grading: Grading) -> bytes:
    """Return the bytes of ``result.json``. Raises HarnessError when they could not be read back."""
    body = cast("dict[str, Json]", plain(grading))
    try:
        data = json.dumps({"schema": SCHEMA, **body}, indent=1, allow_nan=False).encode() + b"\n"
    except ValueError as error:
        text = f"expected finite numbers in the result of {grading.id}, found others: {error}"
        raise HarnessError(text) from error
    decode(data, name=f"the result of {grading.id}")
    return data


def decode(data: bytes, *, name: str) -> Grading:
    """Return the grading in the bytes of a ``result.json``; ``name`` says in errors which one.

    What an older version did not write yet is empty. Raises HarnessError for anything that neither it nor this version
    would have written.
    """
    try:
        raw = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        text = f"{name}: expected a result as JSON, found a damaged file ({error}): grade again, or restore the file"
        raise HarnessError(text) from error
    if not isinstance(raw, dict) or type(raw.get("schema")) is not int:
        text = f"{name}: expected a result with a 'schema' number, found another kind of JSON: is it a {RESULT}?"
        raise HarnessError(text)
    schema = raw.pop("schema")
    if not _OLDEST <= schema <= SCHEMA:
        text = f"{name}: expected result schema {_OLDEST} to {SCHEMA}, found {schema}: {_who_reads(schema)}"
        raise HarnessError(text)
    if schema < _TWO_STATES:
        raw = _with_states(raw)
    try:
        grading = _adapter().validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"{name}: expected a whole result, found at {where!r}: {first['msg']}: grade again, or restore the file"
        raise HarnessError(text) from error
    _refuse_unknown_keys(raw, plain(grading), name)
    if impossible := _impossible(grading):
        text = f"{name}: expected a whole result, found {impossible}: grade again, or restore the file"
        raise HarnessError(text)
    return grading


def json_schema() -> dict[str, Json]:
    """Return the JSON Schema of ``result.json``, as kept in docs/reference/result.schema.json."""
    return _schema(_adapter(), SCHEMA, "harness result")


def schema_of(kind: type[object], version: int, title: str) -> dict[str, Json]:
    """Return the JSON Schema of what :func:`plain` makes of a ``kind`` of the model, with ``version`` as its ``schema``."""
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    return _schema(adapter, version, title)


def plain(value: object) -> Json:
    """Return a value of the model as JSON can hold it; what is no Unicode in a name is written as an escape."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return cast("Json", value.value)
    if isinstance(value, Mapping):
        return {str(plain(str(key))): plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return cast("Json", value)


def prepare() -> None:
    """Make what reading and writing results needs, once for this process: it takes as long as many results."""
    _adapter()


@functools.cache
def _adapter() -> TypeAdapter[Grading]:
    return TypeAdapter(Grading)


def _schema(adapter: TypeAdapter[T], version: int, title: str) -> dict[str, Json]:
    made = cast("dict[str, Json]", adapter.json_schema(mode="serialization"))
    properties = cast("dict[str, Json]", made["properties"])
    made["properties"] = {"schema": {"const": version, "title": "Schema"}, **properties}
    made["required"] = ["schema", *cast("list[Json]", made["required"])]
    for part in (made, *cast("dict[str, dict[str, Json]]", made["$defs"]).values()):
        if "properties" in part:
            part["additionalProperties"] = False
            part["required"] = list(cast("dict[str, Json]", part["properties"]))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": title}


def _with_states(raw: dict[str, Json]) -> dict[str, Json]:
    """Return an older result with what it meant: each gate that it lists was seen broken, and capped at its own cap."""
    score = raw.get("score")
    hits = score.get("gates") if isinstance(score, dict) else None
    if not isinstance(score, dict) or not isinstance(hits, list):
        return raw
    said: list[Json] = []
    for hit in hits:
        gate = hit.get("gate") if isinstance(hit, dict) else None
        if not isinstance(hit, dict) or not isinstance(gate, dict):
            return raw
        said.append({**hit, "state": str(GateState.BROKEN), "cap": gate.get("cap"), "unshown": []})
    return {**raw, "score": {**score, "gates": said}}


def _refuse_constant(name: str) -> None:
    text = f"{name} is no number in a result"
    raise ValueError(text)


def _who_reads(schema: int) -> str:
    return "use a newer harness" if schema > SCHEMA else "use the harness that wrote it, or grade again"


def _impossible(grading: Grading) -> str:
    """Return in words what no grading comes to; empty when there is nothing of the kind."""
    try:
        json.dumps(plain(grading), allow_nan=False)  # 1e999 is JSON, and no number
    except ValueError as error:
        return str(error)
    code, verdict, score, bar = int(scoring.exit_code(grading.verdict)), grading.verdict, grading.score, grading.bar
    if grading.exit_code != code:
        return f"exit code {grading.exit_code} with the verdict {verdict}, whose is {code}"
    pairs = {"earned": (score.earned, score.possible), "decided": (score.decided, score.possible), **score.by_skill}
    for what, (points, possible) in pairs.items():
        if not 0 <= points <= possible:
            return f"{points} of {possible} points ({what})"
    for outcome in grading.outcomes:
        if not 0 <= outcome.credit <= 1:
            return f"credit {outcome.credit} of {outcome.check.id}"
    if (verdict is Verdict.PASSED and score.earned < bar) or (verdict is Verdict.FAILED and score.earned >= bar):
        return f"the verdict {verdict} for {score.earned} points, with a bar of {bar}"
    return ""


def _refuse_unknown_keys(raw: Json, known: Json, name: str, where: str = "") -> None:
    """Raise HarnessError for a key that reading dropped: somebody believes it means something."""
    if isinstance(raw, dict) and isinstance(known, dict):
        for key, value in raw.items():
            if key not in known:
                close = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
                text = f"{name}: expected only known keys, found {where + key!r}: {hint}"
                raise HarnessError(text)
            _refuse_unknown_keys(value, known[key], name, f"{where}{key}.")
    elif isinstance(raw, list) and isinstance(known, list):
        for index, (value, kept) in enumerate(zip(raw, known, strict=True)):
            _refuse_unknown_keys(value, kept, name, f"{where}{index}.")
