"""Hostile archives: each is refused in words that name the member; the honest twin beside it is taken."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import names
from harness.catalogue.finder import Catalogue
from harness.errors import SubmissionError, UsageError
from harness.intake import archives
from harness.intake.archives import Caps
from harness.intake.submission import load
from harness.model import SubmissionFile

Packed = Callable[..., Path]
SOLVE = b"print(1)\n"
ROOMY = Caps(bytes_unpacked=4 * 1024 * 1024, members=200)


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    """A member header of any kind."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, mode
    return info


def refusal(file: Path, catalogue: Catalogue) -> str:
    """Return why ``file`` is refused."""
    with pytest.raises(SubmissionError) as caught:
        load(file, catalogue=catalogue)
    return str(caught.value)


def test_good_submission_is_taken(packed: Packed, catalogue: Catalogue) -> None:
    """The twin of every refusal here: the same archive without the bad member."""
    files = {"service.toml": b'run = ["python3", "solve.py"]\n', "größe ☃ x.py": b"1", "empty.py": b""}
    submission = load(packed(own=files), catalogue=catalogue)
    assert {file.path: file.content for file in submission.files} == files
    assert (submission.alias, submission.exercise_id, submission.variant) == ("heron", "tiny", 0)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "is a symbolic link"),
        (tarfile.LNKTYPE, "is a hard link"),
        (tarfile.CHRTYPE, "is a character device"),
        (tarfile.BLKTYPE, "is a block device"),
        (tarfile.FIFOTYPE, "is a named pipe"),
        (tarfile.DIRTYPE, "is a folder"),
        (tarfile.CONTTYPE, "is a contiguous file"),
        (b"Z", "is a member of type 'Z'"),
    ],
)
def test_anything_but_a_regular_file_is_refused(packed: Packed, catalogue: Catalogue, kind: bytes, words: str) -> None:
    """Links, devices, pipes and folders are named and refused."""
    text = refusal(packed(extra=[(member("files/evil.py", kind, "solve.py"), b"")]), catalogue)
    assert '"files/evil.py' in text
    assert words in text
    assert "pack it again" in text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("files/../evil.py", 'climbs out of its folder with ".."'),
        ("../evil.py", 'climbs out of its folder with ".."'),
        ("/etc/evil.py", "is absolute"),
        ("C:/evil.py", "is absolute"),
        ("files\\evil.py", "has a backslash"),
        ("files//evil.py", 'has an empty or "." part'),
        ("files/./evil.py", 'has an empty or "." part'),
        ("files/a\nb.py", "has characters that can't be seen"),
        ("files/a\x1b[2Jb.py", "has characters that can't be seen"),
        ("files/a\u202eyp.b.py", "has characters that can't be seen"),
        ("files/" + "d/" * 20 + "evil.py", "folders deep"),
        ("files/" + "d" * 256 + ".py", "has a part longer than 255 bytes"),
        ("files/" + "/".join(["d" * 200] * 6) + "/x.py", "is longer than 1024 bytes"),
        ("evil.py", "is not below files/"),
        ("files/evil.sh", "was not asked for"),
        ("files/.git/hooks/evil.py", "was not asked for"),
    ],
)
def test_bad_name_is_refused(packed: Packed, catalogue: Catalogue, name: str, words: str) -> None:
    """Names that lead elsewhere, can't be read or were not asked for are refused, shown escaped."""
    text = refusal(packed(extra=[(member(name), b"x")]), catalogue)
    assert words in text
    assert text.isprintable()


@pytest.mark.parametrize("bad", [b"files/\xff\xfe.py", b"files/\xed\xa0\x80.py"])
def test_name_that_is_not_utf8_is_refused(packed: Packed, catalogue: Catalogue, bad: bytes) -> None:
    """Neither stray bytes nor encoded surrogates are names."""
    file = packed(extra=[(member("files/" + "N" * (len(bad) - 9) + ".py"), b"x")])
    raw = bytearray(gzip.decompress(file.read_bytes()))
    place = raw.rindex(b"files/N")
    raw[place : place + len(bad)] = bad
    block = place // 512 * 512
    raw[block + 148 : block + 156] = b" " * 8
    raw[block + 148 : block + 156] = b"%06o\0 " % sum(raw[block : block + 512])
    file.write_bytes(gzip.compress(bytes(raw)))
    assert "is not UTF-8" in refusal(file, catalogue)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x.py", "x.py"),
        ("x.py", "X.py"),
        ("straße.py", "STRASSE.py"),
        ("\u00e9.py", "e\u0301.py"),
    ],
)
def test_same_name_twice_is_refused(packed: Packed, catalogue: Catalogue, one: str, two: str) -> None:
    """Names that are one on some file system (case, Unicode normal form) are refused together."""
    service = {"service.toml": b'run = ["a"]'}
    load(packed(own=service | {one: b"1"}), catalogue=catalogue)
    file = packed(own=service | {one: b"1"}, extra=[(member(f"files/{two}"), b"2")])
    assert "are one name twice, or a file below a file" in refusal(file, catalogue)


