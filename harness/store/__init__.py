"""Results on disk: ``OUT/NAME/GRADING-ID/`` with ``result.json`` and whatever was rendered from it."""

from __future__ import annotations

from harness.store.codec import RESULT, decode, encode, json_schema, plain, prepare
from harness.store.disk import Seal, TakenError, save, sweep
from harness.store.shelves import (
    LOGS,
    Company,
    Kept,
    changes,
    company,
    decode_file,
    find,
    folder_name,
    load,
    logs,
    name_for,
)

__all__ = [
    "LOGS",
    "RESULT",
    "Company",
    "Kept",
    "Seal",
    "TakenError",
    "changes",
    "company",
    "decode",
    "decode_file",
    "encode",
    "find",
    "folder_name",
    "json_schema",
    "load",
    "logs",
    "name_for",
    "plain",
    "prepare",
    "save",
    "sweep",
]
