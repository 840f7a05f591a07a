"""From what a grader said about checks to points and a verdict: pure arithmetic, no I/O.

The rules, each of which a property test in tests/unit/test_scoring.py holds:

* **No path from ambiguity to points.** Missing, duplicate, unknown, contradictory or unreadable reports earn
  nothing. A duplicate or unknown id also holds the result for a human.
* **Infrastructure costs nobody a point.** What is ours (missing, contradictory, said to be inconclusive) is
  ``inconclusive``: undecided, in neither direction.
* **Silence never beats failure.** ``unproven`` earns nothing, and a **gate** must be earned: only checks that passed, or
  are inconclusive, leave it open. One that failed closes it as *seen broken*, whatever partial credit it kept: its
  declared cap holds. One that is unproven, of itself or for what it requires, caps the total at one point under the
  pass mark, or at the declared cap where that is lower; with none that failed the gate is *not shown*. So taking
  evidence away never raises a total, and passing one more check never lowers it.
* A **requirement** (``Check.requires``) that failed or stayed unproven makes a check unproven, whatever was said of
  it; one that is inconclusive makes it inconclusive, because its points hang on an answer we owe. What is
  inconclusive itself stays so: it could still close a gate. What is unproven itself stays so: nothing that we owe
  gives it points.

The verdict reads the outcomes twice. The *highest* reading gives every inconclusive check full credit and closes no
gate for it. The *lowest* gives it nothing and closes every gate it belongs to, at the lower of both caps: an unseen
double charge could have been one, so it must not pass on our silence. Under the bar even at the highest is ``failed``, at or over it even at
the lowest is ``passed``, anything else is ``inconclusive``. ``Score.earned`` lies between: inconclusive checks at
zero, gates closed only by what the submission did or did not show.

Sums are exact (decimal fractions as authors wrote them) and rounded once, to the two decimals people see; the bar
is compared with those, so nobody reads "70 of 100, bar 70, failed".
"""

from __future__ import annotations

import dataclasses
import graphlib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from harness.errors import ExerciseError, ExitCode
from harness.model import Check, Exercise, GateHit, GateState, Measure, Outcome, Score, Status, Verdict


class Measured(Protocol):
    """A value beside its threshold, as a grader said it."""

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> float: ...
    @property
    def limit(self) -> float: ...
    @property
    def better(self) -> str: ...
    @property
    def unit(self) -> str: ...