@pytest.mark.parametrize("paths", [["a", "a/b"], ["a/b", "a"], ["A/b", "a"], ["a/b/c/d", "a/b"]])
def test_file_below_a_file_is_a_collision(paths: list[str]) -> None:
    """One name can't be both file and folder, in either order; siblings can."""
    assert names.collision(paths) is not None
    assert names.collision([path + "1" for path in ("a", "a/b", "ab", "a/c")]) is None


def test_files_must_be_those_that_are_listed(
    packed: Packed, catalogue: Catalogue, manifest_of: Callable[..., bytes]
) -> None:
    """A file that is not listed, is missing, or differs from its digest is refused by name."""
    assert '"solve.py" is not the file that' in refusal(packed(unlisted=("solve.py",)), catalogue)
    good = packed()
    raw = gzip.decompress(good.read_bytes())
    good.write_bytes(gzip.compress(raw.replace(b"print(sum(", b"print(max(")))
    assert '"solve.py" is not the file that' in refusal(good, catalogue)
    twice = json.loads(manifest_of({"solve.py": SOLVE}))["files"] * 2
    assert "lists a file twice" in refusal(packed(own={"solve.py": SOLVE}, files=twice), catalogue)
    only_listing = packed(own={})
    raw = gzip.decompress(packed().read_bytes())
    end = raw.index(b"files/solve.py\0")
    only_listing.write_bytes(gzip.compress(raw[:end] + bytes(1024)))
    assert '"solve.py" is listed in harness-submission.json and missing' in refusal(only_listing, catalogue)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exercise": "tony"}, "it is for an exercise that is not here"),
        ({"exercise": "../tiny"}, "it is for an exercise that is not here"),
        ({"version": "0.2"}, 'expected a submission for tiny 0.1, found one for version "0.2"'),
        ({"alias": "a" * 121}, "alias: expected at most 120 characters"),
        ({"packed_at": "yesterday"}, "packed_at: expected text that matches"),
        (
            {"packed_at": "2026-99-99T99:99:99Z"},
            'packed_at: expected a time such as 2026-11-26T14:15:00Z, found "2026-99',
        ),
        ({"packed_at": "2026-02-30T10:00:00Z"}, "packed_at: expected a time such as"),
        ({"workspace": "../../etc"}, "workspace: expected text that matches"),
        ({"variant": -1}, "variant: expected 0 or more"),
        ({"schema": 4}, "schema: expected 1, 2 or 3, found 4"),
        ({"pack": "ab"}, "pack: expected text that matches"),
        ({"files": "none"}, "files: expected a list"),
        ({"clam": {}}, 'did you mean "claim"?'),
        ({"claim": {"a": 1}}, "claim.a: expected text in quotes"),
    ],
)
def test_bad_manifest_is_refused(packed: Packed, catalogue: Catalogue, changes: dict[str, object], words: str) -> None:
    """Every field of the manifest is the sender's word, and is checked."""
    assert words in refusal(packed(**changes), catalogue)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b"\xff", b"[]", b"null", b"1" * 5000])
