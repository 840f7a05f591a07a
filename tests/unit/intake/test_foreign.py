"""Archives that harness submit did not make: taken where nothing is ambiguous, else refused with what to do."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue.finder import Catalogue
from harness.errors import SubmissionError, UsageError
from harness.intake import archives, foreign, workspace
from harness.intake.archives import Caps
from harness.intake.senders import Sender
from harness.intake.submission import load, pack, read
from harness.intake.workspace import Workspace
from harness.model import Submission

SERVICE = b'run = ["python3", "solve.py"]\n'
SOLVE = b"#!/usr/bin/env python3\nprint(1)\n"
FILES = {"service.toml": SERVICE, "solve.py": SOLVE}
GOOD = ["service.toml", "solve.py"]
TO_DO = "unpack it and name the folder, with --exercise ID"
FACTS = workspace.facts(
    Workspace(
        root=Path(),
        exercise_id="tiny",
        version="0.1",
        variant=2,
        language="",
        alias="otter",
        started_at="2026-11-24T10:00:00+00:00",
    )
)
Load = Callable[..., Submission]


class Pipe(io.BytesIO):
    """A stream without a way back: what is zipped into one has its sizes after each file."""

    def seekable(self) -> bool:
        """Say no."""
        return False

    def seek(self, *_: int) -> int:
        """Do not."""
        raise io.UnsupportedOperation

    def tell(self) -> int:
        """Do not."""
        raise io.UnsupportedOperation


def zipped(files: dict[str, bytes], *, stream: io.BytesIO | None = None, **changes: int) -> bytes:
    """Return a zip of ``files``; names that end with a slash are folders; ``changes`` go into every entry."""
    buffer = stream or io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            info = zipfile.ZipInfo(path, (2026, 11, 24, 10, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            for name, value in changes.items():
                setattr(info, name, value)
            archive.writestr(info, content)
    return buffer.getvalue()


def tarred(
    files: dict[str, bytes], *, kind: int = tarfile.GNU_FORMAT, extra: tuple[tarfile.TarInfo, ...] = ()
) -> bytes:
    """Return a tar as people's tools make it: folders first, times, owners."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.mtime, info.uname = 1_700_000_000.25, "heron"
            info.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
            info.mode, info.size = (0o755 if content.startswith(b"#!") else 0o644), len(content)
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return buffer.getvalue()


def below(top: str, files: dict[str, bytes]) -> dict[str, bytes]:
    """Return ``files`` in a folder that has an entry of its own."""
    return {f"{top}/": b"", **{f"{top}/{path}": content for path, content in files.items()}}


@pytest.fixture
def take(tmp_path: Path, catalogue: Catalogue) -> Load:
    """Load an archive with these bytes."""

    def call(data: bytes, exercise_id: str | None = "tiny", name: str = "heron.zip") -> Submission:
        (tmp_path / name).write_bytes(data)
        return load(tmp_path / name, catalogue=catalogue, exercise_id=exercise_id)

    return call


@pytest.fixture
def refusal(take: Load) -> Callable[..., str]:
    """Return why an archive is refused."""

    def call(data: bytes, exercise_id: str | None = "tiny") -> str:
        with pytest.raises(SubmissionError) as caught:
            take(data, exercise_id)
        return str(caught.value)

    return call


def paths(found: Submission) -> list[str]:
    """Return what was taken."""
    return [file.path for file in found.files]


