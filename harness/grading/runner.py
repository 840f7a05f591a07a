"""One grading from a path to a result: a straight line of functions.

A :class:`Runner` belongs to one process and grades one submission after the other. What outlives a grading (the engine's
connection, image tags, a warm grader for exercises without a network) is closed with it.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness import __version__, owners
from harness.catalogue import variants
from harness.catalogue.finder import Catalogue
from harness.catalogue.pair import Pair
from harness.catalogue.service import of_starter
from harness.engines.base import Attachment, Engine
from harness.errors import ExitCode, SubmissionError
from harness.events import OutcomeSaid
from harness.grading import attempts, judging, plan, session, trust
from harness.grading.changed import patch_of
from harness.grading.job import Job, selected
from harness.grading.unknown import NO_EXERCISE
from harness.intake import senders, submission
from harness.model import Exercise, Grading, Score, Submission, Verdict
from harness.packs import record
from harness.packs.fit import Fit, compare, held

Progress = Callable[[str], None]
Ended = Callable[[OutcomeSaid, int], None]
"""Told of each check when it ends, and of how many are run in all."""
Images = Callable[[tuple[str, ...]], Mapping[str, str]]
"""Names of image recipes -> tags that exist on the engine."""
_WARM_SECONDS = 3600
"""How long a warm grader serves before a fresh one takes its place."""
_SLACK_SECONDS = 900
"""Over a grading's own deadline, until anybody may reap it: builds, retries and waits for the machine-wide lock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One submission to grade."""

    path: str
    exercise_id: str | None = None
    """Needed when the path is not a packed submission."""
    alias: str | None = None
    seed: int | None = None
    variant: int | None = None
    """What the brief said. None: in a grading what the record of packs says, else 0, whatever a submission says of itself;
    in a check what the workspace says."""
    bar: float | None = None
    mode: str = "grade"
    only: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Graded:
    """A grading and what is kept beside it; ``papers`` are those of its grader that people read about it."""

    grading: Grading
    logs: Mapping[str, bytes]
    patch: bytes = b""
    """What it changed of the starter (:mod:`harness.patches`); empty where nobody can tell in which language it is."""
    papers: Mapping[str, bytes] = field(default_factory=dict)
    again: str = ""
    """That it was done once more, and why, as its notes say."""


def _nothing(*_: object) -> None:
    pass


