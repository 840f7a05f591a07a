"""A signed result: what stands in a result folder, as one statement that another machine can check.

The statement is in-toto's, the envelope DSSE, the signature Ed25519 (RFC 8032); each module names what it follows. The
libraries for it take a tenth of a second to import, so they are imported where they are used, and not before.
"""

from __future__ import annotations

from harness.signing.checking import Finding, Found, check, doubt
from harness.signing.sealing import ATTESTATION, OPENING, prepare, seal

__all__ = ["ATTESTATION", "OPENING", "Finding", "Found", "check", "doubt", "prepare", "seal"]
