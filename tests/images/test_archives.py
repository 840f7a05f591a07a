"""Images in a file: whole and of present recipes, or the engine never sees it."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import random
import stat
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from harness.errors import EngineError, HarnessError, UsageError
from harness.images import archives, manage, recipes
from tests.images.client import Client, Image, archive, image_of, other, packed

NAMES = ("base", "python")


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Client:
    """An engine that has two images of ours, which ``manage`` connects with."""
    one = Client(images_here={manage.tag(name): image_of(recipes.recipe(name)) for name in NAMES})
    monkeypatch.setattr(manage, "connect", lambda: one)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return one


@pytest.fixture
def saved(client: Client, tmp_path: Path) -> Iterator[Path]:
    """A file that was saved, and an engine that has nothing."""
    file = tmp_path / "with space" / "images.tar.gz"
    file.parent.mkdir()
    manage.save(NAMES, file)
    client.images_here.clear()
    client.asked.clear()
    yield file
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_what_is_saved_is_loaded_elsewhere(client: Client, saved: Path) -> None:
    """Both engines have the same tags, and a second load gives the engine nothing."""
    assert manage.load(saved) == [(manage.tag(name), False) for name in NAMES]
    assert set(client.images_here) == {manage.tag(name) for name in NAMES}
    assert manage.load(saved) == [(manage.tag(name), True) for name in NAMES]
    assert client.asked == ["load"]


def test_uncompressed_archive_is_loaded_too(client: Client, saved: Path) -> None:
    """`docker save` of an administrator writes the same, uncompressed."""
    saved.write_bytes(gzip.decompress(saved.read_bytes()))
    assert len(manage.load(saved)) == len(NAMES)
    assert client.asked == ["load"]


@pytest.mark.parametrize("part", ["start", "middle", "end"])
@pytest.mark.parametrize("compressed", [True, False])
def test_file_that_was_cut_off_is_refused(client: Client, saved: Path, part: str, *, compressed: bool) -> None:
    """A download that broke off is said before the engine sees any of it."""
    data = saved.read_bytes() if compressed else gzip.decompress(saved.read_bytes())
    saved.write_bytes(data[: {"start": 20, "middle": len(data) // 2, "end": len(data) - 4}[part]])
    if part == "end" and not compressed:
        saved.write_bytes(data[: data.index(b"manifest.json") + 700])
    with pytest.raises(UsageError, match=r"expected a whole file that `harness images save` wrote.*get it again"):
        manage.load(saved)
    assert client.asked == []


def test_any_flipped_byte_is_refused_or_changes_nothing(client: Client, saved: Path) -> None:
    """Whatever a bad disk makes of a file: one of our errors, or the images that were saved. Never a traceback."""
    data = saved.read_bytes()
    chance = random.Random(7)
    for _ in range(60):
        place = chance.randrange(len(data))
        saved.write_bytes(data[:place] + bytes([data[place] ^ (1 << chance.randrange(8))]) + data[place + 1 :])
        try:
            manage.load(saved)
        except UsageError:
            assert client.images_here == {}
        else:
            assert client.images_here == {manage.tag(name): image_of(recipes.recipe(name)) for name in NAMES}
        client.images_here.clear()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive",
        b"\x1f\x8bnot gzip",
        packed({}),
        packed({"other.json": b"{}"}),
        packed({"manifest.json": b"[]"}),
        packed({"manifest.json": b"{"}),
        packed({"manifest.json": b"[1]"}),
        packed({"manifest.json": b"[null]"}),
        packed({"manifest.json": b'[{"Config": "c.json", "RepoTags": ["x"]}]'}),
        packed({"manifest.json": b'[{"Config": "c.json", "RepoTags": ["x"]}]', "c.json": b"[]"}),
        packed({"manifest.json": b'[{"Config": "c.json", "RepoTags": ["x"]}]', "c.json": b'{"config": []}'}),
        packed(
            {"manifest.json": b'[{"Config": "c.json", "RepoTags": ["x"]}]', "c.json": b'{"config": {"Labels": [1]}}'}
        ),
        packed({"manifest.json": b'[{"Config": "c.json", "RepoTags": null}]', "c.json": b'{"config": {}}'}),
        packed({"manifest.json": b"[" * 100_000}),
        packed({"manifest.json": json.dumps([{}]).encode() + b"\xff"}),
    ],
)
def test_file_that_is_no_archive_of_ours_is_refused(client: Client, tmp_path: Path, content: bytes) -> None:
    """One sentence, whatever is in it."""
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"expected a whole file .* found .*: get it again"):
        manage.load(file)
    assert client.asked == []


PYTHON = recipes.recipe("python")


@pytest.mark.parametrize(
    ("tag", "image", "words"),
    [
        ("debian:bookworm-slim", image_of(PYTHON), "one that no recipe here makes"),
        ("harness/python:0123456789abcdef", image_of(PYTHON), rf"another version; this harness has {PYTHON.tag}"),
        (PYTHON.tag, image_of(recipes.recipe("go")), "an image of another recipe"),
        (PYTHON.tag, other(image_of(PYTHON), **{"harness.recipe": "f" * 64}), "an image of another recipe"),
        (PYTHON.tag, Image(labels={}), "an image that names no recipe of ours"),
        (
            PYTHON.tag,
            Image(labels=image_of(PYTHON).labels, architecture="arm64"),
            "for arm64, where the engine is amd64",
        ),
        ("\x1b[2J:x", image_of(PYTHON), r"\\x1b\[2J:x: expected an image of a present recipe"),
    ],
)
def test_one_image_that_is_not_ours_keeps_all_out(
    client: Client, tmp_path: Path, tag: str, image: Image, words: str
) -> None:
    """An engine takes whatever an archive names: so a good image beside a strange one is not loaded either."""
    file = tmp_path / "file"
    file.write_bytes(archive({manage.tag("base"): image_of(recipes.recipe("base")), tag: image}))
    with pytest.raises(UsageError, match=words):
        manage.load(file)
    assert client.asked == []


def indexed(*names: Mapping[str, str] | None) -> bytes:
    """The list of OCI that newer engines write beside the other, and go by."""
    return json.dumps({"schemaVersion": 2, "manifests": [{"annotations": one} for one in names]}).encode()


def with_members(data: bytes, members: Mapping[str, bytes]) -> bytes:
    """An archive with ``members`` behind what it has."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        held = {member.name: found.read() for member in tar if (found := tar.extractfile(member))}
    return packed({**held, **members})


