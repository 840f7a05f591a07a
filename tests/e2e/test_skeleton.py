"""The whole way on the smallest exercise: start, check, submit, grade, report, in real sandboxes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.cli import Cli

pytestmark = [pytest.mark.docker, pytest.mark.e2e]
SKELETON = "graders/skeleton"


def reference(checkout: Path) -> Path:
    """Return the reference of the skeleton."""
    return next(path for path in sorted((checkout / SKELETON / "references").iterdir()) if path.is_dir())


def test_grade_passes_the_reference_with_one_json_line(cli: Cli, checkout: Path) -> None:
    """Exit code 0, one object on stdout with every key that scripts rely on, everything else on stderr."""
    done = cli("grade", str(reference(checkout)), "--exercise", "skeleton", "--json", "--seed", "7")
    assert done.code == 0, done.err
    (line,) = done.lines
    assert {"schema", "exercise", "submission", "seed", "verdict", "exit_code", "score", "outcomes", "gates"} < set(
        line
    )
    assert (line["verdict"], line["exit_code"], line["seed"]) == ("passed", 0, 7)
    assert set(line["exercise"]) == {"id", "version"}
    assert set(line["submission"]) == {"name", "alias", "path", "sha256", "packed_at"}
    assert line["score"] == {"earned": 100.0, "decided": 100.0, "possible": 100.0}
    wanted = {"id", "title", "skill", "points", "earned", "status", "credit", "feedback"}
    assert all(set(outcome) == wanted for outcome in line["outcomes"])
    assert all(phase["seconds"] >= 0 for phase in line["phases"])


def test_grade_fails_the_starter_and_advisory_maps_only_that_to_zero(cli: Cli, checkout: Path) -> None:
    """Below the bar is 1, and 0 with --advisory."""
    starter = str(checkout / "exercises/skeleton/starter")
    assert cli("grade", starter, "--exercise", "skeleton").code == 1
    assert cli("grade", starter, "--exercise", "skeleton", "--advisory").code == 0


def test_grade_bar_overrides_the_pass_mark(cli: Cli, checkout: Path) -> None:
    """A bar of 0 passes anything that is graded."""
    assert cli("grade", str(checkout / "exercises/skeleton/starter"), "--exercise", "skeleton", "--bar", "0").code == 0


def test_grade_many_ends_with_the_first_code_of_the_list_and_grades_all(cli: Cli, checkout: Path) -> None:
    """A refused, a failed and a passed one: all have a line, and 3 comes before 1."""
    junk = cli.folder / "not an archive ü.tar.gz"
    junk.write_bytes(b"hello")
    paths = [str(reference(checkout)), str(checkout / "exercises/skeleton/starter"), str(junk)]
    done = cli("grade", *paths, "--exercise", "skeleton", "--jobs", "2", "--json")
    assert sorted(line["verdict"] for line in done.lines) == ["failed", "passed", "refused"]
    assert done.code == 3


def test_candidate_way_from_start_to_a_graded_submission(cli: Cli, checkout: Path) -> None:
    """start, check (fails), solve, check (holds), submit, grade the packed file, report it."""
    assert cli("start", "skeleton").code == 0
    (workspace,) = [path for path in cli.folder.iterdir() if (path / ".harness").is_dir()]
    assert cli("check", cwd=workspace).code == 1
    for path in reference(checkout).iterdir():
        shutil.copy(path, workspace)
    checked = cli("check", cwd=workspace)
    assert checked.code == 0, checked.out + checked.err
    assert "PASS" in checked.out
    submitted = cli("submit", cwd=workspace)
    assert submitted.code == 0, submitted.err
    (packed,) = list(cli.folder.rglob("*.tar.gz"))
    graded = cli("grade", str(packed), "--out", "results")
    assert graded.code == 0, graded.err
    assert "VERDICT" in graded.out
    (result,) = list((cli.folder / "results").rglob("result.json"))
    assert json.loads(result.read_text())["verdict"] == "passed"
    assert cli("report", str(result.parent)).out.split("AGAIN")[0] == graded.out.split("AGAIN")[0]
    assert cli("report", str(result.parent), "--format", "junit").code == 0


def test_program_that_is_built_runs_without_a_network(cli: Cli, checkout: Path) -> None:
    """The build's result goes to every run; what fails to build, or leaves more than a run can hold, is refused."""
    folder = cli.folder / "built"
    folder.mkdir()
    shutil.copy(reference(checkout) / "solve.py", folder / "source.py")
    for build, code, words in (
        ("mkdir bin; cp source.py bin/solve; echo built", 0, "passed"),
        ("echo no compiler here >&2; exit 4", 3, "no compiler here"),
        ("mkdir bin; cp source.py bin/solve; head -c 30000000 /dev/zero > bin/large", 3, "at most 16 MB"),
        ("mkdir bin; cd bin; cp ../source.py solve; seq 5000 | while read n; do echo > $n; done", 3, "files to fit"),
    ):
        (folder / "service.toml").write_text(f'build = ["sh", "-c", "{build}"]\nrun = ["python3", "bin/solve"]\n')
        done = cli("grade", str(folder), "--exercise", "skeleton", "--json")
        assert done.code == code, done.out + done.err
        assert words in done.out


def test_every_known_submission_of_the_skeleton_ends_as_declared(cli: Cli, checkout: Path) -> None:
    """The matrix of starter, references, mutants and cheats holds when it is run for real, and its record says so."""
    for kind in ("exercises", "graders"):
        shutil.copytree(checkout / kind / "skeleton", cli.folder / kind / "skeleton")
    done = cli("--catalogue", str(cli.folder), "validate", "skeleton", "--repeat", "2", "--jobs", "2")
    assert done.code == 0, done.out + done.err


def test_new_exercise_validates_as_it_is(cli: Cli) -> None:
    """What ``new`` writes is complete: an author starts from something that holds."""
    assert cli("new", "my-exercise", "--into", str(cli.folder)).code == 0
    done = cli("--catalogue", str(cli.folder), "validate", "my-exercise", "--repeat", "2")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["grade"], 4, "Missing argument"),
        (["grade", "nowhere"], 4, "nowhere"),
        (["grade", ".", "--exercise", "skelleton"], 4, "skeleton"),
        (["grade", "."], 4, "--exercise"),
        (["grade", ".", "--sead", "1"], 4, "--seed"),
        (["grade", ".", "--exercise", "skeleton", "--engine", "lxc"], 4, "docker"),
        (["report", "."], 4, "expected a result"),
        (["validate", "nothing"], 4, "nothing"),
    ],
)
def test_usage_errors_exit_with_4_and_say_what_to_do(cli: Cli, args: list[str], code: int, words: str) -> None:
    """What the caller got wrong is said with the words to correct it, on stderr."""
    (cli.folder / "a-file").write_text("so that the folder is not empty")
    done = cli(*args)
    assert done.code == code, done.out + done.err
    assert words in done.err


def test_grade_without_an_engine_says_where_it_looked(cli: Cli, checkout: Path) -> None:
    """No engine is our failure, exit code 5, with what to do."""
    done = cli(
        "grade", str(reference(checkout)), "--exercise", "skeleton", env={"DOCKER_HOST": "unix:///nonexistent.sock"}
    )
    assert done.code == 5
    assert "nonexistent.sock" in done.err
