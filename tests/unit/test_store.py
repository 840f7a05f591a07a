"""Results on disk: whole or not at all, never overwritten, and only what this version wrote is read."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import names, store
from harness.errors import HarnessError, UsageError
from harness.model import GateState, Grading, Json
from harness.store import disk
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

    assert tree(tmp_path) == []


@pytest.mark.parametrize(
    "alias",
    [
        "../../etc",
        "a/b",
        ".hidden",
        "Zoë",
        "Zoe\u0308",
        "a b",
        "",
        "x" * 300,
        "heron\n",
        "\udcff",
        "-rf",
        "refused",
        "李" * 99,
    ],
)
def test_save_makes_a_safe_folder_of_any_alias(tmp_path: Path, alias: str) -> None:
    """Whatever an alias is, its results lie in one visible folder directly in OUT, and can be read back."""
    folder = store.save(heron(submission_alias=alias), tmp_path / "out")

    assert folder.parent.parent == tmp_path / "out"
    assert names.is_name(folder.parent.name)
    assert folder.parent.name.isprintable()
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
    path = edited(tmp_path, lambda raw: raw.update(schema=4, novelty=True))

    with pytest.raises(HarnessError, match=r"expected result schema 1 to 3, found 4: use a newer harness"):
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


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("exit_code", 0, "exit code 0 with the verdict failed, whose is 1"),
        ("exit_code", 99, "exit code 99"),
        ("verdict", "passed", "exit code 1 with the verdict passed, whose is 0"),
        ("verdict", "held", "exit code 1 with the verdict held, whose is 6"),
        ("score.earned", 1e308, "of 100.0 points (earned)"),
        ("score.earned", -1, "-1.0 of 100.0 points (earned)"),
        ("score.earned", 70.0, "the verdict failed for 70.0 points, with a bar of 70.0"),
        ("score.decided", 100.01, "100.01 of 100.0 points (decided)"),
        ("score.possible", -5.0, "of -5.0 points"),
        ("score.by_skill.recovery", [30.0, 20.0], "30.0 of 20.0 points (recovery)"),
        ("outcomes.0.credit", 1.5, "credit 1.5 of contract/create-then-read"),
        ("seconds", "1e999", "not JSON compliant"),
        ("score.possible", "1e999", "not JSON compliant"),
    ],
)
def test_load_refuses_what_no_grading_comes_to(tmp_path: Path, place: str, value: Json, words: str) -> None:
    """A verdict, its code, its points and its bar belong together: a result that was edited is not shown as one."""

    def impossible(raw: dict[str, Json]) -> None:
        *way, last = place.split(".")
        at: Json = raw
        for step in way:
            at = at[int(step)] if isinstance(at, list) else at[step] if isinstance(at, dict) else None
        assert isinstance(at, dict)
        at[last] = value

    path = edited(tmp_path, impossible)
    path.write_text(path.read_text().replace('"1e999"', "1e999"))

    with pytest.raises(
        HarnessError, match=r"expected a whole result, found .*: grade again, or restore the file"
    ) as caught:
        store.load(path)
    assert words in str(caught.value)


def test_load_refuses_a_pass_below_the_bar(tmp_path: Path) -> None:
    """A verdict with its own code is not enough."""
    path = edited(tmp_path, lambda raw: raw.update(verdict="passed", exit_code=0))

    with pytest.raises(HarnessError, match=r"the verdict passed for 45.0 points, with a bar of 70.0: grade again"):
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


def test_a_grading_that_lost_its_result_is_missed(tmp_path: Path) -> None:
    """Its views lie there, so somebody was graded: nobody is left out of a cohort, and no older one is shown, without a word."""
    store.save(heron(), tmp_path, {"report.txt": b"x"})
    lost = store.save(heron(id="20261125T160210Z-7f3b"), tmp_path, {"report.txt": b"x"}) / "result.json"
    lost.unlink()
    (tmp_path / "heron/marks").mkdir()

    people, damaged = store.everybody(tmp_path)

    assert [len(one) for one in people] == [1]
    assert [one.file for one in damaged] == [lost]
    for path in (tmp_path / "heron", lost.parent):
        with pytest.raises(HarnessError, match=r"7f3b/result\.json: expected a readable file, found: No such file"):
            store.load(path)


def killed_while_saving(out: Path, after: int) -> bool:
    """Save into ``out`` in a child that SIGKILLs itself before the sync number ``after``; return whether it came to that."""
    child = os.fork()
    if child == 0:
        real, left = os.fsync, [None] * after

        def fsync(handle: int) -> None:
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            left.pop()
            real(handle)

        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(os, "fsync", fsync)
                store.save(heron(), out, {"report.txt": b"x", "logs/a.log": b"y"})
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("after", range(8))
def test_save_killed_at_any_point_leaves_all_or_nothing(tmp_path: Path, after: int) -> None:
    """SIGKILL before any of its syncs: there is a whole result or none, and the next sweep leaves nothing else."""
    assert killed_while_saving(tmp_path, after) is (after < 7)

    store.sweep(tmp_path)

    files = [name for name in tree(tmp_path) if (tmp_path / name).is_file()]
    assert len(files) in {0, 3}
    if files:
        assert store.load(tmp_path / "heron") == heron()
    assert not [name for name in tree(tmp_path) if ".partial-" in name]


def test_save_removes_what_a_dead_writer_left(tmp_path: Path) -> None:
    """The next result of the same alias clears away what a killed one left half-written."""
    (tmp_path / "heron" / ".partial-dead0000dead0000" / "logs").mkdir(parents=True)

    folder = store.save(heron(), tmp_path)

    assert tree(tmp_path / "heron") == [folder.name, f"{folder.name}/result.json"]


def test_sweep_leaves_a_writer_that_is_alive(tmp_path: Path) -> None:
    """What another process is still writing is locked, and stays."""
    (tmp_path / "heron").mkdir()
    (tmp_path / "heron" / ".partial-dead0000dead0000").mkdir()
    with disk._partial(tmp_path / "heron") as partial:
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


def test_load_reads_what_an_older_version_wrote(tmp_path: Path) -> None:
    """A result of schema 1 does not say who it is from, and is read all the same."""

    def older(raw: dict[str, Json]) -> None:
        raw["schema"] = 1
        for key in ("submission_name", "submission_alias_from", "submission_packed_at", "submission_origin"):
            del raw[key]

    found = store.load(edited(tmp_path, older))
    assert (found.name, found.submission_packed_at) == ("heron", "")


def test_load_reads_the_gates_of_an_older_version(tmp_path: Path) -> None:
    """Schema 2 closed a gate for what failed only: that is what its result says, also with the words of today."""

    def older(raw: dict[str, Json]) -> None:
        raw["schema"] = 2
        score = raw["score"]
        assert isinstance(score, dict)
        hits = score["gates"]
        assert isinstance(hits, list)
        for hit in hits:
            assert isinstance(hit, dict)
            for key in ("state", "cap", "unshown"):
                del hit[key]

    found = store.load(edited(tmp_path, older))
    assert found.score == heron().score
    assert [(hit.state, hit.cap) for hit in found.score.gates] == [(GateState.BROKEN, 45.0), (GateState.BROKEN, 60.0)]


@pytest.mark.parametrize("wrong", [3, [3], [{"gate": 3}], [{"gate": {}}], None], ids=str)
def test_load_of_gates_that_nobody_wrote_is_a_sentence(tmp_path: Path, wrong: Json) -> None:
    """An older result is read as strictly as any."""

    def older(raw: dict[str, Json]) -> None:
        score = raw["score"]
        assert isinstance(score, dict)
        raw["schema"], score["gates"] = 2, wrong

    with pytest.raises(HarnessError, match=r"expected a whole result, found at 'score.gates"):
        store.load(edited(tmp_path, older))


def of(who: str, **fields: object) -> Grading:
    """Return a grading of somebody who is called heron, as so many are."""
    return heron(submission_origin=f"workspace-{who}", submission_path=f"inbox/{who}.tar.gz", **fields)


def named(made: Grading, out: Path, *, shared: bool = False) -> str:
    """Return what ``made`` is called in ``out``, after it was saved there."""
    name = store.name_for(made, out, shared=shared)
    store.save(dataclasses.replace(made, submission_name=name), out)
    return name


def laid(made: Grading, out: Path) -> None:
    """Put a result where its alias says, whoever else has results there."""
    folder = out / made.submission_alias / made.id
    folder.mkdir(parents=True)
    (folder / "result.json").write_bytes(store.encode(made))


def test_name_is_the_alias_where_it_is_nobody_elses(tmp_path: Path) -> None:
    """One person's gradings share a folder; another of the same alias, and a third of the same bytes, have their own."""
    assert named(of("a", id="1"), tmp_path) == "heron"
    assert named(of("a", id="2", submission_sha256="77" * 32), tmp_path) == "heron"
    assert named(of("b", id="3"), tmp_path) == "heron-6c6c6c6c"
    assert named(of("c", id="4"), tmp_path) == "heron-6c6c6c6c-2"
    assert named(of("b", id="5"), tmp_path) == "heron-6c6c6c6c"
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["heron", "heron-6c6c6c6c", "heron-6c6c6c6c-2"]