def test_manifest_that_is_no_object_is_refused(
    tmp_path: Path, catalogue: Catalogue, tar: Callable[..., bytes], content: bytes
) -> None:
    """Attacks on the JSON parser are a refusal like any other."""
    file = tmp_path / "x.tar.gz"
    file.write_bytes(gzip.compress(tar([(member("harness-submission.json"), content)])))
    text = refusal(file, catalogue)
    assert "harness-submission.json: " in text
    assert "expected" in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found an empty file"),
        (b"hello", "found something else"),
        (b"PK\x03\x04rest", "found a zip archive"),
        (b"\x1f\x8b", "found its end too early"),
        (b"\x1f\x8b\x08\x00garbage garbage", "found damaged compressed data"),
        (gzip.compress(b"", mtime=0), "found its end too early"),
        (gzip.compress(b"hello", mtime=0), "found its end too early"),
        (gzip.compress(b"x" * 1024, mtime=0), "a checksum that is not octal"),
        (gzip.compress(bytes(1024), mtime=0), "expected harness-submission.json as the first member, found nothing"),
    ],
)
def test_what_is_no_packed_submission_is_refused(
    tmp_path: Path, catalogue: Catalogue, content: bytes, words: str
) -> None:
    """The message says what it looks like, and what to do."""
    file = tmp_path / "x.tar.gz"
    file.write_bytes(content)
    text = refusal(file, catalogue)
    assert words in text
    assert "harness submit" in text


def test_archive_of_other_tools_is_refused_with_the_way_out(
    tmp_path: Path, catalogue: Catalogue, tar: Callable[..., bytes]
) -> None:
    """A plain tar.gz of the work is no packed submission; the message says how to grade it all the same."""
    file = tmp_path / "x.tar.gz"
    file.write_bytes(gzip.compress(tar([(member("solve.py"), b"1")])))
    assert "unpack it and name the folder, with --exercise ID" in refusal(file, catalogue)


def test_truncated_anywhere_is_refused(packed: Packed, catalogue: Catalogue) -> None:
    """No prefix of a good archive is taken, and none raises anything but a refusal."""
    file = packed()
    whole = file.read_bytes()
    load(file, catalogue=catalogue)
    for length in range(0, len(whole), 7):
        file.write_bytes(whole[:length])
        refusal(file, catalogue)


def test_bytes_after_the_end_are_refused(packed: Packed, catalogue: Catalogue) -> None:
    """Neither a second archive nor anything else may hide behind the first."""
    whole = packed().read_bytes()
    for after in (b"x", whole, bytes(10)):
        file = packed()
        file.write_bytes(whole + after)
        assert "found bytes after its end" in refusal(file, catalogue)
    file = packed()
    file.write_bytes(gzip.compress(gzip.decompress(whole) + b"x"))
    assert "found bytes after its end" in refusal(file, catalogue)


def test_too_many_bytes_or_files_are_refused(packed: Packed, catalogue: Catalogue) -> None:
    """The exercise's caps hold (64 KiB, 20 files); exactly at them a submission is taken."""
    service = {"service.toml": b"#" * 100}
    load(packed(own=service | {"a.py": b"x" * (65536 - 100)}), catalogue=catalogue)
    assert "found more" in refusal(packed(own=service | {"a.py": b"x" * 65536}), catalogue)
    load(packed(own=service | {f"{number}.py": b"" for number in range(19)}), catalogue=catalogue)
    assert "found more" in refusal(packed(own=service | {f"{number}.py": b"" for number in range(20)}), catalogue)


