"""Whose submission it is: from ``harness start`` to the packed file."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands import submit as verb
from harness.commands.start import start
from harness.commands.submit import submit
from harness.errors import UsageError
from harness.intake import submission, workspace


def begun(catalogue: Catalogue, into: Path, alias: str | None = None) -> workspace.Workspace:
    """Return a new workspace of the small exercise."""
    start("tiny", language=None, into=into, alias=alias, catalogue=catalogue)
    return workspace.read(into)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a minute go by at each look at the clock."""
    minutes = iter(range(60))
    monkeypatch.setattr(verb, "_now", lambda: f"2026-11-26T14:{next(minutes):02}:00Z")


@pytest.mark.parametrize(
    ("folder", "alias"), [("heron", "heron"), ("Мария", "Мария"), ("my work", "my-work"), ("refused", "named-refused")]
)
def test_alias_is_the_folder_unless_said_otherwise(
    catalogue: Catalogue, tmp_path: Path, folder: str, alias: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody is called what everybody is called; the alias is said, and how to choose another."""
    assert begun(catalogue, tmp_path / folder).alias == alias
    assert f"alias      {alias}  (" in capsys.readouterr().out
    assert begun(catalogue, tmp_path / "other" / folder, alias="otter").alias == "otter"


def test_start_prints_commands_that_run(
    catalogue: Catalogue, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes next can be copied: quoted, with a catalogue of one's own, and never taken for an option."""
    target = tmp_path / "my work"
    begun(catalogue, target)
    said = dict(re.findall(r"^(try|hand in) +(.*)$", capsys.readouterr().out, re.MULTILINE))
    own = ["harness", "--catalogue", str(catalogue.exercise_dir("tiny").parent.parent)]
    assert shlex.split(said["try"]) == [*own, "check", str(target)]
    assert shlex.split(said["hand in"]) == [*own, "submit", str(target)]


def test_start_refuses_an_alias_that_would_become_another(catalogue: Catalogue, tmp_path: Path) -> None:
    """What can't name a candidate is refused with one that can."""
    for alias, hint in (("../x", "x"), ("refused", "named-refused"), ("a\nb", "a-b"), ("", "unnamed")):
        with pytest.raises(UsageError, match=rf": {hint}\?$"):
            begun(catalogue, tmp_path / "w", alias=alias)
    assert not (tmp_path / "w").exists()


def test_no_two_workspaces_are_one(catalogue: Catalogue, tmp_path: Path) -> None:
    """Each has an id; one of an older version has none and is read all the same."""
    one, two = begun(catalogue, tmp_path / "a"), begun(catalogue, tmp_path / "b")
    assert one.id
    assert one.id != two.id
    file = tmp_path / "a" / workspace.FOLDER / workspace.FILE
    text = (
        file.read_text(encoding="utf-8")
        .replace('"schema": 3', '"schema": 1')
        .replace(f',\n  "id": "{one.id}",\n  "pack": ""', "")
    )
    file.write_text(text, encoding="utf-8")
    assert workspace.read(tmp_path / "a").id == ""


@pytest.mark.usefixtures("clock")
def test_packed_files_sort_by_the_time_they_were_packed(catalogue: Catalogue, tmp_path: Path) -> None:
    """The last one counts: its name says when, and going back to an older content is packed anew."""
    work = tmp_path / "heron"
    begun(catalogue, work)
    (work / "service.toml").write_text('run = ["python3", "solve.py"]\n', encoding="utf-8")
    packed = []
    for content in ("1", "2", "2", "1"):
        (work / "solve.py").write_text(f"print({content})", encoding="utf-8")
        submit(work, out=None, as_json=False, catalogue=catalogue, try_it=False)
        packed.append(max((work / "submissions").iterdir()))
    assert packed[1] == packed[2]  # nothing changed: the same file
    assert sorted({*packed}) == [packed[0], packed[1], packed[3]]
    assert [file.name.split(".")[:2] for file in packed] == [["tiny", "heron"]] * 4
    times = [submission.load(file, catalogue=catalogue).packed_at for file in (packed[0], packed[1], packed[3])]
    assert times == ["2026-11-26T14:00:00Z", "2026-11-26T14:01:00Z", "2026-11-26T14:02:00Z"]


def test_a_copy_of_a_workspace_is_another(catalogue: Catalogue, tmp_path: Path) -> None:
    """Where everybody is handed the same folder, nobody's results are taken for another's."""
    one = begun(catalogue, tmp_path / "heron")
    shutil.copytree(tmp_path / "heron", tmp_path / "copy")
    copy = workspace.read(tmp_path / "copy")
    assert (copy.id, copy.alias) == (one.id, one.alias)
    assert workspace.identity(copy) != workspace.identity(one)
    assert submission.claims(tmp_path / "copy").origin != submission.claims(tmp_path / "heron").origin


def test_another_workspace_of_the_same_alias_is_packed_apart(catalogue: Catalogue, tmp_path: Path) -> None:
    """Two people may pack into one folder: neither takes the other's file for their own."""
    for name in ("a", "b"):
        work = tmp_path / name
        begun(catalogue, work, alias="heron")
        (work / "service.toml").write_text('run = ["python3", "solve.py"]\n', encoding="utf-8")
        (work / "solve.py").write_text("print(1)", encoding="utf-8")
        submit(work, out=tmp_path / "inbox", as_json=False, catalogue=catalogue, try_it=False)
    assert len(list((tmp_path / "inbox").iterdir())) == 2
