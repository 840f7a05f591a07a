"""What was given out, to whom: every pack, each once, whatever happens while it is written; and whose variant it is."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from harness.catalogue import variants
from harness.errors import HarnessError, UsageError
from harness.packs import record, source
from tests.unit.packs import giving


def line(alias: str, **changes: object) -> record.Given:
    """Return a pack that was given to ``alias``."""
    facts: dict[str, object] = {
        "packed_at": "2026-11-26T14:00:00Z",
        "exercise": "harbour",
        "version": "1.0",
        "variant": 1,
        "chosen": False,
        "alias": alias,
        "language": "",
        "pack": "ab" * 32,
        "sha256": "cd" * 32,
        "size": 9,
        "harness": "0.1.0",
    }
    return record.Given(**facts | changes)  # type: ignore[arg-type]


def test_every_pack_is_in_the_record(tmp_path: Path) -> None:
    """With all that tells it from others, and whether somebody chose the variant."""
    known = giving.catalogue(tmp_path)
    first = giving.give(tmp_path, known)
    second = giving.give(tmp_path, known, candidate="Мария", variant=7, language="go")
    heron, other = record.read(tmp_path / "packs").of("harbour")
    assert (heron.alias, heron.version, heron.chosen, heron.language) == ("heron", "1.0", False, "")
    assert (other.alias, other.variant, other.chosen, other.language) == ("Мария", 7, True, "go")
    for file, one in ((first, heron), (second, other)):
        found = source.read(file)
        assert (found.digest, found.invitation.variant) == (one.pack, one.variant)
        assert file.stat().st_size == one.size


def test_variant_follows_from_secret_alias_exercise_and_version(tmp_path: Path) -> None:
    """Packed again it is the same; who knows everything but the secret can't tell."""
    known = giving.catalogue(tmp_path)
    for name in ("a.zip", "b.zip"):
        giving.give(tmp_path, known, out=tmp_path / name)
    first, again = record.read(tmp_path / "packs").given
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    secret = bytes.fromhex((tmp_path / "packs/secret").read_text(encoding="ascii"))
    assert first.variant == again.variant == variants.number(secret, "heron", "harbour", "1.0") % 2
    aliases = [f"c{n}" for n in range(12)]
    for alias in aliases:
        giving.give(tmp_path, known, candidate=alias)
    assert len({one.variant for one in record.read(tmp_path / "packs").given}) == 2


def test_settings_name_another_place(tmp_path: Path) -> None:
    """A company's record and secret need not lie in a repository."""
    found = giving.surroundings(tmp_path, HARNESS_PACKS=str(tmp_path / "elsewhere"))
    giving.give(tmp_path, giving.catalogue(tmp_path), found=found)
    assert not (tmp_path / "packs").exists()
    assert [one.alias for one in record.read(tmp_path / "elsewhere").given] == ["heron"]
    assert "/secret" in (tmp_path / "elsewhere/.gitignore").read_text(encoding="utf-8")


def test_half_a_line_is_nobodys_and_costs_nobody_else_theirs(tmp_path: Path) -> None:
    """A writer that was killed in the middle of a line: the next one begins its own, and readers pass over it."""
    for alias in ("heron", "crane"):
        with record.opened(tmp_path) as book:
            book.add(line(alias))
        with (tmp_path / record.FILE).open("ab") as stream:
            stream.write(b'{"schema": 1, "packed_at": "2026-11-2')
    found = record.read(tmp_path)
    assert ([one.alias for one in found.given], found.unreadable) == (["heron", "crane"], 2)


@pytest.mark.parametrize("text", ["[]", "7", '{"schema": 2}', "\x00\xff", "[" * 100_000], ids=range(5))
def test_lines_that_say_nothing_are_counted(tmp_path: Path, text: str) -> None:
    """Another version's, or nobody's: none of them is a traceback."""
    with record.opened(tmp_path) as book:
        book.add(line("heron"))
    with (tmp_path / record.FILE).open("a", encoding="latin-1") as stream:
        stream.write(f"{text}\n")
    found = record.read(tmp_path)
    assert ([one.alias for one in found.given], found.unreadable) == (["heron"], 1)


def _many(folder: Path, name: str) -> None:
    for n in range(20):
        with record.opened(folder) as book:
            book.secret()
            book.add(line(f"{name}{n}"))


