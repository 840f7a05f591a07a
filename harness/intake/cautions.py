"""What a candidate may not have meant to send, or what will not work elsewhere. Warned of, never refused."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness import names
from harness.model import SubmissionFile

_KEY_FILES = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore")
_KEYRINGS = (".netrc", ".pgpass", ".npmrc", ".pypirc", ".git-credentials", "credentials.json", "*.kdbx")
_SECRETS = (
    (re.compile(rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"), "a private key"),
    (
        re.compile(rb"(?i)\baws_?secret_?(?:access_?)?key\b[\"']?\s*[:=]\s*[\"']?[0-9a-z/+]{40}(?![0-9a-z/+])"),
        "a key of a cloud account",
    ),
    (re.compile(rb"\bsk-(?:ant-|proj-|svcacct-)?[0-9A-Za-z_-]{32,}"), "a key of a service for language models"),
    (re.compile(rb"\b(?:sk|rk)_live_[0-9A-Za-z]{20,}"), "a key of a payment provider"),
    (re.compile(rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "a key of a cloud account"),
    (re.compile(rb"\bAIza[0-9A-Za-z_-]{35}\b"), "a key of a cloud account"),
    (re.compile(rb"\b(?:gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{50,}|glpat-[\w-]{20})\b"), "a token of a code host"),
    (re.compile(rb"\bxox[abprs]-[0-9A-Za-z-]{20,}"), "a token of a chat"),
)
_MODELS = (".env.example", ".env.sample", ".env.template", ".env.dist")
_BINARIES = (
    (b"\x7fELF", "a program for Linux"),
    (b"\xcf\xfa\xed\xfe", "a program for macOS"),
    (b"\xce\xfa\xed\xfe", "a program for macOS"),
    (b"\xca\xfe\xba\xbe", "a compiled class, or a program for macOS"),
    (b"MZ", "a program for Windows"),
    (b"PK\x03\x04", "a zip or jar"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"!<arch>\n", "a compiled library"),
    (b"SQLite format 3\0", "a database"),
)
_SNIFFED = 8192
_SHORTEST_HOME = 4
"""``/`` and the like say nothing of a machine."""


def of(files: Iterable[SubmissionFile], here: Sequence[Path]) -> list[str]:
    """Return a sentence for each thing to look at; ``here`` are folders of this machine that exist nowhere else."""
    said: list[str] = []
    places = _places(here)
    for file in files:
        shown = names.shown(file.path)
        said += [f"{shown} {text}" for text in (*_secret(file), *_binary(file), *_line_ends(file))]
        said += [f"{shown} {text}" for text in _elsewhere(file, places)]
    return said


def _secret(file: SubmissionFile) -> list[str]:
    name = file.path.rpartition("/")[2].lower()
    if (name == ".env" or name.startswith(".env.")) and name not in _MODELS:
        return ["holds the settings of one machine, secrets as well: leave it out unless it is meant to travel"]
    text = _without_zeros(file.content)
    found = next((what for pattern, what in _SECRETS if pattern.search(text)), "")
    if not found and any(fnmatch.fnmatchcase(name, pattern) for pattern in _KEY_FILES):
        found = "a key by its name"
    if not found and name in _KEYRINGS:
        found = "a file of passwords by its name"
    advice = "leave it out unless it was made for this exercise and opens nothing of yours"
    return [f"looks like {found}: {advice}"] if found else []


def _without_zeros(content: bytes) -> bytes:
    """Return text of UTF-16, as some systems save it, so that what is plain in it can be found; else what was given."""
    return content.replace(b"\0", b"") if content.startswith((b"\xff\xfe", b"\xfe\xff")) else content


def _binary(file: SubmissionFile) -> list[str]:
    start = file.content[:_SNIFFED]
    kind = next((what for sign, what in _BINARIES if start.startswith(sign)), "")
    if not kind and b"\0" in start:
        kind = "no text"
    if not kind:
        return []
    return [
        f"is {kind} ({len(file.content)} bytes): it may not run elsewhere; what is built is built again from source"
    ]


def _line_ends(file: SubmissionFile) -> list[str]:
    if file.content.startswith(b"#!") and file.content.split(b"\n", 1)[0].endswith(b"\r"):
        text = (
            "starts with a #! line that ends in CRLF: Linux won't find its interpreter when it is run by name. "
            "Save it with LF line ends"
        )
        return [text]
    return []


def _places(here: Sequence[Path]) -> tuple[bytes, ...]:
    known = {str(one) for place in here for one in (place, place.resolve())}
    return tuple(
        sorted((one.encode("utf-8", "surrogateescape") for one in known if len(one) >= _SHORTEST_HOME), key=len)
    )


def _elsewhere(file: SubmissionFile, places: Sequence[bytes]) -> list[str]:
    """Return where a text names a folder of this machine first."""
    if b"\0" in file.content[:_SNIFFED]:
        return []
    for number, line in enumerate(file.content.splitlines(), start=1):
        for place in places:
            if _is_in(line, place):
                shown = names.shown(place.decode("utf-8", "surrogateescape"))
                return [f"names {shown} in line {number}: that folder is on this machine only"]
    return []


def _is_in(line: bytes, place: bytes) -> bool:
    """Whether a line names a folder, and not only another one whose name begins alike."""
    at = line.find(place)
    while at >= 0:
        if (line[at + len(place) :][:1] or b"/") in _ENDS:
            return True
        at = line.find(place, at + 1)
    return False


_ENDS = tuple(bytes([one]) for one in b"/\\\"' ,;:)]}>")
