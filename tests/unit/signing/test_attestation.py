"""What is signed is what the formats say, by readers that share no code with us."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2 as reference
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from harness import store
from harness.model import Grading, Status, Verdict
from harness.signing import ATTESTATION, OPENING
from harness.signing.keys import SIGNING, TRUSTED
from tests.unit.factories import failed, grading, heron, refused, reports
from tests.unit.signing.conftest import Signed, signed

UNDECIDED = grading(reports(failed("safety/concurrent-duplicates", status="inconclusive")))
KINDS = {"passed": grading(), "failed": heron(), "inconclusive": UNDECIDED, "refused": refused()}


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)


def envelope(made: Signed) -> tuple[str, bytes, str, bytes]:
    """Return type, payload, id of the key and signature, as envelope.md of DSSE says where they stand."""
    found = json.loads((made.folder / ATTESTATION).read_bytes())
    (one,) = found["signatures"]
    return found["payloadType"], base64.b64decode(found["payload"]), one["keyid"], base64.b64decode(one["sig"])


def payload(made: Signed) -> bytes:
    return envelope(made)[1]


def public_key(made: Signed) -> Path:
    (found,) = (made.keys / TRUSTED).iterdir()
    return found


def verified_by_openssl(made: Signed, tmp_path: Path, body: bytes) -> bool:
    """Whether OpenSSL finds the signature to be of ``body``, encoded as protocol.md of DSSE 1.0.0 says."""
    kind, _, _, signature = envelope(made)
    (tmp_path / "sig").write_bytes(signature)
    (tmp_path / "pae").write_bytes(
        b"DSSEv1 " + str(len(kind)).encode() + b" " + kind.encode() + b" " + str(len(body)).encode() + b" " + body
    )
    asked = ("pkeyutl", "-verify", "-pubin", "-inkey", public_key(made), "-rawin", "-in", tmp_path / "pae")
    return openssl(*asked, "-sigfile", tmp_path / "sig").returncode == 0


def test_openssl_verifies_the_envelope(heron_signed: Signed, tmp_path: Path) -> None:
    """A second implementation of Ed25519 takes our signature, over bytes that this test encodes itself."""
    assert verified_by_openssl(heron_signed, tmp_path, payload(heron_signed))
    assert not verified_by_openssl(heron_signed, tmp_path, payload(heron_signed) + b" ")


def test_the_key_is_called_as_openssl_calls_it(heron_signed: Signed) -> None:
    """Somebody without the harness can tell which key signed."""
    der = openssl("pkey", "-pubin", "-in", public_key(heron_signed), "-outform", "DER").stdout
    assert envelope(heron_signed)[2] == hashlib.sha256(der).hexdigest()
    private = openssl("pkey", "-in", heron_signed.keys / SIGNING, "-pubout", "-outform", "DER").stdout
    assert private == der


@pytest.mark.parametrize("made", KINDS.values(), ids=KINDS)
def test_the_reference_reader_takes_the_statement(tmp_path: Path, made: Grading) -> None:
    """in-toto's own classes read it, find it valid, and know every field but the one that is ours."""
    document = json.loads(payload(signed(tmp_path, made)))
    parsed = json_format.ParseDict(document, statement_pb2.Statement())
    Statement.copy_from_pb(parsed).validate()
    (ours,) = (key for key in document["predicate"] if ":" in key)
    assert ours == "harness:grading/v1"
    del document["predicate"][ours]
    result = json_format.ParseDict(document["predicate"], reference.TestResult())
    assert (result.result == "PASSED") is (made.verdict is Verdict.PASSED)


