"""The envelope: DSSE 1.0 (secure-systems-lab/dsse, protocol.md and envelope.md), by securesystemslib, over Ed25519.

What is signed is ``"DSSEv1" SP LEN(type) SP type SP LEN(body) SP body``, so neither the type of a payload nor its bytes can
be taken for others. The id of a key in an envelope is a hint and decides nothing: which keys are tried is the reader's to say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from harness.signing.keys import PublicKey, SigningKey
from harness.wording import visible

PAYLOAD_TYPE = "application/vnd.in-toto+json"
"""in-toto/attestation, spec/v1/envelope.md."""
_SHOWN = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """An envelope that was looked into."""

    payload: bytes = b""
    """Empty unless one of the keys signed it."""
    key: PublicKey | None = None
    """The one that did."""
    problem: str = ""
    """Why nobody vouches for it, in words."""


def sign(payload: bytes, key: SigningKey) -> bytes:
    """Return ``payload`` in an envelope that ``key`` signed."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import CryptoSigner, SSlibKey

    envelope = Envelope(payload, PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(key.key, SSlibKey.from_crypto(key.key.public_key(), keyid=key.id)))
    return json.dumps(envelope.to_dict(), indent=1).encode() + b"\n"


def opened(data: bytes, keys: Sequence[PublicKey]) -> Opened:
    """Return what is in the envelope ``data`` that one of ``keys`` signed. Never raises: whatever is wrong is said."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import FormatError, VerificationError
    from securesystemslib.signer import SSlibKey

    try:
        envelope = Envelope.from_dict(json.loads(data))
        said = [str(keyid) for keyid in envelope.signatures]
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError, FormatError):
        return Opened(problem="is no DSSE envelope: it was damaged, or something else took its name")
    if envelope.payload_type != PAYLOAD_TYPE:
        return Opened(problem=f"holds {visible(str(envelope.payload_type))!r}, expected {PAYLOAD_TYPE!r}")
    if not said:
        return Opened(problem="has no signature")
    try:
        taken = envelope.verify([SSlibKey.from_crypto(one.key, keyid=one.id) for one in keys], 1) if keys else {}
    except (VerificationError, ValueError):
        taken = {}
    for one in keys:
        if one.id in taken:
            return Opened(payload=envelope.payload, key=one)
    if any(one.id in said for one in keys):
        return Opened(problem="was changed after it was signed: the signature does not fit it")
    named = ", ".join(visible(keyid[:_SHOWN]) for keyid in said)
    return Opened(problem=f"is signed by another key ({named}) than those believed here")