class Runner:
    """Grades one submission after the other in this process."""

    def __init__(
        self,
        catalogue: Catalogue,
        engine: Engine,
        images: Images,
        progress: Progress,
        *,
        keep_warm: bool = False,
        packs: Path | None = None,
        meanwhile: Callable[[], None] = _nothing,
    ) -> None:
        """Grade with ``catalogue``; ``packs`` is where the record of packs is, if not beside each grader's catalogue.

        ``meanwhile`` is called while a grader starts, when nothing else is to be done.
        """
        self._catalogue = catalogue
        self._packs = packs
        self._engine = engine
        self._images = images
        self._progress = progress
        self._keep_warm = keep_warm
        self._meanwhile = meanwhile
        self._warm = ExitStack()
        self._warm_graders: dict[str, Attachment] = {}
        self._warm_until = 0.0
        self._warm_owner = owners.make_owner("warm", seconds=_WARM_SECONDS)

    @property
    def engine(self) -> Engine:
        """What it grades on."""
        return self._engine

    def close(self) -> None:
        """Close warm graders."""
        self._warm_graders.clear()
        self._warm.close()

    def grade(self, task: Task, *, ready: Callable[[], None] = _nothing, ended: Ended = _nothing) -> Graded:
        """Grade one submission. A refused one is a result; only what is not the candidate's is raised.

        ``ready`` is called when all is there that is needed, images included; ``ended`` hears of each check, undecided. Raises
        UsageError, ExerciseError, EngineError or GraderError.
        """
        began, started_at = time.monotonic(), dt.datetime.now(dt.UTC)
        identity = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        taken, refusal = self._take_in(task)
        base = _blank(taken, task, identity=identity, started_at=started_at, pair=(pair := self._pair(taken, task)))
        if refusal or pair is None:
            return Graded(grading=judging.refused(base, refusal, time.monotonic() - began), logs={})
        patch = patch_of(taken.submission, pair) if task.mode == "grade" else b""
        job: Job | None = None
        try:
            job = self._job(taken, task, identity)
            ready()
            settled = self._settled(job, ended)
        except SubmissionError as error:
            noted = replace(base, notes=(*base.notes, *filter(None, (taken.fit.hold,))))
            noted = noted if job is None else self._with_engine(noted, job)
            return Graded(grading=judging.refused(noted, str(error), time.monotonic() - began), logs={}, patch=patch)
        base = self._with_engine(replace(base, notes=(*base.notes, *filter(None, (settled.again,)))), job)
        grading = held(judging.judged(base, job, settled, time.monotonic() - began), taken.fit)
        return Graded(grading=grading, logs=settled.run.logs, patch=patch, papers=pair.papers, again=settled.again)

    def job(self, task: Task, identity: str) -> Job:
        """Return what would be run to grade ``task``. Raises SubmissionError where that would be refused."""
        return self._job(take_in(task, self._catalogue), task, identity)

    def _take_in(self, task: Task) -> tuple[Taken, str]:
        """Return what came, and why it is refused; empty when it is not."""
        try:
            return take_in(task, self._catalogue, self._packs), ""
        except SubmissionError as error:
            exercise = NO_EXERCISE if task.exercise_id is None else self._catalogue.exercise(task.exercise_id)
            return Taken(submission=_unreadable(task, exercise), exercise=exercise), str(error)

    def _pair(self, taken: Taken, task: Task) -> Pair | None:
        """Return what it is graded with; None where a refused submission names no exercise."""
        name = taken.exercise.id
        return self._catalogue.pair(name, whole=task.mode == "grade") if name else None

    def _job(self, taken: Taken, task: Task, identity: str) -> Job:
        exercise, pair = taken.exercise, self._catalogue.pair(taken.exercise.id, whole=task.mode == "grade")
        services = {"submission": submission.service(exercise, taken.submission)}
        contents = {"submission": taken.submission.files}
        language = services["submission"].language
        if starter := pair.starter(language):
            contents["starter"] = starter
            services["starter"] = of_starter(exercise, starter)
        contents["yardstick"] = pair.below("yardstick")
        tags = self._images(plan.images_needed(exercise, language))
        parameters = variants.parameters(exercise, taken.submission.variant)
        return Job(
            exercise=exercise,
            services=services,
            checks=pair.checks,
            mode=task.mode,
            only=task.only,
            seed=seed_of(task, pair),
            variant=taken.submission.variant,
            parameters=parameters,
            contents=contents,
            grader_files=pair.tests(),
            tags=tags,
            owner=owners.make_owner(identity, seconds=_lifetime(exercise)),
        )

    def _control(self, job: Job) -> Job:
        """Return the same job on the starter: does the grader complete on something we know?"""
        contents = {**job.contents, "submission": job.contents.get("starter", ())}
        services = {**job.services, "submission": job.services.get("starter", job.services["submission"])}
        return replace(job, contents=contents, services=services)

    def _settled(self, job: Job, ended: Ended) -> attempts.Settled:
        def run(one: Job) -> session.Run:
            # What a control does is not about the submission.
            return self._run(one, lambda said: ended(said, len(selected(job.checks, job.only))) if one is job else None)

        return attempts.settle(run, job, lambda: self._control(job), self._progress)

    def _run(self, job: Job, ended: Callable[[OutcomeSaid], None]) -> session.Run:
        # Each run has all of its time: what is opened for it ends by itself when that is over.
        job = replace(job, owner=owners.make_owner(job.owner.run, seconds=_lifetime(job.exercise)))
        listener = session.Listener(progress=self._progress, ended=ended)
        if job.exercise.network or not self._keep_warm:
            return session.run_once(self._engine, job, replace(listener, meanwhile=self._meanwhile))
        complete = False
        try:
            grader = self._warm_grader(job)
            run = session.run_attached(self._engine, job, grader, self._warm_owner, listener)
            complete = run.evidence.complete and not run.interferences
        finally:
            if not complete:
                # Whatever it died of, or left unread, must not reach the next grading.
                self.close()
        return run

    def _warm_grader(self, job: Job) -> Attachment:
        spec = plan.grader(job.exercise, job.tags)
        if spec.image not in self._warm_graders or time.monotonic() > self._warm_until:
            self.close()
            # Its labels outlive the job that opened it: renewed well before anybody may reap it.
            seconds = _WARM_SECONDS + _lifetime(job.exercise)
            owner = self._warm_owner = owners.make_owner(f"warm-{job.owner.run}", seconds=seconds)
            self._warm_until = time.monotonic() + _WARM_SECONDS
            self._warm_graders[spec.image] = self._warm.enter_context(self._engine.attach_once(owner, spec))
        return self._warm_graders[spec.image]

    def _with_engine(self, base: Grading, job: Job) -> Grading:
        able = self._engine.capabilities()
        return replace(
            base,
            engine=f"{able.name} {able.version}, {able.runtime}",
            posture=able.posture,
            language=job.services["submission"].language,
            seed=job.seed,
            digests={**base.digests, "images": plan.fingerprint(job.tags)},
        )


