"""Folders as submissions, and packing: only what was asked for travels, and nothing is left out silently."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, SubmissionError, UsageError
from harness.intake import folders, workspace
from harness.intake.senders import Sender
from harness.intake.submission import claims, load, pack, read
from harness.intake.workspace import Workspace
from harness.packs import listing

if TYPE_CHECKING:
    from harness.catalogue.finder import Catalogue
    from harness.model import Exercise


def taken(tiny: Exercise, folder: Path) -> list[str]:
    """Return the paths that are taken from ``folder``."""
    return [file.path for file in folders.read(tiny, folder).files]


def refusal(tiny: Exercise, folder: Path) -> str:
    """Return why ``folder`` is refused."""
    with pytest.raises(SubmissionError) as caught:
        folders.read(tiny, folder)
    return str(caught.value)


def make_workspace(root: Path, **changes: object) -> Path:
    """Turn ``root`` into a workspace of ``tiny``."""
    facts = {
        "root": root,
        "exercise_id": "tiny",
        "version": "0.1",
        "variant": 3,
        "language": "",
        "alias": "heron",
        "started_at": "2026-11-24T10:00:00+00:00",
    }
    (root / ".harness").mkdir(exist_ok=True)
    space = Workspace(**(facts | changes))  # type: ignore[arg-type]
    (root / ".harness/workspace.json").write_bytes(workspace.facts(space))
    return root


@pytest.mark.parametrize(
    ("glob", "yes", "no"),
    [
        ("*.py", ["a.py", ".py", "ü.py"], ["a/b.py", "a.pyc", "py"]),
        ("src/**", ["src/a", "src/a/b"], ["src", "srcs/a", "x/src/a"]),
        ("**/*.go", ["a.go", "x/y/a.go"], ["a.go/x", "ago"]),
        ("a/**/b", ["a/b", "a/x/y/b"], ["ab", "a/xb"]),
        ("**", ["a", "a/b"], []),
        ("f?le[1].txt", ["file[1].txt"], ["file1.txt", "f/le[1].txt"]),
        ("a.b", ["a.b"], ["axb", "a.b\n"]),
    ],
)
def test_globs_match_like_in_a_shell(glob: str, yes: list[str], no: list[str]) -> None:
    """``*`` stays in one name, ``**`` spans folders, everything else is literal."""
    wanted = folders.matcher([glob])
    assert [path for path in yes if not wanted(path)] == []
    assert [path for path in no if wanted(path)] == []


def test_folder_gives_what_was_asked_for(tiny: Exercise, folder: Path) -> None:
    """Files that no glob names stay behind and are listed; tools' folders are not even listed."""
    (folder / "notes.txt").write_text("x", encoding="utf-8")
    for name in (".git", "__pycache__", "submissions", ".harness"):
        (folder / name).mkdir()
        (folder / name / "x.py").write_text("x", encoding="utf-8")
    contents = folders.read(tiny, folder)
    assert [file.path for file in contents.files] == ["service.toml", "solve.py"]
    assert contents.left_behind == ("notes.txt",)


def test_folder_with_spaces_and_other_scripts_in_names(tiny: Exercise, folder: Path) -> None:
    """Names people really use are fine."""
    for name in ("größe x.py", "日本語.py", "-rf.py", "~.py", "it's;$(x).py"):
        (folder / name).write_text("x", encoding="utf-8")
    assert len(taken(tiny, folder)) == 7


@pytest.mark.parametrize("target", ["solve.py", "/etc/passwd", ".", "nowhere", "loop.py"])
def test_link_that_was_asked_for_is_refused(tiny: Exercise, folder: Path, target: str) -> None:
    """A link is never followed, and never left out silently when it was asked for."""
    (folder / "loop.py").symlink_to(target)
    assert '"loop.py" is a link or a special file: replace it by the file itself' in refusal(tiny, folder)


