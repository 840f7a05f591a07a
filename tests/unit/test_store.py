"""Results on disk: whole or not at all, never overwritten, and only what this version wrote is read."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import store
from harness.errors import HarnessError, UsageError
from harness.model import Grading, Json
from tests.unit.factories import failed, grading, heron, refused, reports

SCHEMA_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "result.schema.json"


def tree(folder: Path) -> list[str]:
    """Return everything below ``folder``, relative and sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def edited(tmp_path: Path, change: Callable[[dict[str, Json]], None]) -> Path:
    """Return a saved result after ``change`` was made to its JSON."""
    path = store.save(heron(), tmp_path) / "result.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    return path


@pytest.mark.parametrize("made", [heron(), refused(), grading()], ids=["failed", "refused", "passed"])
def test_load_returns_what_was_saved(tmp_path: Path, made: Grading) -> None:
    """A grading survives the disk unchanged, whatever its verdict."""
    folder = store.save(made, tmp_path)

    assert store.load(folder) == made


def test_save_keeps_files_beside_the_result(tmp_path: Path) -> None:
    """Reports and logs lie in OUT/ALIAS/GRADING-ID/ beside result.json, and nothing else is left."""
    folder = store.save(heron(), tmp_path / "out", {"report.txt": b"text", "logs/app.log": b"\xff\x00"})

    assert folder == tmp_path / "out" / "heron" / "20261124T160210Z-7f3a"
    assert tree(folder) == ["logs", "logs/app.log", "report.txt", "result.json"]
    assert (folder / "logs" / "app.log").read_bytes() == b"\xff\x00"
    assert tree(tmp_path / "out" / "heron")[0] == "20261124T160210Z-7f3a"


def test_save_never_overwrites(tmp_path: Path) -> None:
    """A second result under the same id is refused, and the first stays as it was."""
    folder = store.save(heron(), tmp_path)
    before = (folder / "result.json").read_bytes()

    with pytest.raises(HarnessError, match="never overwritten"):
        store.save(heron(seed=1), tmp_path)

    assert (folder / "result.json").read_bytes() == before
    assert tree(tmp_path) == ["heron", "heron/20261124T160210Z-7f3a", "heron/20261124T160210Z-7f3a/result.json"]


def test_save_on_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of space in the last step of writing is a clear error, and the folder is as empty as before."""

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(HarnessError, match="No space left on device: make room"):
        store.save(heron(), tmp_path / "out", {"logs/app.log": b"x"})

    assert tree(tmp_path) == []


@pytest.mark.parametrize("name", ["../elsewhere.txt", "/etc/motd", "logs/../../x", ""])
def test_save_refuses_files_outside_its_folder(tmp_path: Path, name: str) -> None:
    """The name of a log can't lead out of the result folder."""
    with pytest.raises(HarnessError, match="relative path"):
        store.save(heron(), tmp_path, {name: b"x"})

    assert tree(tmp_path / "heron") == []


@pytest.mark.parametrize(
    "alias", ["../../etc", "a/b", ".hidden", "zoë", "a b", "", "x" * 300, "heron\n", "\udcff", "-rf"]
)
def test_save_makes_a_safe_folder_of_any_alias(tmp_path: Path, alias: str) -> None:
    """Whatever an alias is, its results lie in one visible folder directly in OUT, and can be read back."""
    folder = store.save(heron(submission_alias=alias), tmp_path / "out")

    assert folder.parent.parent == tmp_path / "out"
    assert folder.parent.name.isascii()
    assert folder.parent.name[0] not in ".-"
    assert store.load(folder).seed == heron().seed
    assert tree(tmp_path)[0] == "out"


def test_folder_name_keeps_different_aliases_apart() -> None:
    """Two aliases that differ only in what a folder name can't hold don't share a folder."""
    assert store.folder_name("a/b") != store.folder_name("a b")


def test_save_escapes_what_is_no_unicode(tmp_path: Path) -> None:
    """A path with bytes that are no UTF-8 (as the system hands them over) can be written and read."""
    folder = store.save(heron(submission_path="inbox/\udcff.tar.gz"), tmp_path)

    assert store.load(folder).submission_path == "inbox/\\udcff.tar.gz"


