"""Killed at any point, a grading leaves nothing that ``harness clean`` does not remove, and clean touches nothing else."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from harness import owners
from harness.engines.docker import containers
from harness.engines.docker.connect import connect
from tests.e2e import tiny
from tests.e2e.cli import Cli

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
POINTS = 20
SECONDS = 4.0
"""About how long one grading of the tiny exercise takes here: kill points are spread over it."""


def ownerless() -> list[str]:
    """Return a line for everything of ours that nobody answers for any more. What others run now is not among it."""
    things = containers.labelled(connect(), owners.LABEL_RUN)
    left = [
        f"{one.kind} {one.name}" for one in things if (owner := owners.owner_of(one.labels)) and owners.is_dead(owner)
    ]
    return left + owners.reap_scratch(remove=False)


def opened_by(process: subprocess.Popen[bytes]) -> int:
    """Return how many things on the engine belong to a living process of this command, or to another pid namespace."""
    count = 0
    _, here, *_ = owners.token().split(":")
    for thing in containers.labelled(connect(), owners.LABEL_RUN):
        owner = owners.owner_of(thing.labels)
        if owner is None:
            continue
        _, namespace, pid, _ = owner.token.split(":")
        with contextlib.suppress(ProcessLookupError):
            count += namespace != here or os.getsid(int(pid)) == process.pid
    return count


@contextmanager
def grading(cli: Cli, *prefix: str, paths: Sequence[str] = ()) -> Iterator[subprocess.Popen[bytes]]:
    """Run a grading of the tiny exercise in the background; it is killed, with its children, at the end."""
    catalogue, submission = cli.folder / "catalogue", cli.folder / "submission"
    if not submission.exists():
        tiny.catalogue(catalogue)
        tiny.submission(cli.folder)
    args = ("--catalogue", str(catalogue), "grade", *(paths or [str(submission)]), "--exercise", "tiny", "--jobs", "2")
    args += ("--again",)  # what an earlier one of the same test stored answers for none
    process = subprocess.Popen(
        [*prefix, *cli.command(*args)],
        cwd=cli.folder,
        env=cli.env(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)


def end_of(process: subprocess.Popen[bytes], seconds: float = 120) -> tuple[int, str]:
    """Return the exit code of a command and what it said on the way."""
    _, said = process.communicate(timeout=seconds)
    return process.returncode, said.decode()


def wait_until_open(process: subprocess.Popen[bytes], *, seconds: float = 60) -> None:
    """Return as soon as a grading has something on the engine."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if opened_by(process) >= 3:
            return
        time.sleep(0.05)
    raise AssertionError("the grading opened nothing")


def test_clean_after_sigkill_at_random_points_leaves_nothing(cli: Cli) -> None:
    """At each of 20 points spread over a grading: SIGKILL, clean, and everything is as it was before."""
    rng = random.Random(20)
    seen = 0
    for point in range(POINTS):
        with grading(cli) as process:
            time.sleep(SECONDS * (point + rng.random()) / POINTS)
            # Only the process itself, as an out-of-memory killer would: its workers must notice by themselves.
            process.kill()
            process.wait()
        seen += bool(ownerless())
        time.sleep(0.2)
        cleaned = cli("clean")
        assert cleaned.code == 0, cleaned.err
        assert ownerless() == [], f"left at point {point}"
    assert seen >= POINTS // 4, "most points were outside the grading: nothing was proven"


def test_clean_spares_a_grading_that_is_alive(cli: Cli) -> None:
    """A clean in the middle of somebody's grading changes nothing for them."""
    with grading(cli) as process:
        wait_until_open(process)
        cleaned = cli("clean")
        assert cleaned.code == 0, cleaned.err
        code, said = end_of(process)
        assert code == 0, said


def test_clean_spares_a_grading_in_another_pid_namespace(cli: Cli) -> None:
    """There our process numbers mean nothing, so nothing is concluded from them."""
    unshare = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not permit a new pid namespace")
    with grading(cli, *unshare) as process:
        wait_until_open(process)
        cleaned = cli("clean")
        assert cleaned.code == 0, cleaned.err
        code, said = end_of(process)
        assert code == 0, said


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_grading_cleans_up_by_itself(cli: Cli, sent: signal.Signals, code: int) -> None:
    """One Ctrl-C or SIGTERM: nothing is left and the code says what happened."""
    with grading(cli) as process:
        wait_until_open(process)
        process.send_signal(sent)
        found, said = end_of(process)
        assert found == code, said
    assert ownerless() == []


def test_second_interrupt_ends_at_once_and_clean_does_the_rest(cli: Cli) -> None:
    """Who presses Ctrl-C twice does not want to wait."""
    with grading(cli) as process:
        wait_until_open(process)
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        code, said = end_of(process, 30)
        assert code == 130, said
    assert cli("clean").code == 0
    assert ownerless() == []


def test_interrupted_batch_ends_its_workers(cli: Cli) -> None:
    """Workers close what they have open when the command is interrupted."""
    tiny.catalogue(cli.folder / "catalogue")
    paths = [str(tiny.submission(cli.folder / str(number))) for number in range(3)]
    tiny.submission(cli.folder)
    with grading(cli, paths=paths) as process:
        wait_until_open(process)
        process.send_signal(signal.SIGTERM)
        code, said = end_of(process)
        assert code == 143, said
        assert "Traceback" not in said
    assert ownerless() == []


def test_two_gradings_of_one_submission_at_once_do_not_disturb_each_other(cli: Cli) -> None:
    """Same bytes, same alias, same moment: two results."""
    with grading(cli) as first, grading(cli) as second:
        assert [first.wait(timeout=120), second.wait(timeout=120)] == [0, 0]
    assert len(list((cli.folder / "results").rglob("result.json"))) == 2
