"""``harness grade`` up to the engine: who is who, what is kept, and what is said of each submission."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness import signing, store
from harness.catalogue.finder import Catalogue
from harness.commands import grade as verb
from harness.commands import submit as packing
from harness.commands.new import skeleton
from harness.commands.report import report
from harness.commands.start import start
from harness.commands.submit import submit
from harness.engines.fake.engine import FakeEngine
from harness.errors import EngineError, ExitCode, HarnessError, UsageError
from harness.grading import attempts, runner
from harness.grading.session import Run
from harness.reports import beside
from harness.reports.text import columns
from harness.signing import keys


class Fails:
    """Plays an opener that can't open."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def tags(self, names: tuple[str, ...]) -> dict[str, str]:
        """Return what images are called."""
        return dict.fromkeys(names, "tag")

    def __call__(self, _: ExitStack, __: runner.Progress | None) -> runner.Runner:
        """Raise why."""
        raise self._error


Grade = Callable[..., ExitCode]
Capture = pytest.CaptureFixture[str]
SERVICE = 'run = ["python3", "solve.py"]\n'


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """A catalogue with the exercise ``tiny``."""
    for part, folder in (("exercise", "exercises"), ("grader", "graders")):
        for path, content in skeleton(part, "tiny"):
            file = tmp_path / "catalogue" / folder / "tiny" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return Catalogue([tmp_path / "catalogue"])


