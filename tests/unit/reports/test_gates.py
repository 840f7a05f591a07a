"""A closed gate in every report: whether it was seen broken or not shown, why, and what that leaves."""

from __future__ import annotations

import json

import pytest

from harness import scoring
from harness.model import Exercise, Gate, Grading, Verdict
from harness.reports import Audience, build, junit, local, summary, terminal
from harness.reports.again import Caller
from harness.reports.html import report
from harness.reports.text import WIDTH, columns
from harness.scoring import Report
from tests.unit.factories import check, checks, exercise, failed, grading, passed, reports

SILENT = "The ledger cannot be read."
MILD = Gate(id="inexact", title="Amounts can be inexact.", cap=80.0, checks=("contract/currency-decimals",))


def silent(*names: str) -> list[Report]:
    """Return reports in which the service showed nothing of some checks."""
    return reports(*(Report(check=name, status="unproven", credit=0.0, feedback=SILENT) for name in names))


def mild() -> Exercise:
    """Return the exercise with a gate that leaves more than the pass mark."""
    return exercise(gates=(*exercise().gates, MILD))


def flat(made: Grading, audience: Audience = Audience.ASSESSOR) -> str:
    """Return a terminal report on one line."""
    return " ".join(terminal.render(build(made, audience)).split())


@pytest.mark.parametrize("audience", Audience)
def test_gate_that_is_not_shown_is_said_so(audience: Audience) -> None:
    """With its consequence as what was not ruled out, the check that showed nothing, and what its cap did."""
    made = grading(silent("safety/killed-mid-charge"))
    text = flat(made, audience)
    assert made.verdict is Verdict.FAILED
    assert "WHY Not shown, so not ruled out: A customer can be charged twice, or a charge can be lost" in text
    assert (
        "(no evidence in 1). This caps the total at 45, which the exercise sets for this gate; "
        "without the cap it would be 88." in text
    )
    assert "1 safety/killed-mid-charge (-12, caps the total at 45, no evidence)" in text
    assert "Missing The ledger cannot be read." in text
    assert "Seen broken" not in text


def test_gate_of_a_held_out_check_is_said_without_it() -> None:
    """A candidate reads which of the two it was, and the skill; never the check."""
    text = flat(grading(silent("safety/webhook-before-answer")), Audience.CANDIDATE)
    assert (
        "Not shown, so not ruled out: The ledger can differ from what the provider captured (no evidence in 1)." in text
    )
    assert "1 held-out/money-safety (-8, caps the total at 60, held out, no evidence)" in text
    assert "Seen 1 of 2 held-out checks held, 1 not shown." in text
    assert "Missing" not in text
    assert "webhook-before-answer" not in text


def test_mild_gate_that_is_not_shown_leaves_less_than_the_pass_mark() -> None:
    """Both numbers are told apart: 80 for who shows the mistake, 69 for who hides it."""
    shown = grading(reports(failed("contract/currency-decimals")), made_of=mild())
    hidden = grading(silent("contract/currency-decimals"), made_of=mild())
    assert "Seen broken: Amounts can be inexact (see 1). This caps the total at 80" in flat(shown)
    assert "Not shown, so not ruled out: Amounts can be inexact (no evidence in 1). This caps the total at 69" in flat(
        hidden
    )
    assert (shown.score.earned, hidden.score.earned) == (80.0, 69.0)


def test_each_cap_says_where_it_comes_from() -> None:
    """Who was seen to break it keeps more points than who showed nothing of it: that must not stand there unexplained."""
    shown = grading(reports(failed("contract/currency-decimals")), made_of=mild())
    hidden = grading(silent("contract/currency-decimals"), made_of=mild())
    earned = "one point under the pass mark, because not all of this gate was shown to hold"
    assert "This caps the total at 80, which the exercise sets for this gate; without" in flat(shown)
    assert f"This caps the total at 69, {earned}; without" in flat(hidden)
    assert "caps the total at 80, which the exercise sets" in report.render(build(shown))
    page = report.render(build(hidden))
    assert f"caps the total at 69, {earned}" in page
    assert "one point under the pass mark of 70" in page


def test_a_gap_says_the_cap_that_applies() -> None:
    """Of two closed gates the lower cap; the higher one changes nothing, and a cap above the points neither."""
    both = grading(reports(failed("safety/killed-mid-charge"), failed("safety/webhook-before-answer")))
    text = flat(both)
    assert "safety/killed-mid-charge (-12, caps the total at 45)" in text
    assert "(-8, closes a gate of cap 60, but 45 applies, held out)" in text
    assert "caps the total at 60" not in text + report.render(build(both)) + junit.render(build(both))
    low = grading(reports(*(failed(one.id) for one in checks())))
    assert "closes a gate of cap 45, not reached" in flat(low)
    assert "caps the total" not in flat(low)