@pytest.mark.parametrize("other", ["Heron", "HERON", "h\u0435ron"])
def test_name_of_an_alias_that_reads_like_another(tmp_path: Path, other: str) -> None:
    """Folders that a file system or a reader takes for one are not used for two people."""
    named(of("a", id="1"), tmp_path)
    assert named(of("b", id="2", submission_alias=other), tmp_path) == f"{other}-6c6c6c6c"


def test_save_into_what_is_somebody_elses_by_now_is_refused(tmp_path: Path) -> None:
    """A name that was free when it was given leads to nobody's folder but one's own; nothing is left of the try."""
    store.save(of("b", id="1"), tmp_path)

    with pytest.raises(store.TakenError):
        store.save(of("a", id="2"), tmp_path)

    assert tree(tmp_path) == ["heron", "heron/1", "heron/1/result.json"]


AT_ONCE = """
    import sys, time
    sys.path[:0] = {paths!r}
    from pathlib import Path
    from harness import names, store
    from harness.commands.desk import Desk
    from harness.commands.people import People
    from harness.commands.telling import Telling
    from harness.grading.pool import Done
    from harness.grading.runner import Graded, Task
    from tests.unit.factories import heron
    out, me, other = Path({out!r}), *sys.argv[1:]
    choose = store.name_for
    def together(*args, **kwargs):
        name = choose(*args, **kwargs)
        (out.parent / me).touch()
        while not (out.parent / other).exists():
            time.sleep(0.01)
        return name
    store.name_for = together
    made = heron(id=me, submission_path=me, submission_origin=me)
    desk = Desk(out, People([me]), Telling(as_json=True))
    desk.finish(Done(task=Task(path=me), graded=Graded(grading=made, logs={{}})))
"""