@pytest.fixture
def grade(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Grade:
    """``harness grade`` in ``tmp_path``, with an engine that opens nothing: whatever is taken in is inconclusive."""
    monkeypatch.chdir(tmp_path)
    minutes = iter(range(60))
    monkeypatch.setattr(packing, "_now", lambda: f"2026-11-25T14:{next(minutes):02}:00Z")
    monkeypatch.setattr(attempts, "settle", lambda *_: attempts.Settled(run=Run.empty()))

    class Opens:
        def tags(self, names: tuple[str, ...]) -> dict[str, str]:
            return dict.fromkeys(names, "tag")

        def __call__(self, _: ExitStack, __: runner.Progress | None) -> runner.Runner:
            return runner.Runner(catalogue, FakeEngine(), self.tags, lambda _: None)

    monkeypatch.setattr(verb, "Opener", lambda **_: Opens())

    def call(*paths: str, exercise: str | None = None, as_json: bool = False, out: str = "res") -> ExitCode:
        capsys.readouterr()
        return verb.grade(
            paths,
            exercise=exercise,
            seed=None,
            variant=0,
            jobs=1,
            bar=None,
            advisory=False,
            out=out,
            as_json=as_json,
            engine=None,
            catalogue=catalogue,
        )

    return call


def packed(catalogue: Catalogue, into: Path, name: str, alias: str | None = None, content: str = "print(1)") -> Path:
    """Return what somebody packed who starts, works and submits; ``into`` is their workspace."""
    if not into.exists():
        start("tiny", language=None, into=into, alias=alias, catalogue=catalogue)
    (into / "service.toml").write_text(SERVICE, encoding="utf-8")
    (into / "solve.py").write_text(content, encoding="utf-8")
    submit(into, out=None, as_json=False, catalogue=catalogue, try_it=False)
    target = into.parent / "inbox" / name
    target.parent.mkdir(exist_ok=True)
    shutil.copy(max((into / "submissions").iterdir()), target)
    return target.relative_to(into.parent)


def plain(folder: Path) -> Path:
    """Return a submission that nobody packed."""
    folder.mkdir(parents=True)
    (folder / "service.toml").write_text(SERVICE, encoding="utf-8")
    (folder / "solve.py").write_text("print(1)", encoding="utf-8")
    return folder


def homes(out: Path) -> list[Path]:
    """Return the folders of people, beside which lies what is over all of them."""
    return [entry for entry in out.iterdir() if entry.is_dir()]


def suites(out: Path) -> list[str]:
    """Return the names of all JUnit suites below ``out``."""
    return [ET.parse(file).getroot().attrib["name"] for file in out.rglob("junit.xml")]


def test_people_of_one_alias_have_rows_folders_and_suites_of_their_own(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, capsys: Capture
) -> None:
    """Three who call themselves heron, two of them with the same content, and one crane."""
    for n, content in enumerate(("print(1)", "print(1)", "print(3)")):
        packed(catalogue, tmp_path / f"w{n}", f"applicant-{n}.tar.gz", "heron", content)
    packed(catalogue, tmp_path / "w3", "applicant-3.tar.gz", "crane")

    grade(*(f"inbox/applicant-{n}.tar.gz" for n in range(4)))

    out, err = capsys.readouterr()
    rows = [line for line in out.splitlines() if re.match(r"(heron|crane)", line)]
    assert len({row.split()[0] for row in rows}) == 4
    assert [sum(f"applicant-{n}.tar.gz" in out for n in range(4)), out.count("inbox/")] == [4, 4]
    assert "3 of these submissions have the alias heron: " in err
    folders = sorted(folder.name for folder in homes(tmp_path / "res"))
    assert [re.sub("[0-9a-f]{8}", "#", name) for name in folders] == ["crane", "heron-#", "heron-#", "heron-#"]
    assert len(set(suites(tmp_path / "res"))) == 4


def test_a_folder_without_a_name_is_named_in_full(
    grade: Grade, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``.`` in a report would be another folder for whoever runs its AGAIN line."""
    monkeypatch.chdir(plain(tmp_path / "egret"))
    grade(".", exercise="tiny", out="../res")
    assert f"FROM      {tmp_path / 'egret'}" in capsys.readouterr().out.replace("\n          ", "")


def test_results_inside_a_submission_are_no_part_of_it(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Graded from inside, with results where they go by default: the next time the same is graded, and packed."""
    manifest = tmp_path / "catalogue/exercises/tiny/exercise.toml"
    manifest.write_text(re.sub("(?m)^globs = .*", 'globs = ["**"]', manifest.read_text("utf-8")), "utf-8")
    monkeypatch.chdir(plain(tmp_path / "egret"))

    for _ in range(2):
        grade(".", exercise="tiny", out="results")
    monkeypatch.chdir(tmp_path)
    grade("egret", exercise="tiny")

    inside = sorted((tmp_path / "egret" / "results" / "egret").iterdir())
    (outside,) = (tmp_path / "res" / "egret").iterdir()
    assert len(inside) == 2
    assert len({store.load(folder).submission_sha256 for folder in (*inside, outside)}) == 1


def test_two_of_one_alias_are_called_by_their_content_both(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, capsys: Capture
) -> None:
    """Two are several: who happens to be graded first does not get the alias alone."""
    for n in range(2):
        packed(catalogue, tmp_path / f"w{n}", f"applicant-{n}.tar.gz", "heron", f"print({n})")

    grade("inbox/applicant-0.tar.gz", "inbox/applicant-1.tar.gz")

    assert "holds what is not of this submission" not in capsys.readouterr().err
    folders = [folder.name for folder in homes(tmp_path / "res")]
    assert [re.sub("[0-9a-f]{8}", "#", name) for name in folders] == ["heron-#", "heron-#"]


def test_folders_of_one_name_are_told_apart(grade: Grade, tmp_path: Path, capsys: Capture) -> None:
    """What a learning platform exports: everybody's folder is called submission, and the content is the same."""
    for name in ("egret", "otter", "Ærø"):
        plain(tmp_path / "lms" / name / "submission")

    grade(*(f"lms/{name}/submission" for name in ("egret", "otter", "Ærø")), exercise="tiny")

    out, err = capsys.readouterr()
    assert [f"lms/{name}/submission" in out for name in ("egret", "otter", "Ærø")] == [True] * 3
    assert "3 of these submissions have the alias submission" in err
    assert len(list(homes(tmp_path / "res"))) == len(set(suites(tmp_path / "res"))) == 3


def test_aliases_that_read_alike_are_told_apart(grade: Grade, tmp_path: Path, capsys: Capture) -> None:
    """Case, and letters of another alphabet; names of other scripts stay what they are."""
    paths = [plain(tmp_path / n / name) for n, name in enumerate_texts("heron", "HERON", "h\u0435ron", "李雷")]

    grade(*map(str, paths), exercise="tiny")

    assert "3 of these submissions have aliases that read alike (HERON, heron, h\u0435ron)" in capsys.readouterr().err
    assert len(list(homes(tmp_path / "res"))) == 4
    assert (tmp_path / "res" / "李雷").is_dir()


def enumerate_texts(*names: str) -> list[tuple[str, str]]:
    """Return each name with its number as text."""
    return [(str(n), name) for n, name in enumerate(names)]


def test_a_later_run_never_adds_to_the_results_of_somebody_else(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, capsys: Capture
) -> None:
    """Another heron gets another folder, and it is said; the same one, packed again, keeps theirs."""
    first = packed(catalogue, tmp_path / "a", "first.tar.gz", "heron")
    other = packed(catalogue, tmp_path / "b", "other.tar.gz", "heron", "print(2)")

    grade(str(first))
    assert "heron-" not in "".join(capsys.readouterr())
    grade(str(other))
    assert re.search(r"other.tar.gz: res/heron holds .* is called heron-[0-9a-f]{8}\n", capsys.readouterr().err)
    again = packed(catalogue, tmp_path / "a", "again.tar.gz", "heron", "print(3)")
    grade(str(again))
    assert [len(list(folder.iterdir())) for folder in sorted(homes(tmp_path / "res"))] == [2, 1]

    report(tmp_path / "res" / "heron")
    out = " ".join(capsys.readouterr().out.split())
    assert f"the last packed of 2 submissions of this sender; also {first} (sha256 " in out
    assert re.search(r"again\.tar\.gz, sha256 [0-9a-f]{12}, packed 20\d\d-\d\d-\d\d \d\d:\d\d UTC, alias from", out)


def test_what_a_packed_file_says_of_itself_is_a_claim(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, capsys: Capture
) -> None:
    """Who takes another's alias is seen by path and digest, and never gets into the other's folder."""
    honest = packed(catalogue, tmp_path / "otter", "otter.tar.gz")
    thief = packed(catalogue, tmp_path / "thief", "thief.tar.gz", "otter", "print(0)")

    grade(str(honest), str(thief), as_json=True)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["submission"]["alias"] for line in lines] == ["otter", "otter"]
    assert len({line["submission"]["name"] for line in lines}) == len({line["folder"] for line in lines}) == 2
    assert store.load(Path(lines[1]["folder"])).submission_alias_from == "the packed file"


def test_a_batch_says_which_of_one_sender_was_packed_last(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, capsys: Capture
) -> None:
    """The last one counts, whatever order they are named in; each report says which of how many it is."""
    first = packed(catalogue, tmp_path / "heron", "a.tar.gz")
    last = packed(catalogue, tmp_path / "heron", "b.tar.gz", content="print(2)")

    grade(str(last), str(first), as_json=True)

    out, err = capsys.readouterr()
    assert "all were packed in one workspace, inbox/b.tar.gz last\n" in err
    folders = [Path(json.loads(line)["folder"]) for line in out.splitlines()]
    said = []
    for folder in folders:
        report(folder)
        said.append(" ".join(capsys.readouterr().out.split()))
    assert "the last packed of 2 submissions of this sender; also inbox/a.tar.gz (sha256 " in said[0]
    assert "number 1, not the last packed, of 2 submissions of this sender; also inbox/b.tar.gz" in said[1]


def test_rows_say_why_there_is_no_score(grade: Grade, tmp_path: Path, capsys: Capture) -> None:
    """Who grades many reads the reason below the row, without a number that nobody gave."""
    plain(tmp_path / "good")
    (tmp_path / "junk.zip").write_bytes(b"junk")

    assert grade("good", "junk.zip", exercise="tiny") is ExitCode.INCONCLUSIVE

    out = capsys.readouterr().out
    assert re.search(r"\njunk +refused +- +- +- +0\.\d  junk\.zip\n  \S.*expected a packed submission", out)


def test_one_submission_graded_twice_is_one_submission(catalogue: Catalogue, grade: Grade, tmp_path: Path) -> None:
    """Its two gradings lie in one folder, and the report says so."""
    file = str(packed(catalogue, tmp_path / "heron", "x.tar.gz"))

    grade(file)
    grade(file)

    (folder,) = homes(tmp_path / "res")
    assert (folder.name, len(list(folder.iterdir()))) == ("heron", 2)
    assert store.find(folder) is not None


@pytest.mark.parametrize("exercise", [None, "tiny"])
@pytest.mark.parametrize("name", ["refused", "x\nheron   passed", "плохо", "..gz", "-rf"])
def test_refused_submissions_have_all_that_others_have(
    grade: Grade, tmp_path: Path, capsys: Capture, exercise: str | None, name: str
) -> None:
    """A folder, a result, reports and JUnit, also where nobody can tell which exercise it is for; --json leads there."""
    (tmp_path / name).write_bytes(b"\x1f\x8bjunk")

    assert grade(name, exercise=exercise, as_json=True) is ExitCode.REFUSED

    (line,) = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    folder = Path(line["folder"])
    assert (line["verdict"], line["exit_code"], line["exercise"]["id"]) == ("refused", 3, exercise or "")
    assert {file.name for file in folder.iterdir()} == {"result.json", *beside.FILES}
    assert folder.parent.parent == Path("res")
    assert folder.parent.name.casefold() != "refused"
    assert report(folder.parent) is ExitCode.PASSED
    shown = capsys.readouterr().out
    assert "VERDICT   refused" in shown
    assert max(map(columns, shown.splitlines())) <= 80


def test_rows_fit_and_end_in_the_path(grade: Grade, tmp_path: Path, capsys: Capture) -> None:
    """Whatever people and files are called, a row is at most 80 columns and begins with a name of ours."""
    names = ["a", "李" * 40, "x" * 100, "a b\x1b[31m", "e\nheron   passed   100"]
    paths = [str(plain(tmp_path / "some" / "folder" / str(n) / name)) for n, name in enumerate(names)]

    grade(*paths, exercise="tiny")

    lines = capsys.readouterr().out.splitlines()
    assert max(map(columns, lines)) <= 80
    assert not [line for line in lines if line.startswith("heron")]
    assert lines[-1] == "results  res/NAME  (harness report res/NAME)"


def test_json_has_an_object_for_each_when_nothing_can_be_graded(
    grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Unknown exercise, a path that is not there, no engine, a bug of ours: the code and the reason, once each."""
    plain(tmp_path / "a")
    plain(tmp_path / "b")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def said() -> list[tuple[str, int, str]]:
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert {line["verdict"] for line in lines} == {"error"}
        return [(line["submission"]["path"], line["exit_code"], line["reason"]) for line in lines]

    with pytest.raises(UsageError):
        grade("a", "b", exercise="tony", as_json=True)
    assert [(path, code, "tony" in why) for path, code, why in said()] == [("a", 4, True), ("b", 4, True)]
    with pytest.raises(UsageError):
        grade("a", "none", exercise="tiny", as_json=True)
    assert [(path, code) for path, code, _ in said()] == [("a", 4), ("none", 4)]
    for raised, code in ((EngineError("no engine answers"), 5), (ZeroDivisionError("oops"), 5)):
        monkeypatch.setattr(verb, "Opener", lambda error=raised, **_: Fails(error))
        with pytest.raises(HarnessError):
            grade("a", "b", exercise="tiny", as_json=True)
        assert [(path, found, str(raised) in why) for path, found, why in said()] == [
            ("a", code, True),
            ("b", code, True),
        ]


def test_json_has_an_object_for_each_when_one_fails(
    grade: Grade, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """An error of ours in one grading is that one's; the other has its result."""
    plain(tmp_path / "a")
    plain(tmp_path / "b")
    ends = iter([HarnessError("expected a grader, found none"), None])

    def settle(*_: object) -> attempts.Settled:
        error = next(ends)
        if error is not None:
            raise error
        return attempts.Settled(run=Run.empty())

    monkeypatch.setattr(attempts, "settle", settle)
    assert grade("a", "b", exercise="tiny", as_json=True) is ExitCode.HARNESS
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["verdict"], line["exit_code"], bool(line["folder"])) for line in lines] == [
        ("error", 5, False),
        ("inconclusive", 2, True),
    ]


