"""``harness verify``: everything that can be changed in a result folder is found, and said in words."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import console, settings, signing, store
from harness.commands.verify import verify
from harness.errors import ExitCode, UsageError
from harness.model import Verdict
from harness.signing import ATTESTATION, OPENING, envelope, keys
from tests.unit.factories import grading, heron
from tests.unit.signing.conftest import Signed, checked, signed

RESULT = store.RESULT


def edit(file: Path, change: Callable[[dict[str, object]], None]) -> None:
    found = json.loads(file.read_bytes())
    change(found)
    file.write_text(json.dumps(found, indent=1))


def test_what_was_signed_verifies(heron_signed: Signed) -> None:
    """Nothing is found where nothing was changed, and the key that signed is named."""
    found = heron_signed.check()
    assert found.findings == ()
    assert found.key is not None
    assert found.key.id == keys.signing(heron_signed.keys).id
    assert found.files == 4


def test_every_byte_of_every_file_counts(heron_signed: Signed) -> None:
    """One flipped bit in any file is found, and the file is named."""
    for path in sorted(heron_signed.folder.rglob("*")):
        if not path.is_file():
            continue
        was = path.read_bytes()
        for place in (0, len(was) // 2, len(was) - 2):
            path.write_bytes(was[:place] + bytes([was[place] ^ 1]) + was[place + 1 :])
            name = str(path.relative_to(heron_signed.folder))
            assert name in heron_signed.said(), f"byte {place} of {name}"
        path.write_bytes(was)
    assert heron_signed.said() == {}


def test_a_better_verdict_is_said_in_words(heron_signed: Signed) -> None:
    """Who edits the result reads what was signed instead."""
    better = store.encode(grading(id=heron().id, submission_packed_at="2026-11-24T15:00:00Z"))
    (heron_signed.folder / RESULT).write_bytes(better)
    said = heron_signed.said()
    assert said["verdict"] == "signed as failed, result.json comes to passed"
    assert said["points"].startswith("signed as 45.0, result.json comes to 100.0")
    assert "was changed: signed as sha256" in said[RESULT]
    assert "safety/killed-mid-charge" in said["failed checks"]


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("submission_sha256", "11" * 32, "submission"),
        ("digests", {"exercise": "11" * 32}, "digest of exercise"),
        ("bar", 40.0, "bar"),
        ("engine", "Podman", "digest of policy"),
        ("seed", 1, "digest of seed"),
        ("id", "20261124T160210Z-000000", "id of the grading"),
        ("submission_name", "otter", "alias"),
    ],
)
def test_a_swapped_fact_is_named(heron_signed: Signed, key: str, value: object, what: str) -> None:
    """A result of one run does not pass for that of another."""
    edit(heron_signed.folder / RESULT, lambda found: found.update({key: value, "verdict": found["verdict"]}))
    if key == "bar":  # the verdict must go with it, or it is no result
        edit(heron_signed.folder / RESULT, lambda found: found.update({"verdict": "passed", "exit_code": 0}))
    assert what in heron_signed.said()


def test_files_beside_it_count(heron_signed: Signed) -> None:
    """Missing, added, changed, and a link in a file's place: each is said."""
    folder = heron_signed.folder
    (folder / "report.txt").unlink()
    (folder / "report.html").write_text("<p>passed</p>")
    (folder / "logs" / "app.log").write_text("nothing\n")
    (folder / "junit.xml").symlink_to(folder / RESULT)
    said = heron_signed.said()
    assert said["report.txt"] == "is missing: it was signed"
    assert said["report.html"] == "was added: it was not signed"
    assert said["logs/app.log"].startswith("was changed: signed as sha256 ")
    assert said["junit.xml"].startswith("is a link or no file")
    assert set(said) == {"report.txt", "report.html", "logs/app.log", "junit.xml"}


def test_what_an_editor_leaves_is_nobodys_change(heron_signed: Signed) -> None:
    """A Finder that looked into the folder has changed nothing."""
    (heron_signed.folder / ".DS_Store").write_bytes(b"\0")
    assert heron_signed.said() == {}


def test_a_missing_attestation_is_said(heron_signed: Signed) -> None:
    """Who takes the attestation away leaves a result that nobody vouches for."""
    (heron_signed.folder / ATTESTATION).unlink()
    assert heron_signed.said() == {ATTESTATION: "is missing: nobody vouches for this result"}


def test_another_key_is_said(heron_signed: Signed, tmp_path: Path) -> None:
    """Signed by whoever: a signature proves nothing by itself."""
    keys.signing(tmp_path / "others")
    (found,) = checked(heron_signed.folder, tmp_path / "others").findings
    assert found.why.startswith("is signed by another key (")
    assert keys.signing(heron_signed.keys).id[:16] in found.why


