"""What a candidate does with a pack: start, check and submit, without a catalogue, wherever the workspace lies."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.commands.check import check
from harness.commands.show import show
from harness.commands.start import start
from harness.commands.submit import submit
from harness.errors import ExitCode, SubmissionError, UsageError
from harness.intake import workspace
from harness.packs import source
from tests.unit.packs import giving

Capture = pytest.CaptureFixture[str]
NOTHING = Catalogue([])


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A pack in a folder of its own, without the catalogue that it was made from."""
    company = tmp_path / "company"
    mail = tmp_path / "Größe 日本 mail"
    mail.mkdir()
    known = giving.catalogue(company)
    given = giving.give(company, known, out=mail / "heron.zip", variant=1, deliver="reply to the invitation")
    shutil.rmtree(company)
    return given


def begin(named: Path, into: Path, language: str | None = "python", alias: str | None = None) -> workspace.Workspace:
    """Start what is at ``named``."""
    assert start(str(named), language=language, into=into, alias=alias, catalogue=NOTHING) is ExitCode.PASSED
    return workspace.read(into)


def as_folder(sent: Path) -> Path:
    """Return the pack as its archive comes apart by itself."""
    with zipfile.ZipFile(sent) as archive:
        archive.extractall(sent.parent / "out")
    (folder,) = (sent.parent / "out").iterdir()
    return folder


def as_nested_folder(sent: Path) -> Path:
    """Return the folder around that one, as some systems make it."""
    return as_folder(sent).parent


def zipped_again(sent: Path) -> Path:
    """Return the pack as a mail program of a Mac sends it on."""
    folder = as_folder(sent)
    (folder / ".DS_Store").write_bytes(b"\0")
    shutil.make_archive(str(sent.parent / "again"), "zip", folder.parent)
    return sent.parent / "again.zip"


def deep_down(sent: Path) -> Path:
    """Return the folder that a file manager made of the archive, put into another one."""
    as_folder(sent)
    (sent.parent / "mine").mkdir()
    (sent.parent / "out").rename(sent.parent / "mine/out")
    (sent.parent / "mine/notes").mkdir()
    return sent.parent / "mine"


def with_backslashes(sent: Path) -> Path:
    """Return the pack as an old tool of Windows zips it, with what a Mac left in it."""
    with zipfile.ZipFile(sent) as archive, zipfile.ZipFile(sent.parent / "again.zip", "w") as target:
        target.writestr("__MACOSX/harness-pack.json", b"x")
        for info in archive.infolist():
            target.writestr(info.filename.replace("/", "\\"), archive.read(info))
    return sent.parent / "again.zip"


def called_otherwise(sent: Path) -> Path:
    """Return the file with a name that a browser made."""
    return sent.rename(sent.parent / "heron.zip (1)")


def as_sent(sent: Path) -> Path:
    """Return the file itself."""
    return sent


FORMS = (as_sent, as_folder, as_nested_folder, zipped_again, deep_down, with_backslashes, called_otherwise)


@pytest.mark.parametrize("form", FORMS)
def test_a_pack_is_started_in_any_form(
    sent: Path, tmp_path: Path, form: Callable[[Path], Path], capsys: Capture
) -> None:
    """The file, its folder, the folder around it, zipped again: the same workspace, of the same pack."""
    digest = source.read(sent).digest
    space = begin(form(sent), tmp_path / "my work")
    assert (space.alias, space.variant, space.version, space.language) == ("heron", 1, "1.0", "python")
    assert space.pack == digest
    assert (space.root / "BRIEF.md").read_text(encoding="utf-8").endswith("heron, say it in green and in python.\n")
    assert (space.root / "STORE.md").read_text(encoding="utf-8") == "Go at every light.\n"
    assert (space.root / "mode").read_text(encoding="utf-8") == "starter\n"
    out = capsys.readouterr().out
    assert "then       reply to the invitation" in out
    assert "--catalogue" not in out
    verbs = (
        "before     harness doctor",
        "run        harness up",
        "try        harness check",
        "hand in    harness submit",
    )
    assert [line for line in out.splitlines() if line.startswith(verbs)] == [
        f"{verb} '{tmp_path}/my work'" for verb in verbs
    ]


def test_a_zip_around_a_pack_is_a_sentence(sent: Path, tmp_path: Path) -> None:
    """As a gateway of mail makes it: what to do is said, and nobody is asked for another."""
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.write(sent, "mail/heron.zip")
    with pytest.raises(UsageError, match=r'a zip around one \("mail/heron.zip"\): unpack it once'):
        begin(tmp_path / "outer.zip", tmp_path / "w")


def test_texts_with_other_line_ends_are_a_changed_pack(sent: Path, tmp_path: Path) -> None:
    """Longer by a byte a line: unpacked in another way they are as they were sent."""
    file = as_folder(sent) / "START-HERE.txt"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(UsageError, match=r'"START-HERE.txt" is not as it was packed: .* or unpack the file again'):
        begin(file.parent, tmp_path / "w")


