"""A batch that is killed goes on where it was: with an engine, at any instant, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from harness import store
from tests.e2e import tiny
from tests.e2e.cli import Cli
from tests.e2e.test_leftovers import ownerless

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
SECONDS = 12.0
"""About how long the batch takes here: kill points are spread over it."""


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("whole", [True, False], ids=["with its workers", "alone"])
def test_a_batch_that_was_killed_ends_with_each_graded_once(cli: Cli, part: float, *, whole: bool) -> None:
    """What was stored is kept as it was, the rest is graded, and a third run grades nothing."""
    tiny.catalogue(cli.folder / "catalogue")
    for number in range(4):
        tiny.submission(cli.folder / "inbox" / str(number))
    args = ("--catalogue", "catalogue", "grade", "inbox", "--exercise", "tiny", "--jobs", "2", "--json")
    process = subprocess.Popen(
        cli.command(*args), cwd=cli.folder, env=cli.env(), start_new_session=True, stdout=subprocess.DEVNULL
    )
    time.sleep(SECONDS * part)
    if whole:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
    before = {file: file.read_bytes() for file in (cli.folder / "results").glob("[!.]*/[!.]*/result.json")}

    again = cli(*args)
    last = cli(*args)

    assert (again.code, last.code) == (0, 0), again.err + last.err
    assert sum(line["kept"] for line in again.lines) == len(before)
    assert all(line["kept"] for line in last.lines)
    after = {file: file.read_bytes() for file in (cli.folder / "results").rglob("result.json")}
    assert before.items() <= after.items()
    assert len({store.load(file).submission_path for file in after}) == len(after) == 4
    assert ownerless() == []
