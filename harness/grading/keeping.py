"""Which stored grading answers for a submission: the same bytes, judged by the same, are not judged again.

Decided before anything is opened, from what is on disk: no engine is asked. What is on disk may be anybody's: whether it is
to be believed is for the caller to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import store
from harness.catalogue.finder import Catalogue
from harness.errors import SubmissionError
from harness.grading import plan
from harness.grading.runner import Taken, Task, seed_of, take_in
from harness.intake import submission
from harness.model import Verdict
from harness.packs import fit
from harness.store import Kept

Tags = Callable[[tuple[str, ...]], Mapping[str, str]]
"""Names of image recipes -> what their images are called as the recipes are now, on the engine that would grade."""
_OF = ("exercise", "grader")


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """All that a grading hangs on, as far as anybody can tell before it. Two tasks with equal facts are one."""

    origin: str
    """Whose it is."""
    sha256: str
    exercise: str
    digests: tuple[str, ...] = ("", "")
    """Of exercise and grader."""
    refused: str = ""
    """Why it is refused unread; then nothing below was looked at."""
    images: str = ""
    """Empty where it does not say in which language it is."""
    seed: int = 0
    variant: int = 0
    bar: float = 0.0
    held: bool = False
    """Whether it does not fit the record of packs."""

    def are_of(self, kept: Kept) -> bool:
        """Whether ``kept`` is of all this, and says something: what was inconclusive may be tried again."""
        mine = (self.origin, self.sha256, self.exercise, self.digests)
        if mine != (kept.origin, kept.sha256, kept.exercise, _digests(kept.digests)):
            return False
        if self.refused:
            return kept.verdict == Verdict.REFUSED and kept.reason == self.refused
        if (self.images, self.seed, self.variant) != (kept.digests.get("images", ""), kept.seed, kept.variant):
            return False
        if kept.verdict == Verdict.REFUSED:
            return True  # by its build: no bar was looked at
        held = kept.verdict == Verdict.HELD and kept.reason.startswith(fit.HELD)
        return kept.verdict != Verdict.INCONCLUSIVE and self.bar == kept.bar and self.held == held


def facts(task: Task, catalogue: Catalogue, packs: Path | None, tags: Tags) -> Facts:
    """Return what grading ``task`` now would hang on.

    Raises UsageError when the caller must act, HarnessError where a catalogue or the record of packs can't be read.
    """
    try:
        return _of_taken(take_in(task, catalogue, packs), task, catalogue, tags)
    except SubmissionError as error:
        path, known = Path(task.path), task.exercise_id or ""
        return Facts(
            origin=_plain(submission.claims(path).origin),
            sha256=submission.fingerprint(path),
            exercise=known,
            digests=_digests(catalogue.pair(known).digests if known else {}),
            refused=_plain(str(error)),
        )


def answers(wanted: Facts, stored: Iterable[Kept]) -> Sequence[Kept]:
    """Return the stored gradings that say of themselves that they answer for ``wanted``, the last one first."""
    return sorted((one for one in stored if wanted.are_of(one)), key=lambda one: one.started_at, reverse=True)


def _of_taken(taken: Taken, task: Task, catalogue: Catalogue, tags: Tags) -> Facts:
    found, exercise = taken.submission, taken.exercise
    pair = catalogue.pair(exercise.id)
    try:
        language = submission.service(exercise, found).language
        images = plan.fingerprint(tags(plan.images_needed(exercise, language)))
    except SubmissionError:
        images = ""
    return Facts(
        origin=_plain(found.origin),
        sha256=found.sha256,
        exercise=exercise.id,
        digests=_digests(pair.digests),
        images=images,
        seed=seed_of(task, pair),
        variant=found.variant,
        bar=exercise.pass_mark if task.bar is None else task.bar,
        held=bool(taken.fit.hold),
    )


def _digests(known: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(known.get(name, "") for name in _OF)


def _plain(text: str) -> str:
    """Return ``text`` as a result holds it."""
    return str(store.plain(text))