def test_a_forged_result_signed_by_another_key_is_found(heron_signed: Signed, tmp_path: Path) -> None:
    """Signing again what was changed takes the key."""
    files = {str(p.relative_to(heron_signed.folder)): p.read_bytes() for p in heron_signed.folder.rglob("*.txt")}
    files[RESULT] = store.encode(grading())
    for name, data in {**files, **signing.seal(grading(), files, tmp_path / "others")}.items():
        (heron_signed.folder / name).write_bytes(data)
    (found,) = heron_signed.check().findings
    assert found.why.startswith("is signed by another key")


def test_the_id_of_a_key_decides_nothing(heron_signed: Signed, tmp_path: Path) -> None:
    """DSSE: an id is a hint. A stranger's signature under our key's id is no signature of ours."""
    stranger = keys.signing(tmp_path / "others")
    body = base64.b64decode(json.loads((heron_signed.folder / ATTESTATION).read_bytes())["payload"])
    named = keys.SigningKey(id=keys.signing(heron_signed.keys).id, key=stranger.key)
    (heron_signed.folder / ATTESTATION).write_bytes(envelope.sign(body, named))
    assert "the signature does not fit it" in heron_signed.said()[ATTESTATION]


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"null", b"1", b'{"payload": 1, "payloadType": "x", "signatures": []}'),
        *(b'{"payload": "AA==", "payloadType": "x", "signatures": "x"}', b"\xff\xfe", b"[" * 100_000),
        b'{"payload": "AA==", "payloadType": "application/vnd.in-toto+json", "signatures": [{"sig": "!", "keyid": "a"}]}',
        b'{"payload": "AA==", "payloadType": "application/vnd.in-toto+json", "signatures": [{"keyid": "a"}]}',
        b'{"payload": "AA==", "payloadType": "application/vnd.in-toto+json", "signatures": [1]}',
        b'{"payload": "AA==", "payloadType": "application/vnd.in-toto+json", "signatures": []}',
        b'{"payload": "AA==", "payloadType": ["x"], "signatures": []}',
    ],
)
def test_a_damaged_attestation_is_said(heron_signed: Signed, data: bytes) -> None:
    """Whatever stands there, there is a sentence and no traceback."""
    (heron_signed.folder / ATTESTATION).write_bytes(data)
    assert set(heron_signed.said()) == {ATTESTATION}


@pytest.mark.parametrize(
    "body",
    [b"[]", b"", b"{}", b'{"_type": "https://in-toto.io/Statement/v1"}', b"\xff"],
)
def test_a_signed_statement_about_something_else_is_no_result(heron_signed: Signed, body: bytes) -> None:
    """The company's key may sign other things as well."""
    (heron_signed.folder / ATTESTATION).write_bytes(envelope.sign(body, keys.signing(heron_signed.keys)))
    assert "it is about something else" in heron_signed.said()[ATTESTATION]


@pytest.mark.parametrize("predicate", ["[]", "null", '{"configuration": 1, "harness:grading/v1": []}'])
@pytest.mark.parametrize("subject", ["[]", "null", '[1, {}, {"name": "x", "digest": 1}]'])
def test_an_odd_statement_of_ours_is_read_without_a_crash(heron_signed: Signed, subject: str, predicate: str) -> None:
    """What a newer harness signs may have another shape: that is a difference, not an error."""
    body = (
        f'{{"_type": "https://in-toto.io/Statement/v1", "subject": {subject}, "predicate": {predicate}, '
        '"predicateType": "https://in-toto.io/attestation/test-result/v0.1"}'
    )
    (heron_signed.folder / ATTESTATION).write_bytes(envelope.sign(body.encode(), keys.signing(heron_signed.keys)))
    assert heron_signed.said()[RESULT] == "was added: it was not signed"


@pytest.mark.parametrize("opening", [b"", b"[]", b'{"seed": 1}', b'{"seed": 4711, "nonce": "00"}'])
def test_an_opening_that_opens_nothing_is_said(heron_signed: Signed, opening: bytes) -> None:
    """The commitment is compared only with what opens it."""
    (heron_signed.folder / OPENING).write_bytes(opening)
    assert OPENING in heron_signed.said()


def test_an_opening_of_another_seed_is_said(heron_signed: Signed) -> None:
    """Nobody can be shown another seed than the one that was used."""
    edit(heron_signed.folder / OPENING, lambda found: found.update({"seed": 1}))
    assert heron_signed.said()["seed"] == f"{OPENING} says 1, the result says 4711"