def test_link_that_was_not_asked_for_stays_behind(tiny: Exercise, folder: Path) -> None:
    """The twin: a link outside the allow-list harms nobody."""
    (folder / "etc").symlink_to("/etc")
    (folder / "loop").symlink_to(folder)
    assert taken(tiny, folder) == ["service.toml", "solve.py"]
    assert folders.read(tiny, folder).left_behind == ("etc", "loop")


def test_linked_folder_below_a_glob_is_refused(catalogue: Catalogue, folder: Path, home: Path) -> None:
    """``src/**`` asks for what is below a linked ``src`` too: refused, not skipped."""
    file = home / "exercises/tiny/exercise.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"*.py"', '"src/**", "*.py"'), encoding="utf-8")
    (folder / "real").mkdir()
    (folder / "src").symlink_to("real")
    assert '"src" is a link' in refusal(catalogue.exercise("tiny"), folder)


def test_special_files_that_were_asked_for_are_refused(tiny: Exercise, folder: Path) -> None:
    """A pipe is refused without being opened: opening it would wait for ever."""
    os.mkfifo(folder / "pipe.py")
    assert '"pipe.py" is a link or a special file' in refusal(tiny, folder)
    (folder / "pipe.py").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(folder)  # the path of a socket has a short limit
        try:
            server.bind("sock.py")
        finally:
            os.chdir(here)
        assert '"sock.py" is a link or a special file' in refusal(tiny, folder)


def test_name_that_is_not_utf8_is_refused_only_when_asked_for(tiny: Exercise, folder: Path) -> None:
    """Such a name can't travel; outside the allow-list it does not matter."""
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt"))).write_text("x", encoding="utf-8")
    assert taken(tiny, folder) == ["service.toml", "solve.py"]
    (Path(os.fsdecode(os.fsencode(folder) + b"/\xff.py"))).write_text("x", encoding="utf-8")
    assert "has characters that can't be seen or are not Unicode" in refusal(tiny, folder)


def test_caps_hold_exactly(tiny: Exercise, folder: Path) -> None:
    """At the caps a folder is taken, one byte or one file over it is not, and the culprit is named."""
    room = tiny.max_bytes - sum(path.stat().st_size for path in folder.iterdir())
    (folder / "big.py").write_bytes(b"x" * room)
    assert len(taken(tiny, folder)) == 3
    (folder / "big.py").write_bytes(b"x" * (room + 1))
    assert "expected at most 65536 bytes in all, found more with" in refusal(tiny, folder)
    (folder / "big.py").unlink()
    for number in range(18):
        (folder / f"{number}.py").touch()
    assert len(taken(tiny, folder)) == 20
    (folder / "18.py").touch()
    assert "expected at most 20 files, found 21 (" in refusal(tiny, folder)


def test_sparse_giant_is_refused_without_being_read(tiny: Exercise, folder: Path) -> None:
    """A terabyte that is not there costs nothing."""
    with (folder / "huge.py").open("wb") as file:
        file.truncate(2**40)
    assert "(1099511627776 bytes)" in refusal(tiny, folder)


def test_endless_folder_is_refused(tiny: Exercise, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking is bounded too, whatever the allow-list says."""
    for number in range(50):
        (folder / f"{number}.txt").touch()
    assert taken(tiny, folder) == ["service.toml", "solve.py"]
    monkeypatch.setattr(folders, "MAX_ENTRIES", 40)
    assert "expected a folder with at most 40 entries" in refusal(tiny, folder)


def test_too_deep_folders_are_refused_where_they_were_asked_for(catalogue: Catalogue, home: Path, folder: Path) -> None:
    """What is too deep is refused by name; the twin, one folder less, is taken."""
    file = home / "exercises/tiny/exercise.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"*.py"', '"**/*.py"'), encoding="utf-8")
    tiny = catalogue.exercise("tiny")
    deep = folder.joinpath(*["d"] * 19)
    deep.mkdir(parents=True)
    (deep / "x.py").touch()
    assert len(taken(tiny, folder)) == 2 + 1
    (deep / "d").mkdir()
    (deep / "d/x.py").touch()
    assert "is more than 20 folders deep" in refusal(tiny, folder)


