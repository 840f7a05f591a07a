"""Whether a result folder is what was signed: each thing that does not match, in words.

What nobody vouches for is not compared further: a forged attestation would fit a forged result.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import droppings, places
from harness.errors import HarnessError
from harness.model import Grading, Json
from harness.signing import envelope
from harness.signing.keys import PublicKey
from harness.signing.sealing import ATTESTATION, OPENING
from harness.signing.statement import FACTS, FILE, PREDICATE, STATEMENT, SUBMISSION, commitment, statement
from harness.wording import visible

_SHOWN = 12
_NONCE = re.compile(r"[0-9a-f]{64}")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_SEED = "digest of seed"
_WORDS = {"grading": "id of the grading", "exit_code": "exit code", "started_at": "start", "harness": "version"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that does not match."""

    what: str
    """A file, or a fact of the result."""
    why: str
    """What was signed, and what is there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What a folder was found to be."""

    findings: tuple[Finding, ...]
    """Empty: it is what was signed."""
    key: PublicKey | None = None
    """Whose signature holds."""
    files: int = 0
    """How many files were compared."""


def check(folder: Path, result: str, decode: Callable[[bytes], Grading], trusted: Sequence[PublicKey]) -> Found:
    """Compare ``folder``, whose result is called ``result``, with its attestation, by the keys that are ``trusted``.

    ``decode`` reads a result and raises HarnessError. Raises HarnessError itself only where the folder can't be read.
    """
    signed, key, problem = _signed(folder, trusted)
    if problem:
        return Found(findings=(Finding(what=ATTESTATION, why=problem),), key=key)
    there, findings = _read(folder)
    findings += _files(signed, there)
    findings += _facts(signed, there, result, decode)
    return Found(findings=tuple(findings), key=key, files=len(there))


def doubt(folder: Path, result: str, trusted: Sequence[PublicKey]) -> str:
    """Return why none of ``trusted`` vouches for the ``result`` in ``folder`` as it is now; empty when one does.

    No other file of the folder is looked at. Raises HarnessError where one of the two can't be read.
    """
    signed, _, problem = _signed(folder, trusted)
    if problem:
        return f"{ATTESTATION} {problem}"
    found = _files(signed, {result: places.read(folder / result)})
    return next((f"{result} {one.why}" for one in found if one.what == result), "")


def _signed(folder: Path, trusted: Sequence[PublicKey]) -> tuple[Mapping[str, Json], PublicKey | None, str]:
    """Return what the attestation in ``folder`` says, which key signed it, and why that is worth nothing, if it is."""
    if not (folder / ATTESTATION).is_file():
        return {}, None, "is missing: nobody vouches for this result"
    opened = envelope.opened(places.read(folder / ATTESTATION), trusted)
    if opened.key is None:
        return {}, None, opened.problem
    signed = _parsed(opened.payload)
    return signed, opened.key, _not_ours(signed)


def _parsed(payload: bytes) -> dict[str, Json]:
    try:
        found = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _not_ours(signed: Mapping[str, Json]) -> str:
    """Return why a signed statement is not about a result; empty when it is."""
    for key, wanted in (("_type", STATEMENT), ("predicateType", PREDICATE)):
        if signed.get(key) != wanted:
            return f"says {key} {visible(str(signed.get(key)))!r}, expected {wanted!r}: it is about something else"
    return ""


def _read(folder: Path) -> tuple[dict[str, bytes], list[Finding]]:
    """Return the files of the folder but the attestation, and what in it is no file."""
    there: dict[str, bytes] = {}
    odd: list[Finding] = []
    try:
        for name, path in droppings.files(folder):
            if path.is_symlink() or not path.is_file():
                odd.append(Finding(what=name, why="is a link or no file: it was put there after the result was signed"))
            elif name != ATTESTATION:
                there[name] = places.read(path)
    except OSError as error:
        raise places.failure(error, f"read {visible(str(folder))}") from error
    return there, odd