def test_both_states_of_one_gate_stand_in_one_line() -> None:
    """Seen broken in one check, and nothing shown of another one."""
    said = [one for one in silent("safety/killed-at-commit") if one.check != "safety/killed-mid-charge"]
    text = flat(grading([*said, failed("safety/killed-mid-charge")]))
    assert "Seen broken: A customer can be charged twice, or a charge can be lost (see 2; no evidence in 1)." in text


def test_junit_and_the_summary_name_state_and_cap() -> None:
    """A gate is a property of the suite with its state; the case that closed it says what that leaves."""
    made = grading(silent("contract/currency-decimals"), made_of=mild())
    text = junit.render(build(made))
    assert 'name="gate.inexact" value="Amounts can be inexact. (not shown, cap 69)"' in text
    assert 'message="2 of 2 points lost, caps the total at 69: The ledger cannot be read."' in text
    (gate,) = json.loads(summary.line(summary.summary(made)))["gates"]
    assert gate == {
        "id": "inexact",
        "title": "Amounts can be inexact.",
        "state": "not shown",
        "cap": 69.0,
        "checks": [],
        "unshown": ["contract/currency-decimals"],
    }


def test_junit_of_a_check_without_points_says_what_it_caps() -> None:
    """Nothing reads "0 of 0 points lost": the last check may be worth a gate alone."""
    last = check("safety/nothing-twice", points=0.0, last=True)
    gate = Gate(id="twice", title="Money can be taken twice", cap=45.0, checks=(last.id,))
    made = grading(
        [*reports(), failed(last.id, "Two of o-1.")], made_of=exercise(gates=(gate,)), declared=(*checks(), last)
    )
    assert '<failure message="caps the total at 45: Two of o-1."' in junit.render(build(made))


def test_check_says_which_gates_would_close() -> None:
    """A candidate learns at home what caps, by the names of the checks that they ran."""
    made = grading(
        [failed("safety/concurrent-duplicates"), *silent("safety/killed-mid-charge")[4:5]], declared=checks()[3:5]
    )
    text = " ".join(" ".join(local.render(made, Caller(), local.About())).split())
    assert (
        "GATE Seen broken: A customer can be charged twice, or a charge can be lost (see safety/concurrent-duplicates;"
        in text
    )
    assert "no evidence in safety/killed-mid-charge). In a grading that leaves 45 points at most." in text
    clean = grading([passed(one.id) for one in checks()[:2]], declared=checks()[:2])
    assert "GATE" not in "".join(local.render(clean, Caller(), local.About()))


def test_what_is_owed_names_the_lower_cap() -> None:
    """While our evidence is missing, the gate could still turn out to be not shown."""
    made = grading(
        reports(Report(check="contract/currency-decimals", status="inconclusive", credit=0.0)), made_of=mild()
    )
    assert "which could still show: Amounts can be inexact. (cap 69)" in flat(made)
    assert scoring.bounds(made.exercise, made.outcomes) == (69.0, 100.0)


@pytest.mark.parametrize("audience", Audience)
def test_what_is_between_is_the_same_for_everybody(audience: Audience) -> None:
    """A held-out check without a gate that showed nothing closes no gate of its neighbours for the candidate's eyes."""
    said = reports(
        Report(check="safety/webhook-before-answer", status="inconclusive", credit=0.0),
        Report(check="safety/killed-at-commit", status="unproven", credit=0.0, feedback=SILENT),
    )
    gate = Gate(id="wrong-ledger", title="t", cap=60.0, checks=("safety/webhook-before-answer",))
    made = grading(said, made_of=exercise(gates=(gate,), pass_mark=70.0))
    assert "between 60 and 87 of 100 automatic points" in flat(made, audience)


def test_what_was_measured_stands_whole() -> None:
    """A line that does not fit is wrapped: it never ends in the middle of a number."""
    words = (
        "With 16 clients and a provider that takes 0.25 s, 1218 charges a second: 0.84 of the yardstick's 1450 "
        "(no points below 0.10, all from 0.35)."
    )
    title = "It " + "is long, " * 30 + "and whole"
    declared = tuple(
        check("throughput/ratio", title=title, skill="throughput") if "ratio" in one.id else one for one in checks()
    )
    for said in (passed("throughput/ratio", feedback=words), failed("throughput/ratio", words, credit=0.4)):
        text = terminal.render(build(grading(reports(said), declared=declared)))
        assert words in " ".join(text.split())
        assert max(map(columns, text.splitlines())) <= WIDTH
    assert title in " ".join(text.split())
    assert " ..." not in text
