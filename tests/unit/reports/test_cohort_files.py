"""Files over all results of a folder: there when two can be compared, whole or as they were, whoever writes at once."""

from __future__ import annotations

import csv
import json
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from harness import store
from harness.errors import HarnessError
from harness.reports import cohort_files
from harness.reports.cohort import gather
from harness.reports.cohort.model import Cohort
from tests.unit import cohorts
from tests.unit.factories import heron

TWO = tuple(cohorts.gradings(2))


def names(folder: Path) -> set[str]:
    """Return what lies beside the folders of people, hidden files too."""
    return {entry.name for entry in folder.iterdir() if entry.is_file()}


def told(folder: Path) -> list[str]:
    """Return the names in the CSV."""
    with (folder / "index.csv").open(encoding="utf-8-sig", newline="") as file:
        return sorted(row["name"] for row in csv.DictReader(file))


def test_all_of_it_is_there_when_two_are(tmp_path: Path) -> None:
    """One result compares with nobody; two have every file; what was made is made anew for as long as it is there."""
    cohorts.fill(tmp_path, TWO[:1])
    assert cohort_files.write_index(tmp_path) == {}
    assert names(tmp_path) == set()

    cohorts.fill(tmp_path, TWO[1:])
    assert cohort_files.write_index(tmp_path) == {}

    assert names(tmp_path) == set(cohort_files.FILES)
    assert told(tmp_path) == ["heron", "otter"]
    assert len(json.loads((tmp_path / "cohort.json").read_text())["exercises"][0]["candidates"]) == 2


def test_a_new_result_is_in_it(tmp_path: Path) -> None:
    """Files of a folder that has grown are replaced."""
    cohorts.fill(tmp_path, TWO)
    cohort_files.write_index(tmp_path)
    store.save(heron(submission_alias="wren", submission_origin="w"), tmp_path)

    cohort_files.write_index(tmp_path)

    assert told(tmp_path) == ["heron", "otter", "wren"]


def test_one_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer with a bug is handed back by name; the other files are new."""

    def broken(_: Cohort) -> str:
        text = "bug"
        raise ZeroDivisionError(text)

    cohorts.fill(tmp_path, TWO)
    monkeypatch.setattr(cohort_files, "FILES", {"broken.txt": broken, **cohort_files.FILES})

    failed = cohort_files.write_index(tmp_path)

    assert {name: type(error) for name, error in failed.items()} == {"broken.txt": ZeroDivisionError}
    assert names(tmp_path) >= {"cohort.json", "index.csv"}
    assert "broken.txt" not in names(tmp_path)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can't be written in full is not there at all, and what was there stays as it was."""
    cohorts.fill(tmp_path, TWO)
    cohort_files.write_index(tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarnessError, match=r"overview.*No space left.*free some space"):
        cohort_files.write_index(tmp_path)

    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_one_that_was_killed_leaves_whole_files(tmp_path: Path) -> None:
    """Killed between writing and naming a file: no half of it under its name, and the next one clears it away."""
    cohorts.fill(tmp_path, TWO)
    child = os.fork()
    if child == 0:
        os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        try:
            cohort_files.write_index(tmp_path)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = names(tmp_path)
    assert len(left) == 1
    assert not left & set(cohort_files.FILES)

    cohort_files.write_index(tmp_path)

    assert names(tmp_path) == set(cohort_files.FILES)


def test_who_waits_sees_what_came_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that write at once the second waits, and reads after the first has written: nobody is lost by being early."""
    cohorts.fill(tmp_path, TWO)
    begun, waiting, go = threading.Event(), threading.Event(), threading.Event()
    read, sleep = gather.read, time.sleep

    def wait(seconds: float) -> None:
        waiting.set()
        sleep(seconds)

    def slowly(results: Path) -> Cohort:
        found = read(results)
        if not begun.is_set():
            begun.set()
            assert go.wait(60)
        return found

    monkeypatch.setattr(gather, "read", slowly)
    monkeypatch.setattr(time, "sleep", wait)
    first = threading.Thread(target=cohort_files.write_index, args=(tmp_path,))
    first.start()
    assert begun.wait(60)
    store.save(heron(submission_alias="wren", submission_origin="w"), tmp_path)
    second = threading.Thread(target=cohort_files.write_index, args=(tmp_path,))
    second.start()
    while second.is_alive() and not waiting.is_set():
        sleep(0.01)
    go.set()
    first.join(60)
    second.join(60)

    assert told(tmp_path) == ["heron", "otter", "wren"]
