"""``harness verify``: whether a result is what was signed. Needs no engine, and nothing but the folder and a public key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness import console, signing, store
from harness.errors import ExitCode, HarnessError, UsageError
from harness.model import Grading, Verdict
from harness.reports.text import number
from harness.settings import Settings
from harness.signing import ATTESTATION, Finding, Found, keys
from harness.wording import visible


def verify(path: Path, *, named: Sequence[Path], as_json: bool, found: Settings) -> ExitCode:
    """Compare the result at ``path`` (see ``store.find``) with its attestation, and say what does not match.

    ``named`` are files of the public keys that are believed; without one, those that the settings know. Raises UsageError
    where there is no key at all: then nothing can be said either way.
    """
    file = store.find(path)
    trusted = tuple(map(keys.public, named)) or keys.trusted(found.keys)
    if not trusted:
        text = (
            f"expected a key to verify with in {visible(str(found.keys))}, found none: name the public key of whoever "
            "graded with --key FILE"
        )
        raise UsageError(text)
    seen = signing.check(file.parent, store.RESULT, lambda data: store.decode(data, name=str(file)), trusted)
    findings = (*seen.findings, *_elsewhere(file, path))
    if as_json:
        console.document(_document(file, seen, findings))
    else:
        _say(file, seen, findings)
    return ExitCode.INTEGRITY if findings else ExitCode.PASSED


def _elsewhere(file: Path, path: Path) -> tuple[Finding, ...]:
    """Say where a whole result lies as another grading, or as somebody else's: every file of it would fit.

    A copy that is called otherwise, and named itself as ``path``, is its owner's affair.
    """
    folder = file.resolve().parent
    try:
        grading = store.decode_file(file)
    except HarnessError:  # it is among the findings already
        return ()
    as_kept = store.is_a_gradings(folder)
    findings = []
    if as_kept and folder.name != store.folder_name(grading.id):
        findings.append(f"this is the grading {visible(grading.id)}, and it lies in {visible(folder.name)}/")
    if (as_kept or folder.parent == path.resolve()) and folder.parent.name != store.folder_name(grading.name):
        findings.append(f"this is the result of {visible(grading.name)}, and it lies in {visible(folder.parent.name)}/")
    return tuple(Finding(what="folder", why=why) for why in findings)


def _say(file: Path, seen: Found, findings: Sequence[Finding]) -> None:
    if seen.key is not None:
        console.entry(f"signed by  {seen.key.id[:16]}  ({seen.key.source})")
    if not findings:
        console.entry(f"result     {_in_words(store.decode_file(file))}")
        console.entry(f"verified   {file.parent}: {seen.files} files, each as it was signed")
        return
    for one in findings:
        console.entry(f"{one.what}: {one.why}")
    console.entry(f"NOT VERIFIED  {file.parent}: {len(findings)} of the above; grade again, or ask whoever graded")


def _in_words(grading: Grading) -> str:
    exercise = f"{grading.exercise.id} {grading.exercise.version}".strip() or "no exercise"
    decided = grading.verdict in {Verdict.PASSED, Verdict.FAILED}
    points = f", {number(grading.score.earned)} of {number(grading.score.possible)} points" if decided else ""
    return f"{grading.name}: {grading.verdict}{points}, {exercise}, graded {grading.started_at}"


def _document(file: Path, seen: Found, findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "schema": 1,
        "result": str(file),
        "attestation": str(file.with_name(ATTESTATION)),
        "verified": not findings,
        "key": seen.key.id if seen.key else None,
        "findings": [{"what": one.what, "why": one.why} for one in findings],
    }
