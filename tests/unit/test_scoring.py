"""The verdict arithmetic: examples for each rule, and the laws that must hold for any of them."""

from __future__ import annotations

import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ExerciseError, ExitCode
from harness.events import Evidence
from harness.model import Check, Exercise, Gate, GateState, Status, Verdict
from harness.scoring import Judgement, Report, earned_points, exit_code, integrity_problems, judge, settle
from tests.unit.factories import check, checks, exercise, failed, passed, reports


def judged(*others: Report, bar: float | None = None) -> Judgement:
    """Judge a full run in which only ``others`` did not simply pass."""
    return judge(exercise(), checks(), reports(*others), bar)


def report(name: str, status: str, credit: float = 0.0) -> Report:
    """Return a bare report."""
    return Report(check=name, status=status, credit=credit)


def unsure(name: str) -> Report:
    """Return a report that our evidence for ``name`` is missing."""
    return report(name, "inconclusive")


# One example for each rule.


def test_judge_gives_all_points_when_everything_passed() -> None:
    """A run in which every check passed earns 100 of 100 and passes."""
    found = judged()

    assert (found.score.earned, found.score.decided, found.score.possible) == (100.0, 100.0, 100.0)
    assert (found.verdict, found.exit_code, found.problems) == (Verdict.PASSED, ExitCode.PASSED, ())


def test_judge_keeps_declared_order_whatever_order_reports_came_in() -> None:
    """Outcomes come in the order in which checks are declared, not in which they ended."""
    found = judge(exercise(), checks(), list(reversed(reports())))

    assert [c.id for c in checks()] == [o.check.id for o in found.outcomes]


def test_judge_takes_partial_credit_of_a_failure() -> None:
    """A failed check keeps the credit that was said of it."""
    found = judged(failed("throughput/ratio", credit=0.7))

    assert found.score.earned == 94.0
    assert found.score.by_skill["throughput"] == (14.0, 20.0)


def test_judge_caps_the_total_when_a_gate_check_failed() -> None:
    """A failed gate check caps the total, and the score says what it would have been."""
    found = judged(failed("safety/killed-mid-charge"))

    (hit,) = found.score.gates
    assert (found.score.earned, hit.without, hit.checks) == (45.0, 88.0, ("safety/killed-mid-charge",))
    assert (found.verdict, found.exit_code) == (Verdict.FAILED, ExitCode.FAILED)


def test_judge_closes_a_gate_whatever_partial_credit_the_check_kept() -> None:
    """Two of seven kills charging twice is a double charge: partial credit does not reopen the gate."""
    found = judged(failed("safety/killed-mid-charge", credit=0.99))

    assert found.score.earned == 45.0


def test_judge_applies_the_lowest_of_several_caps_first() -> None:
    """Of two closed gates the lower cap counts and is listed first."""
    found = judged(failed("safety/webhook-before-answer"), failed("safety/killed-at-commit"))

    assert [hit.gate.cap for hit in found.score.gates] == [45.0, 60.0]
    assert found.score.earned == 45.0


def test_judge_closes_a_gate_that_is_not_shown() -> None:
    """A gate must be earned: without evidence for one check it caps as if it were seen broken, and says that it was not."""
    found = judged(report("safety/killed-mid-charge", "unproven"))

    (hit,) = found.score.gates
    assert (found.score.earned, hit.without, hit.state) == (45.0, 88.0, GateState.NOT_SHOWN)
    assert (hit.checks, hit.unshown) == ((), ("safety/killed-mid-charge",))


def test_judge_caps_what_is_not_shown_a_point_under_the_pass_mark() -> None:
    """A gate that leaves more than the pass mark when it was seen broken leaves none of it to who shows nothing."""
    mild = exercise(gates=(Gate(id="g", title="t", cap=80.0, checks=("safety/killed-mid-charge",)),))

    broken = judge(mild, checks(), reports(failed("safety/killed-mid-charge")))
    silent = judge(mild, checks(), reports(report("safety/killed-mid-charge", "unproven")))

    assert [(hit.state, hit.cap) for one in (broken, silent) for hit in one.score.gates] == [
        (GateState.BROKEN, 80.0),
        (GateState.NOT_SHOWN, 69.0),
    ]
    assert (broken.score.earned, silent.score.earned) == (80.0, 69.0)