def test_save_refuses_numbers_json_does_not_have(tmp_path: Path) -> None:
    """A duration that is no number is our bug: it is said before anything is written."""
    with pytest.raises(HarnessError, match="finite numbers"):
        store.save(heron(seconds=float("nan")), tmp_path)

    assert tree(tmp_path) == []


def test_load_takes_the_newest_of_an_alias(tmp_path: Path) -> None:
    """An alias folder stands for its last grading, by the time it began."""
    store.save(heron(id="b-older", started_at="2026-11-24T16:02:10Z"), tmp_path)
    newest = heron(id="a-newer", started_at="2026-11-25T09:00:00Z")
    store.save(newest, tmp_path)

    assert store.load(tmp_path / "heron") == newest


def test_load_takes_the_file_itself(tmp_path: Path) -> None:
    """The path of a result.json is as good as that of its folder."""
    folder = store.save(heron(), tmp_path)

    assert store.load(folder / "result.json") == heron()


def test_load_of_several_submissions_asks_which(tmp_path: Path) -> None:
    """The results of a cohort are not one result: the aliases are named."""
    store.save(heron(), tmp_path)
    store.save(heron(submission_alias="crane"), tmp_path)

    with pytest.raises(UsageError, match="found crane, heron"):
        store.load(tmp_path)


def test_load_says_when_nothing_is_there(tmp_path: Path) -> None:
    """A path that does not exist, or a folder without results, is a usage error with the next step."""
    with pytest.raises(UsageError, match="found nothing at"):
        store.load(tmp_path / "none")
    with pytest.raises(UsageError, match="harness grade PATH --out"):
        store.load(tmp_path)


def test_load_ignores_what_is_half_written(tmp_path: Path) -> None:
    """A folder that a killed writer left is never taken for a result."""
    partial = tmp_path / "heron" / ".partial-1"
    partial.mkdir(parents=True)
    (partial / "result.json").write_bytes(store.encode(heron()))

    with pytest.raises(UsageError, match="found none"):
        store.load(tmp_path / "heron")


def test_load_refuses_a_future_schema(tmp_path: Path) -> None:
    """A result of a newer harness is named as such, not guessed at."""
    path = edited(tmp_path, lambda raw: raw.update(schema=2, novelty=True))

    with pytest.raises(HarnessError, match=r"expected result schema 1, found 2: use a newer harness"):
        store.load(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "damaged file"),
        (b"\xff\xfe", "damaged file"),
        (b"[" * 100_000, "damaged file"),
        (b"[]", "'schema' number"),
        (b'{"schema": true}', "'schema' number"),
        (b'{"schema": 1}', "at 'id'"),
        (b'{"schema": 1, "seconds": NaN}', "damaged file"),
    ],
)
def test_load_refuses_a_damaged_result(tmp_path: Path, content: bytes, message: str) -> None:
    """Whatever bytes are in a result.json, the error says what is wrong and where."""
    path = tmp_path / "result.json"
    path.write_bytes(content)

    with pytest.raises(HarnessError, match=message) as caught:
        store.load(path)

    assert str(path) in str(caught.value)


def test_load_refuses_a_truncated_result_at_any_byte(tmp_path: Path) -> None:
    """No beginning of a result is taken for one."""
    data = store.encode(heron())
    path = tmp_path / "result.json"
    for size in range(0, len(data) - 2, 997):
        path.write_bytes(data[:size])
        with pytest.raises(HarnessError, match="damaged file"):
            store.load(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", "4711"), ("seconds", "54"), ("verdict", "great"), ("outcomes", {}), ("score", None), ("exit_code", 1.5)],
)
def test_load_refuses_values_of_another_type(tmp_path: Path, key: str, value: Json) -> None:
    """Nothing is converted on the way in: a value of another type is named with its place."""
    path = edited(tmp_path, lambda raw: raw.update({key: value}))

    with pytest.raises(HarnessError, match=f"at '{key}"):
        store.load(path)