def test_bomb_is_refused_without_being_unpacked(
    tmp_path: Path, catalogue: Catalogue, manifest_of: Callable[..., bytes]
) -> None:
    """A gigabyte of zeros in a megabyte costs no memory: what a member says it has is checked first."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as stream:
        listing = member("harness-submission.json")
        content = manifest_of({})
        listing.size = len(content)
        stream.write(listing.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % 512))
        bomb = member("files/bomb.py")
        bomb.size = 1024**3
        stream.write(bomb.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(128):
            stream.write(bytes(1024**2))
    file = tmp_path / "bomb.tar.gz"
    file.write_bytes(buffer.getvalue())
    tracemalloc.start()
    try:
        text = refusal(file, catalogue)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert '"files/bomb.py" says it has 1073741824 bytes' in text
    assert peak < 4 * 1024 * 1024


def test_padding_that_never_ends_is_refused() -> None:
    """Zeros after the end count as well, and are not kept."""
    endless = gzip.compress(bytes(16 * 1024 * 1024))
    with pytest.raises(SubmissionError, match="expected at most 4194304 bytes unpacked"):
        list(archives.read(io.BytesIO(endless), ROOMY))


def test_too_many_members_are_refused() -> None:
    """The member cap holds while reading, exactly."""
    files = [SubmissionFile(path=f"{number}", content=b"") for number in range(201)]
    assert len(list(archives.read(io.BytesIO(archives.write(files[:200])), ROOMY))) == 200
    with pytest.raises(SubmissionError, match="expected at most 200 files"):
        list(archives.read(io.BytesIO(archives.write(files)), ROOMY))


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ({"path": "ok.py", "size": "5"}, "an extension header for "),
        ({"linkpath": "x"}, "an extension header for 'linkpath'"),
        ({"GNU.sparse.major": "1", "GNU.sparse.minor": "0"}, "an extension header for 'GNU.sparse.major'"),
        ({"SCHILY.xattr.security.capability": "x"}, "an extension header for "),
    ],
)
def test_extension_headers_carry_a_path_and_nothing_else(records: dict[str, str], words: str) -> None:
    """Sparse maps, other sizes, link targets and attributes in PAX headers are refused; a path is taken."""

    def archive(headers: dict[str, str]) -> bytes:
        buffer = io.BytesIO()
        info = member("plain.py")
        info.pax_headers = headers
        with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as tar:
            tar.addfile(info)
        return buffer.getvalue()

    twin = list(archives.read(io.BytesIO(archive({"path": "ok.py"})), ROOMY))
    assert [file.path for file in twin] == ["ok.py"]
    with pytest.raises(SubmissionError, match=words):
        list(archives.read(io.BytesIO(archive(records)), ROOMY))


def test_stream_that_dribbles_is_read_to_its_end() -> None:
    """A read may return less than was asked for, also less than a whole header."""

    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1))

    assert list(archives.read(Dribble(GOOD), ROOMY)) == list(archives.read(io.BytesIO(GOOD), ROOMY))


def test_header_that_was_changed_is_refused(packed: Packed, catalogue: Catalogue) -> None:
    """A header without its checksum is damage, whatever it says."""
    file = packed()
    raw = gzip.decompress(file.read_bytes())
    file.write_bytes(gzip.compress(raw.replace(b"files/solve.py\0", b"files/solvi.py\0")))
    assert "a header whose checksum is wrong" in refusal(file, catalogue)


def test_gnu_and_global_headers_are_refused() -> None:
    """Formats that harness submit does not write are not read either."""
    for format_, headers in ((tarfile.GNU_FORMAT, {}), (tarfile.PAX_FORMAT, {"comment": "x"})):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz", format=format_, pax_headers=headers) as tar:
            tar.addfile(member("x" * 120))
        with pytest.raises(SubmissionError, match="expected"):
            list(archives.read(io.BytesIO(buffer.getvalue()), ROOMY))


def test_huge_extension_header_is_refused() -> None:
    """A megabyte of path is refused before it is parsed."""
    file = archives.write([SubmissionFile(path="é" * 500_000, content=b"")])
    with pytest.raises(SubmissionError, match="an extension header says it has 10000"):
        list(archives.read(io.BytesIO(file), ROOMY))


def test_path_that_is_not_there_or_special_is_told_apart(tmp_path: Path, catalogue: Catalogue) -> None:
    """A wrong path is the caller's mistake; a device in place of a file is refused without being opened."""
    with pytest.raises(UsageError, match="found nothing readable"):
        load(tmp_path / "nothing", catalogue=catalogue)
    with pytest.raises(UsageError, match="found nothing readable"):
        load(Path("nul\0"), catalogue=catalogue)
    with pytest.raises(SubmissionError, match="found a special file"):
        load(Path("/dev/zero"), catalogue=catalogue)


def test_exercise_that_was_asked_for_must_agree(packed: Packed, catalogue: Catalogue) -> None:
    """``--exercise`` beside a packed submission for another one is refused; the right one is taken."""
    load(packed(), catalogue=catalogue, exercise_id="tiny")
    with pytest.raises(SubmissionError, match='expected a submission for other, found one for "tiny"'):
        load(packed(), catalogue=catalogue, exercise_id="other")


TEXT = st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Zl", "Zp"]), max_size=40
)
PARTS = TEXT.map(lambda text: text.replace("/", "_").replace("\\", "_").replace(":", "_")).filter(
    lambda text: text not in {"", ".", ".."}
)
PATHS = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
FILES = st.lists(
    st.builds(SubmissionFile, path=PATHS, content=st.binary(max_size=2000), executable=st.booleans()), max_size=8
)


