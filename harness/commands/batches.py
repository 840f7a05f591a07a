"""What of a batch is to be graded, and what a stored grading answers for already. Opens no engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from harness import console
from harness.catalogue.finder import Catalogue
from harness.errors import HarnessError, UsageError
from harness.grading.runner import Task
from harness.model import Grading
from harness.wording import visible

if TYPE_CHECKING:
    from harness.grading.keeping import Facts, Tags
    from harness.store import Kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """A task that a stored grading answers for."""

    task: Task
    grading: Grading
    folder: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """A task that can't be graded as it was named: the caller must act."""

    task: Task
    error: UsageError


@dataclass(slots=True)
class Batch:
    """Tasks, sorted out."""

    todo: list[Task] = field(default_factory=list)
    same: dict[Task, list[Task]] = field(default_factory=dict)
    """Of those: others that are the same submission, named or sent twice. One grading answers for all."""
    kept: list[Answered] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def usual(self) -> tuple[float, ...]:
        """How many seconds such gradings took before."""
        return tuple(one.grading.seconds for one in self.kept if one.grading.outcomes)


def sorted_out(
    tasks: Sequence[Task], catalogue: Catalogue, packs: Path | None, tags: Tags, out: Path, *, again: bool
) -> Batch:
    """Return which of ``tasks`` to grade, and which the results in ``out`` answer for; none of those with ``again``."""
    batch = Batch()
    there = not again and any(out.glob("*/*"))
    if len(tasks) == 1 and not there:
        batch.todo += tasks
        return batch
    from harness import store
    from harness.grading import keeping

    stored, damaged = store.stored(out) if there else ((), ())
    for error in damaged:
        console.notice(f"{error}; it answers for no submission")
    first: dict[Facts, Task] = {}
    for task in tasks:
        try:
            facts = keeping.facts(task, catalogue, packs, tags)
        except UsageError as error:
            batch.wrong.append(Wrong(task=task, error=error))
            continue
        except HarnessError:
            batch.todo.append(
                task
            )  # what is wrong with an exercise, or with the record of packs, is said by its grading
            continue
        if facts in first:
            batch.same.setdefault(first[facts], []).append(task)
            continue
        answer = _answer(task, keeping.last_of(facts, stored))
        if answer is not None:
            batch.kept.append(answer)
            continue
        first[facts] = task
        batch.todo.append(task)
    _say(batch, len(tasks))
    return batch


def _answer(task: Task, found: Kept | None) -> Answered | None:
    """Return the stored grading that answers for a task; one that can't be read whole is said, and answers for none."""
    if found is None:
        return None
    from harness import store

    try:
        return Answered(task=task, grading=store.decode_file(found.file), folder=found.file.parent)
    except HarnessError as error:
        console.notice(f"{error}; it answers for no submission")
        return None


def _say(batch: Batch, count: int) -> None:
    if batch.kept:
        console.notice(
            f"{len(batch.kept)} of {count} kept: graded before, with the same submission, exercise, grader, images and "
            "seed (--again grades them anew)"
        )
    for one, others in batch.same.items():
        named = ", ".join(visible(other.path) for other in others)
        console.notice(f"{named}: the same submission as {visible(one.path)}, which is graded once")
