"""Signing what a result folder will hold, before it is written: the folder then appears with its attestation, or not at all."""

from __future__ import annotations

import contextlib
import importlib
import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from harness.errors import HarnessError
from harness.model import Grading
from harness.signing import envelope, keys
from harness.signing.statement import commitment, statement

ATTESTATION = "attestation.json"
"""The envelope."""
OPENING = "seed.json"
"""Seed and nonce: who is given this one file can see which seed the attestation committed to, and nothing else."""
_NONCE_BYTES = 32


def seal(grading: Grading, files: Mapping[str, bytes], folder: Path) -> dict[str, bytes]:
    """Return the files that sign ``files``, all that lies in the folder of ``grading``: path -> bytes.

    ``folder`` is that of the keys, where one is made if there is none. Raises HarnessError when it can't be signed.
    """
    try:
        key = keys.signing(folder)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        opening = json.dumps({"schema": 1, "seed": grading.seed, "nonce": nonce.hex()}).encode() + b"\n"
        whole = {**files, OPENING: opening}
        payload = json.dumps(statement(grading, whole, commitment(grading.seed, nonce)), indent=1).encode()
        return {OPENING: opening, ATTESTATION: envelope.sign(payload, key)}
    except ImportError as error:
        text = f"expected the libraries that sign results, found {error}: install the package again with what it needs"
        raise HarnessError(text) from error


def prepare() -> None:
    """Import what signing takes, while nobody waits for it."""
    for name in ("cryptography.hazmat.primitives.serialization", "securesystemslib.dsse", "securesystemslib.signer"):
        with contextlib.suppress(ImportError):  # what is missing is said when something is signed
            importlib.import_module(name)