def test_file_that_cannot_be_read_is_named(tiny: Exercise, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission that is missing is said with the file's name."""

    def refuse(*_arguments: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert '"service.toml" can\'t be read (Permission denied)' in refusal(tiny, folder)


def test_file_that_becomes_a_link_or_pipe_is_not_read(tiny: Exercise, folder: Path) -> None:
    """What changed between looking and reading is refused; nothing is followed and nothing blocks."""
    (folder / "link.py").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.py")
    for name, words in (("link.py", "can't be read"), ("pipe.py", "changed into a special file")):
        entry = folders._Entry(path=name, full=folder / name, regular=True)
        with pytest.raises(SubmissionError, match=words):
            folders._read(entry, 100, tiny)


def test_folder_needs_to_know_its_exercise(catalogue: Catalogue, folder: Path) -> None:
    """A plain folder needs ``--exercise``; a workspace knows."""
    with pytest.raises(UsageError, match="say which exercise it is for, with --exercise ID"):
        load(folder, catalogue=catalogue)
    plain = load(folder, catalogue=catalogue, exercise_id="tiny")
    assert (plain.alias, plain.variant, plain.exercise_version) == ("Ünï-cödé-work", 0, "0.1")
    known = load(make_workspace(folder), catalogue=catalogue)
    assert (known.alias, known.variant, known.sha256) == ("heron", 3, plain.sha256)
    with pytest.raises(SubmissionError, match="expected a submission for other"):
        load(folder, catalogue=catalogue, exercise_id="other")


def test_folder_around_a_submission_is_refused_by_name(catalogue: Catalogue, folder: Path, tmp_path: Path) -> None:
    """Unpacking often makes a folder in a folder: the sentence names the inner one."""
    shutil.move(folder, tmp_path / "outer/inner")
    with pytest.raises(SubmissionError, match=r'found "inner/service\.toml": name the folder that it is in'):
        load(tmp_path / "outer", catalogue=catalogue, exercise_id="tiny")
    assert len(load(tmp_path / "outer/inner", catalogue=catalogue, exercise_id="tiny").files) == 2


def test_folder_digest_is_of_its_content(catalogue: Catalogue, folder: Path, tmp_path: Path) -> None:
    """Place and times don't matter; names, bytes and executable bits do."""
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copy)
    first = load(folder, catalogue=catalogue, exercise_id="tiny").sha256
    assert load(tmp_path / "copy", catalogue=catalogue, exercise_id="tiny").sha256 == first
    (folder / "solve.py").chmod(0o755)
    second = load(folder, catalogue=catalogue, exercise_id="tiny").sha256
    (folder / "solve.py").write_text("other", encoding="utf-8")
    assert len({first, second, load(folder, catalogue=catalogue, exercise_id="tiny").sha256}) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "expected a table"),
        ('{"schema": 1}', "exercise: missing"),
        ("x" * 300_000, "expected at most 262144 bytes"),
    ],
)
def test_damaged_workspace_is_refused(catalogue: Catalogue, folder: Path, text: str, words: str) -> None:
    """The facts in a workspace are the candidate's to damage, and never more than a refusal."""
    make_workspace(folder)
    (folder / ".harness/workspace.json").write_text(text, encoding="utf-8")
    with pytest.raises(SubmissionError) as caught:
        load(folder, catalogue=catalogue)
    assert words in str(caught.value)


def test_workspace_of_another_version_is_refused(catalogue: Catalogue, folder: Path) -> None:
    """A brief of another version is another exercise."""
    with pytest.raises(SubmissionError, match=r'expected a submission for tiny 0\.1, found one for version "0\.0"'):
        load(make_workspace(folder, version="0.0"), catalogue=catalogue)