def test_judge_closes_a_gate_for_what_its_check_requires() -> None:
    """A check that does not count because another one failed is not shown either."""
    gated = exercise(gates=(Gate(id="g", title="t", cap=60.0, checks=("throughput/ratio",)),))

    (hit,) = judge(gated, checks(), reports(failed("safety/concurrent-duplicates"))).score.gates

    assert (hit.state, hit.unshown, hit.cap) == (GateState.NOT_SHOWN, ("throughput/ratio",), 60.0)


def test_judge_says_seen_broken_and_caps_for_both_states() -> None:
    """One check failed and one has no evidence: it was seen broken, and hiding the other one bought nothing."""
    gate = Gate(id="g", title="t", cap=80.0, checks=("safety/killed-mid-charge", "safety/killed-at-commit"))
    said = reports(failed("safety/killed-mid-charge"), report("safety/killed-at-commit", "unproven"))

    (hit,) = judge(exercise(gates=(gate,)), checks(), said).score.gates

    assert (hit.state, hit.cap) == (GateState.BROKEN, 69.0)
    assert (hit.checks, hit.unshown) == (("safety/killed-mid-charge",), ("safety/killed-at-commit",))


def test_judge_does_not_pass_while_a_gate_check_is_inconclusive() -> None:
    """88 certain points are over the bar, but the missing check could have been a double charge."""
    found = judged(unsure("safety/killed-mid-charge"))

    assert (found.lowest, found.highest) == (45.0, 100.0)
    assert (found.verdict, found.exit_code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert (found.score.earned, found.score.decided, found.score.gates) == (88.0, 88.0, ())


def test_judge_passes_when_the_inconclusive_points_do_not_matter() -> None:
    """With at least the bar earned without them, and no gate on them, inconclusive checks change nothing."""
    found = judged(unsure("recovery/retry-storm"))

    assert (found.verdict, found.lowest) == (Verdict.PASSED, 96.0)


def test_judge_fails_when_even_full_credit_would_not_help() -> None:
    """A seen double charge caps at 45: no inconclusive check can lift the total to the bar."""
    found = judged(failed("safety/killed-mid-charge"), unsure("throughput/ratio"))

    assert found.verdict is Verdict.FAILED


def test_judge_uses_the_bar_given_instead_of_the_pass_mark() -> None:
    """``bar`` overrides the exercise's pass mark, in both directions."""
    assert judged(failed("safety/killed-mid-charge"), bar=45).verdict is Verdict.PASSED
    assert judged(failed("recovery/retry-storm"), bar=97).verdict is Verdict.FAILED


def test_judge_calls_a_missing_outcome_inconclusive_in_words() -> None:
    """A check nobody reported earns nothing, costs nothing and says what is missing."""
    said = [r for r in reports() if r.check != "recovery/retry-storm"]

    found = judge(exercise(), checks(), said)

    missing = next(o for o in found.outcomes if o.check.id == "recovery/retry-storm")
    assert (missing.status, missing.credit) == (Status.INCONCLUSIVE, 0.0)
    assert "found none" in missing.detail
    assert "not the submission's doing" in missing.feedback


def test_judge_holds_a_result_with_an_unknown_id() -> None:
    """An outcome nobody declared earns nothing and holds the result, exit code 6."""
    found = judged(passed("safety/made-up"))

    assert (found.verdict, found.exit_code) == (Verdict.HELD, ExitCode.INTEGRITY)
    assert "'safety/made-up'" in found.problems[0]
    assert found.score.possible == 100.0


def test_judge_holds_a_result_with_a_duplicate_id_and_believes_neither() -> None:
    """Two passes of one check are no pass, and hold the result."""
    found = judge(exercise(), checks(), [*reports(), passed("throughput/ratio")])

    assert found.verdict is Verdict.HELD
    assert (found.score.earned, found.score.decided) == (80.0, 80.0)


def test_judge_holds_a_result_for_problems_the_caller_found() -> None:
    """A changed digest is the caller's to see; it holds the result like an unknown id."""
    found = judge(exercise(), checks(), reports(), problems=("the grader's digest changed",))

    assert (found.verdict, found.problems) == (Verdict.HELD, ("the grader's digest changed",))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (report("contract/create-then-read", "skipped"), Status.INCONCLUSIVE),
        (report("contract/create-then-read", "PASSED", 1.0), Status.INCONCLUSIVE),
        (report("contract/create-then-read", "passed", 0.5), Status.INCONCLUSIVE),
        (report("contract/create-then-read", "passed", math.nan), Status.INCONCLUSIVE),
        (report("contract/create-then-read", "passed", 7.0), Status.INCONCLUSIVE),
        (report("contract/create-then-read", "failed", 1.0), Status.FAILED),
        (report("contract/create-then-read", "failed", math.inf), Status.FAILED),
        (report("contract/create-then-read", "failed", -3.0), Status.FAILED),
        (report("contract/create-then-read", "unproven", 1.0), Status.UNPROVEN),
        (report("contract/create-then-read", "inconclusive", 1.0), Status.INCONCLUSIVE),
    ],
)
def test_judge_gives_nothing_for_a_report_that_contradicts_itself(said: Report, status: Status) -> None:
    """An unreadable status or a credit that does not fit it never becomes points."""
    found = judged(said)

    first = found.outcomes[0]
    assert (status, 0.0) == (first.status, first.credit)
    assert found.score.earned == 96.0


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1.0])
def test_judge_makes_seconds_that_are_none_zero(seconds: float) -> None:
    """A duration that is no number can't be written to a result; it becomes zero."""
    found = judged(passed("contract/create-then-read", seconds=seconds))

    assert found.outcomes[0].seconds == 0.0