def test_packs_made_at_once_all_stand_in_it(tmp_path: Path) -> None:
    """Four processes: eighty whole lines, and one secret."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_many, args=(tmp_path / "packs", name)) for name in "abcd"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    found = record.read(tmp_path / "packs")
    assert (len({one.alias for one in found.given}), found.unreadable) == (80, 0)
    assert sorted(path.name for path in (tmp_path / "packs").iterdir()) == [".gitignore", "record.jsonl", "secret"]


def test_whoever_has_the_record_has_it_alone(tmp_path: Path) -> None:
    """From looking for a secret to the line that is added: nobody else makes another secret in between."""
    with record.opened(tmp_path):
        other = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        finally:
            os.close(other)


def test_a_full_disk_leaves_the_record_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the pack is not given out: what nobody recorded, nobody has."""
    known = giving.catalogue(tmp_path)
    giving.give(tmp_path, known)
    before = (tmp_path / "packs/record.jsonl").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarnessError, match="No space left"):
        giving.give(tmp_path, known, candidate="crane")
    monkeypatch.undo()
    assert (tmp_path / "packs/record.jsonl").read_bytes() == before
    with record.opened(tmp_path / "packs") as book:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(HarnessError, match="No space left"):
            book.add(line("crane"))
    assert (tmp_path / "packs/record.jsonl").read_bytes() == before
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".") or path.name == "crane.zip"]


