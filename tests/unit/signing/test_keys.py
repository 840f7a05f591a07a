"""Keys: made once, for their owner's eyes, and never in silence taken for what they are not."""

from __future__ import annotations

import multiprocessing
import os
import stat
import subprocess
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.signing import keys
from tests.unit.factories import heron
from tests.unit.signing.conftest import checked, signed


def test_the_first_use_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    """0600 in a folder of 0700, whatever the umask, and the same key ever after."""
    was = os.umask(0)
    try:
        made = keys.signing(tmp_path / "a" / "keys")
    finally:
        os.umask(was)
    folder = tmp_path / "a" / "keys"
    assert stat.S_IMODE((folder / keys.SIGNING).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert keys.signing(folder).id == made.id
    assert sorted(path.name for path in folder.iterdir()) == [keys.SIGNING, keys.TRUSTED]
    assert [one.id for one in keys.trusted(folder)] == [made.id]


def _made(folder: str) -> str:
    return keys.signing(Path(folder)).id


def test_two_who_sign_first_at_once_have_one_key(tmp_path: Path) -> None:
    """Else one of them would have signed with a key that is nowhere."""
    with multiprocessing.get_context("fork").Pool(4) as pool:
        ids = pool.map(_made, [str(tmp_path / "keys")] * 8)
    assert len(set(ids)) == 1
    assert len(keys.trusted(tmp_path / "keys")) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_signs_nothing(tmp_path: Path, mode: int) -> None:
    """Whoever could read it may have signed as well."""
    keys.signing(tmp_path)
    (tmp_path / keys.SIGNING).chmod(mode)
    with pytest.raises(UsageError, match=rf"only its owner may read, found mode {mode:04o}: chmod 600 it"):
        keys.signing(tmp_path)


@pytest.mark.parametrize("name", ["", keys.TRUSTED, f"{keys.TRUSTED}/company.pem"])
def test_where_everybody_may_put_keys_none_is_believed(tmp_path: Path, name: str) -> None:
    """Anybody's key would be; the folder and each file say who may write them. A group may."""
    folder = tmp_path / "keys"
    keys.signing(folder)
    (own,) = (folder / keys.TRUSTED).iterdir()
    (folder / keys.TRUSTED / "company.pem").write_bytes(own.read_bytes())
    place = folder / name
    place.chmod(place.stat().st_mode | 0o020)
    assert len(keys.trusted(folder)) == 1
    place.chmod(place.stat().st_mode | 0o002)
    with pytest.raises(UsageError, match=r"not everybody may write .* found mode 07?[67]\d+: .*chmod o-w"):
        keys.trusted(folder)
    if not name:
        with pytest.raises(UsageError, match="not everybody may write"):
            keys.signing(folder)


def other_kinds(folder: Path) -> dict[str, bytes]:
    """Return files that are not a private Ed25519 key without a password."""
    made = {"nothing": b"", "text": b"secret", "cut": keys_pem(folder)[:60]}
    for name, command in {
        "rsa": ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        "p256": ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "locked": ["genpkey", "-algorithm", "ED25519", "-aes256", "-pass", "pass:x"],
    }.items():
        made[name] = subprocess.run(["openssl", *command], check=True, capture_output=True).stdout
    return made


def keys_pem(folder: Path) -> bytes:
    keys.signing(folder)
    return (folder / keys.SIGNING).read_bytes()


def test_other_kinds_of_keys_are_refused_in_words(tmp_path: Path) -> None:
    """What is there is never overwritten: it may be somebody's only copy."""
    for name, data in other_kinds(tmp_path / "own").items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / keys.SIGNING).write_bytes(data)
        (folder / keys.SIGNING).chmod(0o600)
        with pytest.raises(UsageError, match="expected a private Ed25519 key in PEM, without a password"):
            keys.signing(folder)
        assert (folder / keys.SIGNING).read_bytes() == data
        (folder / "public.pem").write_bytes(data)
        with pytest.raises(UsageError, match="expected a public Ed25519 key in PEM"):
            keys.public(folder / "public.pem")


def test_a_key_of_openssl_signs(tmp_path: Path) -> None:
    """A company may make its keys elsewhere."""
    made = subprocess.run(["openssl", "genpkey", "-algorithm", "ED25519"], check=True, capture_output=True).stdout
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / keys.SIGNING).write_bytes(made)
    (tmp_path / "keys" / keys.SIGNING).chmod(0o600)
    assert signed(tmp_path, heron()).said() == {}


def test_rotation_as_documented(tmp_path: Path) -> None:
    """The key taken away: a new one signs, the old results verify; its public half taken away: they do not."""
    old = signed(tmp_path, heron())
    (first,) = (old.keys / keys.TRUSTED).iterdir()
    (old.keys / keys.SIGNING).rename(tmp_path / "retired.pem")
    new = signed(tmp_path, heron(id="20261125T160210Z-7f3a00"))
    assert (old.said(), new.said(), len(keys.trusted(old.keys))) == ({}, {}, 2)
    first.unlink()
    assert new.said() == {}
    (found,) = checked(old.folder, old.keys).findings
    assert found.why.startswith("is signed by another key")
