"""The facts of the domain: frozen values, no I/O. Words are those of docs/reference/glossary.md."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""What ``json.loads`` can return."""

SCHEMA = 3
"""Version of ``result.json``; see docs/reference/result.md."""


class Status(enum.StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    """The service was seen to break the rule (credit may still be partial)."""
    UNPROVEN = "unproven"
    """The evidence is missing because the candidate's service gave none: no points, and a gate of it is not shown."""
    INCONCLUSIVE = "inconclusive"
    """The evidence is missing for a reason of ours, proven by our own probe: costs no point."""


class Verdict(enum.StrEnum):
    """How a grading ended."""

    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    REFUSED = "refused"
    """The submission never reached a grader (not an archive, wrong exercise, does not build)."""
    HELD = "held"
    """Integrity hold: a human must look before anybody relies on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing that is judged, as declared in ``exercise.toml`` (public) or ``checks.toml`` (hidden)."""

    id: str
    """``family/name``, slugs of ``[a-z0-9-]``."""
    title: str
    """What holds when it passes, in words a candidate understands."""
    skill: str
    points: float
    public: bool
    requires: tuple[str, ...] = ()
    """Ids of checks that must have passed; else this one is ``unproven`` without being run."""
    kept: bool = False
    """It judges what must not break, and so may pass on the untouched starter, once what it requires passes."""
    last: bool = False
    """It judges everything that was done in a grading, and so runs after all others, however they ended. At most one does."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gate:
    """A cap on the total unless each of some checks passed: see :class:`GateState`."""

    id: str
    title: str
    """The consequence in business words."""
    cap: float
    """The most that is left when it was seen broken."""
    checks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class HumanItem:
    """Something only a person can mark. Never part of the automatic score."""

    id: str
    title: str
    points: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one sandbox may use. Enforced exactly, or the engine refuses to open the scenario."""

    cpus: float = 1.0
    memory_mb: int = 512
    """Without tmpfs: the engine adds ``tmpfs_mb`` because tmpfs pages count as memory. Swap is off."""
    pids: int = 512
    tmpfs_mb: int = 256
    """Size of the writable volume at ``/box``."""
    tmpfs_inodes: int = 16384
    file_size_mb: int = 256
    nofile: int = 1024
    output_kb: int = 1024
    """Captured bytes of each of stdout and stderr; what is over is dropped and said so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxPlan:
    """One sandbox of an exercise's scenario, as ``exercise.toml`` declares it."""

    name: str
    role: str
    """``candidate`` (runs submission code), ``service`` (an image of ours), ``yardstick`` (ours, candidate's limits)."""
    image: str
    """Name of an image recipe in ``docker/``, or ``language`` for the submission's own language."""
    command: tuple[str, ...] = ()
    """Empty for the candidate: it comes from ``service.toml``."""
    limits: Limits = field(default_factory=Limits)
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Names this sandbox can resolve -> name of a sandbox (``grader`` included)."""
    content: str = ""
    """What is copied to ``/box``: ``submission``, ``starter``, ``yardstick``, or nothing."""
    build: str = ""
    """What is built in ``/box`` before the checks: its ``content``, by the build command of that one's ``service.toml``."""
    restore: bool = False
    """Whether what is in ``/box`` when the checks begin is put back when a check has the sandbox's files lost."""
    build_when: str = "always"
    """``always``, or ``test``: only for a submission whose ``service.toml`` has a ``test`` command."""
    main: bool = False
    """The candidate's main service: a submission that does not build here is refused. One sandbox is."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment of its process. Values may hold ``{timeouts.NAME}``, ``{parameters.NAME}``, ``{address.SANDBOX}``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredTimeout:
    """A timeout the candidate declares in ``service.toml``; waits in checks are multiples of it."""

    name: str
    title: str
    default_seconds: float
    minimum_seconds: float
    maximum_seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Exercise:
    """Everything a candidate may know about an exercise."""

    id: str
    version: str
    status: str
    """``draft`` or ``validated``."""
    title: str
    summary: str
    skills: Mapping[str, float]
    """Skill -> automatic points; sums to 100."""
    minutes: int
    pass_mark: float
    seed: int
    """Seed of a candidate's own ``check``. That of a grading lives in the grader: ``Catalogue.seed``."""
    deadline_seconds: int
    """A grading that is not done by then is ended."""
    languages: tuple[str, ...]
    """Empty: the submission is one command run once a check, no service."""
    network: bool
    sandboxes: tuple[SandboxPlan, ...]
    grader_limits: Limits
    build_limits: Limits
    build_seconds: int
    timeouts: tuple[DeclaredTimeout, ...]
    submit: tuple[str, ...]
    """Globs of what travels."""
    max_bytes: int
    max_files: int
    parameters: Mapping[str, tuple[str, ...]]
    """Variant knob -> allowed values; the first is that of variant 0."""
    checks: tuple[Check, ...]
    """Public checks only; hidden ones are declared beside their tests."""
    gates: tuple[Gate, ...]
    human: tuple[HumanItem, ...]

    @property
    def main(self) -> SandboxPlan:
        """The sandbox of the candidate's main service, whatever an exercise calls it."""
        return next(one for one in self.sandboxes if one.main)

    def cap_not_shown(self, gate: Gate) -> float:
        """Return the most that is left when a check of ``gate`` has no evidence and that is not our doing.

        One point under the pass mark: a gate must be earned. Never more than its own cap: then hiding a failure of a gate
        that caps far below the pass mark would be worth points.
        """
        return min(gate.cap, max(0.0, self.pass_mark - 1))


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """``service.toml`` of a submission: how to build, run and test it."""

    language: str
    build: tuple[str, ...]
    """Empty when nothing is built."""
    run: tuple[str, ...]
    test: tuple[str, ...]
    """The candidate's own black-box tests; empty when there are none."""
    timeouts: Mapping[str, float]
    """Declared timeout -> seconds, defaults filled in, bounds checked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmissionFile:
    """One regular file of a submission."""

    path: str
    """Relative, ``/``-separated, normalised."""
    content: bytes
    executable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A submission after intake: regular files only, whatever the archive held."""

    alias: str
    exercise_id: str
    exercise_version: str
    variant: int
    """What is graded; intake puts in what the submission claims."""
    path: str
    """Where it came from, as given."""
    sha256: str
    """Of the packed file, or of the normalised content of a directory."""
    files: tuple[SubmissionFile, ...]
    claim: Mapping[str, str] = field(default_factory=dict)
    """Check id -> status in the candidate's own last ``harness check``: a claim, shown, never scored."""
    notes: tuple[str, ...] = ()
    """What an assessor should know of how it was taken in, a sentence each."""
    claimed_variant: int | None = None
    """Which variant the submission says its brief was; None when it says nothing."""
    alias_from: str = ""
    """Who says the alias: ``the packed file``, ``the workspace``, ``the folder's name``..."""
    packed_at: str = ""
    """When it was packed, as the packed file says: ISO 8601, UTC. Empty for a folder."""
    origin: str = ""
    """Equal for what was packed in one workspace, or else came from one path; otherwise different."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """A value that a check compared with a threshold."""

    name: str
    value: float
    limit: float
    better: str
    """``less`` or ``more``: on which side of ``limit`` right services are."""
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the value is on the right side of its limit; on it counts."""
        return self.value <= self.limit if self.better == "less" else self.value >= self.limit

    @property
    def inside(self) -> float:
        """How many times inside its limit it is: 2 is half of what is allowed, or twice what is wanted; under 1, outside."""
        better, worse = (self.limit, self.value) if self.better == "less" else (self.value, self.limit)
        return better / worse if worse > 0 else math.inf


OWN_TESTS_PRINTED = "what your tests printed"
"""How the line of evidence begins after which the output of the candidate's own tests follows: it is theirs to see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How one check ended in one grading."""

    check: Check
    status: Status
    credit: float
    """In [0, 1]; points earned are ``credit * points``."""
    seconds: float = 0.0
    feedback: str = ""
    """For the candidate: one human sentence, the smallest counterexample."""
    detail: str = ""
    """For the assessor only."""
    evidence: tuple[str, ...] = ()
    """Lines of history that prove it."""
    measures: tuple[Measure, ...] = ()
    """What it compared with its thresholds. For the assessor only."""


class GateState(enum.StrEnum):
    """Why a gate is closed."""

    BROKEN = "seen broken"
    """A check of it failed: what it is for was seen to happen."""
    NOT_SHOWN = "not shown"
    """None failed, and of at least one the submission gave no evidence: what it is for was not ruled out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GateHit:
    """A gate that capped the total."""

    gate: Gate
    state: GateState
    cap: float
    """The most that it leaves: the gate's own cap, or less where checks are not shown (:meth:`Exercise.cap_not_shown`)."""
    checks: tuple[str, ...]
    """Its checks that failed."""
    unshown: tuple[str, ...]
    """Its checks of which the submission gave no evidence, in either state."""
    without: float
    """What the total would have been."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """Automatic points."""

    earned: float
    """After gates."""
    decided: float
    """Points of checks that are not inconclusive."""
    possible: float
    by_skill: Mapping[str, tuple[float, float]]
    """Skill -> (earned before gates, possible)."""
    gates: tuple[GateHit, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """A stretch of a grading."""

    name: str
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """One entry of the fault timeline; seconds on the grader's monotonic clock since the grading began."""

    start_seconds: float
    end_seconds: float
    kind: str
    """``fault`` or ``answered``."""
    label: str
    """For ``fault``: the name of the fault (``kill``, ``cut``...). For ``answered``: ``right/all``, two integers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grading:
    """One grading, complete: ``result.json`` is this, and every report is a view of it."""

    id: str
    exercise: Exercise
    submission_alias: str
    """What it calls itself."""
    submission_path: str
    submission_sha256: str
    language: str
    seed: int
    """0 in what a candidate is shown: it is not theirs to know."""
    variant: int
    started_at: str
    """ISO 8601, UTC."""
    seconds: float
    engine: str
    posture: tuple[str, ...]
    """What could only be weakened on this machine; empty means the standard class."""
    digests: Mapping[str, str]
    """``exercise``, ``grader``, ``images``, ``core`` -> sha256."""
    verdict: Verdict
    exit_code: int
    bar: float
    score: Score
    outcomes: tuple[Outcome, ...]
    phases: tuple[Phase, ...]
    timeline: tuple[Mark, ...]
    reason: str = ""
    """Why there is no score (refused, inconclusive, held), in words."""
    claim: Mapping[str, str] = field(default_factory=dict)
    trust: str = ""
    """One line on how the exercise was proven, from its validation record."""
    harness_version: str = ""
    catalogue: tuple[str, ...] = ()
    """Folders that exercise and grader came from: one, or the exercise's and the grader's. ``harness``: our own."""
    notes: tuple[str, ...] = ()
    """What an assessor should know of how the submission was taken in, a sentence each: claims that were not followed."""
    submission_name: str = ""
    """Its alias, with what tells it from others of that alias; of its folder, its row and its JUnit suite."""
    submission_alias_from: str = ""
    submission_packed_at: str = ""
    submission_origin: str = ""
    """As in :class:`Submission`."""

    @property
    def name(self) -> str:
        """What people tell it by."""
        return self.submission_name or self.submission_alias
