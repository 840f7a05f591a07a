"""Results on disk: ``OUT/ALIAS/GRADING-ID/`` with ``result.json`` and whatever was rendered from it.

A folder appears whole or not at all, is never changed and never overwritten: failed attempts are evidence, and a
re-grading adds a folder. A writer that was killed leaves a ``.partial-*`` folder that :func:`sweep` (and the next
:func:`save` of the same alias) removes; one that is still being written is locked and left alone.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import difflib
import enum
import fcntl
import functools
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import cast

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError, UsageError
from harness.model import SCHEMA, Grading, Json

RESULT = "result.json"
REFUSAL = "refusal.json"
_PARTIAL = ".partial-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def save(grading: Grading, out_dir: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """Write a grading and return its folder.

    ``files`` are relative paths (``report.txt``, ``logs/app.log``) and their bytes, kept beside ``result.json``.
    Raises HarnessError when that cannot be written in full; then nothing of it is left.
    """
    folder = out_dir / folder_name(grading.submission_alias) / folder_name(grading.id)
    return _keep(folder, {**(files or {}), RESULT: encode(grading)})


def save_refusal(summary: Mapping[str, Json], out_dir: Path) -> Path:
    """Write why a submission was refused that names no exercise, so that there is no grading; return the folder.

    Raises HarnessError as :func:`save` does.
    """
    name = f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
    return _keep(out_dir / "refused" / name, {REFUSAL: json.dumps(summary, indent=1).encode() + b"\n"})


def _keep(folder: Path, content: Mapping[str, bytes]) -> Path:
    made = _missing_parents(folder.parent)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        sweep(folder.parent)
        with _partial(folder.parent) as partial:
            for name, data in content.items():
                _write(partial, name, data)
            _sync_tree(partial)
            _publish(partial, folder)
            _sync(folder.parent)
    except OSError as error:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        text = f"expected to write the result to {folder}, found: {error}: make room there or choose another --out"
        raise HarnessError(text) from error
    return folder


def load(path: Path) -> Grading:
    """Return the grading at ``path``: its folder, its ``result.json``, or an alias folder (the newest in it).

    Raises UsageError when there is no result, HarnessError when there is one that cannot be read.
    """
    return decode_file(find(path))


def find(path: Path) -> Path:
    """Return the ``result.json`` that :func:`load` would read. Raises UsageError when there is none."""
    if path.is_file():
        return path
    if (path / RESULT).is_file():
        return path / RESULT
    if not path.is_dir():
        text = f"expected a result folder or a {RESULT}, found nothing at {path}: see where 'harness grade' wrote it"
        raise UsageError(text)
    below = sorted(_visible(path, f"*/{RESULT}"))
    if below:
        return max(below, key=lambda found: (_started_at(found), found))
    aliases = sorted({found.parent.parent.name for found in _visible(path, f"*/*/{RESULT}")})
    if aliases:
        text = f"expected the results of one submission, found {', '.join(aliases)} in {path}: name one of them"
        raise UsageError(text)
    text = f"expected a result in {path}, found none: grade something into it with 'harness grade PATH --out {path}'"
    raise UsageError(text)


def sweep(folder: Path) -> None:
    """Remove what writers that are dead left half-written in ``folder``, or in the alias folders in it.

    Where the file system has no locks, nobody can tell, and nothing is removed.
    """
    for left in [*folder.glob(f"{_PARTIAL}*"), *folder.glob(f"*/{_PARTIAL}*")]:
        with contextlib.suppress(OSError):
            handle = os.open(left, _FOLDER)
            try:
                if _lock(handle):
                    shutil.rmtree(left)
            finally:
                os.close(handle)


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

    Raises HarnessError for anything that this version of the harness would not have written.
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
    if schema != SCHEMA:
        text = f"{name}: expected result schema {SCHEMA}, found {schema}: {_who_reads(schema)}"
        raise HarnessError(text)
    try:
        grading = _adapter().validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        text = f"{name}: expected a whole result, found at {where!r}: {first['msg']}: grade again, or restore the file"
        raise HarnessError(text) from error
    _refuse_unknown_keys(raw, plain(grading), name)
    return grading


def decode_file(path: Path) -> Grading:
    """Return the grading in a ``result.json``. Raises HarnessError when it can't be read."""
    return decode(_read(path), name=str(path))


