"""The command line from outside: exit codes, help, what is said where."""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from harness import __main__ as boundary
from harness import progress, streams
from harness.cli import cli
from harness.errors import (
    EngineError,
    ExerciseError,
    ExitCode,
    GraderError,
    HarnessError,
    SandboxError,
    SubmissionError,
    UsageError,
)
from tests.unit.commandline import command

REPOSITORY = Path(__file__).resolve().parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]
VERBS = [(name,) for name in cli.commands] + [("images", name) for name in ("build", "list", "remove")]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A user with an empty home and no settings."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {"HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run ``harness`` as a user would; ``before`` is Python that runs first, in an interpreter started for it."""

    def call(*arguments: str, before: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return started(*arguments, before=before, cwd=cwd) if before else forked(*arguments, cwd=cwd)

    def forked(*arguments: str, cwd: Path | None) -> subprocess.CompletedProcess[str]:
        def become() -> None:
            os.environ.clear()
            os.environ.update(environment)

        ended = command(*arguments, cwd=cwd or tmp_path, before=become)
        return subprocess.CompletedProcess(arguments, ended.code, ended.out, ended.err)

    def started(*arguments: str, before: str, cwd: Path | None) -> subprocess.CompletedProcess[str]:
        program = f"import sys; sys.argv[0] = 'harness'\n{before}\nfrom harness.__main__ import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=environment,
            cwd=cwd or tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return call


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the boundary run in this process without leaving anything behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(boundary, "_prepare", lambda _threads: streams.Sink(2, "wb", closefd=False))


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make ``harness list`` raise ``error``."""

    def fail(**_: object) -> ExitCode:
        raise error

    monkeypatch.setattr("harness.commands.list.list_", fail)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_of_every_verb_shows_an_example(verb: tuple[str, ...]) -> None:
    """Every verb explains itself, with an example that starts with its own name."""
    context = click.Context(cli, info_name="harness")
    command: click.Command = cli
    for name in verb:
        assert isinstance(command, click.Group)
        command = command.commands[name]
        context = click.Context(command, info_name=name, parent=context)
    text = command.get_help(context)
    assert re.search(rf"Examples?:\n +harness {' '.join(verb)}\b", text), text


def test_verbs_are_those_of_the_contract() -> None:
    """No verb is missing and none is extra."""
    expected = "check clean clock diff doctor grade images list mark new pack report show start submit validate verify"
    live = "down fault kill logs reload restart shell up"
    assert sorted(cli.commands) == sorted([*expected.split(), *live.split()])


def test_options_of_grade_are_those_scripts_rely_on() -> None:
    """Names of options are a contract."""
    options = {option for parameter in cli.commands["grade"].params for option in parameter.opts}
    assert options == {
        *("paths", "--exercise", "--seed", "--variant", "--jobs", "--bar", "--advisory", "--out", "--json", "--engine"),
        *("--again", "--sort", "--format", "--summary", "--audience"),
    }


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--jsn"],
        ["--catalog", "x", "list"],
        ["lst"],
        ["grade"],
        ["grade", "x", "--seed", "ten"],
        ["grade", "x", "--jobs", "0"],
        ["grade", "x", "--bar", "101"],
        ["show"],
        ["show", "nothing-like-this"],
        ["start", "skeleton", "--language", "go"],
        ["--catalogue", "/nowhere", "list"],
        ["new", "Not An Id"],
        ["submit"],
        [],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_4(run: Run, arguments: list[str]) -> None:
    """A mistyped option, verb, value or id says so on stderr, leaves stdout empty and has no traceback."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HarnessError("m"), 5),
        (EngineError("m"), 5),
        (SandboxError("m"), 5),
        (GraderError("m"), 5),
        (ExerciseError("m"), 5),
        (UsageError("m"), 4),
        (SubmissionError("m"), 3),
    ],
)
@pytest.mark.usefixtures("quiet")
def test_every_error_of_ours_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: HarnessError, code: int
) -> None:
    """The exit code says who must act; the message is plain text on stderr."""
    raising(monkeypatch, error)
    assert boundary._bounded(["list"]) == code
    assert capsys.readouterr() == ("", "error: m\n")


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("m"),
        RecursionError(),
        SystemExit(0),
        SystemExit(1),
        BrokenPipeError(),
        EOFError(),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("quiet")
def test_uncaught_exception_exits_5(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, error: BaseException
) -> None:
    """Whatever we did not expect is our failure: two lines on stderr, the traceback in a file that they name."""
    raising(monkeypatch, error)
    assert boundary._bounded(["list"]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"error: internal error, not yours and not the candidate's: {type(error).__name__}")
    (file,) = (tmp_path / "state/harness").iterdir()
    assert str(file) in err
    assert "Traceback (most recent call last)" in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("quiet")
def test_full_disk_is_said_in_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No traceback for what the user can mend."""
    raising(monkeypatch, OSError(28, "No space left on device", "results/x"))
    assert boundary._bounded(["list"]) == 5
    said = "error: expected to use results/x, found: No space left on device: free some space and run this again\n"
    assert capsys.readouterr().err == said


