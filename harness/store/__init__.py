"""Results on disk: ``OUT/NAME/GRADING-ID/`` with ``result.json`` and whatever was rendered from it."""

from __future__ import annotations

from harness.store.codec import RESULT, decode, encode, json_schema, plain, prepare, schema_of
from harness.store.disk import Seal, TakenError, save, sweep
from harness.store.shelves import (
    LOGS,
    Company,
    Damaged,
    Kept,
    Stored,
    changes,
    company,
    decode_file,
    everybody,
    find,
    folder_name,
    is_a_gradings,
    is_of_many,
    kept_of,
    load,
    logs,
    name_for,
    stored,
)

__all__ = [
    "LOGS",
    "RESULT",
    "Company",
    "Damaged",
    "Kept",
    "Seal",
    "Stored",
    "TakenError",
    "changes",
    "company",
    "decode",
    "decode_file",
    "encode",
    "everybody",
    "find",
    "folder_name",
    "is_a_gradings",
    "is_of_many",
    "json_schema",
    "kept_of",
    "load",
    "logs",
    "name_for",
    "plain",
    "prepare",
    "save",
    "schema_of",
    "stored",
    "sweep",
]
