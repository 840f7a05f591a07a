"""What lies beside a ``result.json``: the files of one table, the changes, the logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness import patches, store
from harness.errors import HarnessError
from harness.model import Grading, SubmissionFile
from harness.reports import beside
from harness.signing.sealing import ATTESTATION
from tests.unit.factories import grading, heron, refused
from tests.unit.reports.test_terminal import hostile

PATCH = patches.render(
    patches.compare(
        [SubmissionFile(path="app.py", content=b"1\n2\n")], [SubmissionFile(path="app.py", content=b"1\n3\n")]
    )
)


@pytest.mark.parametrize(
    "made", [grading(), heron(), refused(), hostile()], ids=["passed", "heron", "refused", "hostile"]
)
@pytest.mark.parametrize("name", beside.FILES)
def test_every_file_can_be_made_of_every_grading(made: Grading, name: str) -> None:
    """As bytes any disk can hold, also where nothing is known of changes and logs."""
    for given in ({}, {"patch": PATCH, "logs": {"app": b"\xff\x1b[31m"}}):
        found, failed = beside.files(made, **given)  # type: ignore[arg-type]
        assert not failed
        assert found[name].decode().endswith("\n")


def test_a_stored_grading_has_its_changes_and_logs_again(tmp_path: Path) -> None:
    """What pages link to, by file and line, whether they are made at once or from what is stored."""
    files, _ = beside.files(heron(), patch=PATCH, logs={"app": b"\xff\n", "control-app": b"x"})
    file = store.save(heron(), tmp_path, files) / store.RESULT
    (change,) = store.changes(file)
    assert (change.path, [(line.sign, line.old, line.new) for line in change.hunks[0].lines]) == (
        "app.py",
        [(" ", 1, 1), ("-", 2, None), ("+", None, 2)],
    )
    assert store.logs(file) == {"app": b"\xff\n", "control-app": b"x"}


def test_a_folder_of_an_older_version_has_no_changes(tmp_path: Path) -> None:
    """It is read all the same; a damaged patch is named."""
    file = store.save(heron(), tmp_path) / store.RESULT
    assert (store.changes(file), store.logs(file)) == ((), {})
    (file.parent / patches.FILE).write_bytes(PATCH[:-3])
    with pytest.raises(HarnessError, match=r"diff\.patch: expected a patch"):
        store.changes(file)


def test_a_renderer_that_fails_costs_its_own_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody loses a result by what one report can't be made of."""

    def fails(_: Grading, __: beside.Context) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(beside, "FILES", {**beside.FILES, "bad.html": fails})
    found, failed = beside.files(heron())
    assert isinstance(failed["bad.html"], ZeroDivisionError)
    assert set(found) == set(beside.FILES) - {"bad.html"}


@pytest.mark.parametrize("made", [heron(), refused()], ids=["heron", "refused"])
def test_a_report_names_all_that_lies_beside_it(tmp_path: Path, made: Grading) -> None:
    """What is always there, logs where something ran, and what is not always there."""
    files, _ = beside.files(made, patch=PATCH, logs={"app": b"x"} if made.outcomes else {})
    folder = store.save(made, tmp_path, {**files, ATTESTATION: b"{}"})
    _, _, line = " ".join((folder / "report.txt").read_text(encoding="utf-8").split()).rpartition(" FILES ")
    lies = {f"{path.name}/" if path.is_dir() else path.name for path in folder.iterdir()}
    assert set(re.sub(r"\([^)]*\)", "", line).split()) == lies
