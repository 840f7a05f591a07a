"""When an exercise may be shown to candidates."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from harness.catalogue.known import Expected
from harness.grading import acceptance
from harness.grading.subjects import Subject
from harness.grading.trust import Ended, Row
from harness.model import Check, Exercise, Gate
from tests.unit.factories import exercise


def row(
    submission: str, earned: float, *failed: str, verdict: str = "passed", inconclusive: tuple[str, ...] = ()
) -> Row:
    """Return a row of a record."""
    return Row(
        submission=submission,
        variant=0,
        seed=1,
        repeat=0,
        key="k",
        verdict=verdict,
        earned=earned,
        failed=failed,
        inconclusive=inconclusive,
        seconds=1,
        reason="",
        graded_on="2026-01-01",
    )


CHECKS = tuple(
    Check(id=id_, title="t", skill="s", points=10, public=public)
    for id_, public in (("contract/read", True), ("safety/kill", False))
)
EXERCISE = exercise(gates=(), checks=CHECKS, skills={"s": 20.0})
REFERENCE = Subject(name="reference/a", title="t", source=Path(), expected=Expected(permitted=()))
EXPECTED = Expected(required=("safety/kill",), smoke=("contract/*",), highest=45)
MUTANT = Subject(name="mutant/m", title="t", source=Path(), expected=EXPECTED)
STARTER = Subject(name="starter/python", title="t", source=Path())
CHEAT = Subject(name="cheat/c", title="t", source=Path(), control="starter/python")


def broken(subject: Subject, *rows: Row) -> list[str]:
    """Return the rules of ``subject`` that do not hold."""
    subjects = (REFERENCE, MUTANT, STARTER, CHEAT)
    lines = acceptance.judge(subjects, EXERCISE, CHECKS, rows)
    return [line.rule for line in lines if line.subject == subject.name and line.holds is not True]


def test_acceptance_holds_for_a_good_matrix() -> None:
    """Reference high, mutant low and failing what it is named after, starter low, cheat at the starter's score."""
    rows = (
        row("reference/a", 100),
        row("mutant/m", 45, "safety/kill", verdict="failed"),
        row("starter/python", 5, "safety/kill", "contract/read", verdict="failed"),
        row("cheat/c", 5, "safety/kill", verdict="failed"),
    )
    assert [broken(one, *rows) for one in (REFERENCE, MUTANT, STARTER, CHEAT)] == [[], [], [], []]


@pytest.mark.parametrize(
    ("subject", "rows", "rule"),
    [
        (REFERENCE, [row("reference/a", 94.9)], "at least 95 points"),
        (REFERENCE, [row("reference/a", 100), row("reference/a", 96, "safety/kill")], "repeated runs agree"),
        (MUTANT, [row("mutant/m", 46, "safety/kill")], "at most 45 points"),
        (MUTANT, [row("reference/a", 50), row("mutant/m", 41, "safety/kill")], "at most 40 points"),
        (MUTANT, [row("mutant/m", 10, "contract/read")], "fails safety/kill"),
        (MUTANT, [row("mutant/m", 10, "safety/kill", "contract/read")], "passes contract/*"),
        (MUTANT, [row("mutant/m", 10, "safety/kill", verdict="refused")], "every run is decided"),
        (MUTANT, [row("mutant/m", 10, "safety/kill", inconclusive=("contract/read",))], "every run is decided"),
        (STARTER, [row("starter/python", 15.5)], "at most 15 points"),
        (STARTER, [row("starter/python", 5, "safety/kill")], "passes no check that is not kept"),
        (CHEAT, [row("starter/python", 5), row("cheat/c", 6)], "gains nothing over starter/python"),
        (CHEAT, [row("cheat/c", 0)], "gains nothing over starter/python"),
        (CHEAT, [], "has been graded as it is now"),
    ],
)
def test_acceptance_says_which_rule_does_not_hold(subject: Subject, rows: list[Row], rule: str) -> None:
    """Each way in which a matrix can be wrong is found, under its own name."""
    assert rule in broken(subject, *rows)


def test_check_that_was_not_judged_was_not_seen_to_fail() -> None:
    """A mutant that breaks what a check requires proves nothing of the check: neither where it must fail nor how often."""
    withheld = dataclasses.replace(row("mutant/m", 10, "safety/kill"), withheld=("safety/kill",))
    lines = acceptance.judge((MUTANT,), EXERCISE, CHECKS, [withheld])
    (line,) = [line for line in lines if line.holds is not True]
    assert (line.rule, line.found) == ("fails safety/kill", "it was not judged: what it requires did not pass")
    assert line.holds is False
    assert not acceptance.killed(MUTANT, withheld, 100, CHECKS)
    assert acceptance.killed(MUTANT, dataclasses.replace(withheld, withheld=()), 100, CHECKS)