def json_schema() -> dict[str, Json]:
    """Return the JSON Schema of ``result.json``, as kept in docs/reference/result.schema.json."""
    made = cast("dict[str, Json]", _adapter().json_schema(mode="serialization"))
    properties = cast("dict[str, Json]", made["properties"])
    made["properties"] = {"schema": {"const": SCHEMA, "title": "Schema"}, **properties}
    made["required"] = ["schema", *cast("list[Json]", made["required"])]
    for part in (made, *cast("dict[str, dict[str, Json]]", made["$defs"]).values()):
        if "properties" in part:
            part["additionalProperties"] = False
            part["required"] = list(cast("dict[str, Json]", part["properties"]))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "harness result"}


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


def folder_name(name: str) -> str:
    """Return ``name`` where it is safe as the name of a folder, else a safe one that no other name shares."""
    if _SAFE_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_-]', '_', name)[:48].lstrip('_-') or 'x'}-{digest}"


@functools.cache
def _adapter() -> TypeAdapter[Grading]:
    return TypeAdapter(Grading)


def _refuse_constant(name: str) -> None:
    text = f"{name} is no number in a result"
    raise ValueError(text)


def _who_reads(schema: int) -> str:
    return "use a newer harness" if schema > SCHEMA else "use the harness that wrote it, or grade again"


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


def _visible(folder: Path, pattern: str) -> Iterator[Path]:
    for found in folder.glob(pattern):
        if not any(part.startswith(".") for part in found.relative_to(folder).parts):
            yield found


def _started_at(path: Path) -> str:
    """Return when a grading began without believing the rest of it yet; ISO 8601 in UTC sorts by time."""
    try:
        raw = json.loads(_read(path))
        return str(raw["started_at"])
    except (ValueError, RecursionError, LookupError, TypeError) as error:
        text = f"{path}: expected a result, found a damaged file: name the folder of another grading to read that"
        raise HarnessError(text) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        text = f"expected to read the result {path}, found: {error}"
        raise HarnessError(text) from error


def _missing_parents(folder: Path) -> list[Path]:
    """Return the folders that creating ``folder`` would create, innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


@contextlib.contextmanager
def _partial(parent: Path) -> Iterator[Path]:
    """Create a locked folder in ``parent``; whatever of it was not published is removed."""
    partial, lock = _create_locked(parent)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        os.close(lock)


def _create_locked(parent: Path) -> tuple[Path, int]:
    for _ in range(100):
        partial = parent / f"{_PARTIAL}{secrets.token_hex(8)}"
        partial.mkdir()
        # A sweep may come between creating and locking: then the folder is gone, or about to be.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(partial, _FOLDER)
            if _lock(lock) is not False and partial.is_dir():
                return partial, lock
            os.close(lock)
    text = f"expected to create a folder in {parent}, found each one removed at once: does something clean up there?"
    raise OSError(text)


def _lock(handle: int) -> bool | None:
    """Hold a folder exclusively until its handle or process ends: False when another does, None when none can."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _write(folder: Path, name: str, data: bytes) -> None:
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or not relative.name:
        text = f"expected a relative path for a file beside {RESULT}, found {name!r}"
        raise HarnessError(text)
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _publish(partial: Path, folder: Path) -> None:
    if folder.exists():
        text = f"expected no result at {folder} yet, found one: results are never overwritten; choose another --out"
        raise HarnessError(text)
    # Atomic, and refused by the kernel should a result (a folder that is not empty) have appeared meanwhile.
    partial.rename(folder)


def _sync_tree(folder: Path) -> None:
    for path in [folder, *(below for below in folder.rglob("*") if below.is_dir())]:
        _sync(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=1))  # noqa: T201 - renews docs/reference/result.schema.json
