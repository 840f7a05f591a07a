"""A batch of small submissions, graded without an engine: what is in a submission says how its grading ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from harness.catalogue.finder import Catalogue
from harness.commands import grade as verb
from harness.commands.new import skeleton
from harness.engines.fake.engine import FakeEngine
from harness.errors import EngineError, ExitCode
from harness.events import Evidence, Finished, OutcomeSaid
from harness.grading import attempts
from harness.grading.job import Job
from harness.grading.runner import Graded, Runner, Task
from harness.grading.session import Progress, Run
from harness.model import Status

SERVICE = 'run = ["python3", "solve.py"]\n'


@dataclass(frozen=True, kw_only=True, slots=True)
class Opens:
    """Plays the opener. Can be sent to a process that is spawned."""

    home: Path
    """Of the catalogue."""
    image: str = "tag"
    trouble: str = ""
    """At what moment the engine fails, once: ``open``, ``images``, or in the run of the alias that it names."""

    def tags(self, names: tuple[str, ...]) -> Mapping[str, str]:
        """Return what images are called."""
        return dict.fromkeys(names, self.image)

    def __call__(self, stack: ExitStack, progress: Progress | None) -> Watched:
        """Open a runner whose runs end as submissions say."""
        attempts.settle = _settled  # also where nobody has put it there: in a process that was spawned
        reached(self.home, "open")
        self.fail("open")
        stack.callback(reached, self.home, "close")
        return Watched(Runner(Catalogue([self.home]), FakeEngine(), self._images, progress or (lambda _: None)), self)

    def _images(self, names: tuple[str, ...]) -> Mapping[str, str]:
        self.fail("images")
        return self.tags(names)

    def fail(self, moment: str) -> None:
        """Fail when it is the moment, the first time."""
        if moment == self.trouble and _first(self.home, "trouble"):
            text = "the engine went away"
            raise EngineError(text)


@dataclass(frozen=True, slots=True)
class Watched:
    """A runner that says which moments it reaches."""

    runner: Runner
    opens: Opens

    def grade(self, task: Task) -> Graded:
        """Grade one submission."""
        reached(self.opens.home, "begin")
        graded = self.runner.grade(task)
        self.opens.fail(graded.grading.submission_alias)
        with (self.opens.home / "graded").open("a", encoding="utf-8") as file:
            file.write(f"{graded.grading.submission_alias}\n")
        reached(self.opens.home, "end")
        return graded


MOMENT = "moment"
"""File beside the catalogue: at which moment a worker that reaches it dies, once."""


def reached(home: Path, moment: str) -> None:
    """Die when a test wants it at this moment."""
    file = home / MOMENT
    if file.exists() and file.read_text(encoding="utf-8") == moment and _first(home, "died"):
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)


def _first(home: Path, what: str) -> bool:
    try:
        (home / what).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def graded(home: Path) -> list[str]:
    """Return the aliases of what was graded so far, and forget them."""
    file = home / "graded"
    said = file.read_text(encoding="utf-8").split() if file.exists() else []
    file.unlink(missing_ok=True)
    return sorted(said)


def _settled(run_job: attempts.RunJob, job: Job, control: Callable[[], Job], progress: Progress) -> attempts.Settled:
    del run_job, control, progress
    said = next(file.content.decode() for file in job.contents["submission"] if file.path == "solve.py")
    evidence = Evidence()
    if said != "inconclusive":
        status = Status.FAILED if said == "fails" else Status.PASSED
        for check in job.checks:
            evidence.collected.append(check.id)
            evidence.outcomes.append(
                OutcomeSaid(event="outcome", check=check.id, status=status, credit=float(status is Status.PASSED))
            )
        evidence.finished = Finished(event="finished", exit=0)
    return attempts.Settled(run=Run(evidence=evidence))


def catalogue(home: Path) -> Path:
    """Lay out a catalogue with the exercise ``tiny`` and return its folder."""
    for part, folder in (("exercise", "exercises"), ("grader", "graders")):
        for path, content in skeleton(part, "tiny"):
            file = home / folder / "tiny" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
    return home


def submission(folder: Path, said: str = "passes") -> Path:
    """Return a submission that nobody packed, whose grading ends as ``said``."""
    folder.mkdir(parents=True)
    (folder / "service.toml").write_text(SERVICE, encoding="utf-8")
    (folder / "solve.py").write_text(said, encoding="utf-8")
    return folder


Grade = Callable[..., ExitCode]


def grader(home: Path) -> Grade:
    """Return ``harness grade`` of folders for ``tiny``, with a stand-in for the opener that ``verb`` was given."""

    def call(*paths: str, **options: object) -> ExitCode:
        arguments: dict[str, object] = {
            "exercise": "tiny",
            "seed": None,
            "variant": None,
            "jobs": 1,
            "bar": None,
            "advisory": False,
            "out": "res",
            "as_json": False,
            "engine": None,
            "catalogue": Catalogue([home]),
        }
        return verb.grade(paths, **(arguments | options))  # type: ignore[arg-type]

    return call


def results(out: Path) -> dict[str, list[str]]:
    """Return the ids of all stored gradings by name."""
    return {folder.name: sorted(one.name for one in folder.iterdir()) for folder in out.iterdir() if folder.is_dir()}


def copied(paths: Sequence[Path], into: Path) -> list[Path]:
    """Return copies of folders."""
    return [Path(shutil.copytree(path, into / path.name)) for path in paths]
