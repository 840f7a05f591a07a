"""Owners: who is dead, who is not, and who cannot be judged."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness import owners
from harness.owners import Owner


@pytest.fixture
def me() -> Owner:
    """Give this process as an owner."""
    return owners.make_owner("run-1", seconds=100)


def test_a_living_owner_is_not_dead(me: Owner) -> None:
    """This process is alive, also once the clock on the wall has jumped over its deadline."""
    assert not owners.is_dead(me)
    assert not owners.is_dead(me, me.deadline + 1e9)


def test_a_clock_that_jumps_reaps_nothing_of_the_living(
    me: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process cleans up after the clock went a year ahead: what this one has open stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ahead = f"import time; now = time.time; time.time = lambda: now() + {365 * 86400}"
    clean = "from harness import owners; print(owners.reap_scratch())"
    with owners.scratch(me) as directory:
        done = subprocess.run(
            [sys.executable, "-c", f"{ahead}\n{clean}"],
            env={**os.environ, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == "[]\n"
        assert directory.is_dir()


def test_a_process_that_ended_is_dead(me: Owner) -> None:
    """The owner of a process that is gone is dead at once, a zombie too."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = replace(me, token=owners.token(process.pid))
        assert not owners.is_dead(owner)
        process.kill()
        _until_zombie(process.pid)
        assert owners.is_dead(owner)
        process.wait()
        assert owners.is_dead(owner)


def test_a_reused_pid_is_dead(me: Owner) -> None:
    """The same number with another start time is another process."""
    boot, namespace, pid, started = me.token.split(":")
    assert owners.is_dead(replace(me, token=f"{boot}:{namespace}:{pid}:{int(started) - 1}"))


@pytest.mark.parametrize("part", [0, 1])
def test_another_boot_or_namespace_cannot_be_judged(me: Owner, part: int) -> None:
    """Who ran before a reboot or elsewhere is dead only by deadline."""
    parts = me.token.split(":")
    parts[part] = "other"
    parts[3] = "1"
    owner = replace(me, token=":".join(parts))
    assert not owners.is_dead(owner)
    assert owners.is_dead(owner, owner.deadline)


@pytest.mark.parametrize("token", ["", "x", "a:b:c:d", "::::", "unknown:unknown:1:1", "b:n:1:unknown"])
def test_a_malformed_token_cannot_be_judged(me: Owner, token: str) -> None:
    """A token we do not understand is somebody's until its deadline."""
    owner = replace(me, token=token)
    assert not owners.is_dead(owner)
    assert owners.is_dead(owner, owner.deadline)


def test_labels_round_trip(me: Owner) -> None:
    """An owner read from its labels is the owner."""
    assert owners.owner_of(owners.labels(me)) == me


@pytest.mark.parametrize("missing", [owners.LABEL_RUN, owners.LABEL_OWNER, owners.LABEL_DEADLINE])
def test_half_of_the_labels_is_nobody(me: Owner, missing: str) -> None:
    """Only all three labels make a thing ours."""
    found = owners.labels(me)
    del found[missing]
    assert owners.owner_of(found) is None
    assert owners.owner_of({**found, missing: "" if missing != owners.LABEL_DEADLINE else "soon"}) is None


def test_scratch_is_private_and_goes_with_its_block(me: Owner) -> None:
    """A scratch directory is only ours to read, and gone afterwards."""
    with owners.scratch(me) as directory:
        assert directory.stat().st_mode & 0o777 == 0o700
        assert [line for line in owners.reap_scratch() if str(directory) in line] == []
        assert directory.is_dir()
    assert not directory.exists()


def test_scratch_of_the_dead_is_reaped(me: Owner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory left by a dead process is removed with all it holds, and said."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with owners.scratch(me) as directory:
        (directory / "sub").mkdir()
        (directory / "sub" / "file").write_text("x", encoding="utf-8")
        said = owners.reap_scratch(lambda owner: owner == me, remove=False)
        assert directory.is_dir()
        assert owners.reap_scratch(lambda owner: owner == me) == said
    assert said == [f"scratch directory {directory} of run run-1"]
    assert not directory.exists()


def test_scratch_nobody_signed_is_reaped_after_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process killed before it wrote who it is leaves a directory that is removed when it is old."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    directory = tmp_path / f"{owners.SCRATCH_PREFIX}{os.getuid()}-abc"
    directory.mkdir()
    assert owners.reap_scratch() == []
    old = time.time() - 120
    os.utime(directory, (old, old))
    assert len(owners.reap_scratch()) == 1
    assert not directory.exists()


def test_scratch_follows_no_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link with the right name is not ours, and what it leads to stays."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    target = tmp_path / "target"
    target.mkdir()
    link = tmp_path / f"{owners.SCRATCH_PREFIX}{os.getuid()}-link"
    link.symlink_to(target)
    assert owners.reap_scratch(lambda _: True) == []
    assert target.is_dir()


@pytest.mark.skipif(shutil.which("ps") is None, reason="this machine has no ps")
def test_start_time_without_proc() -> None:
    """Where there is no /proc, ``ps`` tells when a process started, and that one is gone."""
    mine = owners._start_time_by_ps(os.getpid())
    assert mine == owners._start_time_by_ps(os.getpid())
    assert mine not in {"unknown", "gone"}
    assert ":" not in mine
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert owners._start_time_by_ps(process.pid) == "gone"


def _until_zombie(pid: int) -> None:
    end = time.monotonic() + 10
    while Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_left_follows_no_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that jumps an hour shortens nobody's time; time that passes does, down to one second."""
    owner = owners.make_owner("clock", seconds=100)
    now, began = time.time(), time.monotonic()
    for jump in (3600, -3600):
        monkeypatch.setattr(time, "time", lambda jump=jump: now + jump)
        assert 95 <= owners.seconds_left(owner) <= 102
    for passed, left in ((60, 41), (99.5, 2), (500, 1)):
        monkeypatch.setattr(time, "monotonic", lambda passed=passed: began + passed)
        assert abs(owners.seconds_left(owner) - left) <= 1