def test_settle_makes_a_check_unproven_whose_requirement_failed() -> None:
    """Fast but wrong does not count: throughput requires that duplicates are handled."""
    found = judged(failed("safety/concurrent-duplicates"), passed("throughput/ratio"))

    ratio = next(o for o in found.outcomes if o.check.id == "throughput/ratio")
    assert (ratio.status, ratio.credit) == (Status.UNPROVEN, 0.0)
    assert "safety/concurrent-duplicates" in ratio.feedback


def test_settle_makes_a_check_inconclusive_whose_requirement_is() -> None:
    """What hangs on an answer we owe is undecided as well."""
    found = judged(unsure("safety/concurrent-duplicates"), passed("throughput/ratio"))

    assert found.highest == 100.0
    (undecided,) = [o for o in found.outcomes if o.check.id == "throughput/ratio"]
    assert undecided.status is Status.INCONCLUSIVE
    assert undecided.feedback == "Does not count: it needs safety/concurrent-duplicates, which has no result."
    assert undecided.detail.startswith("requires safety/concurrent-duplicates")


def test_settle_leaves_unproven_what_gave_no_evidence_itself() -> None:
    """Silence beside an answer we owe is silence: else hiding a failure would turn it into a question of ours."""
    found = judged(unsure("safety/concurrent-duplicates"), report("throughput/ratio", "unproven"))

    assert found.highest == 80.0
    assert next(o for o in found.outcomes if o.check.id == "throughput/ratio").status is Status.UNPROVEN


def test_settle_takes_partial_credit_back_when_the_requirement_failed() -> None:
    """A failure stays a failure and keeps nothing of a check that does not count."""
    found = judged(failed("safety/concurrent-duplicates"), failed("throughput/ratio", credit=0.7))

    ratio = next(o for o in found.outcomes if o.check.id == "throughput/ratio")
    assert (ratio.status, ratio.credit) == (Status.FAILED, 0.0)


def test_settle_keeps_an_inconclusive_gate_check_open_whose_requirement_failed() -> None:
    """Its points are lost, but it could still have been the failure that closes a gate."""
    pair = (check("a/first"), check("a/second", requires=("a/first",)))

    found = settle(pair, [failed("a/first"), unsure("a/second")])

    assert found[1].status is Status.INCONCLUSIVE


def test_settle_keeps_a_failure_whose_requirement_is_inconclusive() -> None:
    """A failure without credit was seen: nothing that we still owe can change it."""
    pair = (check("a/first"), check("a/second", requires=("a/first",)))

    found = settle(pair, [unsure("a/first"), failed("a/second")])

    assert found[1].status is Status.FAILED


def test_settle_leaves_partial_credit_open_while_its_requirement_is() -> None:
    """Half a throughput may count or not: that is known only when what it requires is."""
    pair = (check("a/first"), check("a/second", requires=("a/first",)))
    found = settle(pair, [report("a/first", "inconclusive"), failed("a/second", credit=0.5)])
    assert [(outcome.status, outcome.credit) for outcome in found] == [(Status.INCONCLUSIVE, 0.0)] * 2


def test_settle_reads_an_undeclared_requirement_as_open() -> None:
    """Judging a part of the checks gives no points for one whose requirement was left out."""
    (found,) = settle((check(requires=("a/left-out",)),), [passed("contract/create-then-read")])

    assert found.status is Status.INCONCLUSIVE
    assert "a/left-out" in found.detail