def test_pack_and_load_agree(tiny: Exercise, catalogue: Catalogue, folder: Path, tmp_path: Path) -> None:
    """What was packed is what is taken in, with everything that was said about it."""
    (folder / "solve.py").chmod(0o755)
    packed = pack(tiny, read(tiny, folder), sender=Sender(alias="heron"), variant=5, claim={"answers/sums": "passed"})
    file = tmp_path / "x.tar.gz"
    file.write_bytes(packed.data)
    found = load(file, catalogue=catalogue)
    assert (found.alias, found.variant, found.sha256, found.files) == ("heron", 5, packed.sha256, packed.contents.files)
    assert found.claim == {"answers/sums": "passed"}
    assert [entry.executable for entry in found.files] == [False, True]


def test_packed_file_says_whose_it_is_and_when_it_was_packed(
    tiny: Exercise, catalogue: Catalogue, folder: Path, tmp_path: Path
) -> None:
    """Alias, workspace and time travel, whatever the file is called later; two of one workspace have one origin."""
    files = []
    for name, time in (("a.tar.gz", "2026-11-26T14:15:00Z"), ("b.tar.gz", "2026-11-26T14:16:00Z")):
        sender = Sender(alias="Мария", workspace="ab12" * 4, packed_at=time)
        (tmp_path / name).write_bytes(pack(tiny, read(tiny, folder), sender=sender, variant=0, claim={}).data)
        files.append(tmp_path / name)
    first, second = (load(file, catalogue=catalogue) for file in files)
    assert (first.alias, first.alias_from, first.packed_at) == ("Мария", "the packed file", "2026-11-26T14:15:00Z")
    assert (first.origin, first.sha256 == second.sha256) == (second.origin, False)
    said = claims(files[0])
    assert (said.alias, said.origin, said.packed_at) == (first.alias, first.origin, first.packed_at)


def test_origin_without_a_workspace_is_the_path(tiny: Exercise, catalogue: Catalogue, folder: Path) -> None:
    """Equal content in two places is two submissions; one place stays one, whatever is in it."""
    other = folder.parent / "copy"
    shutil.copytree(folder, other)
    first, copy = (load(path, catalogue=catalogue, exercise_id="tiny") for path in (folder, other))
    (folder / "solve.py").write_text("other", encoding="utf-8")
    again = load(folder, catalogue=catalogue, exercise_id="tiny")
    assert (first.sha256, first.origin != copy.origin) == (copy.sha256, True)
    assert (again.origin, again.sha256 != first.sha256) == (first.origin, True)


def test_claims_of_what_cannot_be_read_are_its_name(tmp_path: Path) -> None:
    """Junk, damaged workspaces and what is not there have an alias and an origin too."""
    junk = tmp_path / "applicant 7 (李雷).tar.gz"
    junk.write_bytes(b"\x1f\x8bjunk")
    assert (claims(junk).alias, claims(junk).alias_from) == ("applicant-7-李雷", "the file's name")
    (tmp_path / "w/.harness").mkdir(parents=True)
    (tmp_path / "w/.harness/workspace.json").write_text("{", encoding="utf-8")
    assert claims(tmp_path / "w").alias == "w"
    assert claims(tmp_path / "none.zip").alias == "none"


def test_pack_is_deterministic(tiny: Exercise, folder: Path, tmp_path: Path) -> None:
    """The same content gives the same bytes, whenever and wherever it is packed."""
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copy)
    os.utime(folder / "solve.py", (1, 1))
    one = pack(tiny, read(tiny, folder), sender=Sender(alias="heron"), variant=0, claim={"b": "1", "a": "2"})
    two = pack(tiny, read(tiny, tmp_path / "copy"), sender=Sender(alias="heron"), variant=0, claim={"a": "2", "b": "1"})
    assert one.data == two.data