def test_a_workspace_of_a_pack_is_called_as_who_was_invited(sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --into, in the folder where the pack is; another alias is refused, the same is not."""
    monkeypatch.chdir(sent.parent)
    with pytest.raises(UsageError, match="which is for heron, found crane"):
        start("heron.zip", language="go", into=None, alias="crane", catalogue=NOTHING)
    start("heron.zip", language="go", into=None, alias="heron", catalogue=NOTHING)
    assert workspace.read(sent.parent / "heron").language == "go"


def test_what_can_be_run_can_be_run(tmp_path: Path) -> None:
    """Not every zip tool keeps it, so the list of the pack says it; and who packs needs no such disk."""
    known = giving.catalogue(tmp_path / "company", {"exercises/harbour/starter/python/go.txt": "#!/bin/sh\n"})
    (known.exercise_dir("harbour") / "starter/python/go.txt").chmod(0o755)
    given = giving.give(tmp_path, known)
    _rewritten(given, lambda _, content: content)
    root = begin(given, tmp_path / "w").root
    assert [os.access(root / name, os.X_OK) for name in ("go.txt", "mode")] == [True, False]


def test_an_unpacked_pack_is_started_by_its_exercise_as_well(sent: Path, tmp_path: Path) -> None:
    """Whoever stands in it has a catalogue there: its exercise by id is the pack."""
    folder = as_folder(sent)
    start("harbour", language="go", into=tmp_path / "w", alias=None, catalogue=Catalogue([folder]))
    assert workspace.read(tmp_path / "w").pack == source.read(sent).digest


def test_a_language_is_asked_for_where_a_pack_has_several(sent: Path, tmp_path: Path) -> None:
    """As in a catalogue."""
    with pytest.raises(UsageError, match="choose one with --language"):
        start(str(sent), language=None, into=tmp_path / "w", alias=None, catalogue=NOTHING)
    with pytest.raises(UsageError, match="unknown language"):
        start(str(sent), language="jva", into=tmp_path / "w", alias=None, catalogue=NOTHING)
    assert not (tmp_path / "w").exists()


def test_show_reads_a_pack(sent: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started; what comes next names the pack, and this program as it was called."""
    monkeypatch.setattr("sys.argv", ["my env/bin/harness", "show"])
    assert show(str(sent), as_json=False, catalogue=NOTHING) is ExitCode.PASSED
    out = capsys.readouterr().out
    assert "Say what you were told" in out
    assert f"next:  'my env/bin/harness' start --language python '{sent}'\n" in out


def test_public_checks_run_with_the_pack_alone(sent: Path, tmp_path: Path, capsys: Capture) -> None:
    """Moved, its pack thrown away, no catalogue: the variant is the one that was given, and commands name no folder."""
    first = begin(sent, tmp_path / "first").root
    sent.unlink()
    here = first.rename(tmp_path / "Ünï cödé work")
    capsys.readouterr()
    code = check(str(here), only=(), keep=False, as_json=False, engine="fake", catalogue=NOTHING)
    out = capsys.readouterr().out
    # The check of the harbour wants red, which is not what this candidate was given.
    assert (code, "expected  red" in out, "found     green" in out) == (1, True, True), out
    assert "--catalogue" not in out
    assert "speech/mode" not in out


def test_a_packed_submission_says_which_pack_it_is_of(sent: Path, tmp_path: Path, capsys: Capture) -> None:
    """Alias, variant and pack travel as claims; nothing of the pack itself does."""
    space = begin(sent, tmp_path / "w")
    capsys.readouterr()
    # Tried with what came in the pack; its check wants red, which is not what this candidate was given.
    assert submit(space.root, out=None, as_json=False, catalogue=NOTHING, engine="fake") is ExitCode.FAILED
    out = capsys.readouterr().out
    assert "hand in  reply to the invitation\n" in out
    assert "--catalogue" not in out
    (file,) = (space.root / "submissions").iterdir()
    with tarfile.open(file) as archive:
        names = archive.getnames()
        listing = archive.extractfile("harness-submission.json")
        assert listing is not None
        said = json.loads(listing.read())
    assert names == ["harness-submission.json", "files/mode", "files/service.toml"]
    assert (said["alias"], said["variant"], said["version"], said["pack"]) == ("heron", 1, "1.0", space.pack)


def test_a_workspace_without_its_pack_is_a_sentence(sent: Path, tmp_path: Path) -> None:
    """Somebody tidied up: what to do is said, and nothing of theirs is lost."""
    space = begin(sent, tmp_path / "w")
    shutil.rmtree(space.root / ".harness/pack")
    words = "start the pack again in another folder"
    with pytest.raises(SubmissionError, match=words):
        submit(space.root, out=None, as_json=False, catalogue=NOTHING)
    with pytest.raises(SubmissionError, match=words):
        check(str(space.root), only=(), keep=False, as_json=False, engine="fake", catalogue=NOTHING)
    assert (space.root / "mode").exists()


def test_damaged_words_of_the_company_keep_nobody_from_handing_in(sent: Path, tmp_path: Path, capsys: Capture) -> None:
    """They are read for what is packed already: the file is named, and the code is that of what happened."""
    space = begin(sent, tmp_path / "w")
    (space.root / ".harness/pack/harness-pack.json").write_text("{", encoding="utf-8")
    capsys.readouterr()
    assert submit(space.root, out=None, as_json=False, catalogue=NOTHING, try_it=False) is ExitCode.PASSED
    assert "hand in  send that file to whoever invited you\n" in capsys.readouterr().out


def test_an_address_to_send_to_is_never_broken(tmp_path: Path, capsys: Capture) -> None:
    """However long it is: it is there to be copied."""
    address = f"https://drop.example.com/{'x' * 120}?sig=abc"
    given = giving.give(tmp_path, giving.catalogue(tmp_path / "company"), deliver=f"upload it to {address} today")
    space = begin(given, tmp_path / "w")
    submit(space.root, out=None, as_json=False, catalogue=NOTHING, try_it=False)
    assert f"{address}\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["pipe.zip", "folder.zip/harness-pack.json"])
def test_nobody_waits_for_a_pipe(tmp_path: Path, name: str) -> None:
    """What is no file is said at once."""
    (tmp_path / "folder.zip").mkdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(UsageError, match=r"expected a (pack|regular file)"):
        source.read((tmp_path / name) if name == "pipe.zip" else tmp_path / "folder.zip")


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_in_any_kind_of_zip_is_a_sentence(tmp_path: Path, kind: int) -> None:
    file = tmp_path / "heron.zip"
    with zipfile.ZipFile(file, "w", kind) as archive:
        archive.writestr("harness-pack.json", '{"schema": 1}' * 500)
    data = bytearray(file.read_bytes())
    data[60:90] = bytes(one ^ 0x5A for one in data[60:90])
    file.write_bytes(data)
    with pytest.raises(UsageError, match="ask whoever invited you for another"):
        source.read(file)


def _without(sent: Path, name: str) -> None:
    _rewritten(sent, lambda path, content: None if path.endswith(name) else content)


def _rewritten(sent: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    data = io.BytesIO(sent.read_bytes())
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(sent, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (lambda sent: sent.write_bytes(sent.read_bytes()[:2000]), "expected a pack, found something else"),
    "empty": (lambda sent: sent.write_bytes(b""), "expected a pack, found something else"),
    "gone": (Path.unlink, "No such file"),
    "no list": (lambda sent: _without(sent, "harness-pack.json"), 'found one without "harness-pack.json"'),
    "file missing": (lambda sent: _without(sent, "checks/test_env.py"), 'found one without ".*test_env.py"'),
    "file changed": (
        lambda sent: _rewritten(sent, lambda path, data: data + b"#" if path.endswith("test_env.py") else data),
        'test_env.py" is not as it was packed',
    ),
    "file shorter": (
        lambda sent: _rewritten(sent, lambda path, data: data[:-1] if path.endswith("test_env.py") else data),
        'test_env.py" is not as it was packed',
    ),
    "list of something else": (
        lambda sent: _rewritten(sent, lambda path, data: b"[7]" if path.endswith("harness-pack.json") else data),
        "harness-pack.json: ",
    ),
    "list leads out": (
        lambda sent: _rewritten(
            sent,
            lambda path, data: (
                data.replace(b"exercises/harbour/starter/go/mode", b"../../x") if path.endswith(".json") else data
            ),
        ),
        "climbs out of its folder",
    ),
    "alias leads out": (
        lambda sent: _rewritten(
            sent, lambda path, data: data.replace(b'"heron"', b'"../heron"') if path.endswith(".json") else data
        ),
        "is no alias",
    ),
    "other exercise": (
        lambda sent: _rewritten(
            sent, lambda path, data: data.replace(b'"1.0"', b'"1.1"', 1) if path.endswith(".json") else data
        ),
        "expected harbour 1.1, found something else",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_pack_that_is_not_whole_is_not_started(sent: Path, tmp_path: Path, damage: str) -> None:
    """Whatever happened to it on its way: a sentence that says what to do, and no workspace."""
    spoil, words = DAMAGES[damage]
    spoil(sent)
    with pytest.raises(UsageError, match=words) as caught:
        start(str(sent), language="go", into=tmp_path / "w", alias=None, catalogue=NOTHING)
    assert "ask whoever invited you for another" in str(caught.value)
    assert not (tmp_path / "w").exists()


def test_a_folder_that_is_no_pack_means_an_exercise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workspace called as its exercise does not hide that one."""
    monkeypatch.chdir(tmp_path)
    known = giving.catalogue(tmp_path / "company")
    start("harbour", language="go", into=None, alias=None, catalogue=known)
    start("harbour", language="go", into=Path("other"), alias=None, catalogue=known)
    assert workspace.read(tmp_path / "other").pack == ""