class Said(Protocol):
    """What a grader said about one check id, before any of it is believed (an ``outcome`` event is one)."""

    @property
    def check(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def credit(self) -> float: ...
    @property
    def seconds(self) -> float: ...
    @property
    def feedback(self) -> str: ...
    @property
    def detail(self) -> str: ...
    @property
    def evidence(self) -> Sequence[str]: ...
    @property
    def measures(self) -> Sequence[Measured]: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The plainest :class:`Said`."""

    check: str
    status: str
    credit: float
    seconds: float = 0.0
    feedback: str = ""
    detail: str = ""
    evidence: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """What a grading amounts to."""

    score: Score
    verdict: Verdict
    exit_code: ExitCode
    outcomes: tuple[Outcome, ...]
    """One per declared check, in declared order."""
    problems: tuple[str, ...]
    """Why the result is held, in words; empty when the evidence fits what was declared."""
    lowest: float
    highest: float


def judge(
    exercise: Exercise,
    checks: Sequence[Check],
    outcomes: Iterable[Said],
    bar: float | None = None,
    *,
    problems: Sequence[str] = (),
    collected: Collection[str] = (),
) -> Judgement:
    """Return the judgement of ``outcomes`` on all declared ``checks``, public and hidden.

    ``bar`` overrides the exercise's pass mark. ``problems`` are integrity problems the caller has already found (a
    changed digest): like an unknown or a duplicate id, reported or ``collected``, they hold the result, exit code 6.
    A gate or a requirement that names a check outside ``checks`` is read like an inconclusive one: judging a part
    never passes it. Raises ExerciseError when requirements form a circle.
    """
    reports = tuple(outcomes)
    settled = settle(checks, reports)
    found = (*problems, *integrity_problems(checks, reports, collected))
    lowest, highest = bounds(exercise, settled)
    verdict = Verdict.HELD if found else _verdict(lowest, highest, exercise.pass_mark if bar is None else bar)
    return Judgement(
        score=tally(exercise, settled),
        verdict=verdict,
        exit_code=exit_code(verdict),
        outcomes=settled,
        problems=found,
        lowest=lowest,
        highest=highest,
    )


def exit_code(verdict: Verdict) -> ExitCode:
    """Return what a command that ends with ``verdict`` exits with."""
    return {
        Verdict.PASSED: ExitCode.PASSED,
        Verdict.FAILED: ExitCode.FAILED,
        Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
        Verdict.REFUSED: ExitCode.REFUSED,
        Verdict.HELD: ExitCode.INTEGRITY,
    }[verdict]


def integrity_problems(
    checks: Sequence[Check], reports: Sequence[Said], collected: Collection[str] = ()
) -> tuple[str, ...]:
    """Return one sentence for each id that has more than one test or outcome, or that nobody declared.

    ``collected`` are the ids of all tests that were found. A declared id without either is no problem of integrity.
    """
    known = {check.id for check in checks}
    tests, outcomes = Counter(collected), Counter(report.check for report in reports)
    unknown = [
        f"expected declared checks only, found {name!r}: declare it or remove its test"
        for name in (tests | outcomes)
        if name not in known
    ]
    twice = [
        f"expected one test and one outcome of {name}, found {tests[name]} and {outcomes[name]}: only one test may carry its id"
        for name, count in (tests | outcomes).items()
        if name in known and count > 1
    ]
    return (*unknown, *twice)


def settle(checks: Sequence[Check], reports: Sequence[Said]) -> tuple[Outcome, ...]:
    """Return one outcome per declared check, in declared order, with requirements applied.

    Raises ExerciseError when requirements form a circle.
    """
    by_id: dict[str, list[Said]] = defaultdict(list)
    for report in reports:
        by_id[report.check].append(report)
    outcomes = {check.id: _read(check, by_id[check.id]) for check in checks}
    for name in _requirements_first(checks):
        outcomes[name] = _required(outcomes[name], outcomes)
    return tuple(outcomes[check.id] for check in checks)


def tally(exercise: Exercise, outcomes: Sequence[Outcome]) -> Score:
    """Return the points of settled outcomes; gates that closed are listed whether or not their cap was reached."""
    total = _sum(outcomes, _earned)
    closed = sorted(_closed(exercise, outcomes, total), key=lambda hit: hit.cap)
    skills = dict.fromkeys([*exercise.skills, *(o.check.skill for o in outcomes)])
    return Score(
        earned=_shown(_capped(total, (hit.cap for hit in closed))),
        decided=_shown(_sum((o for o in outcomes if o.status is not Status.INCONCLUSIVE), _possible)),
        possible=_shown(_sum(outcomes, _possible)),
        by_skill={skill: _skill(skill, outcomes) for skill in skills},
        gates=tuple(closed),
    )


def bounds(exercise: Exercise, outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return the total in the lowest and in the highest reading of inconclusive outcomes (see the module)."""
    total = _sum(outcomes, _earned)
    owed = _sum((o for o in outcomes if o.status is Status.INCONCLUSIVE), _possible)
    caps = [hit.cap for hit in _closed(exercise, outcomes, total)]
    decided = {o.check.id for o in outcomes if o.status is not Status.INCONCLUSIVE}
    unseen = [exercise.cap_not_shown(gate) for gate in exercise.gates if set(gate.checks) - decided]
    return _shown(_capped(total, (*caps, *unseen))), _shown(_capped(total + owed, caps))


def earned_points(outcome: Outcome) -> float:
    """Return the points one outcome earned before gates, as shown to people."""
    return _shown(_earned(outcome))


def _verdict(lowest: float, highest: float, bar: float) -> Verdict:
    if highest < bar:
        return Verdict.FAILED
    return Verdict.PASSED if lowest >= bar else Verdict.INCONCLUSIVE


def _read(check: Check, reports: Sequence[Said]) -> Outcome:
    """Believe one report about ``check``, or say in words why none can be believed."""
    if not reports:
        return _inconclusive(check, "expected one outcome of this check, found none: the grader ended before it")
    if len(reports) > 1:
        return _inconclusive(check, f"expected one outcome of this check, found {len(reports)}: none is believed")
    (report,) = reports
    if report.status not in {str(status) for status in Status}:
        return _inconclusive(check, f"expected one of {', '.join(Status)}, found status {report.status!r}")
    status = Status(report.status)
    if status is Status.PASSED and report.credit != 1:
        return _inconclusive(check, f"expected credit 1 with status passed, found {report.credit}")
    # A failure that claims full credit, or a credit that is none, is a failure all the same: it keeps nothing.
    partial = status is Status.FAILED and 0 <= report.credit < 1
    return Outcome(
        check=check,
        status=status,
        credit=report.credit if partial or status is Status.PASSED else 0.0,
        seconds=report.seconds if math.isfinite(report.seconds) and report.seconds > 0 else 0.0,
        feedback=report.feedback,
        detail=report.detail,
        evidence=tuple(report.evidence),
        measures=tuple(_measure(one) for one in report.measures),
    )


