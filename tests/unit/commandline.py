"""The whole command line in a forked child: as a process of its own, in milliseconds, with streams that are not there."""

from __future__ import annotations

import codecs
import contextlib
import gc
import importlib
import io
import os
import pkgutil
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from harness import __main__ as boundary
from harness import catalogue, commands, intake, store
from harness import grading as grading_package
from harness import reports as reports_package
from harness.commands.new import skeleton
from harness.engines import fake
from harness.errors import SubmissionError, UsageError
from harness.grading.runner import Graded, Progress, Task
from harness.model import Grading, Verdict
from tests.unit.factories import failed, grading, heron, refused, reports

for package in (catalogue, commands, grading_package, intake, reports_package, store, fake):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)  # once, and not in each child
importlib.import_module("jinja2.sandbox")
for encoding in ("ascii", "idna", "latin-1", "utf-8-sig"):
    codecs.lookup(encoding)  # who has become somebody else may not be allowed to read Python itself
STATES = ("open", "closed", "broken", "full")
"""What may be wrong with a stream that is written to."""
NAMES = {1: "out", 2: "err"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A command that ended, and what came through the streams that were open."""

    code: int
    out: str
    err: str


class Begun:
    """A command that runs: what is used of :class:`subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        """Look after the child ``pid``."""
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        if self._code is None:
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if ended else None
        return self._code

    def wait(self, seconds: float) -> int:
        """Return its exit code once it has ended."""
        until = time.monotonic() + seconds
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired("harness", seconds)
            time.sleep(0.02)
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


def command(
    *arguments: str,
    cwd: Path,
    streams: Mapping[int, str] | None = None,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], object] | None = None,
) -> Ended:
    """Run ``harness ARGUMENTS`` in a child of this process; ``streams`` says what is wrong with 0, 1 and 2."""
    seen = {number: cwd.parent / f"seen-{cwd.name}.{name}" for number, name in NAMES.items()}

    def arrange() -> None:
        for number in (0, 1, 2):
            _arrange(number, (streams or {}).get(number, "open"), seen.get(number))

    _, status = os.waitpid(_forked(arguments, cwd, arrange, environment, before), 0)
    texts = [seen[number].read_text(encoding="utf-8") if seen[number].exists() else "" for number in NAMES]
    for file in seen.values():
        file.unlink(missing_ok=True)
    return Ended(code=os.waitstatus_to_exitcode(status), out=texts[0], err=texts[1])


def begin(*arguments: str, cwd: Path, said: Path, environment: Mapping[str, str]) -> Begun:
    """Start ``harness ARGUMENTS`` in a child of this process that says everything into the file ``said``."""
    said.write_bytes(b"")

    def arrange() -> None:
        for number in (0, 1, 2):
            _arrange(number, "open", said if number == 1 else None)
        os.dup2(1, 2)

    return Begun(_forked(arguments, cwd, arrange, environment, None))


def _forked(
    arguments: Sequence[str],
    cwd: Path,
    arrange: Callable[[], None],
    environment: Mapping[str, str] | None,
    before: Callable[[], object] | None,
) -> int:
    """Fork a child that is the command, and return its process id."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            gc.freeze()  # what the tests have made is not looked through again in each child
            os.chdir(cwd)
            arrange()
            os.environ.update(
                {"XDG_STATE_HOME": str(cwd.parent / "state"), "HARNESS_CATALOGUE": ".", **(environment or {})}
            )
            if "TMPDIR" in (environment or {}):
                tempfile.tempdir = None  # this process has asked already
            _as_started(["harness", *arguments])
            if before is not None:
                before()
            code = _main()
        except BaseException:  # noqa: BLE001 - nothing of the child may go on as a second test run
            with contextlib.suppress(OSError):
                (cwd.parent / "child").write_text(traceback.format_exc())
        finally:
            os._exit(code)
    return child


def _arrange(number: int, state: str, file: Path | None) -> None:
    if state == "closed":
        with contextlib.suppress(OSError):
            os.close(number)
        return
    if state == "broken":
        reader, handle = os.pipe()
        os.close(reader)
    elif state == "full":
        handle = os.open("/dev/full", os.O_WRONLY)
    elif file is None:
        handle = os.open(os.devnull, os.O_RDONLY)
    else:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, number)
    if handle != number:
        os.close(handle)


def _as_started(argv: list[str]) -> None:
    """Give Python's streams what the interpreter gives them when it starts: None where there is none."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored, and a child would inherit that
    sys.argv = argv
    sys.stdin, sys.stdout, sys.stderr = (_stream(number, mode) for number, mode in ((0, "r"), (1, "w"), (2, "w")))


def _stream(number: int, mode: str) -> io.TextIOWrapper:
    try:
        os.fstat(number)
    except OSError:
        return None  # type: ignore[return-value]  # as the interpreter does
    raw = io.FileIO(number, mode, closefd=False)
    return io.TextIOWrapper(io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw), encoding="utf-8")


def _main() -> int:
    code = 98
    try:
        boundary.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 97
    except BaseException:  # noqa: BLE001 - what the interpreter would make of it
        return 1
    try:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except OSError:
        return 120  # the interpreter's own
    return code


@dataclass(frozen=True, kw_only=True, slots=True)
class Scripted:
    """Plays the opener and the runner: the name of a submission says how its grading ends."""

    def __call__(self, stack: ExitStack, progress: Progress | None) -> Scripted:
        return self

    def tags(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """Return what images are called."""
        return dict.fromkeys(names, "tag")

    def grade(self, task: Task, *, ready: Callable[[], None] = lambda: None, ended: object = None) -> Graded:
        """Return the grading that the name of the submission asks for."""
        ready()
        made = ENDINGS[Path(task.path).name.partition(".")[0] if task.mode == "grade" else "failed"](task)
        return Graded(grading=made, logs={"app": b"log\n"})


def _named(made: Grading, task: Task) -> Grading:
    return replace(
        made,
        id=f"{made.id[:-4]}{secrets.token_hex(3)}",
        submission_path=task.path,
        submission_alias=Path(task.path).name.partition(".")[0],
        submission_origin=task.path,
    )


def _vanished(task: Task) -> Grading:
    text = f"{task.path}: expected a packed submission, found nothing readable: correct it"
    raise UsageError(text)


def _unknown(task: Task) -> Grading:
    text = f"{task.path}: expected a packed submission, found junk"
    raise SubmissionError(text)


def _no_memory(_: Task) -> Grading:
    raise MemoryError


def _inconclusive(task: Task) -> Grading:
    said = reports(failed("safety/killed-mid-charge", status="inconclusive"))
    made = _named(grading(said), task)
    assert made.verdict is Verdict.INCONCLUSIVE
    return made


ENDINGS: Mapping[str, Callable[[Task], Grading]] = {
    "passed": lambda task: _named(grading(), task),
    "failed": lambda task: _named(heron(), task),
    "inconclusive": _inconclusive,
    "refused": lambda task: _named(refused(), task),
    "held": lambda task: _named(grading([*reports(), failed("a/b")]), task),
    "unknown": _unknown,
    "vanished": _vanished,
    "memory": _no_memory,
}
EXPECTED = {
    "passed": 0,
    "failed": 1,
    "inconclusive": 2,
    "refused": 3,
    "held": 6,
    "unknown": 3,
    "vanished": 4,
    "memory": 5,
}
"""Name of a submission -> exit code of its grading."""


def world(folder: Path) -> Path:
    """Lay out a catalogue with the exercise ``tiny``, a workspace, submissions and a stored result; return where."""
    here = folder / "here"
    for part, name in (("exercise", "exercises"), ("grader", "graders")):
        for path, content in skeleton(part, "tiny"):
            file = here / name / "tiny" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    for name in ENDINGS:
        (here / f"{name}.tar.gz").write_bytes(b"what it holds is not looked at")
    store.save(heron(), here / "kept")
    made = command("start", "tiny", "--into", "w", cwd=here)
    assert made.code == 0, made
    return here