NAME, REFERENCE = "io.containerd.image.name", "org.opencontainers.image.ref.name"


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (
            {"index.json": indexed({NAME: "docker.io/library/debian:12", REFERENCE: "12"})},
            "debian:12: expected in index",
        ),
        (
            {"index.json": indexed({NAME: f"docker.io/{PYTHON.tag}"}, {REFERENCE: "debian:12"})},
            "debian:12: expected in",
        ),
        ({"./index.json": indexed({NAME: "debian:12"})}, "debian:12: expected in index"),
        ({"index.json": indexed(None)}, "an image without a name: expected in index"),
        ({"index.json": b" " * 5_000_000}, "no file of a usual size"),
        ({"index.json": b"[]"}, "expected a whole file"),
        ({"./manifest.json": b'[{"Config": "c", "RepoTags": ["debian:12"]}]'}, "expected a whole file"),
    ],
)
def test_list_that_other_engines_go_by_names_nothing_else(
    client: Client, tmp_path: Path, members: Mapping[str, bytes], words: str
) -> None:
    """One list names ours, the other a stranger's, or the same list comes twice: the engine sees none of it."""
    file = tmp_path / "file"
    file.write_bytes(with_members(archive({PYTHON.tag: image_of(PYTHON)}), members))
    with pytest.raises(UsageError, match=words):
        manage.load(file)
    assert client.asked == []


def test_both_lists_of_a_newer_engine_are_fine(client: Client, tmp_path: Path) -> None:
    """It writes both, with whole names in the newer one."""
    client.images_here.clear()
    file = tmp_path / "file"
    name = {NAME: f"docker.io/{PYTHON.tag}", REFERENCE: PYTHON.identity}
    file.write_bytes(with_members(archive({PYTHON.tag: image_of(PYTHON)}), {"index.json": indexed(name)}))
    assert [tag for tag, _ in manage.load(file)] == [PYTHON.tag]
    assert client.asked == ["load"]


def test_file_is_for_whoever_may_read_what_its_maker_writes(client: Client, tmp_path: Path) -> None:
    """It is made to be given to somebody."""
    before = os.umask(0o027)
    try:
        manage.save(NAMES, tmp_path / "images.tar.gz")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "images.tar.gz").stat().st_mode) == 0o640
    assert client.asked == ["get /images/get"]


def test_engine_that_does_not_take_them_is_its_own_error(client: Client, saved: Path) -> None:
    """A full disk of the engine is code 5, with what to do; the file was right."""
    client.broken_load = "Error processing tar file: write /layer.tar: no space left on device"
    with pytest.raises(EngineError, match=r"no space left on device\. What to do: the engine's disk is full") as raised:
        manage.load(saved)
    assert raised.value.exit_code == 5


def test_save_takes_nobody_s_place(client: Client, tmp_path: Path) -> None:
    """A file that is there stays as it is, a link to nothing included."""
    file = tmp_path / "images.tar.gz"
    file.symlink_to("nothing")
    with pytest.raises(UsageError, match=r"images.tar.gz: expected a new file, found one"):
        manage.save(NAMES, file)
    assert client.asked == []


def test_save_of_what_is_not_here_is_wrong_usage(client: Client, tmp_path: Path) -> None:
    """Said before anything is written, with the command that helps."""
    with pytest.raises(UsageError, match=r"harness/go:.*found nothing of that name: `harness images build go` first"):
        manage.save(["base", "go"], tmp_path / "file")
    assert client.asked == []


def test_engine_that_goes_away_leaves_no_file(client: Client, tmp_path: Path) -> None:
    """Half a file under a good name would be taken for a whole one."""
    client.dies_after = 3
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(EngineError, match=r"reading images from the engine failed: the engine went away"):
        manage.save(NAMES, folder / "file")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, 5), (errno.EACCES, 4)])
def test_disk_of_ours_that_is_full_is_no_fault_of_the_engine(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    """One sentence on the file, with the code that fits, and nothing left."""
    folder = tmp_path / "out"
    folder.mkdir()

    def full(*_: object) -> Iterator[bytes]:
        yield b"x" * 10_000
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(archives, "_archive", full)
    with pytest.raises(HarnessError, match=r"expected to write images to .*out/file, found: No space left") as raised:
        manage.save(NAMES, folder / "file")
    assert (raised.value.exit_code, list(folder.iterdir())) == (code, [])


def test_missing_file_and_folder_are_wrong_usage(client: Client, tmp_path: Path) -> None:
    """A mistyped path, with what to do."""
    with pytest.raises(
        UsageError, match=r"nowhere: expected a file that `harness images save` wrote, found: No such file"
    ):
        manage.load(tmp_path / "nowhere")
    with pytest.raises(UsageError, match=r"found: Is a directory"):
        manage.load(tmp_path)
    with pytest.raises(UsageError, match=r"no/file, found: No such file"):
        manage.save(NAMES, tmp_path / "no" / "file")