def call(made: Signed, capsys: pytest.CaptureFixture[str], *named: Path, as_json: bool = False) -> tuple[int, str]:
    found = settings.load(environment={"HARNESS_KEYS": str(made.keys), "HOME": "/"}, directory=made.folder)
    code = verify(made.folder, named=named, as_json=as_json, found=found)
    return int(code), capsys.readouterr().out


def test_the_command_says_it(heron_signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    """0 and what it is, or 6 and what does not match; the same as JSON."""
    code, said = call(heron_signed, capsys)
    assert (code, "heron: failed, 45 of 100 points, idempotent-payments 1.0" in said) == (0, True)
    assert "verified" in said
    (heron_signed.folder / "report.txt").write_text("PASSED")
    code, said = call(heron_signed, capsys)
    assert (code, "report.txt: was changed" in said, "NOT VERIFIED" in said) == (6, True, True)
    code, said = call(heron_signed, capsys, as_json=True)
    made = json.loads(said)
    assert (code, made["verified"], made["findings"][0]["what"]) == (6, False, "report.txt")


def test_the_command_takes_a_key_by_its_file(
    heron_signed: Signed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who has the public key needs nothing else of the machine that graded."""
    (public,) = (heron_signed.keys / keys.TRUSTED).iterdir()
    shutil.copy(public, tmp_path / "company.pem")
    shutil.rmtree(heron_signed.keys)
    assert call(heron_signed, capsys, tmp_path / "company.pem")[0] == ExitCode.PASSED
    with pytest.raises(UsageError, match="expected a key to verify with"):
        call(heron_signed, capsys)


def test_a_result_under_another_name_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A whole folder, moved to somebody else's, fits its attestation in every file; a copy elsewhere is one's own affair."""
    made = signed(tmp_path, heron())
    otter = tmp_path / "out" / "otter" / made.folder.name
    shutil.copytree(made.folder, otter)
    code, said = call(Signed(folder=otter, keys=made.keys), capsys)
    assert (code, "this is the result of heron, and it lies in otter/" in said) == (6, True)
    shutil.copytree(made.folder, tmp_path / "copy")
    assert call(Signed(folder=tmp_path / "copy", keys=made.keys), capsys)[0] == 0


def test_a_result_in_the_place_of_another_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody else's passing result, put where a failing one lay under the name of that one, or under none of ours."""
    failed = signed(tmp_path, heron())
    better = signed(tmp_path, grading(id="20261124T170000Z-0badca", submission_alias="otter"))
    shutil.rmtree(failed.folder)
    shutil.copytree(better.folder, failed.folder)
    home = Signed(folder=failed.folder.parent, keys=failed.keys)
    for named in (home, failed):
        code, said = call(named, capsys)
        assert (code, "NOT VERIFIED" in said) == (6, True)
        assert f"this is the grading 20261124T170000Z-0badca, and it lies in {failed.folder.name}/" in said
        assert "this is the result of otter, and it lies in heron/" in said
    failed.folder.rename(failed.folder.with_name("final"))
    code, said = call(home, capsys)
    assert (code, "this is the result of otter, and it lies in heron/" in said) == (6, True)


def test_what_is_undecided_has_no_points(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 of 100 would be the submission's doing."""
    made = heron(verdict=Verdict.INCONCLUSIVE, exit_code=2)
    code, said = call(signed(tmp_path, made), capsys)
    assert (code, "heron: inconclusive, idempotent-payments 1.0" in said) == (0, True)


def test_hostile_words_do_nothing_to_a_terminal(heron_signed: Signed, capsys: pytest.CaptureFixture[str]) -> None:
    """A file may be called anything."""
    (heron_signed.folder / "\x1b[2Jverified\n").write_text("")
    _, said = call(heron_signed, capsys)
    assert "\x1b" not in said
    assert all(not line.startswith("verified") for line in said.splitlines())
    assert console.WIDTH == 80


def test_a_held_and_a_refused_result_are_signed_as_well(tmp_path: Path) -> None:
    """What never was graded can be tampered with as well."""
    from tests.unit.factories import refused

    for made in (refused(), heron(verdict=Verdict.HELD, exit_code=6, id="20261124T160210Z-aaaaaa")):
        assert signed(tmp_path / made.verdict, made).said() == {}


def test_nothing_is_made_by_looking(heron_signed: Signed, tmp_path: Path) -> None:
    """Verifying where nobody ever signed makes no key that would then be believed."""
    assert keys.trusted(tmp_path / "nowhere") == ()
    assert not os.path.lexists(tmp_path / "nowhere")