@pytest.mark.parametrize(("text", "words"), [(None, "found none: add it"), ("run = 3", "run: expected a list")])
def test_pack_refuses_a_wrong_service_manifest(tiny: Exercise, folder: Path, text: str | None, words: str) -> None:
    """A submission that would be refused is not packed in the first place."""
    if text is None:
        (folder / "service.toml").unlink()
    else:
        (folder / "service.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SubmissionError, match=words):
        pack(tiny, read(tiny, folder), sender=Sender(alias="heron"), variant=0, claim={})


def test_claim_is_remembered_and_never_trusted(folder: Path) -> None:
    """The last local check is kept; a damaged one counts for nothing and breaks nothing."""
    make_workspace(folder)
    assert workspace.read_claim(folder) == {}
    workspace.save_claim(folder, {"answers/sums": "failed"})
    assert workspace.read_claim(folder) == {"answers/sums": "failed"}
    (folder / ".harness/claim.json").write_text('{"checks": 3}', encoding="utf-8")
    assert workspace.read_claim(folder) == {}


def test_write_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses nothing and leaves nothing."""
    file = tmp_path / "x"
    workspace.write(file, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarnessError, match="No space left"):
        workspace.write(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_workspace_is_found_from_below(folder: Path, tmp_path: Path) -> None:
    """Commands work from any folder of a workspace, and say so where there is none."""
    make_workspace(folder)
    (folder / "a/b").mkdir(parents=True)
    assert workspace.find(folder / "a/b").alias == "heron"
    with pytest.raises(UsageError, match="expected a workspace, found none"):
        workspace.find(tmp_path)


@given(
    globs=st.lists(st.text(alphabet="ab*?/.[", min_size=1, max_size=8), min_size=1, max_size=3), path=st.text("ab/.")
)
def test_globs_never_raise(globs: list[str], path: str) -> None:
    """Any glob an author writes compiles, and ``**`` alone matches everything."""
    folders.matcher(globs)(path)
    assert folders.matcher(["**"])(path) or not path


def test_two_checks_at_once_lose_nothing_of_each_other(folder: Path) -> None:
    """Each renews its own part of the claim."""
    make_workspace(folder)
    workspace.save_claim(folder, {"a/0": "failed"})

    def renew(family: str) -> None:
        for n in range(20):
            workspace.add_to_claim(folder, {f"{family}/{n}": "passed"})

    threads = [threading.Thread(target=renew, args=(family,)) for family in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert workspace.read_claim(folder) == {f"{family}/{n}": "passed" for family in "abc" for n in range(20)}


def test_where_no_workspace_is_what_to_do_is_said(tmp_path: Path) -> None:
    """Just above one, in a pack, beside a brief whose facts are gone, and where there is nothing."""

    def said() -> str:
        with pytest.raises(UsageError) as refused:
            workspace.find(tmp_path)
        return str(refused.value)

    assert said().endswith('found none here or above: make one with "harness start ID", or name it')
    (tmp_path / "BRIEF.md").write_text("# Do it\n")
    assert "but a BRIEF.md whose .harness is gone" in said()
    assert "copy DIR/.harness to here, and your files go on as they are" in said()
    (tmp_path / listing.FILE).write_text("{}")
    assert 'but a pack, which becomes one with "harness start ." here' in said()
    for name in ("my heron", "finch"):
        (tmp_path / name / workspace.FOLDER).mkdir(parents=True)
        (tmp_path / name / workspace.FOLDER / workspace.FILE).write_text("{}")
    assert said().endswith('but below it ("finch", "my heron"): name it, or go there')


def test_all_that_cannot_travel_is_said_at_once(tiny: Exercise, folder: Path) -> None:
    """Links, names, and two that are one; after a number of them the rest is counted."""
    (folder / "loop.py").symlink_to("solve.py")
    (folder / "a\nb.py").write_bytes(b"")
    for name in ("one.py", "One.py"):
        (folder / name).write_bytes(b"")
    text = refusal(tiny, folder)
    assert text.startswith("3 things keep these files from travelling\n  ")
    for words in ('"loop.py" is a link', '"a\\nb.py" has characters', '"one.py" are one name'):
        assert words in text or words.replace("one.py", "One.py") in text
    for number in range(25):
        (folder / f"loop{number}.py").symlink_to("solve.py")
    assert refusal(tiny, folder).splitlines()[0].startswith("28 things")
    assert refusal(tiny, folder).splitlines()[-1] == "  and 8 more"
