"""``make demo``: two real submissions of a real exercise, graded side by side, and why each got its verdict.

One is a reference solution. The other is a mutant: the same service with one mistake that no glance finds, the one
most candidates make. Both are graded as any candidate's submission would be, at once.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from harness import console, progress
from harness.catalogue.finder import Catalogue
from harness.commands import desk
from harness.commands.opening import Opener
from harness.commands.telling import Telling
from harness.grading import pool, subjects
from harness.grading.runner import Task
from harness.grading.subjects import Subject

CHECKOUT = Path(__file__).resolve().parent.parent
EXERCISE = "idempotent-payments"
DEMO = {"otter": "reference/go-outbox", "heron": "mutant/new-ref-on-retry"}
"""Alias -> which known submission plays it."""


def main(out: Path) -> int:
    """Grade both, write results below ``out``, print both reports; 0 when one passed and the other failed."""
    catalogue = Catalogue((CHECKOUT,))
    known = {one.name: one for one in subjects.all_of(catalogue.pair(EXERCISE))}
    verdicts, telling = {}, Telling()
    tasks = [_submission(known[name], out / "submissions" / alias) for alias, name in DEMO.items()]
    opener = Opener(catalogue=catalogue, engine=None)
    with pool.opened(len(tasks), len(tasks), opener) as graders, progress.step("grading otter and heron, both at once"):
        for done in graders.grade_all(tasks):
            if done.graded is None:
                console.notice(f"{done.task.alias}: {done.error}")
                continue
            folder = desk.keep(done.graded, out, telling)
            verdicts[done.task.alias or ""] = str(done.graded.grading.verdict)
            console.report(telling.report(done.graded.grading).rstrip())
            console.line(f"RESULT    {folder}")
            console.line()
    console.line("  ".join(f"{alias} {verdicts.get(alias, 'not graded')}" for alias in DEMO))
    return 0 if verdicts == {"otter": "passed", "heron": "failed"} else 1


def _submission(subject: Subject, folder: Path) -> Task:
    """Lay a known submission out where it stays, so that it can be read and graded again."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    subject.lay_out(folder)
    return Task(path=str(folder), exercise_id=EXERCISE, alias=folder.name)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/demo")))