@given(files=FILES)
def test_round_trip_keeps_everything(files: list[SubmissionFile]) -> None:
    """Whatever has good names comes back as it was packed, and packing it twice gives the same bytes."""
    data = archives.write(files)
    assert archives.write(files) == data
    assert list(archives.read(io.BytesIO(data), ROOMY)) == files


GOOD = archives.write(
    [
        SubmissionFile(path="a.py", content=b"x" * 700),
        SubmissionFile(path="ü" * 60, content=b"y" * 10, executable=True),
        SubmissionFile(path="d/" * 5 + "z", content=b""),
    ]
)


def _outcome(data: bytes) -> Iterable[SubmissionFile] | None:
    try:
        return list(archives.read(io.BytesIO(data), ROOMY))
    except SubmissionError:
        return None


@given(cuts=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), min_size=1, max_size=12))
def test_damaged_archives_are_refused_or_hold_good_names(cuts: list[tuple[int, int]]) -> None:
    """Bytes changed anywhere in the tar give a refusal or regular files with good names, and never another error."""
    raw = bytearray(gzip.decompress(GOOD))
    for place, value in cuts:
        raw[place % len(raw)] = value
    for file in _outcome(gzip.compress(bytes(raw), compresslevel=1)) or ():
        assert names.fault(file.path) == ""


@given(cuts=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_compression_is_refused_or_changes_nothing(cuts: list[tuple[int, int]]) -> None:
    """Bytes changed in the gzip stream are found by its checksum."""
    data = bytearray(GOOD)
    for place, value in cuts:
        data[place % len(data)] = value
    found = _outcome(bytes(data))
    assert found is None or found == _outcome(GOOD)


@given(data=st.binary(max_size=4000))
def test_any_bytes_are_refused(data: bytes) -> None:
    """Random bytes, packed or not, never raise anything but a refusal."""
    assert _outcome(data) is None
    for file in _outcome(gzip.compress(data, compresslevel=1)) or ():
        assert names.fault(file.path) == ""


@given(path=st.text(max_size=300))
def test_names_are_shown_on_one_line(path: str) -> None:
    """However hostile a name is, it is shown in quotes, printable, and short."""
    shown = names.shown(path)
    assert shown.isprintable()
    assert len(shown) < 2000


@given(path=st.text(max_size=60))
def test_alias_can_always_name_a_folder(path: str) -> None:
    """Any text becomes an alias, and an alias stays what it is."""
    alias = names.alias_from(path)
    assert names.is_alias(alias)
    assert names.alias_from(alias) == alias
    assert len(alias.encode()) <= names.MAX_ALIAS_BYTES + len("named-")
    assert alias.isprintable()
    assert names.fault(alias) == ""


@pytest.mark.parametrize(
    ("text", "alias"),
    [
        ("heron", "heron"),
        ("Heron", "Heron"),
        ("Мария", "Мария"),
        ("李雷", "李雷"),
        ("Jose\u0301 Núñez", "José-Núñez"),
        ("हिन्दी", "हिन्दी"),
        ("שרה", "שרה"),
        ("  heron \n", "heron"),
        ("../../etc/.passwd", "etc-passwd"),
        ("-rf", "rf"),
        ("\x1b[31mred\x1b[0m", "31mred-0m"),
        ("her\u202eon\u200b\ufeff", "heron"),
        ("\u3164\u115f", "unnamed"),
        ("he\ufe0fron", "heron"),
        ("", "unnamed"),
        ("\udcff", "unnamed"),
        ("refused", "named-refused"),
        ("Index", "named-Index"),
        ("CON", "named-CON"),
        ("李" * 100, "李" * 40),
        ("x" * 300, "x" * 60),
    ],
)
def test_alias_stays_readable(text: str, alias: str) -> None:
    """Letters of any script stay; what can't be seen, leads out of a folder or is a word of the results does not."""
    assert names.alias_from(text) == alias


@pytest.mark.parametrize(("one", "other"), [("heron", "HERON"), ("José", "Jose\u0301"), ("heron", "h\u0435ron")])
def test_aliases_that_look_the_same_are_alike(one: str, other: str) -> None:
    """Case, normal form and letters of another alphabet that fonts draw the same don't tell two people apart."""
    assert names.alike(one) == names.alike(other)
    assert names.alike(one) != names.alike("crane")
