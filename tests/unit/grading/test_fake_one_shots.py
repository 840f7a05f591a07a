"""Programs that run once, on the fake engine: how each ended is told in what a candidate reads, and kept in the logs."""

from __future__ import annotations

import contextlib
import io
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.catalogue.finder import Catalogue
from harness.engines.base import Attachment, ReadyOnce, SandboxSpec
from harness.engines.fake.engine import FakeEngine
from harness.engines.fake.process import Process
from harness.errors import ExerciseError
from harness.grading import builds, content
from harness.grading.runner import Graded, Runner, Task
from harness.model import Status, SubmissionFile
from harness.owners import Owner
from harness.reports import junit, local, view
from harness.reports.again import Caller
from tests.unit.grading import harbour

ROOT = Path(__file__).resolve().parents[3]
CHECK = """
from harness.testing import check, expect
from harness.testing.ends import ended


@check("answers/sums")
def test_sums(broker):
    ran = broker.run(timeout_seconds=0.5, files={"data/numbers.txt": b"1 2 3"})
    expect(ran.exit_code == 0 and not ran.timed_out, ended(ran))
    expect(ran.stdout == b"6", "wrong", found=ran.stdout)
"""


def adds(process: Process) -> int:
    """Add up what lies in the file that the check gave."""
    process.write(str(sum(map(int, process.files["/box/data/numbers.txt"].split()))).encode())
    return 0


def hungry(process: Process) -> int:
    """Take more memory than there is."""
    process.complain("allocating")
    process.run_out_of_memory()
    return 0


def lingers(process: Process) -> int:
    """Say something and go on."""
    process.complain("waiting for input")
    process.sleep(60)
    return 0


def shell(process: Process) -> int:
    """Play our two scripts: one packs what a build leaves, the other unpacks a check's files beside it and runs that."""
    if process.argv[:4] == builds.PACK:
        process.write(content.tar_of((SubmissionFile(path="program", content=b"adds"),)))
        return 0
    assert process.argv[:4] == builds.UNPACK_BESIDE
    with tarfile.open(fileobj=io.BytesIO(process.stdin.read(int(process.argv[4]), exactly=True))) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            found = archive.extractfile(member)
            process.files[f"/box/{member.name}"] = found.read() if found else b""
    return COMMANDS[process.files[f"/box/{process.argv[5]}"].decode()](process)


COMMANDS = {"adds": adds, "hungry": hungry, "lingers": lingers, "sh": shell}


def known(root: Path, check: str = CHECK) -> Catalogue:
    """Return a catalogue with the small exercise and one check of ours."""
    for kind in ("exercises", "graders"):
        shutil.copytree(ROOT / kind / "skeleton", root / kind / "skeleton", dirs_exist_ok=True)
    (root / "exercises/skeleton/checks/test_answers.py").write_text(check, encoding="utf-8")
    return Catalogue((root,))