def test_two_commands_at_once_never_share_a_folder(tmp_path: Path) -> None:
    """Two processes find one alias free and write then: each result lies with those of its own submission."""
    out = tmp_path / "out"
    code = textwrap.dedent(AT_ONCE.format(paths=sys.path, out=str(out)))
    both = [
        subprocess.Popen([sys.executable, "-c", code, *who], stdout=subprocess.PIPE, text=True)
        for who in (("a", "b"), ("b", "a"))
    ]
    said = [json.loads(process.communicate(timeout=60)[0]) for process in both]

    assert sorted(folder.name for folder in out.iterdir()) == ["heron", "heron-6c6c6c6c"]
    for one in said:
        kept = store.load(Path(one["folder"]).parent)
        assert (kept.id, kept.submission_path, kept.name) == (
            one["grading"],
            *map(one["submission"].get, ("path", "name")),
        )
    assert not list(tmp_path.rglob(".partial-*"))


def test_name_of_many_who_are_called_the_same(tmp_path: Path) -> None:
    """Where others of now have the alias too, nobody gets it alone."""
    assert [named(of(who, id=who, submission_sha256=who * 32), tmp_path, shared=True) for who in ("aa", "bb")] == [
        "heron-aaaaaaaa",
        "heron-bbbbbbbb",
    ]