MAC = {"heron/._solve.py": b"\0", "__MACOSX/": b"", "__MACOSX/heron/._solve.py": b"\0", "heron/.DS_Store": b"\0"}
LONG = f"{'d' * 90}/{'e' * 90}/x.py"
MADE = {
    "zip, flat": zipped(FILES),
    "zip, one folder": zipped(below("my work", FILES)),
    "zip, folder in a folder of its name": zipped(below("heron", below("heron", FILES))),
    "zip of a Mac": zipped({**below("heron", FILES), **MAC}),
    "zip of a stream": zipped(below("heron", FILES), stream=Pipe()),
    "zip of Windows": zipped({"heron\\service.toml": SERVICE, "heron\\solve.py": SOLVE}, create_system=0),
    "zip of .NET": zipped({"heron\\service.toml": SERVICE, "heron\\solve.py": SOLVE}),
    "zip of Windows, mixed": zipped({"a\\service.toml": SERVICE, "a\\solve.py": SOLVE, "a/": b""}, create_system=0),
    "zip, not compressed": zipped(FILES, compress_type=zipfile.ZIP_STORED),
    "zip, with other things": zipped(
        {**below("heron", FILES), "heron/notes.txt": b"x", "heron/data/big.bin": b"x" * 99}
    ),
    "tar": tarred(FILES),
    "tar of the current folder": tarred({"./": b"", "./service.toml": SERVICE, "./solve.py": SOLVE}),
    "tar.gz": gzip.compress(tarred(below("heron", FILES))),
    "tar.gz of a Mac": gzip.compress(tarred({**below("heron", FILES), **MAC}, kind=tarfile.PAX_FORMAT)),
    "tar.gz, PAX": gzip.compress(tarred(below("heron", FILES), kind=tarfile.PAX_FORMAT)),
    "tar.gz, ustar": gzip.compress(tarred(below("heron", FILES), kind=tarfile.USTAR_FORMAT)),
    "tar, long names": tarred({**below("heron", FILES), f"heron/{LONG}": b"1"}),
    "tar, long names, PAX": tarred({**below("heron", FILES), f"heron/{LONG}": b"1"}, kind=tarfile.PAX_FORMAT),
}


@pytest.mark.parametrize("made", MADE)
def test_archive_of_a_solution_is_the_solution(take: Load, made: str) -> None:
    """Whoever made it: without droppings, without the folder around all of it, without what was not asked for."""
    found = take(MADE[made])
    assert {file.path: file.content for file in found.files} == FILES
    assert (found.alias, found.variant, found.claimed_variant) == ("heron", 0, None)
    assert "that harness submit did not make" in found.notes[0]
    assert len(found.sha256) == 64


def test_what_was_left_out_and_taken_off_is_said(take: Load) -> None:
    """An assessor reads what of an archive was not graded."""
    notes = take(MADE["zip of a Mac"]).notes
    assert notes == (
        'It came as a zip archive that harness submit did not make. The folder "heron" around all of it was taken off.',
        "Left out, as made by a system, an editor or a tool: .DS_Store, ._solve.py, __MACOSX/.",
    )


def test_zipped_workspace_says_what_it_is_for(take: Load) -> None:
    """With the facts of ``harness start`` in it nothing is ambiguous, and what it says of its variant is a claim."""
    whole = {
        **FILES,
        "BRIEF.md": b"#",
        ".harness/workspace.json": FACTS,
        "submissions/old.tar.gz": b"x",
        ".git/HEAD": b"x",
    }
    for data in (zipped(below("work", whole)), gzip.compress(tarred(below("work", whole))), zipped(whole)):
        found = take(data, None)
        assert (paths(found), found.exercise_id, found.claimed_variant) == (GOOD, "tiny", 2)
        with pytest.raises(SubmissionError, match="expected a submission for other"):
            take(data, "other")


@pytest.mark.parametrize("data", [zipped(FILES), tarred(FILES), gzip.compress(tarred(FILES))])
def test_archive_that_does_not_say_for_what_it_is_is_refused(refusal: Callable[..., str], data: bytes) -> None:
    """The sentence names both ways on."""
    text = refusal(data, None)
    assert "that harness submit did not make" in text
    assert "name that with --exercise ID" in text
    assert TO_DO in text


def test_names_of_people_arrive(take: Load) -> None:
    """UTF-8 that is marked, and UTF-8 that is not, as Macs write it."""
    name = "größe.py"
    marked = zipped({**FILES, name: b"1"})
    stand_in = "x" * (len(name.encode()) - 3) + ".py"
    unmarked = zipped({**FILES, stand_in: b"1"}).replace(stand_in.encode(), name.encode())
    assert name in paths(take(marked))
    assert name in paths(take(unmarked))