def test_settle_follows_requirements_of_requirements() -> None:
    """A failure at the start of a chain reaches its end, in whatever order checks are declared."""
    chain = (
        check("a/third", requires=("a/second",)),
        check("a/second", requires=("a/first",)),
        check("a/first"),
    )

    found = settle(chain, [passed("a/third"), passed("a/second"), failed("a/first")])

    assert [o.status for o in found] == [Status.UNPROVEN, Status.UNPROVEN, Status.FAILED]


def test_settle_never_names_a_hidden_requirement_in_feedback() -> None:
    """Candidates read feedback; the id of a hidden check is not theirs to see."""
    pair = (check("a/hidden", public=False), check("a/public", requires=("a/hidden",)))

    found = settle(pair, [failed("a/hidden"), passed("a/public")])

    assert "a/hidden" not in found[1].feedback
    assert "a/hidden" in found[1].detail


def test_settle_refuses_requirements_in_a_circle() -> None:
    """Checks that require each other can't be judged: the author must act."""
    pair = (check("a/one", requires=("a/two",)), check("a/two", requires=("a/one",)))

    with pytest.raises(ExerciseError, match="without circles"):
        settle(pair, [])


def test_judge_of_a_part_never_passes_a_gate_it_did_not_see() -> None:
    """Judging public checks alone leaves gates on hidden ones open questions, not passes."""
    public = tuple(c for c in checks() if c.public)

    found = judge(exercise(), public, [passed(c.id) for c in public], bar=46)

    assert (found.lowest, found.verdict) == (45.0, Verdict.INCONCLUSIVE)


def test_judge_adds_decimals_as_people_write_them() -> None:
    """Ten times 0.1 is 1, and the verdict compares the number people see."""
    tenths = tuple(check(f"a/n{n}", points=0.1) for n in range(10))
    bare = exercise(gates=(), pass_mark=1.0)

    found = judge(bare, tenths, [passed(c.id) for c in tenths])

    assert (found.score.earned, found.verdict) == (1.0, Verdict.PASSED)


def test_judge_rounds_halves_as_people_write_them() -> None:
    """2.675 is half a cent over 2.67, though its nearest binary number is less."""
    found = judge(exercise(gates=()), (check("a/one", points=2.675),), [passed("a/one")])

    assert found.score.earned == 2.68


def test_judge_compares_the_bar_with_the_rounded_total() -> None:
    """Nobody reads '70 of 100, bar 70, failed': what is shown decides."""
    one = (check("a/one", points=100.0),)
    bare = exercise(gates=(), pass_mark=70.0)

    assert judge(bare, one, [failed("a/one", credit=0.69996)]).verdict is Verdict.PASSED
    assert judge(bare, one, [failed("a/one", credit=0.69994)]).verdict is Verdict.FAILED


def test_earned_points_is_rounded_to_two_decimals() -> None:
    """A third of ten points is shown as 3.33."""
    (outcome,) = settle((check(points=10.0),), [failed("contract/create-then-read", credit=1 / 3)])

    assert earned_points(outcome) == 3.33


@pytest.mark.parametrize(("verdict", "code"), [*zip(Verdict, (0, 1, 2, 3, 6), strict=True)])
def test_exit_code_of_each_verdict(verdict: Verdict, code: int) -> None:
    """Scripts rely on these numbers."""
    assert code == exit_code(verdict)


# Laws.

LAW = settings(deadline=None, derandomize=True)
"""A busy machine makes no law untrue, and a red build must be red again."""

NAMES = tuple(f"a/n{n}" for n in range(6))
CREDITS = st.one_of(
    st.floats(min_value=0, max_value=1, exclude_max=True, allow_nan=False),
    st.sampled_from([0.0, 0.1, 0.25, 1 / 3, 0.7]),
)
DECIDED = st.one_of(
    st.tuples(st.just("passed"), st.just(1.0)),
    st.tuples(st.just("failed"), CREDITS),
    st.tuples(st.just("unproven"), st.just(0.0)),
)
ANY = st.one_of(DECIDED, st.tuples(st.just("inconclusive"), st.just(0.0)))
ABSURD = st.tuples(st.one_of(st.sampled_from([str(s) for s in Status]), st.text(max_size=8)), st.floats())


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Exercise, tuple[Check, ...]]:
    """Draw an exercise of six checks with requirements on earlier ones, and up to three gates."""
    points = st.one_of(st.integers(0, 40).map(float), st.sampled_from([0.1, 2.5, 33.33]))
    made = tuple(
        check(
            name,
            points=draw(points),
            skill=draw(st.sampled_from(["one", "two"])),
            requires=tuple(draw(st.sets(st.sampled_from(NAMES[:n]), max_size=2))) if n else (),
        )
        for n, name in enumerate(NAMES)
    )
    gates = tuple(
        Gate(id=f"g{n}", title="a gate", cap=float(draw(st.integers(0, 100))), checks=tuple(sorted(names)))
        for n, names in enumerate(draw(st.lists(st.sets(st.sampled_from(NAMES), min_size=1), max_size=3)))
    )
    made_of = exercise(gates=gates, skills={"one": 1.0, "two": 1.0}, pass_mark=float(draw(st.integers(0, 120))))
    return made_of, tuple(draw(st.permutations(made)))


