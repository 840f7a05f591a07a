"""Keys: one that signs, made when it is first needed and for its owner's eyes, and those that are believed.

A folder holds ``signing.pem`` (PKCS #8 in PEM, RFC 5958 and RFC 7468; Ed25519 as in RFC 8410) and ``trusted/*.pem``
(SubjectPublicKeyInfo in PEM, RFC 8410). The public half of every key that was ever made stays in ``trusted/``: who takes
``signing.pem`` away gets a new key at the next grading, and what was signed before still verifies. What is taken out of
``trusted/`` is believed no longer.

A key is called by the sha256 of its SubjectPublicKeyInfo in DER, as ``openssl pkey -pubin -outform DER | sha256sum`` says.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness import places
from harness.errors import UsageError
from harness.wording import visible

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SIGNING = "signing.pem"
TRUSTED = "trusted"
_MAX_BYTES = 64 * 1024
_NAME = 16
"""Digits of its id that the file of a public key is called by."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicKey:
    """A key that somebody believes."""

    id: str
    source: str
    """The file that it came from."""
    key: Ed25519PublicKey


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningKey:
    """The key that signs."""

    id: str
    key: Ed25519PrivateKey


def signing(folder: Path) -> SigningKey:
    """Return the key of ``folder`` that signs; the first call ever makes it.

    Raises UsageError for a file that is no such key, or that others than its owner may read, and for a folder in which
    everybody may put one.
    """
    _refuse_everybodys(folder)
    file = folder / SIGNING
    if not os.path.lexists(file):
        _make(folder)
    key = _private(file)
    return SigningKey(id=_id(key.public_key()), key=key)


def trusted(folder: Path) -> tuple[PublicKey, ...]:
    """Return the keys that ``folder`` says are believed: its own, and those in ``trusted/``. Nothing is made.

    Raises UsageError when one of the files can't be read, or everybody may write one: then anybody's key would be believed.
    """
    files = sorted((folder / TRUSTED).glob("*.pem"))
    for place in (folder, folder / TRUSTED, *files):
        _refuse_everybodys(place)
    found = [public(file) for file in files]
    own = folder / SIGNING
    if os.path.lexists(own):
        key = _private(own).public_key()
        found.append(PublicKey(id=_id(key), source=str(own), key=key))
    return tuple({one.id: one for one in reversed(found)}.values())


def public(file: Path) -> PublicKey:
    """Return the public key in ``file``. Raises UsageError when there is none."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = places.read(file, _MAX_BYTES, refuse=UsageError)
    with contextlib.suppress(ValueError, UnsupportedAlgorithm):
        key = load_pem_public_key(data)
        if isinstance(key, Ed25519PublicKey):
            return PublicKey(id=_id(key), source=str(file), key=key)
    text = (
        f"{visible(str(file))}: expected a public Ed25519 key in PEM (-----BEGIN PUBLIC KEY-----), found something else: "
        f"take the file from {TRUSTED}/ of whoever signed"
    )
    raise UsageError(text)


def _refuse_everybodys(place: Path) -> None:
    """Raise UsageError for a folder or file of keys that everybody may write. A group may: it shares what it believes."""
    try:
        mode = stat.S_IMODE(place.stat().st_mode)
    except OSError:
        return  # whoever reads it says what is wrong
    if mode & stat.S_IWOTH:
        text = (
            f"{visible(str(place))}: expected that not everybody may write what says which keys are believed, found mode "
            f"{mode:04o}: look which keys are there, and chmod o-w it"
        )
        raise UsageError(text)


def _private(file: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = places.read(file, _MAX_BYTES, refuse=UsageError)
    mode = stat.S_IMODE(file.stat().st_mode)
    shown = visible(str(file))
    if mode & _OTHERS:
        text = (
            f"{shown}: expected a key that only its owner may read, found mode {mode:04o}: chmod 600 it; if others may "
            "have read it, take it away, and its public half out of trusted/: the next grading makes another"
        )
        raise UsageError(text)
    # A key with a password is a TypeError.
    with contextlib.suppress(ValueError, TypeError, UnsupportedAlgorithm):
        key = load_pem_private_key(data, password=None)
        if isinstance(key, Ed25519PrivateKey):
            return key
    text = (
        f"{shown}: expected a private Ed25519 key in PEM, without a password, found something else: restore it, or take "
        "it away: the next grading makes another"
    )
    raise UsageError(text)


def _make(folder: Path) -> None:
    """Write a new key, its public half first: a key that signed without one could never be believed again."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    with places.writing("the key that signs results", folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(folder):
            if os.path.lexists(folder / SIGNING):
                return
            made = Ed25519PrivateKey.generate()
            half = made.public_key()
            (folder / TRUSTED).mkdir(mode=0o755, exist_ok=True)
            name = f"{_id(half)[:_NAME]}.pem"
            pem = half.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            places.write_whole(folder / TRUSTED / name, pem, mode=0o644)
            secret = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            places.write_whole(folder / SIGNING, secret, mode=0o600)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time make a key: else a second one would sign with a key that the first one's takes the place of."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _id(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