def _lifetime(exercise: Exercise) -> float:
    """Return how long what one run of a grader opens may live."""
    return exercise.deadline_seconds + exercise.build_seconds + _SLACK_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A submission and the exercise it is for."""

    submission: Submission
    exercise: Exercise
    notes: tuple[str, ...] = ()
    """What an assessor should know of how it was taken in."""
    fit: Fit = field(default_factory=Fit)
    """How it fits the packs that were given out; nothing to say in a check."""


def take_in(task: Task, catalogue: Catalogue, packs: Path | None = None) -> Taken:
    """Read a submission, find its exercise and compare it with the record of packs.

    Raises SubmissionError or UsageError, and HarnessError where there is a record that can't be read.
    """
    handed = submission.take(Path(task.path), catalogue=catalogue, exercise_id=task.exercise_id, alias=task.alias)
    found = handed.submission
    pair = catalogue.pair(found.exercise_id, whole=task.mode == "grade")
    fit = Fit()
    if task.mode == "grade":
        known = record.read(record.place(pair, packs))
        fit = compare(handed.invited, found.exercise_id, known, asked=task.variant)
    found = replace(found, variant=_variant(task, found.variant, fit))
    return Taken(submission=found, exercise=pair.scored, notes=notes_on(found), fit=fit)


def _variant(task: Task, claimed: int, fit: Fit) -> int:
    if task.variant is not None:
        return task.variant
    return claimed if task.mode == "check" else fit.variant or 0


def notes_on(found: Submission) -> tuple[str, ...]:
    """Return what an assessor should know of how a submission was taken in, a sentence each."""
    claimed = found.claimed_variant
    if claimed is None or claimed == found.variant:
        return found.notes
    text = (
        f"The submission says that its brief was variant {claimed}; it was graded as variant {found.variant}, which is "
        f"not its to choose. If {claimed} was given out, grade it again with --variant {claimed}."
    )
    return (text, *found.notes)


def _unreadable(task: Task, exercise: Exercise) -> Submission:
    """Return what can be said of a submission that was refused before it could be read."""
    path = Path(task.path)
    said = senders.named(submission.claims(path), task.alias)
    return Submission(
        alias=said.alias,
        exercise_id=exercise.id,
        exercise_version=exercise.version,
        variant=task.variant or 0,
        path=task.path,
        sha256=submission.fingerprint(path),
        files=(),
        alias_from=said.alias_from,
        packed_at=said.packed_at,
        origin=said.origin,
    )


def _blank(taken: Taken, task: Task, *, identity: str, started_at: dt.datetime, pair: Pair | None) -> Grading:
    """Return the grading as it is before anything was opened."""
    exercise, found = taken.exercise, taken.submission
    return Grading(
        id=identity,
        exercise=exercise,
        submission_alias=found.alias,
        submission_path=found.path,
        submission_sha256=found.sha256,
        language="",
        seed=seed_of(task, pair),
        variant=found.variant,
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=0.0,
        engine="",
        posture=(),
        digests={} if pair is None else pair.digests,
        verdict=Verdict.INCONCLUSIVE,
        exit_code=int(ExitCode.INCONCLUSIVE),
        bar=exercise.pass_mark if task.bar is None else task.bar,
        score=Score(earned=0.0, decided=0.0, possible=100.0 if exercise.id else 0.0, by_skill={}, gates=()),
        outcomes=(),
        phases=(),
        timeline=(),
        claim=found.claim,
        trust="" if pair is None else "; ".join(filter(None, (trust.line(pair), taken.fit.words))),
        catalogue=() if pair is None else pair.sources,
        notes=taken.notes,
        harness_version=__version__,
        submission_alias_from=found.alias_from,
        submission_packed_at=found.packed_at,
        submission_origin=found.origin,
    )


def seed_of(task: Task, pair: Pair | None) -> int:
    """Return the seed that was asked for, else the grader's; a candidate's machine has no grader, and another seed."""
    if task.seed is not None:
        return task.seed
    return NO_EXERCISE.seed if pair is None else pair.seed
