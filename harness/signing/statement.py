"""What is signed of a grading: an in-toto Statement v1 with the predicate ``test-result``.

Followed are in-toto/attestation, ``spec/v1/statement.md`` (v1.1), ``resource_descriptor.md``, ``digest_set.md`` (v1.1) and
``spec/predicates/test-result.md`` (0.1.0). docs/reference/attestation.md says every field, and how each digest is made.

The predicate knows no third verdict, and who knows only it must never take what is undecided for passed: whatever is not
passed is ``FAILED`` there, and a field of ours says which of the verdicts it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import cast

from harness.model import Grading, Json, Limits, Status, Verdict

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
FACTS = "harness:grading/v1"
"""Field of the predicate with what it has no field for; in-toto wants a URI there, so that nobody else's is the same."""
SUBMISSION = "submission"
"""Name of the subject that was tested; all others are files of the result."""
FILE = "sha256"
TREE = "harnessTree1"
IMAGES = "harnessImages1"
POLICY = "harnessPolicy1"
SEED = "harnessSeed1"
"""How a digest was made: of the bytes of one file, else by a rule of ours that docs/reference/attestation.md gives."""
_OF_A_FILE = frozenset({"the packed file", "the file's name"})
"""Who says an alias where the submission was one file; folders are called otherwise."""
_CONFIGURED = {"exercise": TREE, "grader": TREE, "verdict": TREE, "images": IMAGES}
"""Keys of ``Grading.digests`` -> how they were made."""


def statement(grading: Grading, files: Mapping[str, bytes], seed: str) -> dict[str, Json]:
    """Return what is said of ``grading``, whose result consists of ``files``. ``seed`` is the commitment to its seed."""
    return {
        "_type": STATEMENT,
        "subject": [*_submission(grading), *(_file(name, files[name]) for name in sorted(files))],
        "predicateType": PREDICATE,
        "predicate": _predicate(grading, seed),
    }


def commitment(seed: int, nonce: bytes) -> str:
    """Return what commits to ``seed`` and gives nothing of it away: SHA-256 over a nonce of 32 bytes and its digits.

    Schedules of faults follow from a seed of few bits, so that a digest of it alone could be tried out. Hiding, because
    the nonce has 256 bits; binding, because SHA-256 (FIPS 180-4) has no known collisions and a nonce has one length.
    """
    return hashlib.sha256(nonce + str(seed).encode()).hexdigest()


def policy(grading: Grading) -> str:
    """Return a sha256 over what a verdict hangs on beside files: limits, walls, gates, bar, and what applied them.

    Of one JSON text, ASCII, with sorted keys and without spaces.
    """
    exercise = grading.exercise
    facts = {
        "bar": grading.bar,
        "build_limits": _limits(exercise.build_limits),
        "build_seconds": exercise.build_seconds,
        "deadline_seconds": exercise.deadline_seconds,
        "engine": grading.engine,
        "gates": [[gate.id, gate.cap, list(gate.checks)] for gate in exercise.gates],
        "grader_limits": _limits(exercise.grader_limits),
        "harness": grading.harness_version,
        "limits": [[one.name, one.role, _limits(one.limits)] for one in exercise.sandboxes],
        "network": exercise.network,
        "pass_mark": exercise.pass_mark,
        "posture": list(grading.posture),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _limits(limits: Limits) -> dict[str, Json]:
    return cast("dict[str, Json]", dataclasses.asdict(limits))


def _submission(grading: Grading) -> list[Json]:
    """Return the subject that was tested; none where not even its bytes could be read."""
    if not grading.submission_sha256:
        return []
    is_file = bool(grading.submission_packed_at) or grading.submission_alias_from in _OF_A_FILE
    return [{"name": SUBMISSION, "digest": {FILE if is_file else TREE: grading.submission_sha256}}]


def _file(name: str, data: bytes) -> Json:
    return {"name": name, "digest": {FILE: hashlib.sha256(data).hexdigest()}}


def _predicate(grading: Grading, seed: str) -> Json:
    kinds: dict[Status, list[Json]] = {status: [] for status in Status}
    for outcome in grading.outcomes:
        kinds[outcome.status].append(outcome.check.id)
    configuration: list[Json] = [
        {"name": name, "digest": {_CONFIGURED.get(name, TREE): digest}}
        for name, digest in sorted(grading.digests.items())
    ]
    configuration += [
        {"name": "policy", "digest": {POLICY: policy(grading)}},
        {"name": "seed", "digest": {SEED: seed}},
    ]
    return {
        "result": "PASSED" if grading.verdict is Verdict.PASSED else "FAILED",
        "configuration": configuration,
        "passedTests": kinds[Status.PASSED],
        "warnedTests": [],
        "failedTests": [*kinds[Status.FAILED], *kinds[Status.UNPROVEN]],
        FACTS: {
            "grading": grading.id,
            "exercise": f"{grading.exercise.id} {grading.exercise.version}".strip(),
            "alias": grading.name,
            "verdict": str(grading.verdict),
            "exit_code": grading.exit_code,
            "points": grading.score.earned,
            "possible": grading.score.possible,
            "bar": grading.bar,
            "undecidedTests": kinds[Status.INCONCLUSIVE],
            "started_at": grading.started_at,
            "harness": grading.harness_version,
        },
    }