def test_load_refuses_unknown_keys_with_a_suggestion(tmp_path: Path) -> None:
    """A key that nobody reads is a mistake, at any depth; the nearest known one is named."""

    def misspell(raw: dict[str, Json]) -> None:
        score = raw["score"]
        assert isinstance(score, dict)
        score["earnd"] = 100

    path = edited(tmp_path, misspell)

    with pytest.raises(HarnessError, match=r"found 'score.earnd': did you mean 'earned'"):
        store.load(path)


def test_load_names_the_damaged_one_of_several(tmp_path: Path) -> None:
    """When the newest can't be told because one is damaged, that one is named instead of an older one shown."""
    store.save(heron(id="one"), tmp_path)
    (store.save(heron(id="two"), tmp_path) / "result.json").write_text("{")

    with pytest.raises(HarnessError, match=r"two/result\.json"):
        store.load(tmp_path / "heron")


WRITER = """
    import os, signal, sys
    sys.path[:0] = {paths!r}
    from pathlib import Path
    from harness import store
    from tests.unit.factories import heron
    real, left = os.fsync, {after}
    def fsync(handle):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real(handle)
    os.fsync = fsync
    store.save(heron(), Path({out!r}), {{"report.txt": b"x", "logs/a.log": b"y"}})
"""


@pytest.mark.parametrize("after", range(7))
def test_save_killed_at_any_point_leaves_all_or_nothing(tmp_path: Path, after: int) -> None:
    """SIGKILL before any of its syncs: there is a whole result or none, and the next sweep leaves nothing else."""
    code = textwrap.dedent(WRITER.format(paths=sys.path, after=after, out=str(tmp_path)))
    subprocess.run([sys.executable, "-c", code], check=False, timeout=60)

    store.sweep(tmp_path)

    files = [name for name in tree(tmp_path) if (tmp_path / name).is_file()]
    assert len(files) in {0, 3}
    if files:
        assert store.load(tmp_path / "heron") == heron()
    assert not [name for name in tree(tmp_path) if ".partial-" in name]


def test_save_removes_what_a_dead_writer_left(tmp_path: Path) -> None:
    """The next result of the same alias clears away what a killed one left half-written."""
    (tmp_path / "heron" / ".partial-dead" / "logs").mkdir(parents=True)

    folder = store.save(heron(), tmp_path)

    assert tree(tmp_path / "heron") == [folder.name, f"{folder.name}/result.json"]


def test_sweep_leaves_a_writer_that_is_alive(tmp_path: Path) -> None:
    """What another process is still writing is locked, and stays."""
    (tmp_path / "heron").mkdir()
    (tmp_path / "heron" / ".partial-dead").mkdir()
    with store._partial(tmp_path / "heron") as partial:
        store.sweep(tmp_path)

        assert tree(tmp_path / "heron") == [partial.name]


def test_schema_page_is_what_is_written() -> None:
    """docs/reference/result.schema.json is generated; renew it with ``python -m harness.store > FILE``."""
    assert json.loads(SCHEMA_PAGE.read_text()) == store.json_schema()


def test_schema_lists_every_key_of_a_result() -> None:
    """Top-level keys of a real result and of the schema are the same ones."""
    properties = store.json_schema()["properties"]
    assert isinstance(properties, dict)

    assert list(json.loads(store.encode(heron()))) == list(properties)


def test_encode_is_stable() -> None:
    """Equal gradings have equal bytes, so that results can be compared with ordinary tools."""
    one = grading(reports(failed("throughput/ratio", credit=0.1)))
    two = dataclasses.replace(one)

    assert store.encode(one) == store.encode(two)


def test_save_refusal_keeps_why_a_submission_has_no_grading(tmp_path: Path) -> None:
    """A submission that names no exercise leaves its reason in OUT/refused, one folder each."""
    folders = {store.save_refusal({"verdict": "refused", "reason": "no archive"}, tmp_path) for _ in range(2)}

    assert len(folders) == 2
    for folder in folders:
        assert folder.parent == tmp_path / "refused"
        assert json.loads((folder / "refusal.json").read_text())["reason"] == "no archive"
