"""What of a batch is to be graded, and what a stored grading answers for already. Opens no engine."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
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
    from harness.signing.keys import PublicKey
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
    tasks: Sequence[Task],
    catalogue: Catalogue,
    packs: Path | None,
    tags: Tags,
    out: Path,
    *,
    again: bool,
    keys: Path | None = None,
) -> Batch:
    """Return which of ``tasks`` to grade, and which the results in ``out`` answer for; none of those with ``again``.

    A result answers only where one of the keys in the folder ``keys`` signed it: ``out`` may lie where whoever is graded can
    put one. None: nothing is signed here, and each is believed.
    """
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
    doubts = _doubts(keys)
    first: dict[Facts, Task] = {}
    for task in tasks:
        facts = _facts(task, batch, lambda one: keeping.facts(one, catalogue, packs, tags))
        if facts is None:
            continue
        if facts in first:
            batch.same.setdefault(first[facts], []).append(task)
            continue
        answer = _answer(task, keeping.answers(facts, stored), doubts)
        if answer is not None:
            batch.kept.append(answer)
            continue
        first[facts] = task
        batch.todo.append(task)
    _say(batch, len(tasks))
    return batch


def _facts(task: Task, batch: Batch, look: Callable[[Task], Facts]) -> Facts | None:
    """Return what grading ``task`` would hang on; None where that can't be said, and ``batch`` has it where it belongs."""
    try:
        return look(task)
    except UsageError as error:
        batch.wrong.append(Wrong(task=task, error=error))
    except HarnessError:
        # What is wrong with an exercise, or with the record of packs, is said by its grading.
        batch.todo.append(task)
    return None


def _doubts(keys: Path | None) -> Callable[[Path], str]:
    """Return what says of a ``result.json`` why nobody is believed who vouches for it; empty when somebody is."""
    if keys is None:
        return lambda _: ""
    from harness import signing, store
    from harness.signing.keys import trusted

    @functools.cache
    def believed() -> tuple[PublicKey, ...]:
        try:
            return trusted(keys)
        except HarnessError as error:
            console.notice(f"no key can be believed, so that nothing is kept: {error}")
            return ()

    return lambda file: signing.doubt(file.parent, store.RESULT, believed())


def _answer(task: Task, stored: Sequence[Kept], doubts: Callable[[Path], str]) -> Answered | None:
    """Return the first of ``stored`` that can be read whole and is believed; of others it is said why they answer for none."""
    from harness import store

    for one in stored:
        folder = one.file.parent
        try:
            why = doubts(one.file)
            if not why:
                return Answered(task=task, grading=store.decode_file(one.file), folder=folder)
        except HarnessError as error:
            console.notice(f"{error}; it answers for no submission")
            continue
        console.notice(f"{visible(str(folder))}: {why}; it answers for no submission")
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