def solution(root: Path, run: str, files: dict[str, str] | None = None) -> Path:
    """Return a submission whose command is ``run``."""
    folder = root / "heron"
    for name, text in {"service.toml": f'run = ["{run}"]\n', **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def graded(
    root: Path, run: str, *, check: str = CHECK, files: dict[str, str] | None = None, engine: FakeEngine | None = None
) -> Graded:
    """Grade a submission whose command is ``run``."""
    folder = solution(root, run, files)
    engine = engine or FakeEngine(COMMANDS)
    runner = Runner(known(root, check), engine, lambda names: engine.images(names, lambda _: None), lambda _: None)
    return runner.grade(Task(path=str(folder), exercise_id="skeleton", mode="check"))


def test_a_program_reads_a_file_that_the_check_gave(tmp_path: Path) -> None:
    """What the submission has at its place gives way."""
    done = graded(tmp_path, "adds", files={"data/numbers.txt/README.md": "mine"})
    assert [outcome.status for outcome in done.grading.outcomes] == [Status.PASSED], done.grading


def test_a_built_program_reads_a_file_that_the_check_gave(tmp_path: Path) -> None:
    """What runs is what the build left, and not the sources, with the file beside it."""
    service = 'build = ["make"]\nrun = ["program"]\n'
    done = graded(tmp_path, "program", files={"service.toml": service, "program": "hungry"})
    assert [outcome.status for outcome in done.grading.outcomes] == [Status.PASSED], done.grading


@pytest.mark.parametrize(
    ("run", "wanted"),
    [
        ("no-such-program", ["exit code 127: its program was not found", "no-such-program: not found"]),
        ("hungry", ["its memory limit of 128 MiB was reached", "allocating"]),
        ("lingers", ["still running after 0.", "waiting for input"]),
    ],
)
def test_how_a_program_ended_is_told_everywhere(tmp_path: Path, run: str, wanted: list[str]) -> None:
    """In what check shows, in the assessor's report and in JUnit; what it said is in the kept log."""
    done = graded(tmp_path, run)
    (outcome,) = done.grading.outcomes
    assert outcome.status is Status.FAILED
    shown = " ".join(" ".join(local.render(done.grading, Caller(path="w"), local.About())).split())
    whole = " ".join(junit.render(view.build(done.grading)).split())
    for part in wanted:
        assert part in outcome.feedback
        assert part in shown
        assert part in whole
    log = done.logs["submission"].decode()
    assert "== run 1: " in log
    assert "-- stderr" in log


class Ordered(FakeEngine):
    """Writes down what is opened and closed; the grader is not closed before the first one-shot is."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__(COMMANDS)
        self.seen: list[str] = []
        self._closed = threading.Event()

    @contextlib.contextmanager
    def ready_once(self, owner: Owner, spec: SandboxSpec, *, tar: bytes) -> Iterator[ReadyOnce]:
        """Note a one-shot."""
        with super().ready_once(owner, spec, tar=tar) as ready:
            self.seen.append("one-shot opened")
            yield ready
        self.seen.append("one-shot closed")
        self._closed.set()

    @contextlib.contextmanager
    def attach_once(self, owner: Owner, spec: SandboxSpec) -> Iterator[Attachment]:
        """Note the grader."""
        with super().attach_once(owner, spec) as attachment:
            self.seen.append("grader opened")
            yield attachment
            self._closed.wait(30)
        self.seen.append("grader closed")


@pytest.mark.parametrize("asks", [True, False], ids=["used", "unused"])
def test_the_first_one_shot_is_made_while_the_grader_gets_ready_and_goes_while_it_does(
    tmp_path: Path, *, asks: bool
) -> None:
    """Neither waits for the other: whoever closed them in turn would wait here until the time is over."""
    check = (
        CHECK.replace(', files={"data/numbers.txt": b"1 2 3"}', "")
        if asks
        else CHECK.split("    ran", maxsplit=1)[0] + "    pass\n"
    )
    engine = Ordered()
    graded(tmp_path, "adds", check=check, engine=engine)
    assert engine.seen == ["grader opened", "one-shot opened", "one-shot closed", "grader closed"]


@pytest.mark.parametrize("network", [False, True], ids=["one-shots", "network"])
def test_what_can_wait_is_done_once_the_grader_has_been_started(tmp_path: Path, *, network: bool) -> None:
    """And not before: until then the engine is waiting for us."""
    opened: list[int] = []
    engine = Ordered()

    def meanwhile() -> None:
        opened.append(len(engine.opened) if network else engine.seen.count("grader opened"))

    shelf = harbour.catalogue(tmp_path) if network else known(tmp_path, CHECK)
    folder = harbour.submission(tmp_path) if network else solution(tmp_path, "adds")
    runner = Runner(
        shelf, engine, lambda names: engine.images(names, lambda _: None), lambda _: None, meanwhile=meanwhile
    )
    runner.grade(Task(path=str(folder), exercise_id="harbour" if network else "skeleton", mode="check"))
    assert opened == [1]


def test_a_mistake_of_the_author_ends_a_check_at_once(tmp_path: Path) -> None:
    """It is no outcome of any kind: file, line and text of the error, and whom to tell."""
    mistakes = {"exercises/harbour/checks/test_env.py": "def (\n"}
    runner_catalogue = harbour.catalogue(tmp_path, mistakes)
    engine = FakeEngine()
    runner = Runner(runner_catalogue, engine, lambda names: engine.images(names, lambda _: None), lambda _: None)
    with pytest.raises(ExerciseError) as raised:
        runner.grade(Task(path=str(harbour.submission(tmp_path)), exercise_id="harbour", mode="check"))
    assert "exercises/harbour/checks/test_env.py, line 1: SyntaxError" in str(raised.value)
    assert "tell whoever gave it to you" in str(raised.value)
    assert len(engine.opened) == 1, "nothing is tried again"


def test_a_mistake_in_a_hidden_check_is_named_to_the_assessor(tmp_path: Path) -> None:
    """Its file lies in graders/, and it says what to do next."""
    known_ = harbour.catalogue(tmp_path, {"graders/harbour/test_mode.py": "import nothing_like_that\n"})
    with pytest.raises(ExerciseError, match=r"graders/harbour/test_mode\.py, line 1: ModuleNotFoundError") as raised:
        harbour.grade(known_, harbour.submission(tmp_path))
    assert "mend it, then harness validate harbour" in str(raised.value)