def said(pairs: tuple[tuple[str, float], ...]) -> list[Report]:
    """Return a report for each name."""
    return [report(name, status, credit) for name, (status, credit) in zip(NAMES, pairs, strict=True)]


SIX = st.tuples(ANY, ANY, ANY, ANY, ANY, ANY)


@LAW
@given(worlds(), SIX)
def test_law_earned_lies_between_the_two_readings(world: tuple[Exercise, tuple[Check, ...]], six: tuple) -> None:  # type: ignore[type-arg]
    """Lowest <= earned <= highest <= possible, earned <= decided, and everything is a number in range."""
    found = judge(*world, said(six))

    assert 0 <= found.lowest <= found.score.earned <= found.highest <= max(found.score.possible, 0)
    assert found.score.earned <= found.score.decided <= found.score.possible


@LAW
@given(worlds(), SIX)
def test_law_no_closed_gate_is_exceeded(world: tuple[Exercise, tuple[Check, ...]], six: tuple) -> None:  # type: ignore[type-arg]
    """The total never exceeds the cap of a closed gate, in any reading."""
    found = judge(*world, said(six))

    for hit in found.score.gates:
        assert found.lowest <= found.score.earned <= found.highest <= hit.cap <= hit.gate.cap
        assert hit.without >= found.score.earned


@LAW
@given(worlds(), SIX, st.lists(DECIDED, min_size=6, max_size=6))
def test_law_a_verdict_outlives_every_answer_we_still_owe(
    world: tuple[Exercise, tuple[Check, ...]], six: tuple[tuple[str, float], ...], later: list[tuple[str, float]]
) -> None:
    """However inconclusive checks turn out in the end, a passed or failed verdict stays, within the bounds given."""
    before = judge(*world, said(six))
    resolved = tuple(new if old[0] == "inconclusive" else old for old, new in zip(six, later, strict=True))

    after = judge(*world, said(resolved))

    assert before.lowest <= after.score.earned <= before.highest
    if before.verdict is not Verdict.INCONCLUSIVE:
        assert before.verdict == after.verdict


RANK = {"unproven": 0, "failed": 1, "passed": 2}


@LAW
@given(worlds(), SIX, st.integers(0, 5), DECIDED, DECIDED)
def test_law_doing_better_never_costs(
    world: tuple[Exercise, tuple[Check, ...]],
    six: tuple[tuple[str, float], ...],
    which: int,
    one: tuple[str, float],
    two: tuple[str, float],
) -> None:
    """Replacing an outcome by one with more credit never lowers any reading: to show a failure costs no more than hiding it."""
    low, high = sorted((one, two), key=lambda pair: (RANK[pair[0]], pair[1]))
    if high[1] < low[1]:
        return
    worse = judge(*world, said((*six[:which], low, *six[which + 1 :])))
    better = judge(*world, said((*six[:which], high, *six[which + 1 :])))

    assert worse.score.earned <= better.score.earned
    assert worse.lowest <= better.lowest
    assert worse.highest <= better.highest


@LAW
@given(worlds(), SIX, st.sets(st.integers(0, 5), min_size=1))
def test_law_hiding_evidence_never_pays(
    world: tuple[Exercise, tuple[Check, ...]], six: tuple[tuple[str, float], ...], hidden: set[int]
) -> None:
    """Whatever was seen of some checks, failures included, is worth at least as much as having shown nothing of them."""
    seen = judge(*world, said(six))
    silent = tuple(
        ("unproven", 0.0) if n in hidden and one[0] in {"passed", "failed"} else one for n, one in enumerate(six)
    )

    blind = judge(*world, said(silent))

    assert blind.score.earned <= seen.score.earned
    assert blind.highest <= seen.highest
    if seen.verdict is Verdict.FAILED:
        assert blind.verdict is Verdict.FAILED