def test_executable_bits_are_kept_where_there_are_any(take: Load) -> None:
    """A zip of Windows has none."""
    mode = (stat.S_IFREG | 0o755) << 16
    assert all(file.executable for file in take(zipped(FILES, external_attr=mode)).files)
    assert not any(file.executable for file in take(zipped(FILES, external_attr=mode, create_system=0)).files)
    assert [file.executable for file in take(tarred(FILES)).files] == [False, True]


@pytest.fixture
def members(folder: Path, catalogue: Catalogue) -> dict[str, bytes]:
    """What is inside a packed submission."""
    (folder / "solve.py").chmod(0o755)
    made = pack(
        catalogue.exercise("tiny"),
        read(catalogue.exercise("tiny"), folder),
        sender=Sender(alias="otter"),
        variant=4,
        claim={"answers/sums": "passed"},
    )
    with tarfile.open(fileobj=io.BytesIO(made.data)) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]


def repacked(members: dict[str, bytes]) -> Iterator[bytes]:
    """Yield what becomes of a packed submission that was unpacked and packed by hand."""
    yield zipped(members)
    yield zipped(below("heron", members))
    yield zipped({**below("heron", members), **MAC})
    yield zipped(members, create_system=0)
    yield gzip.compress(tarred(below("heron", {"files/": b"", **members})))
    yield gzip.compress(tarred(members))
    yield tarred(dict(reversed(members.items())))


def test_packed_submission_that_was_repacked_is_still_itself(take: Load, members: dict[str, bytes]) -> None:
    """Its list says what each file is, so nothing is lost: not even that one is executable."""
    for data in repacked(members):
        found = take(data, None)
        assert [(file.path, file.executable) for file in found.files] == [("service.toml", False), ("solve.py", True)]
        assert (found.exercise_id, found.claimed_variant, found.claim) == ("tiny", 4, {"answers/sums": "passed"})


def test_packed_submission_that_safari_unpacked_is_still_itself(take: Load, folder: Path, catalogue: Catalogue) -> None:
    """A browser takes the gzip off."""
    made = pack(
        catalogue.exercise("tiny"),
        read(catalogue.exercise("tiny"), folder),
        sender=Sender(alias="otter"),
        variant=0,
        claim={},
    )
    found = take(gzip.decompress(made.data), None, "otter.tar")
    assert paths(found) == GOOD


def test_packed_submission_that_was_changed_is_refused(refusal: Callable[..., str], members: dict[str, bytes]) -> None:
    """What was listed and what is there differ: nobody knows which of them was meant."""
    changed = {**members, "files/solve.py": b"print(2)"}
    for data in repacked(changed):
        text = refusal(data, None)
        assert '"solve.py" is not the file that harness-submission.json lists' in text
        assert text.endswith(f'pack it again with "harness submit", or {TO_DO}')
    more = {**members, "notes.py": b"1"}
    assert '"notes.py" is not below files/' in refusal(zipped(more), None)
    fewer = {path: content for path, content in members.items() if path != "files/solve.py"}
    assert '"solve.py" is listed in harness-submission.json and missing' in refusal(zipped(fewer), None)