def test_name_never_takes_a_folder_of_something_else(tmp_path: Path) -> None:
    """What lies there and is no result of this submission (a workspace, a damaged result) is left alone."""
    (tmp_path / "heron" / "src").mkdir(parents=True)
    assert store.name_for(of("a"), tmp_path, shared=False) == "heron-6c6c6c6c"
    (tmp_path / "heron-6c6c6c6c" / "1").mkdir(parents=True)
    (tmp_path / "heron-6c6c6c6c" / "1" / "result.json").write_text("{")
    assert store.name_for(of("a"), tmp_path, shared=False) == "heron-6c6c6c6c-2"


def test_name_never_takes_a_folder_that_others_share(tmp_path: Path) -> None:
    """Where results of two people lie in one folder, neither gets more of theirs in there."""
    store.save(of("a", id="1"), tmp_path)
    laid(of("b", id="2"), tmp_path)
    assert store.name_for(of("a", id="3"), tmp_path, shared=False) == "heron-6c6c6c6c"


def test_load_of_a_folder_with_several_people_lists_them(tmp_path: Path) -> None:
    """Results that older versions, or somebody by hand, put into one folder are never shown as one person's."""
    store.save(of("a", id="1"), tmp_path)
    laid(of("b", id="2", submission_sha256="77" * 32, submission_packed_at="2026-11-24T12:00:00Z"), tmp_path)
    with pytest.raises(UsageError) as caught:
        store.load(tmp_path / "heron")
    assert "found 2 submissions" in str(caught.value)
    for words in ("inbox/a.tar.gz  sha256 6c6c6c6c6c6c", "inbox/b.tar.gz  sha256 777777777777, packed 2026-11-24T12"):
        assert words in str(caught.value)
    assert store.load(tmp_path / "heron" / "2").submission_path == "inbox/b.tar.gz"


def test_load_tells_people_of_older_results_apart_by_path(tmp_path: Path) -> None:
    """A result without an origin is of its path."""
    store.save(heron(id="1"), tmp_path)
    laid(heron(id="2", submission_path="inbox/other.tar.gz"), tmp_path)
    with pytest.raises(UsageError, match="found 2 submissions"):
        store.load(tmp_path / "heron")


def test_load_takes_the_submission_that_was_packed_last(tmp_path: Path) -> None:
    """The last one counts, also when an earlier one is graded once more; a time after the grading is not believed."""
    for number, packed, graded in (("1", "10:00", "11:00"), ("2", "12:00", "13:00"), ("3", "10:00", "15:00")):
        made = of(
            "a",
            id=number,
            submission_sha256=("aa" if packed == "10:00" else "bb") * 32,
            submission_packed_at=f"2026-11-24T{packed}:00Z",
            started_at=f"2026-11-24T{graded}:00+00:00",
        )
        store.save(made, tmp_path)
    assert store.load(tmp_path / "heron").id == "2"
    liar = of("a", id="4", submission_packed_at="2031-01-01T00:00:00Z", started_at="2026-11-24T11:30:00+00:00")
    store.save(liar, tmp_path)
    assert store.load(tmp_path / "heron").id == "2"


def test_company_counts_submissions_and_gradings(tmp_path: Path) -> None:
    """Which of how many a grading is of, wherever the others of one person lie."""
    for number, who, sha in (("1", "a", "aa"), ("2", "a", "bb"), ("3", "a", "aa"), ("4", "b", "cc")):
        at = f"2026-11-24T1{number}:00:00Z"
        named(
            of(who, id=number, submission_sha256=sha * 32, submission_packed_at=at[:14] + "00:00Z", started_at=at),
            tmp_path,
            shared=True,
        )
    found = store.company(tmp_path / "heron-aaaaaaaa" / "1" / "result.json")
    assert found is not None
    assert [one.sha256[:2] for one in found.submissions] == ["bb", "aa"]
    assert (found.submission, found.grading, found.gradings) == (2, 1, 2)


def test_load_of_a_name_that_is_not_there_names_those_near(tmp_path: Path) -> None:
    """Who looks for an alias that several have finds out what they are called."""
    for who in ("aa", "bb"):
        named(of(who, id=who, submission_sha256=who * 32), tmp_path, shared=True)
    with pytest.raises(UsageError, match=r"did you mean heron-aaaaaaaa, heron-bbbbbbbb\?"):
        store.load(tmp_path / "heron")