def stream(found: Evidence, names: tuple[str, ...], events: list[tuple[int, str, float]]) -> None:
    """Let a grader say ``events``: which of ``names``, how it ended, with which credit."""
    for which, status, credit in events:
        found.take({"type": "event", "event": "outcome", "check": names[which], "status": status, "credit": credit})


EVENTS = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([str(one) for one in Status]), CREDITS | st.just(1.0)))


@LAW
@given(worlds(), EVENTS)
def test_law_no_stream_of_events_leaves_a_gate_open_that_was_not_earned(
    world: tuple[Exercise, tuple[Check, ...]], events: list[tuple[int, str, float]]
) -> None:
    """Of an open gate each check passed, or is owed by us; and while one is owed, the total is never passed over its cap."""
    about, checks = world
    evidence = Evidence()
    stream(evidence, (*NAMES, "a/unknown", ""), events)

    found = judge(about, checks, evidence.outcomes)

    status = {one.check.id: one.status for one in found.outcomes}
    said = {
        name: [(how, credit) for which, how, credit in events if NAMES[which : which + 1] == (name,)] for name in NAMES
    }
    closed = {hit.gate.id: hit for hit in found.score.gates}
    for gate in about.gates:
        if gate.id in closed:
            assert found.score.earned <= closed[gate.id].cap
            continue
        assert {status[name] for name in gate.checks} <= {Status.PASSED, Status.INCONCLUSIVE}
        assert all(said[name] == [("passed", 1.0)] for name in gate.checks if status[name] is Status.PASSED)
        if any(status[name] is Status.INCONCLUSIVE for name in gate.checks):
            assert found.lowest <= about.cap_not_shown(gate)


@LAW
@given(worlds(), SIX, st.integers(0, 5), ABSURD)
def test_law_absurd_reports_never_earn_more_than_silence(
    world: tuple[Exercise, tuple[Check, ...]],
    six: tuple[tuple[str, float], ...],
    which: int,
    absurd: tuple[str, float],
) -> None:
    """A report that is not a plain pass or a plain partial failure earns no more than no report at all."""
    status, credit = absurd
    if (status == "passed" and credit == 1) or (status == "failed" and 0 <= credit < 1):
        return
    reported = said(six)
    reported[which] = report(NAMES[which], status, credit)
    silent = [r for n, r in enumerate(reported) if n != which]

    assert judge(*world, reported).score.earned <= judge(*world, silent).score.earned


@LAW
@given(worlds(), SIX, st.integers(0, 5), ANY)
def test_law_saying_it_twice_never_helps(
    world: tuple[Exercise, tuple[Check, ...]], six: tuple[tuple[str, float], ...], which: int, again: tuple[str, float]
) -> None:
    """A second report of a check holds the result and earns no more than silence about it."""
    reported = said(six)
    silent = [r for n, r in enumerate(reported) if n != which]

    twice = judge(*world, [*reported, report(NAMES[which], *again)])

    assert twice.verdict is Verdict.HELD
    assert twice.score.earned == judge(*world, silent).score.earned


@LAW
@given(worlds(), SIX)
def test_law_judging_settled_outcomes_again_changes_nothing(
    world: tuple[Exercise, tuple[Check, ...]],
    six: tuple[tuple[str, float], ...],
) -> None:
    """A stored result judged again gives the same score and verdict: reports can be rendered at any time."""
    first = judge(*world, said(six))

    stored = [dataclasses.replace(report(o.check.id, o.status, o.credit)) for o in first.outcomes]
    again = judge(*world, stored)

    assert (first.score, first.verdict, first.lowest, first.highest) == (
        again.score,
        again.verdict,
        again.lowest,
        again.highest,
    )


def test_id_is_judged_once_whether_it_was_collected_or_reported() -> None:
    """One sentence for each id that does not fit; a declared one that nobody tests is no problem of integrity."""
    checks, reports = (check("a/b"), check("a/c")), (passed("a/b"),)
    assert integrity_problems(checks, reports, ["a/b"]) == ()
    found = integrity_problems(checks, (*reports, *reports, passed("x/y")), ["a/b", "a/b", "x/y", "x/z"])
    assert [name in sentence for name, sentence in zip(("'x/y'", "'x/z'", "a/b"), found, strict=True)] == [True] * 3
    judged = judge(exercise(), checks, reports, collected=["a/b", "a/b", "a/c"])
    assert (judged.verdict, len(judged.problems)) == (Verdict.HELD, 1)