def test_archive_around_a_packed_submission_is_refused_by_name(refusal: Callable[..., str]) -> None:
    """A file manager, or a learning platform, puts one around each hand-in."""
    assert 'unpack it and grade "tiny.heron.tar.gz"' in refusal(zipped({"tiny.heron.tar.gz": b"x"}), None)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bz2.compress(b"x"), "a bzip2 file"),
        (lzma.compress(b"x"), "an xz file"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"Rar!\x1a\x07\x01\x00", "a rar archive"),
        (b"\x28\xb5\x2f\xfdxxxx", "a zstd file"),
    ],
)
def test_other_archives_are_refused_with_what_to_do(refusal: Callable[..., str], data: bytes, words: str) -> None:
    """An assessor need not wait for the candidate."""
    text = refusal(data)
    assert f"found {words}" in text
    assert TO_DO in text


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a/service.toml": SERVICE, "b/solve.py": SOLVE}, 'found "a/service.toml": name the folder that it is in'),
        ({"solve.py": SOLVE}, "service.toml: expected it at the top of the submission"),
        ({**FILES, "../x.py": b""}, "leads out of the archive"),
        ({**FILES, "/etc/x.py": b""}, "leads out of the archive"),
        ({**FILES, "C:/x.py": b""}, None),
        ({**FILES, "SOLVE.py": b""}, "are one name on some file systems"),
        ({**FILES, "x\u202e.py": b""}, "has characters that can't be seen"),
        ({**FILES, "big.py": b"x" * 65536}, "expected at most 65536 bytes"),
        ({**FILES, **{f"{number}.py": b"" for number in range(19)}}, "in 20 files, found"),
    ],
)
def test_contents_are_judged_as_those_of_a_folder(
    refusal: Callable[..., str], take: Load, catalogue: Catalogue, files: dict[str, bytes], words: str | None
) -> None:
    """Names, sizes and numbers have the same bounds; what nobody asked for may be called anything."""
    for data in (zipped(files), tarred(files)):
        if words is None:
            assert paths(take(data)) == GOOD
        elif words.startswith("service.toml"):
            from harness.intake.submission import service

            with pytest.raises(SubmissionError, match=words):
                service(catalogue.exercise("tiny"), take(data))
        else:
            assert words in refusal(data)