def test_check_without_a_result_is_not_called_passed() -> None:
    """Whether the mutant is caught cannot be said: neither that it is nor that it is not."""
    rows = (row("reference/a", 100), row("mutant/m", 40, verdict="inconclusive", inconclusive=("safety/kill",)))
    lines = acceptance.judge((REFERENCE, MUTANT), EXERCISE, CHECKS, rows)
    (line,) = [line for line in lines if line.rule == "fails safety/kill"]
    assert (line.holds, line.found) == (None, "it was inconclusive")


def test_acceptance_wants_a_mutant_for_every_scored_check() -> None:
    """A check that no mutant fails may be one that can't fail."""
    idle = acceptance.whole((MUTANT, REFERENCE), EXERCISE, CHECKS)
    assert [line.holds for line in idle] == [False, True, False]
    assert "contract/read" in idle[0].found
    both = dataclasses.replace(MUTANT, expected=Expected(required=("safety/kill", "contract/read")))
    assert acceptance.whole((both,), EXERCISE, CHECKS)[0].holds
    # What a cheat or a reference may lose says nothing of whether the check can see a mistake.
    assert not acceptance.whole((dataclasses.replace(both, name="cheat/c"),), EXERCISE, CHECKS)[0].holds


GATED = dataclasses.replace(EXERCISE, gates=(Gate(id="g", title="t", cap=5.0, checks=("safety/kill",)),))


def scored(**ends: tuple[str, float]) -> Row:
    """Return a row that says how its two checks ended, with the points of that."""
    names = {"read": "contract/read", "kill": "safety/kill"}
    outcomes = tuple(Ended(check=names[name], status=status, credit=credit) for name, (status, credit) in ends.items())
    earned = acceptance._scored(outcomes, GATED, CHECKS)
    return dataclasses.replace(row("mutant/m", earned, "safety/kill"), outcomes=outcomes)


def silence(*rows: Row) -> tuple[bool | None, str]:
    """Return what is said about hiding evidence in some rows of the mutant."""
    (line,) = [one for one in acceptance.judge((MUTANT,), GATED, CHECKS, rows) if one.rule.startswith("hiding")]
    return line.holds, line.found


def test_hiding_gains_nothing_in_any_recorded_grading() -> None:
    """The mutant that was seen to fail has 5 points; it would have no more if it had shown nothing."""
    seen = scored(read=("passed", 1.0), kill=("failed", 0.5))
    assert seen.earned == 5.0
    assert silence(seen) == (True, "of none of 2")