def test_a_result_is_signed_and_what_cannot_be_signed_is_kept(
    catalogue: Catalogue, grade: Grade, tmp_path: Path, capsys: Capture
) -> None:
    """By a key of the first use; where the key is no secret any more, the result is kept and that is said once."""
    del grade  # its engine and folder
    for name in ("heron", "otter"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "service.toml").write_text(SERVICE)
        (tmp_path / name / "solve.py").write_text("")
    signed: dict[str, object] = {
        "exercise": "tiny",
        "seed": None,
        "variant": None,
        "jobs": 1,
        "bar": None,
        "advisory": False,
    }
    signed |= {"as_json": False, "engine": None, "catalogue": catalogue, "keys": tmp_path / "keys"}
    verb.grade(["heron"], out="res", **signed)  # type: ignore[arg-type]
    (folder,) = (tmp_path / "res" / "heron").iterdir()
    found = signing.check(
        folder, store.RESULT, lambda data: store.decode(data, name="it"), keys.trusted(tmp_path / "keys")
    )
    assert (found.findings, found.key is not None) == ((), True)
    (tmp_path / "keys" / keys.SIGNING).chmod(0o644)
    capsys.readouterr()
    verb.grade(["heron", "otter"], out="other", **signed)  # type: ignore[arg-type]
    assert capsys.readouterr().err.count("kept without a signature") == 1
    assert len([*(tmp_path / "other").glob("*/*/result.json")]) == 2
    assert not [*(tmp_path / "other").glob("*/*/attestation.json")]