def test_entry_that_is_there_twice_is_refused(refusal: Callable[..., str]) -> None:
    """Tools differ on which of the two counts."""
    twice = {"solve.py": b"1", "solve.pz": b"2", "service.toml": SERVICE}
    assert '"solve.py" is there twice' in refusal(zipped(twice).replace(b"solve.pz", b"solve.py"))
    info = tarfile.TarInfo("solve.py")
    assert '"solve.py" is there twice' in refusal(tarred(FILES, extra=(info,)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused_where_they_were_asked_for(
    refusal: Callable[..., str], take: Load, kind: bytes
) -> None:
    """As in a folder; elsewhere, or made by a tool, they harm nobody."""

    def linked(name: str) -> bytes:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        return tarred(FILES, extra=(info,))

    assert '"evil.py" is a' in refusal(linked("evil.py"))
    for name in ("evil.txt", ".#evil.py", "node_modules"):
        assert paths(take(linked(name))) == GOOD
    assert '"solve.py" is a symbolic link' in refusal(
        zipped(FILES, external_attr=(stat.S_IFLNK | 0o777) << 16).replace(b"service.toml", b"service.tomx")
    )


def test_files_without_content_of_their_own_are_never_filled_in(refusal: Callable[..., str]) -> None:
    """A sparse file of a terabyte is a few bytes of archive."""
    sparse = tarfile.TarInfo("huge.py")
    sparse.type, sparse.size = tarfile.GNUTYPE_SPARSE, 0
    assert '"huge.py" is a sparse file' in refusal(tarred(FILES, extra=(sparse,)))
    declared = tarfile.TarInfo("huge.py")
    declared.pax_headers = {"GNU.sparse.realsize": str(2**40), "GNU.sparse.major": "1"}
    data = tarred(FILES, kind=tarfile.PAX_FORMAT, extra=(declared,))
    assert "an extension header for 'GNU.sparse" in refusal(data)


def test_bombs_are_refused_without_being_unpacked(refusal: Callable[..., str], tmp_path: Path) -> None:
    """Half a gigabyte of zeros is half a megabyte of zip; it is refused with a few of them read."""
    file = tmp_path / "bomb.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.py", "w") as stream:
        for _ in range(128):
            stream.write(bytes(1024 * 1024))
    data = file.read_bytes()
    caps = Caps(bytes_unpacked=4 * 1024 * 1024, members=10)
    tracemalloc.start()
    with pytest.raises(SubmissionError, match="found too much with it"):
        foreign.from_zip(data, caps)
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    tracemalloc.stop()
    assert "remove what was not asked for" in refusal(data)
    with pytest.raises(SubmissionError, match="more than may be sent"):
        foreign.from_tar(
            io.BytesIO(gzip.compress(tarred({"x.txt": bytes(3 * 1024 * 1024), "y": bytes(2**21)}))), caps, packed=True
        )


def test_zip_that_lies_about_its_size_is_refused(refusal: Callable[..., str]) -> None:
    """Whatever its list says, no more is read than there is, and it must have the checksum it says."""
    data = zipped(FILES)
    assert "found a zip archive that is damaged" in refusal(
        data.replace(struct.pack("<L", len(SOLVE)), struct.pack("<L", 7))
    )
    assert "found a zip archive that is damaged" in refusal(data[: len(data) // 2] + b"x" + data[len(data) // 2 + 1 :])
    assert "found a zip archive without its end" in refusal(data[:-30])


def test_list_of_a_zip_is_bounded_before_it_is_read(refusal: Callable[..., str]) -> None:
    """Both places where a reader may find how long it is."""
    data = zipped(FILES)
    end = len(data) - 22
    long = data[:end] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, 2**31, 0, 0)
    assert "entries, found more" in refusal(long)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    assert "entries, found more" in refusal(data[:end] + locator + data[end:])
    many = zipped({**FILES, **{f"data/{number}": b"" for number in range(foreign.MAX_ENTRIES)}})
    assert "entries, found" in refusal(many)


def test_packages_of_a_tool_do_not_count(take: Load) -> None:
    """A folder of packages is not even unpacked, and nobody is refused for it."""
    packages = {f"node_modules/{number}/index.js": b"x" * 100 for number in range(2000)}
    found = take(zipped({**FILES, **packages}))
    assert paths(found) == GOOD
    assert found.notes[-1].endswith("node_modules/.")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_ways_to_pack_are_refused(refusal: Callable[..., str], method: int) -> None:
    """Unpacking some of them takes as much memory as the archive likes."""
    text = refusal(zipped(FILES, compress_type=method))
    assert "expected a file packed in the usual way, found method" in text
    assert TO_DO in text


def test_encrypted_zip_is_refused(refusal: Callable[..., str]) -> None:
    """Nobody here has the password."""
    data = bytearray(zipped(FILES))
    for sign, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(sign)
        while place >= 0:
            data[place + at] |= 1
            place = data.find(sign, place + 4)
    assert "found it encrypted" in refusal(bytes(data))


SEEDS = [MADE["zip of a Mac"], MADE["tar"], MADE["tar.gz, PAX"], MADE["zip of a stream"]]


@given(
    which=st.integers(0, len(SEEDS) - 1),
    cuts=st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=6),
    end=st.integers(0, 300),
)
def test_damaged_archives_are_refused_or_taken_and_nothing_else(
    which: int, cuts: list[tuple[int, int]], end: int
) -> None:
    """Whatever bytes change: a sentence, or files whose names are sound."""
    data = bytearray(gzip.decompress(SEEDS[which]) if SEEDS[which][:2] == b"\x1f\x8b" else SEEDS[which])
    for place, value in cuts:
        data[place % len(data)] = value
    damaged = bytes(data[: len(data) - end] if end < len(data) // 2 else data)
    caps = Caps(bytes_unpacked=2**20, members=50)
    try:
        if damaged.startswith(b"PK"):
            found = foreign.from_zip(damaged, caps)
        else:
            found = foreign.from_tar(io.BytesIO(damaged), caps, packed=False)
    except SubmissionError:
        return
    assert not any(path.startswith("/") or ".." in path.split("/") for path in found.files)


def test_what_is_ours_is_read_strictly(packed: Callable[..., Path], catalogue: Catalogue) -> None:
    """The reader that knows nothing but what ``submit`` writes still judges what says it was packed so."""
    with packed().open("rb") as stream:
        assert archives.is_ours(stream, "harness-submission.json")
    info = tarfile.TarInfo("files/src")
    info.type = tarfile.DIRTYPE
    file = packed(extra=[(info, b"")])
    with pytest.raises(SubmissionError, match="is a folder"):
        load(file, catalogue=catalogue)


def test_unreadable_archive_is_the_callers_to_mend(take: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """A permission is no fault of a candidate."""

    def refuse(*_arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(foreign, "from_zip", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        take(zipped(FILES))