def test_a_pack_is_recorded_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in between, there is a line too many: harmless. The other way round a candidate would be held for nothing."""
    known = giving.catalogue(tmp_path)
    seen: list[bool] = []
    add = record.Book.add

    def watched(self: record.Book, given: record.Given) -> None:
        seen.append((tmp_path / "heron.zip").exists())
        add(self, given)

    monkeypatch.setattr(record.Book, "add", watched)
    giving.give(tmp_path, known)
    assert seen == [False]


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    """The same pack again is fine; anything else of that name stays."""
    known = giving.catalogue(tmp_path)
    first = giving.give(tmp_path, known).read_bytes()
    giving.give(tmp_path, known)
    with pytest.raises(UsageError, match="name one with --out FILE"):
        giving.give(tmp_path, known, deliver="by mail")
    assert (tmp_path / "heron.zip").read_bytes() == first


@pytest.mark.parametrize("content", ["", "secret", "abc", "z" * 64])
def test_a_damaged_secret_is_not_replaced(tmp_path: Path, content: str) -> None:
    """Another one would give everybody another variant, so somebody decides."""
    known = giving.catalogue(tmp_path)
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs/secret").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="restore it"):
        giving.give(tmp_path, known)
    assert (tmp_path / "packs/secret").read_text(encoding="utf-8") == content


def test_a_secret_that_is_gone_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record is in a repository and the secret is not: a colleague who packs there is told what that means."""
    known = giving.catalogue(tmp_path)
    giving.give(tmp_path, known, "heron")
    giving.give(tmp_path, known, "kite", variant=1)
    assert "has no secret" not in capsys.readouterr().err
    (tmp_path / "packs/secret").unlink()
    giving.give(tmp_path, known, "wren", variant=0)
    assert "has no secret" not in capsys.readouterr().err, "a variant that was chosen follows from no secret"
    giving.give(tmp_path, known, "finch")
    assert "has no secret, and a record of 1 pack whose variant follows from one" in capsys.readouterr().err
    giving.give(tmp_path, known, "gull")
    assert "has no secret" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "{ours}"),
        ("*.tmp", "*.tmp\n{ours}"),
        ("*.tmp\r\n", "*.tmp\r\n{ours}"),
        ("*\n", "*\n"),
        ("# ours\n  secret  \n", "# ours\n  secret  \n"),
    ],
)
def test_the_secret_is_for_no_repository(tmp_path: Path, before: str | None, after: str) -> None:
    """Whatever ignores files there already, the secret is ignored too."""
    file = tmp_path / "packs/.gitignore"
    file.parent.mkdir()
    if before is not None:
        file.write_bytes(before.encode())
    for _ in range(2):
        with record.opened(tmp_path / "packs"):
            pass
    ours = "# The secret that variants follow from is not for a repository.\n/secret\n"
    assert file.read_bytes().decode() == after.format(ours=ours)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidate": "../x"}, "expected an alias"),
        ({"candidate": "refused"}, "named-refused"),
        ({"language": "jva"}, "unknown language"),
        ({"deliver": "a\nb"}, "on one line"),
        ({"deliver": "x" * 501}, "at most 500 characters"),
    ],
)
def test_what_no_pack_can_be_made_of_is_said(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    """Before a secret is made or anything is recorded."""
    with pytest.raises(UsageError, match=words):
        giving.give(tmp_path, giving.catalogue(tmp_path), out=tmp_path / "x.zip", **{"candidate": "heron", **changes})
    assert not (tmp_path / "packs").exists()


def test_a_pack_has_the_name_that_verbs_know_one_by(tmp_path: Path) -> None:
    """What is called otherwise could be sent and not be started."""
    known = giving.catalogue(tmp_path)
    with pytest.raises(UsageError, match=r"ends in \.zip after --out.*found 'heron\.pack': heron\.zip\?"):
        giving.give(tmp_path, known, out=tmp_path / "heron.pack")
    assert not (tmp_path / "packs").exists()
    assert source.is_pack(giving.give(tmp_path, known, out=tmp_path / "HERON.ZIP"))


@pytest.mark.parametrize("place", ["file/x.zip", "dangling/x.zip", "/proc/x.zip"])
def test_a_place_that_cannot_be_written_is_found_first(tmp_path: Path, place: str) -> None:
    """Before anything is recorded."""
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(UsageError, match="expected to write the pack to"):
        giving.give(tmp_path, giving.catalogue(tmp_path), out=tmp_path / place)
    assert not (tmp_path / "packs").exists()


def test_record_is_json_lines(tmp_path: Path) -> None:
    """Other programs read it too."""
    giving.give(tmp_path, giving.catalogue(tmp_path))
    (text,) = (tmp_path / "packs/record.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(text)["schema"] == 1


def test_whoever_waits_for_the_record_hears_of_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was stopped has it: without a word one would wait for ever."""
    monkeypatch.setattr(record, "_WORDLESS_SECONDS", 0.0)
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    heard = []

    def let_go() -> None:
        heard.append(1)
        os.close(other)

    with record.opened(tmp_path, let_go) as book:
        book.add(line("heron"))
    with record.opened(tmp_path, let_go):
        pass
    assert heard == [1]


def test_a_record_that_another_holds_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a candidate has stands in it already."""
    monkeypatch.setattr(record, "_READING_SECONDS", 0.0)
    with record.opened(tmp_path) as book:
        book.add(line("heron"))
        assert [one.alias for one in record.read(tmp_path).given] == ["heron"]


@pytest.mark.parametrize(
    ("alias", "other"), [("Heron", "heron"), ("h\u0435ron", "heron"), ("heron", ""), ("crane", "")]
)
def test_an_alias_that_reads_like_another_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], alias: str, other: str
) -> None:
    """To readers, and to some disks, they are one; the same person again is no news."""
    known = giving.catalogue(tmp_path)
    giving.give(tmp_path, known)
    capsys.readouterr()
    giving.give(tmp_path, known, candidate=alias, out=tmp_path / "second.zip")
    assert (f"{alias} reads like {other}, who" in capsys.readouterr().err) == bool(other)


def test_a_secret_that_others_may_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From it follows what everybody gets."""
    known = giving.catalogue(tmp_path)
    giving.give(tmp_path, known)
    assert "others on this machine may read" not in capsys.readouterr().err
    (tmp_path / "packs/secret").chmod(0o644)
    giving.give(tmp_path, known, candidate="crane")
    assert f"chmod 600 {tmp_path}/packs/secret" in capsys.readouterr().err


@pytest.mark.parametrize(("variant", "said"), [(1, "(there are 2)"), (7, "(there are 2: it reads as 1 does)")])
def test_a_variant_that_reads_as_another_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], variant: int, said: str
) -> None:
    """Numbers go on for ever, and what there is to read does not."""
    giving.give(tmp_path, giving.catalogue(tmp_path), variant=variant)
    assert f"candidate heron, variant {variant} {said}\n" in capsys.readouterr().out
