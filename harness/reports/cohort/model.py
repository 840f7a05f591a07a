"""The facts of a cohort: frozen values, no I/O. ``cohort.json`` is these; table, page, CSV and Markdown are views of them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.marking import Agreement
from harness.model import GateState, Status, Verdict
from harness.reports.cohort.statistics import Discrimination

SCHEMA = 1
"""Version of ``cohort.json`` and of the columns of ``index.csv``; see docs/reference/cohort.md."""
GRADED = frozenset({Verdict.PASSED, Verdict.FAILED})
"""What has a total that can be compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillPoints:
    """What one candidate has of one skill, before gates."""

    name: str
    earned: float
    owed: float
    """Points of inconclusive checks: neither earned nor lost."""
    possible: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosedGate:
    """A gate that capped a total."""

    id: str
    title: str
    state: GateState
    cap: float
    without: float
    """What the total would have been."""
    checks: tuple[str, ...]
    unshown: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckMark:
    """How one check ended for one candidate."""

    id: str
    status: Status
    credit: float
    earned: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Human:
    """How it stands with the people who mark what only people can. Never added to automatic points."""

    points: float | None
    """None while an item is open."""
    possible: float
    open: int
    """Items that are not settled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Earlier:
    """A grading of the same sender that does not count: an earlier submission, or graded again since."""

    grading: str
    folder: str
    started_at: str
    sha256: str
    verdict: Verdict
    earned: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One sender by the grading that counts: the last one of the submission that was packed last."""

    name: str
    alias: str
    grading: str
    folder: str
    """Of the grading, relative to the results folder, with ``/``."""
    report: str
    """The file to read there, relative to the results folder; empty when there is none."""
    path: str
    """Where the submission came from, as given."""
    sha256: str
    packed_at: str
    started_at: str
    seconds: float
    language: str
    variant: int
    bar: float
    posture: tuple[str, ...]
    """What the machine enforced in a weaker form than the standard class."""
    verdict: Verdict
    exit_code: int
    why: tuple[str, ...]
    """As in its report, what decided it first."""
    earned: float
    decided: float
    possible: float
    lowest: float
    """The total however inconclusive checks turn out is between this and ``highest``."""
    highest: float
    percentile: float | None
    """Rank among the totals of its exercise; None below 30 of them."""
    skills: tuple[SkillPoints, ...]
    gates: tuple[ClosedGate, ...]
    """The lowest cap first."""
    checks: tuple[CheckMark, ...]
    unshown: int
    """Checks without evidence."""
    inconclusive: int
    human: Human | None
    """None where there is no rubric."""
    submissions: int
    """How many different ones this sender sent, this one included."""
    earlier: tuple[Earlier, ...]
    """The other gradings of the sender for this exercise, the last first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A check over all candidates that were graded on it."""

    id: str
    title: str
    skill: str
    points: float
    public: bool
    passed: int
    in_part: int
    failed: int
    """Without any credit."""
    unproven: int
    inconclusive: int
    difficulty: float | None
    """Mean credit; None from few gradings: see ``harness.reports.cohort.statistics``, as for the next."""
    discrimination: Discrimination | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Alike:
    """Two candidates whose program text is nearly the same, as far as it is not the starter's: a share of text, no verdict."""

    one: str
    """Name of a candidate."""
    other: str
    one_folder: str
    """Of the grading that counts, as in :class:`Candidate`."""
    other_folder: str
    share: float
    """Of the text of whoever wrote less, how much the other has too: from ``harness.reports.cohort.alike.SHARE`` to 1."""
    of_one: float
    of_other: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillColumn:
    """A skill over all candidates whose total can be compared."""

    name: str
    possible: float
    median: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ExerciseCohort:
    """All candidates of one version of one exercise. Never compared with those of another: other checks, other points."""

    id: str
    version: str
    title: str
    pass_mark: float
    possible: float
    median: float | None
    """Of the totals of those that passed or failed."""
    skills: tuple[SkillColumn, ...]
    checks: tuple[Item, ...]
    submissions: int
    """Different ones, of all candidates: one that was graded again is one."""
    gradings: int
    """All that are stored; of each candidate one counts."""
    complete: int
    """Gradings without an inconclusive check: those that discrimination is computed from."""
    agreement: tuple[Agreement, ...]
    """How far the people agree who marked the same submissions, item by item, and last over all; empty without pairs."""
    candidates: tuple[Candidate, ...]
    """Graded ones by total, best first; then inconclusive, held and refused ones by name."""
    notes: tuple[str, ...]
    """What to know before anybody is compared, a sentence each."""
    alike: tuple[Alike, ...]
    """Who handed in nearly the same code as whom, the nearest first; who changed too little is not compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreadable:
    """A result that could not be read: somebody is missing."""

    file: str
    """Relative to the results folder."""
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cohort:
    """Everything that is stored in one results folder."""

    exercises: tuple[ExerciseCohort, ...]
    unknown: tuple[Candidate, ...]
    """Refused before anybody could tell which exercise they are for."""
    unreadable: tuple[Unreadable, ...]