def test_exception_in_a_thread_exits_5(run: Run) -> None:
    """A thread that dies must not leave a good exit code behind."""
    before = (
        "import threading, harness.commands.list as m\n"
        "def f(**_):\n"
        "    t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join(); return 0\n"
        "m.list_ = f"
    )
    done = run("list", before=before)
    assert done.returncode == 5
    assert "internal error" in done.stderr


def test_import_that_fails_exits_5(run: Run) -> None:
    """Also what breaks before anything of ours runs is not exit code 1."""
    done = run("list", before="sys.modules['click'] = None")
    assert done.returncode == 5
    assert "internal error" in done.stderr


def test_traceback_is_kept_where_home_cannot_be_written(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    """Without a home the traceback goes to the folder for temporary files."""
    environment["HOME"] = "/proc/nowhere"
    done = run("list", before="import harness.commands.list as m; m.list_ = None")
    assert done.returncode == 5
    assert f"The traceback is in {tmp_path}/error-" in done.stderr


PATIENT = """
import signal, sys, time, harness.commands.list as m
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests under nohup ignores it, and we would inherit that
def patient(**_):
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaning", flush=True)
        time.sleep(0.3)
        open({done!r}, "w").close()
m.list_ = patient
sys.argv[1:] = ["list"]
from harness.__main__ import main
main()
"""


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_signals_clean_up_and_have_their_exit_codes(
    environment: dict[str, str], tmp_path: Path, number: signal.Signals, code: int, *, again: bool
) -> None:
    """``finally`` blocks run to their end on Ctrl-C and SIGTERM, once or twice, and there is no traceback."""
    done = tmp_path / "cleaned"
    program = PATIENT.format(done=str(done))
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning\n"
        if again:
            process.send_signal(number)
        errors = process.stderr.read()
        assert process.wait(timeout=30) == code
    assert done.exists()
    assert "Traceback" not in errors
    assert ("a third Ctrl-C stops at once" in errors) == (again and number == signal.SIGINT)


def test_reader_that_goes_away_is_no_error(environment: dict[str, str]) -> None:
    """``harness list | head -0`` is quiet and does not claim success."""
    program = "import sys; sys.argv[1:] = ['--help']; from harness.__main__ import main; main()"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_terminal_that_is_ascii_is_no_error(run: Run, environment: dict[str, str], home: Path) -> None:
    """What a terminal can't show is escaped."""
    environment |= {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    file = home / "exercises/tiny/exercise.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("Add the", "Zähle die"), encoding="utf-8")
    done = run("--catalogue", str(home), "list", before="pass")
    assert done.returncode == 0
    assert "Z\\xe4hle die" in done.stdout


def test_colour_is_only_for_terminals(run: Run) -> None:
    """No escape sequence is written to a file or pipe."""
    for done in (run("show", "nothing"), run("list"), run("--help")):
        assert "\x1b" not in done.stdout + done.stderr


def test_help_imports_nothing_heavy(run: Run) -> None:
    """``--help`` stays fast because it imports click and nothing else of weight."""
    before = "import atexit; atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))"
    loaded = set(run("--help", before=before).stderr.split())
    assert "click" in loaded
    assert loaded & {"pydantic", "rich", "docker", "jinja2", "requests", "kubernetes", "pytest", "tomllib"} == set()
    loaded = set(run("list", before=before).stderr.split())
    assert loaded & {"pydantic", "rich", "docker", "jinja2", "requests", "kubernetes", "pytest"} == set()


def test_list_and_show_speak_json(run: Run, home: Path) -> None:
    """``--json`` is one document on stdout with the facts of the table."""
    rows = {row["id"]: row for row in json.loads(run("--catalogue", str(home), "list", "--json").stdout)}
    assert rows["tiny"]["minutes"] == 10
    assert "skeleton" in rows, "a catalogue that is named adds to the checkout"
    facts = json.loads(run("--catalogue", str(home), "show", "tiny", "--json").stdout)
    assert facts["skills"] == {"correctness": 100}
    text = run("--catalogue", str(home), "show", "tiny").stdout
    assert "answers/sums  100" in text
    assert "harness start tiny" in text


def test_list_without_a_catalogue_says_what_to_do(run: Run, tmp_path: Path) -> None:
    """An empty catalogue is no error, and no dead end."""
    (tmp_path / "exercises").mkdir()
    installed = "from harness import settings; settings.CHECKOUT = settings.Path('/nowhere')"
    done = run("--catalogue", str(tmp_path), "list", before=installed)
    assert (done.returncode, done.stdout) == (0, "")
    assert "pass --catalogue DIR" in done.stderr


def test_candidate_gets_from_start_to_submit(run: Run, home: Path, tmp_path: Path) -> None:
    """start, work, submit, and submit again: both packed files are there, and the first is untouched."""
    catalogue = ("--catalogue", str(home))
    work = tmp_path / "my work ☃"
    assert run(*catalogue, "start", "tiny", "--into", str(work), "--alias", "heron").returncode == 0
    assert run(*catalogue, "start", "tiny", "--into", str(work)).returncode == 4
    first = run(*catalogue, "submit", "--no-check", str(work))
    assert first.returncode == 0
    assert re.search(r"sha256 +[0-9a-f]{64}\n", first.stdout)
    assert "left     BRIEF.md  (not asked for)" in first.stdout
    (packed,) = (work / "submissions").iterdir()
    before = packed.read_bytes()
    assert run(*catalogue, "submit", "--no-check", cwd=work).stdout == first.stdout
    (work / "solve.py").write_text("print(1)", encoding="utf-8")
    facts = json.loads(run(*catalogue, "submit", "--no-check", "--json", cwd=work).stdout)
    assert Path(facts["file"]).is_file()
    assert facts["files"] == 2
    assert packed.read_bytes() == before
    assert len(list((work / "submissions").iterdir())) == 2


def test_submit_refuses_a_wrong_service_manifest(run: Run, home: Path, tmp_path: Path) -> None:
    """Exit 3, the mistake in words, and nothing is written."""
    catalogue = ("--catalogue", str(home))
    work = tmp_path / "work"
    run(*catalogue, "start", "tiny", "--into", str(work))
    (work / "service.toml").write_text("rnu = 3", encoding="utf-8")
    done = run(*catalogue, "submit", str(work))
    assert (done.returncode, done.stdout) == (3, "")
    assert 'rnu: unknown key, did you mean "run"?' in done.stderr
    assert not (work / "submissions").exists()


def test_new_makes_a_pair_that_is_well_formed(run: Run, tmp_path: Path) -> None:
    """The skeleton can be listed, started and submitted at once; an id that is taken is refused and untouched."""
    assert run("new", "queue-retry", "--into", str(tmp_path)).returncode == 0
    assert "queue-retry" in run("--catalogue", str(tmp_path), "list").stdout
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert run("new", "queue-retry", "--into", str(tmp_path)).returncode == 4
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


class Hands(progress.Clock):
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: queue.Queue[float] = queue.Queue()
        """How long each wait is meant to be, put when it begins."""

    def now(self) -> float:
        return self.seconds

    def wait(self, over: threading.Event, seconds: float) -> bool:
        until = self.seconds + seconds
        self.waits.put(seconds)
        while not over.wait(0.01):
            if self.seconds >= until:
                return False
        return True


def test_progress_speaks_only_after_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    """What is quick is quiet; what is slow is said with seconds, on stderr, and again every quarter of a minute."""
    clock = Hands()
    with progress.step("quick", clock):
        assert clock.waits.get() == 1
        clock.seconds += 0.9
    assert capsys.readouterr() == ("", "")
    with progress.step("slow", clock) as update:
        update("half")
        assert clock.waits.get() == 1
        clock.seconds += 1
        assert clock.waits.get() == 15  # so it has spoken
        assert capsys.readouterr() == ("", "slow: half ... 1 s\n")
        clock.seconds += 15.4
        assert clock.waits.get() == 15
        assert capsys.readouterr().err == "slow: half ... 16 s\n"
    assert capsys.readouterr() == ("", "slow: done in 16.4 s\n")