def _measure(said: Measured) -> Measure:
    return Measure(name=said.name, value=said.value, limit=said.limit, better=said.better, unit=said.unit)


def _inconclusive(check: Check, detail: str) -> Outcome:
    return Outcome(
        check=check,
        status=Status.INCONCLUSIVE,
        credit=0.0,
        feedback="The grading has no usable result of this check; that is not the submission's doing.",
        detail=detail,
    )


def _required(outcome: Outcome, outcomes: Mapping[str, Outcome]) -> Outcome:
    """Return ``outcome`` as it stands once what it requires is known."""
    absent = [name for name in outcome.check.requires if name not in outcomes]
    unmet = [outcomes[name] for name in outcome.check.requires if name not in absent]
    unmet = [needed for needed in unmet if needed.status is not Status.PASSED]
    lost = [needed.check for needed in unmet if needed.status is not Status.INCONCLUSIVE]
    if (not unmet and not absent) or outcome.status is Status.INCONCLUSIVE:
        return outcome
    if outcome.status is Status.FAILED and (lost or outcome.credit == 0):
        return dataclasses.replace(outcome, credit=0.0)
    if outcome.status is Status.UNPROVEN and not lost:
        return outcome
    words = "did not pass" if lost else "has no result"
    blame = lost or [needed.check for needed in unmet]
    names = [check.id for check in blame] or absent
    return dataclasses.replace(
        outcome,
        status=Status.UNPROVEN if lost else Status.INCONCLUSIVE,
        credit=0.0,
        feedback=f"Does not count: it needs {_public_name(blame)}, which {words}.",
        detail="\n".join(t for t in (f"requires {', '.join(names)}", outcome.feedback, outcome.detail) if t),
    )


def _public_name(blame: Sequence[Check]) -> str:
    """Name a check in feedback, which candidates read: ids of hidden checks are not theirs to see."""
    return next((check.id for check in blame if check.public), "another check")


def _requirements_first(checks: Sequence[Check]) -> tuple[str, ...]:
    requires = {check.id: check.requires for check in checks}
    try:
        return tuple(name for name in graphlib.TopologicalSorter(requires).static_order() if name in requires)
    except graphlib.CycleError as error:
        text = f"expected 'requires' without circles, found {' -> '.join(error.args[1])}: remove one of them"
        raise ExerciseError(text) from error


def _exact(value: float) -> Fraction:
    """Return the decimal fraction a person wrote: 0.1 is one tenth, not its nearest binary neighbour."""
    return Fraction(str(value))


def _earned(outcome: Outcome) -> Fraction:
    return _exact(outcome.check.points) * _exact(outcome.credit)


def _possible(outcome: Outcome) -> Fraction:
    return _exact(outcome.check.points)


def _sum(outcomes: Iterable[Outcome], points: Callable[[Outcome], Fraction]) -> Fraction:
    return sum((points(outcome) for outcome in outcomes), Fraction(0))


def _skill(skill: str, outcomes: Sequence[Outcome]) -> tuple[float, float]:
    mine = [outcome for outcome in outcomes if outcome.check.skill == skill]
    return _shown(_sum(mine, _earned)), _shown(_sum(mine, _possible))


def _closed(exercise: Exercise, outcomes: Sequence[Outcome], total: Fraction) -> list[GateHit]:
    """Return the gates that are not earned: something of them failed or has no evidence."""
    hits = []
    for gate in exercise.gates:
        failed, unshown = (
            tuple(o.check.id for o in outcomes if o.check.id in gate.checks and o.status is status)
            for status in (Status.FAILED, Status.UNPROVEN)
        )
        if failed or unshown:
            state = GateState.BROKEN if failed else GateState.NOT_SHOWN
            cap = exercise.cap_not_shown(gate) if unshown else gate.cap
            hits.append(GateHit(gate=gate, state=state, cap=cap, checks=failed, unshown=unshown, without=_shown(total)))
    return hits


def _capped(total: Fraction, caps: Iterable[float]) -> Fraction:
    return min([total, *map(_exact, caps)])


def _shown(points: Fraction) -> float:
    return float(round(points, 2))