def _files(signed: Mapping[str, Json], there: Mapping[str, bytes]) -> list[Finding]:
    """Return the files that are not those that were signed."""
    named = {name: digest for name, digest in _descriptors(signed.get("subject")) if name != SUBMISSION}
    findings = []
    for name, digest in named.items():
        if name not in there:
            findings.append(Finding(what=name, why="is missing: it was signed"))
            continue
        found = hashlib.sha256(there[name]).hexdigest()
        if digest.get(FILE) != found:
            said = visible(str(digest.get(FILE)))[:_SHOWN]
            findings.append(Finding(what=name, why=f"was changed: signed as sha256 {said}, found {found[:_SHOWN]}"))
    added = sorted(set(there) - set(named))
    return [*findings, *(Finding(what=name, why="was added: it was not signed") for name in added)]


def _facts(
    signed: Mapping[str, Json], there: Mapping[str, bytes], result: str, decode: Callable[[bytes], Grading]
) -> list[Finding]:
    """Return in words what the result says today that was signed otherwise."""
    if result not in there:
        return []
    try:
        grading = decode(there[result])
    except HarnessError as error:
        return [Finding(what=result, why=f"can't be read: {error}")]
    seed, findings = _seed(grading, there.get(OPENING))
    now = statement(grading, {}, seed)
    said, is_now = _said(signed), _said(now)
    if not seed:  # without an opening nobody can tell
        said, is_now = ({key: value for key, value in one.items() if key != _SEED} for one in (said, is_now))
    return [*findings, *_compared(said, is_now, result)]


def _seed(grading: Grading, opening: bytes | None) -> tuple[str, list[Finding]]:
    """Return the commitment that the opening and the result come to, and what is wrong with the opening."""
    if opening is None:
        return "", []
    said = _parsed(opening)
    nonce, seed = said.get("nonce"), said.get("seed")
    if not isinstance(nonce, str) or not _NONCE.fullmatch(nonce) or type(seed) is not int:
        return "", [Finding(what=OPENING, why="does not say a seed and a nonce of 32 bytes")]
    findings = []
    if seed != grading.seed:
        findings.append(Finding(what="seed", why=f"{OPENING} says {seed}, the result says {grading.seed}"))
    return commitment(grading.seed, bytes.fromhex(nonce)), findings


def _compared(signed: Mapping[str, str], now: Mapping[str, str], result: str) -> Iterator[Finding]:
    for name in dict.fromkeys((*signed, *now)):
        if signed.get(name) != now.get(name):
            was, has = (_short(visible(one.get(name, "nothing"))) for one in (signed, now))
            yield Finding(what=name, why=f"signed as {was}, {result} comes to {has}")


def _said(made: Mapping[str, Json]) -> dict[str, str]:
    """Return each fact of a statement by what people call it, files apart."""
    said = {name: _digest(digest) for name, digest in _descriptors(made.get("subject")) if name == SUBMISSION}
    predicate = made.get("predicate")
    if not isinstance(predicate, dict):
        return said
    facts = predicate.get(FACTS)
    for key, value in (facts if isinstance(facts, dict) else {}).items():
        said[_WORDS.get(key, key)] = _text(value)
    for key, word in (("passedTests", "passed checks"), ("failedTests", "failed checks"), ("result", "result")):
        said[word] = _text(predicate.get(key))
    said |= {f"digest of {name}": _digest(digest) for name, digest in _descriptors(predicate.get("configuration"))}
    return said


def _descriptors(found: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    for one in found if isinstance(found, list) else []:
        digest = one.get("digest") if isinstance(one, dict) else None
        if isinstance(one, dict) and isinstance(digest, dict):
            yield str(one.get("name", "")), digest


def _digest(digest: Mapping[str, Json]) -> str:
    return ", ".join(f"{kind} {value}" for kind, value in digest.items())


def _short(text: str) -> str:
    return _DIGEST.sub(lambda found: found[0][:_SHOWN], text)


def _text(value: Json) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)