def test_hiding_that_gains_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it was when a gate closed for failures only: the rule names the check and both totals."""
    monkeypatch.setattr(Exercise, "cap_not_shown", lambda self, gate: 100.0)
    seen = scored(read=("passed", 1.0), kill=("failed", 0.0))
    assert silence(seen) == (False, "safety/kill hidden: 10 instead of 5 (seed 1)")


def test_row_whose_outcomes_do_not_come_to_its_points_is_found() -> None:
    """What is recorded must be what the points followed from, or nothing can be said from it."""
    lies = dataclasses.replace(scored(read=("passed", 1.0), kill=("failed", 0.0)), earned=7.0)
    holds, found = silence(lies)
    assert holds is False
    assert "its outcomes come to 5, and 7 is recorded (seed 1)" in found


def test_every_gate_wants_a_check_and_every_check_of_a_gate_a_mutant() -> None:
    """Also one without points: the last check may be worth a gate alone."""
    last = Check(id="safety/last", title="t", skill="s", points=0, public=False, last=True)
    gates = (
        *GATED.gates,
        Gate(id="empty", title="t", cap=5.0, checks=()),
        Gate(id="l", title="t", cap=5.0, checks=(last.id,)),
    )
    lines = acceptance.whole((MUTANT, REFERENCE), dataclasses.replace(GATED, gates=gates), (*CHECKS, last))
    found = {line.rule: line.found for line in lines}
    assert found["every gate has at least one check"] == "none closes empty"
    assert found["every check with points or a gate is failed by at least one mutant"].endswith(
        "contract/read, safety/last"
    )


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        ([row("honest/h", 99.0)], "at least 100 points, as declared"),
        ([row("honest/h", 100), row("honest/h", 100, "safety/kill")], "repeated runs agree"),
        ([row("honest/h", 100, "safety/kill")], "fails nothing"),
        ([row("honest/h", 0, verdict="refused")], "every run is decided"),
    ],
)
def test_honest_design_loses_nothing(rows: list[Row], rule: str) -> None:
    """Not a point in any run, and the twin that has them all is accepted."""
    honest = Subject(name="honest/h", title="t", source=Path(), expected=Expected(permitted=(), lowest=100.0))
    assert of(honest, *rows)[rule] is not True
    assert set(of(honest, row("honest/h", 100), row("honest/h", 100)).values()) == {True}


def test_cheat_is_held_against_its_control() -> None:
    """Not against what it is a patch on, when another one is named."""
    cheat = dataclasses.replace(CHEAT, control="control/plain")
    control = Subject(name="control/plain", title="t", source=Path())
    rows = (row("starter/python", 50), row("control/plain", 5), row("cheat/c", 6))
    lines = acceptance.judge((cheat, control, STARTER), EXERCISE, CHECKS, rows)
    (line,) = [one for one in lines if one.rule == "gains nothing over control/plain"]
    assert (line.holds, line.found) == (False, "6 beside 5")


def of(subject: Subject, *rows: Row, checks: tuple[Check, ...] = CHECKS) -> dict[str, bool | None]:
    """Return rule -> whether it holds, for one subject alone."""
    lines = acceptance.judge((subject,), EXERCISE, checks, rows)
    return {line.rule: line.holds for line in lines if line.subject == subject.name}


def expecting(**changes: object) -> Subject:
    """Return the mutant with other expectations."""
    return dataclasses.replace(MUTANT, expected=dataclasses.replace(EXPECTED, **changes))  # type: ignore[arg-type]


def test_kept_checks_may_pass_untouched_but_not_alone() -> None:
    """Nothing that was made, no points: what must not break hangs on a check that an untouched starter does not pass."""
    kept = dataclasses.replace(CHECKS[0], kept=True, requires=("safety/kill",))
    untouched = row("starter/python", 0, "safety/kill")
    assert of(STARTER, untouched, checks=(kept, CHECKS[1])) == {
        "every run is decided": True,
        "at most 15 points": True,
        "passes no check that is not kept": True,
        "kept checks require one that it does not pass": True,
    }
    free = dataclasses.replace(kept, requires=("safety/other",))
    other = dataclasses.replace(CHECKS[1], id="safety/other", kept=True, requires=("safety/kill",))
    assert (
        of(STARTER, untouched, checks=(free, CHECKS[1], other))["kept checks require one that it does not pass"]
        is False
    )


def test_mutant_fails_nothing_but_what_it_must_and_may() -> None:
    """Groups of checks by glob; what is in neither is a mistake of the patch, or of a check."""
    mutant = expecting(required=("safety/*",), permitted=("contract/*",), smoke=())
    rule = "fails nothing but what it must, or contract/*"
    assert of(mutant, row("mutant/m", 10, "safety/kill", "contract/read"))[rule] is True
    assert of(mutant, row("mutant/m", 10, "safety/kill", "recovery/x"))[rule] is False
    assert of(mutant, row("mutant/m", 10, "contract/read"))["fails safety/*"] is False


@pytest.mark.parametrize(("points", "most"), [(3, 97), (10, 90), (20, 90)])
def test_mutant_that_a_small_check_sees_costs_what_that_check_is_worth(points: float, most: float) -> None:
    """Ten points under the worst reference, but no more than what it must fail can cost it."""
    checks = (dataclasses.replace(CHECKS[0], points=points), CHECKS[1])
    mutant = dataclasses.replace(MUTANT, expected=Expected(required=("contract/read",)))
    rows = (row("reference/a", 100), row("mutant/m", most + 1, "contract/read"))
    lines = acceptance.judge((REFERENCE, mutant), EXERCISE, checks, rows)
    assert [line.rule for line in lines if line.subject == "mutant/m" and not line.holds] == [
        f"at most {most:g} points"
    ]
    assert acceptance.killed(mutant, row("mutant/m", most, "contract/read"), 100, checks)
    assert not acceptance.killed(mutant, row("mutant/m", most + 1, "contract/read"), 100, checks)


def test_range_of_points_has_a_lower_end_too() -> None:
    """A mutant that loses everything shows no single mistake."""
    mutant = expecting(lowest=30.0)
    rule = "at least 30 points, as declared"
    assert of(mutant, row("mutant/m", 29, "safety/kill"))[rule] is False
    assert of(mutant, row("mutant/m", 31, "safety/kill"))[rule] is True


def test_racy_mutant_is_caught_often_enough() -> None:
    """At as many seeds as declared; one more that gets away is the race's nature."""
    mutant = expecting(seeds=3, kills=2)
    rule = "is caught at 2 of 3 seeds at least"
    caught, away = row("mutant/m", 10, "safety/kill"), row("mutant/m", 100)
    assert of(mutant, caught, caught, away)[rule] is True
    assert of(mutant, caught, away, away)[rule] is False
    assert of(mutant, caught, caught)[rule] is None
    assert "fails safety/kill" not in of(mutant, caught, caught, away)