def test_the_statement_names_all_that_decided(heron_signed: Signed) -> None:
    """Submission, exercise, grader, images, policy and a commitment to the seed: each with its digest."""
    document = json.loads(payload(heron_signed))
    subjects = {one["name"]: one["digest"] for one in document["subject"]}
    assert subjects["submission"] == {"sha256": "6c" * 32}
    on_disk = [path for path in heron_signed.folder.rglob("*") if path.is_file() and path.name != ATTESTATION]
    assert {
        str(path.relative_to(heron_signed.folder)): {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in on_disk
    } == {name: digest for name, digest in subjects.items() if name != "submission"}
    configured = {one["name"]: one["digest"] for one in document["predicate"]["configuration"]}
    assert configured["exercise"] == {"harnessTree1": "aa" * 32}
    assert configured["grader"] == {"harnessTree1": "bb" * 32}
    assert configured["images"] == {"harnessImages1": "cc" * 32}
    assert set(configured) == {"core", "exercise", "grader", "images", "policy", "seed"}


def test_the_seed_is_committed_to_and_not_told(heron_signed: Signed) -> None:
    """The opening proves the seed; without it, no seed that can be tried out fits."""
    opening = json.loads((heron_signed.folder / OPENING).read_bytes())
    document = json.loads(payload(heron_signed))
    (seed,) = (one for one in document["predicate"]["configuration"] if one["name"] == "seed")
    assert opening["seed"] == 4711
    assert seed["digest"] == {"harnessSeed1": hashlib.sha256(bytes.fromhex(opening["nonce"]) + b"4711").hexdigest()}
    assert b"4711" not in payload(heron_signed)
    assert hashlib.sha256(b"4711").hexdigest() not in payload(heron_signed).decode()


def test_two_results_of_one_seed_commit_differently(tmp_path: Path) -> None:
    """Else a cohort's attestations would say that it had one seed, and one opening would open all."""
    one, other = (signed(tmp_path, heron(id=f"20261124T16021{n}Z-7f3a00")) for n in (0, 1))
    said = [json.loads(payload(made))["predicate"]["configuration"][-1]["digest"] for made in (one, other)]
    assert said[0] != said[1]


def test_what_is_not_passed_is_never_passed_to_who_knows_only_in_toto(tmp_path: Path) -> None:
    """The predicate has no third verdict: undecided is FAILED there, listed as neither, and named in our field."""
    predicate = json.loads(payload(signed(tmp_path, UNDECIDED)))["predicate"]
    undecided = [o.check.id for o in UNDECIDED.outcomes if o.status is Status.INCONCLUSIVE]
    assert predicate["result"] == "FAILED"
    assert predicate["harness:grading/v1"]["verdict"] == UNDECIDED.verdict
    assert predicate["harness:grading/v1"]["undecidedTests"] == undecided
    assert not set(undecided) & {*predicate["passedTests"], *predicate["failedTests"], *predicate["warnedTests"]}


def test_what_policy_digests_follows_what_decided() -> None:
    """Another bar, wall, limit or gate is another policy; another submission is not."""
    from dataclasses import replace

    from harness.signing.statement import policy

    made = heron()
    others = [
        replace(made, bar=71.0),
        replace(made, posture=("no CPU limit",)),
        replace(made, engine="Podman 5.2, runc"),
        replace(made, exercise=replace(made.exercise, deadline_seconds=181)),
        replace(made, exercise=replace(made.exercise, gates=made.exercise.gates[:1])),
        replace(made, exercise=replace(made.exercise, grader_limits=replace(made.exercise.grader_limits, pids=7))),
    ]
    assert len({policy(one) for one in (made, *others)}) == len(others) + 1
    assert policy(replace(made, submission_sha256="11" * 32)) == policy(made)


def test_a_folder_is_no_file_to_anybody(tmp_path: Path) -> None:
    """The digest of a folder's listing does not pose as the sha256 of a file."""
    made = heron(submission_packed_at="", submission_alias_from="the folder's name")
    subject = json.loads(payload(signed(tmp_path, made)))["subject"][0]
    assert subject == {"name": "submission", "digest": {"harnessTree1": "6c" * 32}}


def test_nothing_else_of_a_result_changes(heron_signed: Signed) -> None:
    """A signed result is read as any other."""
    assert store.load(heron_signed.folder).id == heron().id
